//! `hipgauge logits`: what a model says at every position, so that anyone can hold this engine against another.

use std::path::PathBuf;

use clap::Args;
use hipgauge::engine::Capacity;
use hipgauge::engine::host_model::{HostModel, HostModelError, LogitRows};
use hipgauge::engine::model_file::ModelFile;
use safetensors::{Dtype, tensor::TensorView};

use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::Stdout;

const EXAMPLES: &str = "\
Examples:
  hipgauge logits --model Llama-3.2-1B --tokens 128000,9906,1917 --out logits.safetensors
  hipgauge logits --model qwen2.5-0.5b-q8_0.gguf --tokens 9707 --out logits.safetensors

The file holds `logits`, f32 [tokens, vocabulary], row n after token n, and `tokens`, u32. Compare with transformers:
  safetensors.torch.load_file('logits.safetensors')['logits'] against model(torch.tensor([ids])).logits[0]";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A .gguf file (any part of several), or a directory with config.json and safetensors
    #[arg(long, value_name = "PATH")]
    model: PathBuf,

    /// Token ids, separated by commas
    #[arg(long, value_name = "IDS", value_delimiter = ',', required = true)]
    tokens: Vec<u32>,

    /// File to write the logits to
    #[arg(long = "out", value_name = "FILE.safetensors")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let file = ModelFile::open(&arguments.model).or_exit(Exit::Usage)?;
    let tokens = &arguments.tokens;
    let weights = file.weights().or_exit(Exit::Usage)?;
    let logits = HostModel::new(file.config(), weights, Capacity::one(tokens.len()))
        .and_then(|mut model| model.forward(tokens, LogitRows::All))
        .map_err(|error| Failure::new(exit_of(&error), error))?;
    let vocab = file.config().vocab;
    write(arguments, vocab, &logits)?;
    let mut stdout = Stdout::new();
    let message = format!(
        "{} logits f32 [{}, {vocab}] on host written to {}",
        file.config().architecture,
        tokens.len(),
        arguments.output.display()
    );
    stdout.line(message).or_exit(Exit::HarnessFault)?;
    if let Some(place) = logits.iter().position(|logit| !logit.is_finite()) {
        let error = HostModelError::NotFinite { position: place / vocab, value: logits[place] };
        return Err(Failure::new(exit_of(&error), error));
    }
    Ok(Exit::Good)
}

fn write(arguments: &Arguments, vocab: usize, logits: &[f32]) -> Result<(), Failure> {
    let rows = arguments.tokens.len();
    let logits: Vec<u8> = logits.iter().flat_map(|logit| logit.to_le_bytes()).collect();
    let tokens: Vec<u8> = arguments.tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
    let views = [
        ("logits", TensorView::new(Dtype::F32, vec![rows, vocab], &logits).or_exit(Exit::HarnessFault)?),
        ("tokens", TensorView::new(Dtype::U32, vec![rows], &tokens).or_exit(Exit::HarnessFault)?),
    ];
    safetensors::serialize_to_file(views, None, &arguments.output).or_exit_with(Exit::Usage, || {
        format!("cannot write --out {}; name a file in a folder that exists", arguments.output.display())
    })
}

fn exit_of(error: &HostModelError) -> Exit {
    match error {
        HostModelError::NoTokens
        | HostModelError::NoSuchToken { .. }
        | HostModelError::TooLong { .. }
        | HostModelError::BeyondContext { .. } => Exit::Usage,
        HostModelError::Memory { .. } => Exit::NotReproducible,
        HostModelError::NotFinite { .. } => Exit::WrongResult,
    }
}
