//! The tokenizer in a GGUF file's metadata. <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md#tokenizer>

use std::collections::HashMap;

use super::TokenizerError;
use crate::engine::model_file::Metadata;

const TOKENS: &str = "tokenizer.ggml.tokens";
const SCORES: &str = "tokenizer.ggml.scores";
const TYPES: &str = "tokenizer.ggml.token_type";

/// Special tokens that end an answer in the chat formats of supported models, whatever the metadata calls them.
const END_OF_TURN: &[&str] = &["<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>", "<|eom_id|>"];

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// A GGUF file's tokenizer as it is written there; [`super::Tokenizer::from_gguf`] checks it.
#[derive(Clone, Debug)]
pub struct GgufVocabulary {
    /// `tokenizer.ggml.model`: `llama` or `gpt2`.
    pub model: String,
    /// `tokenizer.ggml.pre`: how byte-level BPE splits text into words.
    pub pre: Option<String>,
    pub tokens: Vec<String>,
    /// One for each token.
    pub types: Vec<TokenType>,
    /// One for each token, or none.
    pub scores: Vec<f32>,
    /// Pairs of tokens, best first, separated by a space.
    pub merges: Vec<String>,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub unknown: Option<u32>,
    pub add_bos: Option<bool>,
    pub add_eos: Option<bool>,
    pub add_space_prefix: Option<bool>,
    /// Ids after which nothing more is generated.
    pub end_of_generation: Vec<u32>,
    pub chat_template: Option<String>,
}

fn flaw(key: &'static str, problem: impl Into<String>) -> TokenizerError {
    TokenizerError::Vocabulary { key, problem: problem.into() }
}

impl GgufVocabulary {
    /// Reads the keys `tokenizer.*`.
    ///
    /// # Errors
    /// [`TokenizerError::Vocabulary`] if the model, its tokens, or a special token's id is not there,
    /// [`TokenizerError::ModelFile`] if a value is of a wrong type.
    pub fn from_metadata(metadata: &Metadata) -> Result<Self, TokenizerError> {
        let model = metadata.string("tokenizer.ggml.model")?.ok_or_else(|| {
            flaw(
                "tokenizer.ggml.model",
                "it is not there, so this file has no tokenizer (the other parts of a split model have none)",
            )
        })?;
        let tokens = metadata.strings(TOKENS)?.ok_or_else(|| flaw(TOKENS, "it is not there"))?;
        let types = match metadata.integers(TYPES)? {
            Some(numbers) => numbers.iter().map(|&number| token_type(number)).collect::<Result<_, _>>()?,
            None => vec![TokenType::Normal; tokens.len()],
        };
        let id = |key: &'static str| -> Result<Option<u32>, TokenizerError> {
            let Some(id) = metadata.unsigned(key)? else {
                return Ok(None);
            };
            match u32::try_from(id) {
                Ok(id) if (id as usize) < tokens.len() => Ok(Some(id)),
                _ => Err(flaw(key, format!("id {id} is beyond the {} tokens", tokens.len()))),
            }
        };
        let eos = id("tokenizer.ggml.eos_token_id")?;
        let named = [eos, id("tokenizer.ggml.eot_token_id")?, id("tokenizer.ggml.eom_token_id")?];
        let mut end_of_generation: Vec<u32> = named.into_iter().flatten().collect();
        let by_text = tokens.iter().enumerate().filter(|(_, text)| END_OF_TURN.contains(&text.as_str()));
        end_of_generation.extend(by_text.map(|(id, _)| id as u32));
        end_of_generation.sort_unstable();
        end_of_generation.dedup();
        Ok(Self {
            model: model.to_string(),
            pre: metadata.string("tokenizer.ggml.pre")?.map(str::to_string),
            tokens: tokens.to_vec(),
            types,
            scores: metadata.floats(SCORES)?.unwrap_or_default().to_vec(),
            merges: metadata.strings("tokenizer.ggml.merges")?.unwrap_or_default().to_vec(),
            bos: id("tokenizer.ggml.bos_token_id")?,
            eos,
            unknown: id("tokenizer.ggml.unknown_token_id")?,
            add_bos: metadata.boolean("tokenizer.ggml.add_bos_token")?,
            add_eos: metadata.boolean("tokenizer.ggml.add_eos_token")?,
            add_space_prefix: metadata.boolean("tokenizer.ggml.add_space_prefix")?,
            end_of_generation,
            chat_template: metadata.string("tokenizer.chat_template")?.map(str::to_string),
        })
    }

    /// Arrays are of one length, texts are distinct, ids exist, scores are numbers.
    pub(super) fn check(&self) -> Result<(), TokenizerError> {
        let count = self.tokens.len();
        if count == 0 || u32::try_from(count).is_err() {
            return Err(flaw(TOKENS, format!("{count} tokens")));
        }
        if self.types.len() != count {
            return Err(flaw(TYPES, format!("{} types for {count} tokens", self.types.len())));
        }
        if !self.scores.is_empty() && self.scores.len() != count {
            return Err(flaw(SCORES, format!("{} scores for {count} tokens", self.scores.len())));
        }
        if let Some(id) = self.scores.iter().position(|score| score.is_nan()) {
            return Err(flaw(SCORES, format!("the score of token {id} is not a number")));
        }
        let named = [self.bos, self.eos, self.unknown].into_iter().flatten();
        if let Some(id) = named.chain(self.end_of_generation.iter().copied()).find(|&id| id as usize >= count) {
            return Err(flaw(TOKENS, format!("special token {id} is beyond the {count} tokens")));
        }
        let mut seen = HashMap::with_capacity(count);
        for (id, token) in self.tokens.iter().enumerate() {
            if let Some(first) = seen.insert(token.as_str(), id) {
                return Err(flaw(TOKENS, format!("ids {first} and {id} are both `{token}`")));
            }
        }
        Ok(())
    }

    /// Ids and texts of the tokens of one type.
    pub(super) fn of_type(&self, wanted: TokenType) -> impl Iterator<Item = (&str, u32)> {
        let all = self.tokens.iter().zip(&self.types).zip(0..);
        all.filter(move |((_, kind), _)| **kind == wanted).map(|((text, _), id)| (text.as_str(), id))
    }
}

/// Numbers of `llama_token_type` in llama.cpp; 0 is "undefined" and read as text.
fn token_type(number: i32) -> Result<TokenType, TokenizerError> {
    Ok(match number {
        0 | 1 => TokenType::Normal,
        2 => TokenType::Unknown,
        3 => TokenType::Control,
        4 => TokenType::UserDefined,
        5 => TokenType::Unused,
        6 => TokenType::Byte,
        other => return Err(flaw(TYPES, format!("token type {other}; types go from 0 to 6"))),
    })
}
