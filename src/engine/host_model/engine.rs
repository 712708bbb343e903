//! The native model as an engine: sequences run one after the other, each with a cache of its own.

use std::time::Instant;

use super::forward::HostModel;
use crate::engine::model_file::ModelConfig;
use crate::engine::{
    Engine, EngineDescription, EngineError, EnginePath, FirstTokens, Profile, RequestStages, Sampling, check_prompts,
};
use crate::tensor::DType;

/// What has been sampled, and how the next tokens are.
#[derive(Default)]
pub struct Continuation {
    sampling: Sampling,
    /// The tokens sampled last, one per running sequence; empty before a prompt.
    tokens: Vec<u32>,
    /// How many tokens each sequence has got.
    steps: u64,
}

impl Continuation {
    /// There is nothing to continue any more.
    pub fn forget(&mut self) {
        self.tokens.clear();
        self.steps = 0;
    }
}

impl HostModel<'_> {
    /// The next token of `sequence` after `tokens`, with what each stage took added to `stages`.
    fn next_token(
        &mut self,
        sequence: usize,
        tokens: &[u32],
        step: u64,
        stages: &mut RequestStages,
    ) -> Result<u32, EngineError> {
        let begun = Instant::now();
        let hidden = self.last_hidden_state(sequence, tokens)?;
        let layers_done = Instant::now();
        let logits = self.last_logits(&hidden);
        let head_done = Instant::now();
        let sampling = self.continuation.sampling;
        let token = self.recorder.time(None, "fused_sampler", || sampling.draw(&logits, sequence, step))?;
        *stages.prefill.get_or_insert_default() += layers_done - begun;
        *stages.lm_head.get_or_insert_default() += head_done - layers_done;
        *stages.sample.get_or_insert_default() += head_done.elapsed();
        Ok(token)
    }
}

impl Engine for HostModel<'_> {
    fn config(&self) -> &ModelConfig {
        HostModel::config(self)
    }

    fn describe(&self) -> EngineDescription {
        EngineDescription {
            device: "host".to_string(),
            path: EnginePath::Native,
            compute: DType::F32,
            matrix_library: "gemm crate".to_string(),
            weight_bytes: self.weight_bytes(),
            cache_bytes: self.cache_bytes(),
        }
    }

    fn set_sampling(&mut self, sampling: Sampling) {
        self.continuation.sampling = sampling;
    }

    fn prefill(&mut self, prompts: &[&[u32]]) -> Result<FirstTokens, EngineError> {
        check_prompts(prompts, self.sequences())?;
        self.clear();
        let mut stages = RequestStages::default();
        let mut tokens = Vec::with_capacity(prompts.len());
        for (sequence, prompt) in prompts.iter().enumerate() {
            tokens.push(self.next_token(sequence, prompt, 0, &mut stages)?);
        }
        self.continuation.tokens.clone_from(&tokens);
        self.continuation.steps = 1;
        Ok(FirstTokens { tokens, stages })
    }

    fn decode(&mut self) -> Result<Vec<u32>, EngineError> {
        let last = std::mem::take(&mut self.continuation.tokens);
        if last.is_empty() {
            return Err(EngineError::NoPrompt);
        }
        let step = self.continuation.steps;
        let mut stages = RequestStages::default();
        let mut tokens = Vec::with_capacity(last.len());
        for (sequence, token) in last.iter().enumerate() {
            tokens.push(self.next_token(sequence, &[*token], step, &mut stages)?);
        }
        self.continuation.tokens.clone_from(&tokens);
        self.continuation.steps = step + 1;
        Ok(tokens)
    }

    fn profile_prefill(&mut self, prompts: &[&[u32]]) -> Result<Profile, EngineError> {
        self.recorder.start();
        let result = self.prefill(prompts);
        let spans = self.recorder.finish();
        result.map(|_| Profile { spans, rejected: 0 })
    }

    fn profile_decode(&mut self) -> Result<Profile, EngineError> {
        self.recorder.start();
        let result = self.decode();
        let spans = self.recorder.finish();
        result.map(|_| Profile { spans, rejected: 0 })
    }

    fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        self.clear();
        Ok(self.forward(tokens, super::LogitRows::All)?)
    }
}
