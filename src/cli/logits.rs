//! `hipgauge logits`: what a model says at every position, so that anyone can hold this engine against another.

use std::path::PathBuf;

use clap::Args;
use hipgauge::backend::DeviceRequest;
use hipgauge::engine::device_model::ProductChoice;
use hipgauge::engine::model_file::ModelFile;
use hipgauge::engine::{Capacity, ModelSource};
use hipgauge::tensor::DType;
use hipgauge::ttft::StageTimes;
use safetensors::{Dtype, tensor::TensorView};

use super::engine_arguments::{ModelArguments, PlaceArguments, open_engine};
use super::engine_failure::{engine_failure, not_finite};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::Stdout;

const EXAMPLES: &str = "\
Examples:
  hipgauge logits --model Llama-3.2-1B --tokens 128000,9906,1917 --out logits.safetensors
  hipgauge logits --model qwen2.5-0.5b-q8_0.gguf --tokens 9707 --out logits.safetensors
  hipgauge logits --model Llama-3.2-1B --tokens 128000,9906 --device cuda:0 --dtype bf16 --out logits.safetensors

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

    /// Where the model runs: host (native code on the CPU), hip:N or cuda:N (the kernels that verify checks), auto (the
    /// first of hip, cuda and host)
    #[arg(long, value_name = "DEVICE", default_value = "host")]
    device: DeviceRequest,

    /// Type of activations and of weights that are not quantised: f32, f16 or bf16; host computes in f32
    #[arg(long, value_name = "TYPE", default_value = "f32")]
    dtype: DType,

    /// File to write the logits to
    #[arg(long = "out", value_name = "FILE.safetensors")]
    output: PathBuf,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let file = ModelFile::open(&arguments.model).or_exit(Exit::Usage)?;
    let (tokens, vocab, architecture) = (&arguments.tokens, file.config().vocab, file.config().architecture);
    let source = ModelSource::File(file);
    let model = ModelArguments { model: Some(arguments.model.clone()), synthetic: None, dtype: Some(arguments.dtype) };
    let mut stages = StageTimes::default();
    let place = PlaceArguments { device: arguments.device.to_string(), kernels: None }.open(&mut stages)?;
    let compute = model.compute_type(&place)?;
    let mut engine =
        open_engine(&place, &source, compute, Capacity::one(tokens.len()), ProductChoice::Ranked, &mut stages)?;
    let logits = engine.logits(tokens).map_err(engine_failure)?;
    write(arguments, vocab, &logits)?;
    let mut stdout = Stdout::new();
    let ran = engine.describe();
    let message = format!(
        "{} logits f32 [{}, {vocab}], computed in {} on {}, written to {}",
        architecture,
        tokens.len(),
        ran.compute,
        ran.device,
        arguments.output.display()
    );
    stdout.line(message).or_exit(Exit::HarnessFault)?;
    match logits.iter().position(|logit| !logit.is_finite()) {
        Some(place) => Err(not_finite(place / vocab, logits[place])),
        None => Ok(Exit::Good),
    }
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
