//! What `hipgauge ttft` takes.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use hipgauge::progress::parse_span;
use hipgauge::ttft::{Plan, TtftMode};

use crate::cli::engine_arguments::{ModelArguments, Place, PlaceArguments};
use crate::cli::failure::Failure;

use super::server::ServerArguments;

const EXAMPLES: &str = "\
TTFT is the time from a request's acceptance to its first sampled token id on the host. Each stage has a column, and what
no stage accounts for is printed: more than 5 % of the total is a warning, more than 15 % ends with 125. The modes are
never mixed: `steady` requests find everything warm, `warm` ones are the first of a process that has loaded the model,
`cold` ones are timed from the start of their process. Steady requests multiply by the fastest of the algorithms that the
vendor's library ranks highest, timed while a shape is warmed; the others by the one that it ranks first.

Examples:
  hipgauge ttft --synthetic llama-3.2-1b --device hip:0
  hipgauge ttft --model Llama-3.2-1B/ --device cuda:0 --prompt-len 32,512,8192 --mode cold,warm,steady --check
  hipgauge ttft --model qwen2.5-0.5b-q8_0.gguf --device host --prompt-len 32,128 --decode 16
  hipgauge ttft --url http://localhost:8000/v1 --model-name meta-llama/Llama-3.2-1B --prompt-len 32,512
";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ModeName {
    /// A new process for each request, timed from its start
    Cold,
    /// The first request of a process that has loaded the model
    Warm,
    /// After requests of every shape
    Steady,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    pub model: ModelArguments,

    #[command(flatten)]
    pub place: PlaceArguments,

    #[command(flatten)]
    pub server: ServerArguments,

    /// Tokens of a prompt [default: 32,128,512,2048,8192, on host 32,64,128,256; none beyond the model's positions]
    #[arg(long = "prompt-len", value_name = "N,…", value_delimiter = ',', help_heading = "Requests")]
    lengths: Vec<usize>,

    /// Prompts that run together
    #[arg(long = "batch", value_name = "N,…", value_delimiter = ',', default_value = "1", help_heading = "Requests")]
    batches: Vec<usize>,

    /// What has happened before a request
    #[arg(
        long = "mode",
        value_name = "MODE,…",
        value_delimiter = ',',
        default_value = "steady",
        help_heading = "Requests"
    )]
    modes: Vec<ModeName>,

    /// Requests of each mode, length and batch [default: 20, on host 5]
    #[arg(long, value_name = "N", help_heading = "Requests")]
    repeats: Option<usize>,

    /// Tokens after the first, for the time of the second token and the decode rate [default: 32, on host 8]
    #[arg(long, value_name = "N", help_heading = "Requests")]
    decode: Option<usize>,

    /// Unmeasured requests of each shape before steady ones [default: 3, on host 1]
    #[arg(long, value_name = "N", help_heading = "Requests")]
    warm_up: Option<usize>,

    /// Seed of prompts and synthetic weights
    #[arg(long, value_name = "SEED", default_value_t = 0, help_heading = "Requests")]
    pub seed: u64,

    /// Hold greedy continuations of every length and batch against the f32 reference on the host first; a wrong token makes
    /// every time of the run INVALID
    #[arg(long, help_heading = "Requests")]
    pub check: bool,

    /// Tokens of each continuation that --check looks at
    #[arg(long, value_name = "N", default_value_t = 8, requires = "check", help_heading = "Requests")]
    pub check_tokens: usize,

    /// A request to a server, or in a process of its own (cold and warm, with what it loads), that takes longer ends the run;
    /// a process is killed. Steady requests have no limit
    #[arg(long, value_name = "SPAN", default_value = "10m", value_parser = parse_span, help_heading = "Requests")]
    pub request_timeout: Duration,

    /// Begin no request after this time: 90s, 5m, 1h30m
    #[arg(long, value_name = "SPAN", value_parser = parse_span)]
    pub time_limit: Option<Duration>,

    /// Keep the run in this folder, which must be missing or empty [default: reports/TIME-ttft-DEVICE]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Defaults of a kind of device.
struct Defaults {
    lengths: &'static [usize],
    repeats: usize,
    decode: usize,
    warm_up: usize,
}

const ON_GPU: Defaults = Defaults { lengths: &[32, 128, 512, 2048, 8192], repeats: 20, decode: 32, warm_up: 3 };
const ON_HOST: Defaults = Defaults { lengths: &[32, 64, 128, 256], repeats: 5, decode: 8, warm_up: 1 };

impl Arguments {
    /// The requests to a server, whose model is not known here.
    pub fn plan_of_server(&self) -> Result<Plan, Failure> {
        if self.modes != [ModeName::Steady] {
            return Err(Failure::usage(
                "a server is always running: its requests are `steady`; leave out --mode, or give --mode steady",
            ));
        }
        if self.batches != [1] {
            return Err(Failure::usage("a server is asked one request at a time; leave out --batch"));
        }
        self.plan_with(&ON_GPU, usize::MAX)
    }

    /// The requests, for a model of so many positions. What does not fit it is refused; a default that does not is left out.
    pub fn plan(&self, place: &Place, context_length: usize) -> Result<Plan, Failure> {
        match place {
            Place::Native => self.plan_with(&ON_HOST, context_length),
            Place::Device(_) => self.plan_with(&ON_GPU, context_length),
        }
    }

    fn plan_with(&self, defaults: &Defaults, context_length: usize) -> Result<Plan, Failure> {
        let mut lengths = self.lengths.clone();
        if lengths.is_empty() {
            lengths = defaults.lengths.iter().copied().filter(|length| *length <= context_length).collect();
        }
        let mut batches = self.batches.clone();
        for numbers in [&mut lengths, &mut batches] {
            numbers.sort_unstable();
            numbers.dedup();
        }
        let most = context_length.min(Plan::MOST_LENGTH);
        if let Some(length) = lengths.iter().find(|length| !(1..=most).contains(*length)) {
            return Err(Failure::usage(format!(
                "--prompt-len {length} does not fit a model of {context_length} positions; give 1 to {most}"
            )));
        }
        if let Some(batch) = batches.iter().find(|batch| !(1..=Plan::MOST_BATCH).contains(*batch)) {
            return Err(Failure::usage(format!("--batch {batch} cannot be; give 1 to {}", Plan::MOST_BATCH)));
        }
        let repeats = self.repeats.unwrap_or(defaults.repeats);
        if !(1..=Plan::MOST_REPEATS).contains(&repeats) {
            return Err(Failure::usage(format!("--repeats {repeats} cannot be; give 1 to {}", Plan::MOST_REPEATS)));
        }
        if self.check && self.check_tokens == 0 {
            return Err(Failure::usage("--check-tokens 0 checks nothing; give 1 or more"));
        }
        let mode = |name: &ModeName| match name {
            ModeName::Cold => TtftMode::Cold,
            ModeName::Warm => TtftMode::Warm,
            ModeName::Steady => TtftMode::Steady,
        };
        let mut modes: Vec<TtftMode> = self.modes.iter().map(mode).collect();
        // Steady first: the others need the device's memory for themselves.
        modes.sort_by(|one, other| other.cmp(one));
        modes.dedup();
        let decode = self.decode.unwrap_or(defaults.decode);
        let warm_up = self.warm_up.unwrap_or(defaults.warm_up);
        Ok(Plan { modes, lengths, batches, repeats, decode, seed: self.seed, warm_up })
    }
}
