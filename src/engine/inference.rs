//! What an engine does, wherever it runs: prompts in, tokens out, and where the time went.

use std::time::Duration;

use super::EngineError;
use super::model_file::ModelConfig;
use super::sampling::Sampling;
use crate::tensor::DType;

/// What an engine must have room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Sequences that run together, the batch; at least 1.
    pub sequences: usize,
    /// Positions of each sequence: its prompt and all tokens after it but the last.
    pub positions: usize,
}

impl Capacity {
    /// For one sequence of `positions` positions.
    pub const fn one(positions: usize) -> Self {
        Self { sequences: 1, positions }
    }
}

/// Spans of one request, from the ids of its prompt on. Each is measured; copies are zero where a path has none.
///
/// Prefill, head and sampler are `None` where a device's events gave an interval that cannot be: negative, or not a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestStages {
    /// Ids to the memory that the model reads them from.
    pub prompt_to_device: Duration,
    /// Embedding and all layers, of the whole prompt.
    pub prefill: Option<Duration>,
    /// The last position's norm and the product with the head.
    pub lm_head: Option<Duration>,
    pub sample: Option<Duration>,
    /// The sampled ids, 4 bytes per sequence, to the host.
    pub token_to_host: Duration,
}

impl RequestStages {
    /// All stages that there are together.
    pub fn sum(&self) -> Duration {
        let computed = [self.prefill, self.lm_head, self.sample].into_iter().flatten().sum::<Duration>();
        self.prompt_to_device + computed + self.token_to_host
    }
}

/// The first token of each sequence, and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstTokens {
    pub tokens: Vec<u32>,
    pub stages: RequestStages,
}

/// One operation's share of a profiled pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperationSpan {
    /// Counted from 0; `None` outside of the layers.
    pub layer: Option<usize>,
    /// Name of the operation in the registry where it is one.
    pub operation: &'static str,
    /// Since the pass began.
    pub start: Duration,
    pub duration: Duration,
}

/// The operations of one profiled pass.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    pub spans: Vec<OperationSpan>,
    /// Operations that ran and have no span, because the device's events gave an interval that cannot be.
    pub rejected: usize,
}

/// Whose code computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EnginePath {
    /// Rust on the CPU.
    Native,
    /// Kernels behind the `Device` trait.
    Device,
}

impl EnginePath {
    pub const fn name(self) -> &'static str {
        match self {
            EnginePath::Native => "native",
            EnginePath::Device => "device",
        }
    }
}

/// What ran.
#[derive(Clone, Debug, PartialEq)]
pub struct EngineDescription {
    /// Name of the device as it gives it.
    pub device: String,
    pub path: EnginePath,
    /// Type of activations and cache.
    pub compute: DType,
    /// What multiplies matrices; `own` are this crate's kernels.
    pub matrix_library: String,
    /// Of all weights as they lie in the memory they are read from; a tied head counts once.
    pub weight_bytes: u64,
    /// Of the keys and values that there is room for.
    pub cache_bytes: u64,
}

/// A model that is ready to run.
pub trait Engine {
    fn config(&self) -> &ModelConfig;

    fn describe(&self) -> EngineDescription;

    /// How tokens are chosen from now on; `Sampling::Greedy` before the first call.
    fn set_sampling(&mut self, sampling: Sampling);

    /// Forgets all positions, runs prompts of equal length, one per sequence, samples each sequence's first token and
    /// brings the ids to the host.
    fn prefill(&mut self, prompts: &[&[u32]]) -> Result<FirstTokens, EngineError>;

    /// Says that `decode` will be called that many times from here on, so that an engine may begin a step before it has handed
    /// over the one before. Whoever calls something else first has to go on with a prompt: a step may have been begun.
    fn expect_steps(&mut self, _steps: usize) {}

    /// Appends the tokens that were sampled last, and gives the next ones.
    fn decode(&mut self) -> Result<Vec<u32>, EngineError>;

    /// The work of `prefill` with every operation timed by itself: slower, for the split and the trace.
    fn profile_prefill(&mut self, prompts: &[&[u32]]) -> Result<Profile, EngineError>;

    /// The work of `decode` with every operation timed by itself.
    fn profile_decode(&mut self) -> Result<Profile, EngineError>;

    /// Forgets all positions and gives the logits of every position of one sequence, `[tokens, vocab]`.
    fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError>;
}

/// Refuses prompts that no engine can run: none, too many, empty, of unequal lengths. Gives their length.
pub fn check_prompts(prompts: &[&[u32]], sequences: usize) -> Result<usize, EngineError> {
    let lengths: Vec<usize> = prompts.iter().map(|prompt| prompt.len()).collect();
    if prompts.is_empty() || prompts.len() > sequences {
        return Err(EngineError::Batch { prompts: prompts.len(), sequences });
    }
    if lengths[0] == 0 || lengths.iter().any(|length| *length != lengths[0]) {
        return Err(EngineError::Lengths { lengths });
    }
    Ok(lengths[0])
}
