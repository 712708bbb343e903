//! Rows of a TTFT run's CSV files. Column order is field order; times are in milliseconds.

use serde::{Deserialize, Serialize};

use crate::profiling::statistics::{median, sorted};

use super::mode::{TtftMode, Validity};
use super::stages::{Stage, StageTimes};

/// A row of `ttft.csv`: one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TtftRow {
    pub mode: TtftMode,
    /// Tokens of each prompt.
    pub prompt_tokens: u32,
    /// Prompts that ran together.
    pub batch: u32,
    /// From 0; each has tokens of its own.
    pub repetition: u32,
    pub validity: Validity,
    /// From the request's acceptance, or the process's start where it is cold, to the first token ids on the host.
    pub ttft_ms: f64,
    /// The same to the end of the last stage, which is the text of the first tokens where there is a tokenizer.
    pub total_ms: f64,
    pub process_start_ms: Option<f64>,
    pub device_init_ms: Option<f64>,
    pub module_load_ms: Option<f64>,
    pub file_open_ms: Option<f64>,
    pub weights_made_ms: Option<f64>,
    pub weights_to_device_ms: Option<f64>,
    pub tokenize_ms: Option<f64>,
    pub prompt_to_device_ms: Option<f64>,
    pub prefill_ms: Option<f64>,
    pub lm_head_ms: Option<f64>,
    pub sample_ms: Option<f64>,
    pub token_to_host_ms: Option<f64>,
    pub detokenize_ms: Option<f64>,
    pub server_ms: Option<f64>,
    /// `total_ms` less all stages.
    pub unattributed_ms: f64,
    /// From the first token ids on the host to the second ones.
    pub second_token_ms: Option<f64>,
    /// Of the steps after the second token.
    pub decode_step_median_ms: Option<f64>,
    /// Tokens per sequence after the first.
    pub decode_tokens: u32,
    /// SHA-256 of the prompts' ids, little-endian, first 16 digits: no two requests of a run have the same.
    pub prompt_sha256: String,
    /// The first token of each sequence, separated by spaces.
    pub first_tokens: String,
}

/// What a request was and gave, without its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFacts {
    pub mode: TtftMode,
    pub prompt_tokens: u32,
    pub batch: u32,
    pub repetition: u32,
    pub validity: Validity,
    pub prompt_sha256: String,
    pub first_tokens: Vec<u32>,
}

impl TtftRow {
    /// A row with the rest that no stage accounts for. `steps` are the seconds of each step after the first token.
    pub fn new(
        facts: &RequestFacts,
        ttft_seconds: f64,
        total_seconds: f64,
        stages: &StageTimes,
        steps: &[f64],
    ) -> Self {
        let milliseconds = |stage| stages.get(stage).map(|seconds| seconds * 1e3);
        let later = sorted(steps.get(1..).unwrap_or_default());
        let mut row = Self {
            mode: facts.mode,
            prompt_tokens: facts.prompt_tokens,
            batch: facts.batch,
            repetition: facts.repetition,
            validity: facts.validity,
            ttft_ms: ttft_seconds * 1e3,
            total_ms: total_seconds * 1e3,
            process_start_ms: milliseconds(Stage::ProcessStart),
            device_init_ms: milliseconds(Stage::DeviceInit),
            module_load_ms: milliseconds(Stage::ModuleLoad),
            file_open_ms: milliseconds(Stage::FileOpen),
            weights_made_ms: milliseconds(Stage::WeightsMade),
            weights_to_device_ms: milliseconds(Stage::WeightsToDevice),
            tokenize_ms: milliseconds(Stage::Tokenize),
            prompt_to_device_ms: milliseconds(Stage::PromptToDevice),
            prefill_ms: milliseconds(Stage::Prefill),
            lm_head_ms: milliseconds(Stage::LmHead),
            sample_ms: milliseconds(Stage::Sample),
            token_to_host_ms: milliseconds(Stage::TokenToHost),
            detokenize_ms: milliseconds(Stage::Detokenize),
            server_ms: milliseconds(Stage::Server),
            unattributed_ms: 0.0,
            second_token_ms: steps.first().map(|seconds| seconds * 1e3),
            decode_step_median_ms: median(&later).map(|seconds| seconds * 1e3),
            decode_tokens: steps.len() as u32,
            prompt_sha256: facts.prompt_sha256.clone(),
            first_tokens: facts.first_tokens.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
        };
        row.unattributed_ms = row.total_ms - row.stages_ms();
        row
    }

    /// What a stage took.
    pub fn stage_ms(&self, stage: Stage) -> Option<f64> {
        match stage {
            Stage::ProcessStart => self.process_start_ms,
            Stage::DeviceInit => self.device_init_ms,
            Stage::ModuleLoad => self.module_load_ms,
            Stage::FileOpen => self.file_open_ms,
            Stage::WeightsMade => self.weights_made_ms,
            Stage::WeightsToDevice => self.weights_to_device_ms,
            Stage::Tokenize => self.tokenize_ms,
            Stage::PromptToDevice => self.prompt_to_device_ms,
            Stage::Prefill => self.prefill_ms,
            Stage::LmHead => self.lm_head_ms,
            Stage::Sample => self.sample_ms,
            Stage::TokenToHost => self.token_to_host_ms,
            Stage::Detokenize => self.detokenize_ms,
            Stage::Server => self.server_ms,
        }
    }

    /// Spans that the request must have had, and that the device's events gave an impossible time for.
    pub fn rejected_stages(&self) -> usize {
        let rejected = |stage: &Stage| self.stage_ms(*stage).is_none();
        if self.server_ms.is_some() { 0 } else { Stage::COMPUTED.iter().filter(|stage| rejected(stage)).count() }
    }

    /// All stages together.
    pub fn stages_ms(&self) -> f64 {
        Stage::ALL.into_iter().filter_map(|stage| self.stage_ms(stage)).sum()
    }

    /// Share of the total that no stage accounts for; negative where stages overlap, which is as wrong.
    pub fn unattributed_share(&self) -> f64 {
        self.unattributed_ms / self.total_ms
    }
}

/// A row of `ttft_decode.csv`: one step after the first token.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DecodeRow {
    pub mode: TtftMode,
    pub prompt_tokens: u32,
    pub batch: u32,
    pub repetition: u32,
    /// The token that the step gave, from 2.
    pub token: u32,
    /// Until its ids are on the host.
    pub step_ms: f64,
}

/// A row of `ttft_summary.csv`: all requests of a mode, a length and a batch. Percentiles are over requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SummaryRow {
    pub mode: TtftMode,
    pub prompt_tokens: u32,
    pub batch: u32,
    pub requests: u32,
    pub validity: Validity,
    pub ttft_min_ms: f64,
    pub ttft_p50_ms: f64,
    pub ttft_p90_ms: f64,
    pub ttft_p95_ms: f64,
    /// Only from 100 requests.
    pub ttft_p99_ms: Option<f64>,
    pub ttft_max_ms: f64,
    /// Medians of the stages.
    pub process_start_ms: Option<f64>,
    pub device_init_ms: Option<f64>,
    pub module_load_ms: Option<f64>,
    pub file_open_ms: Option<f64>,
    pub weights_made_ms: Option<f64>,
    pub weights_to_device_ms: Option<f64>,
    pub tokenize_ms: Option<f64>,
    pub prompt_to_device_ms: Option<f64>,
    pub prefill_ms: Option<f64>,
    pub lm_head_ms: Option<f64>,
    pub sample_ms: Option<f64>,
    pub token_to_host_ms: Option<f64>,
    pub detokenize_ms: Option<f64>,
    pub server_ms: Option<f64>,
    pub unattributed_ms: f64,
    /// Median of the requests' shares of their totals, 0 to 1.
    pub unattributed_share: f64,
    /// All prompts' tokens over the median TTFT.
    pub prefill_tokens_per_second: f64,
    pub second_token_ms: Option<f64>,
    /// Median of all steps after the second token: time per output token.
    pub decode_step_p50_ms: Option<f64>,
    pub decode_step_p95_ms: Option<f64>,
    /// Of all sequences together, at the median step.
    pub decode_tokens_per_second: Option<f64>,
    /// 2 x parameters x tokens over the measured rate of the largest matrix product.
    pub flop_floor_ms: Option<f64>,
    /// Floor over median TTFT.
    pub flop_floor_share: Option<f64>,
    /// Bytes of the weights over the measured bandwidth.
    pub weight_read_floor_ms: Option<f64>,
    pub weight_read_floor_share: Option<f64>,
    /// Weight-read floor over the median step.
    pub decode_floor_share: Option<f64>,
}

impl SummaryRow {
    /// The median of a stage.
    pub fn stage_ms(&self, stage: Stage) -> Option<f64> {
        match stage {
            Stage::ProcessStart => self.process_start_ms,
            Stage::DeviceInit => self.device_init_ms,
            Stage::ModuleLoad => self.module_load_ms,
            Stage::FileOpen => self.file_open_ms,
            Stage::WeightsMade => self.weights_made_ms,
            Stage::WeightsToDevice => self.weights_to_device_ms,
            Stage::Tokenize => self.tokenize_ms,
            Stage::PromptToDevice => self.prompt_to_device_ms,
            Stage::Prefill => self.prefill_ms,
            Stage::LmHead => self.lm_head_ms,
            Stage::Sample => self.sample_ms,
            Stage::TokenToHost => self.token_to_host_ms,
            Stage::Detokenize => self.detokenize_ms,
            Stage::Server => self.server_ms,
        }
    }
}

/// Which pass an operation was timed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    Prefill,
    Decode,
}

/// A row of `ttft_operations.csv`: one operation of one profiled pass, which is slower than a timed request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationRow {
    pub phase: Phase,
    pub prompt_tokens: u32,
    pub batch: u32,
    /// From 0; empty outside of the layers.
    pub layer: Option<u32>,
    pub operation: String,
    /// Since the pass began.
    pub start_ms: f64,
    pub duration_ms: f64,
    /// Of the sum over the pass's operations.
    pub share: f64,
}

/// A row of `ttft_fit.csv`: TTFT = a + b n + c n^2 over prompt lengths n.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FitRow {
    pub mode: TtftMode,
    pub batch: u32,
    /// Prompt lengths, at least 4.
    pub lengths: u32,
    pub fixed_ms: f64,
    pub per_token_ms: f64,
    pub per_token_squared_ms: f64,
    /// Root mean square of (fit - median) / median.
    pub relative_residual: f64,
}
