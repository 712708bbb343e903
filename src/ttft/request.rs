//! One request on an engine that is ready, from its acceptance to its last token.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::TtftError;
use super::prompts::{prompt_digest, prompts};
use super::stages::{Stage, StageTimes};
use crate::engine::tokenizer::{EncodeOptions, SpecialText, Tokenizer};
use crate::engine::{Engine, EnginePath};

/// What an observer of a request hears of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The first token ids are on the host, and nothing was done with them yet.
    FirstToken,
    /// Their text is there; without a tokenizer at once.
    Text,
}

/// What a request consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub prompts: Vec<Vec<u32>>,
    /// The prompts' text, where there is a tokenizer.
    texts: Option<Vec<Vec<u8>>>,
    /// Tokens after the first.
    decode: usize,
}

impl Request {
    /// `batch` fresh prompts of `length` tokens; `number` is the request's own. With a tokenizer, ids are those that it
    /// has, and their text is prepared.
    pub fn new(
        engine: &dyn Engine,
        tokenizer: Option<&Tokenizer>,
        (batch, length): (usize, usize),
        decode: usize,
        seed: u64,
        number: u64,
    ) -> Result<Self, TtftError> {
        let vocab = engine.config().vocab;
        let vocab = tokenizer.map_or(vocab, |tokenizer| vocab.min(tokenizer.vocabulary_size()));
        let prompts = prompts(vocab, batch, length, seed, number);
        let text = |tokenizer: &Tokenizer, prompt: &Vec<u32>| {
            let bytes = tokenizer.decode(prompt, SpecialText::Show)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned().into_bytes())
        };
        let texts = tokenizer.map(|tokenizer| prompts.iter().map(|prompt| text(tokenizer, prompt)).collect());
        Ok(Self { texts: texts.transpose().map_err(TtftError::Tokenizer)?, prompts, decode })
    }

    pub fn digest(&self) -> String {
        prompt_digest(&self.prompts)
    }

    /// Runs it, and tells `observer` of its moments.
    ///
    /// The stage `tokenize` encodes the prompts' text, whose result is set aside: text of random ids encodes to another
    /// number of tokens, and the prompt must have the nominal number.
    pub fn run(
        &self,
        engine: &mut dyn Engine,
        tokenizer: Option<&Tokenizer>,
        observer: &mut dyn FnMut(Moment),
    ) -> Result<Response, TtftError> {
        let has_copies = engine.describe().path == EnginePath::Device;
        let prompts: Vec<&[u32]> = self.prompts.iter().map(Vec::as_slice).collect();
        let mut stages = StageTimes::default();
        let accepted = Instant::now();
        if let (Some(tokenizer), Some(texts)) = (tokenizer, &self.texts) {
            for text in texts {
                tokenizer.encode(text, EncodeOptions::PROMPT)?;
            }
            stages.set(Stage::Tokenize, accepted.elapsed());
        }
        let first = engine.prefill(&prompts)?;
        let on_host = Instant::now();
        observer(Moment::FirstToken);
        let mut text = None;
        if let Some(tokenizer) = tokenizer {
            let begun = Instant::now();
            let mut of_all = Vec::with_capacity(first.tokens.len());
            for token in &first.tokens {
                let mut stream = tokenizer.stream_onwards(SpecialText::Skip);
                of_all.push(stream.push(*token)? + &stream.finish());
            }
            text = Some(of_all);
            stages.set(Stage::Detokenize, begun.elapsed());
        }
        let total = accepted.elapsed();
        observer(Moment::Text);
        if has_copies {
            stages.set(Stage::PromptToDevice, first.stages.prompt_to_device);
            stages.set(Stage::TokenToHost, first.stages.token_to_host);
        }
        let computed = [first.stages.prefill, first.stages.lm_head, first.stages.sample];
        for (stage, span) in Stage::COMPUTED.into_iter().zip(computed) {
            span.into_iter().for_each(|span| stages.set(stage, span));
        }
        let mut step_seconds = Vec::with_capacity(self.decode);
        engine.expect_steps(self.decode);
        for _ in 0..self.decode {
            let begun = Instant::now();
            engine.decode()?;
            step_seconds.push(begun.elapsed().as_secs_f64());
        }
        Ok(Response {
            ttft_seconds: (on_host - accepted).as_secs_f64(),
            total_seconds: total.as_secs_f64(),
            stages,
            step_seconds,
            first_tokens: first.tokens,
            text,
            prompt_sha256: self.digest(),
        })
    }
}

/// What a request gave, and when.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// From acceptance to the first token ids on the host.
    pub ttft_seconds: f64,
    /// From acceptance to the end of the last stage.
    pub total_seconds: f64,
    pub stages: StageTimes,
    /// Each step after the first token.
    pub step_seconds: Vec<f64>,
    pub first_tokens: Vec<u32>,
    /// The first token's text, where there is a tokenizer; empty for a part of a character or a special token.
    pub text: Option<Vec<String>>,
    pub prompt_sha256: String,
}
