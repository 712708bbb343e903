//! `hipgauge ttft-worker`: one request in a process of its own. Not for people.

use std::fs::File;
use std::io::Write;
use std::process::Command;

use clap::Args;
use hipgauge::engine::Capacity;
use hipgauge::engine::device_model::ProductChoice;
use hipgauge::ttft::{AT, FIRST_TOKEN, Moment, Plan, PlannedRequest, Report, Request, STARTED, StageTimes, TEXT};

use crate::cli::engine_arguments::{ModelArguments, PlaceArguments, open_engine};
use crate::cli::exit_code::Exit;
use crate::cli::failure::{CommandResult, Failure, OrExit};
use crate::cli::worker::take_stdout;

use super::command::ttft_failure;

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,

    #[command(flatten)]
    place: PlaceArguments,

    /// Tokens of the prompt
    #[arg(long)]
    prompt_len: usize,

    /// Prompts that run together
    #[arg(long)]
    batch: usize,

    /// Tokens after the first
    #[arg(long)]
    decode: usize,

    /// Seed of prompts and synthetic weights
    #[arg(long)]
    seed: u64,

    /// The request's number, which its prompts follow from
    #[arg(long)]
    number: u64,
}

/// The command that serves `request`.
pub fn command(
    program: &std::path::Path,
    model: &ModelArguments,
    place: &PlaceArguments,
    plan: &Plan,
    request: &PlannedRequest,
) -> Command {
    let mut command = Command::new(program);
    command.arg("ttft-worker").args(["--device", &place.device]);
    if let Some(folder) = &place.kernels {
        command.arg("--kernels").arg(folder);
    }
    match (&model.model, &model.synthetic) {
        (Some(path), _) => command.arg("--model").arg(path),
        (None, name) => command.args(name.iter().flat_map(|name| ["--synthetic", name])),
    };
    if let Some(dtype) = model.dtype {
        command.args(["--dtype", dtype.name()]);
    }
    let numbers = [
        ("--prompt-len", request.length as u64),
        ("--batch", request.batch as u64),
        ("--decode", request.decode as u64),
        ("--seed", plan.seed),
        ("--number", request.number()),
    ];
    for (name, value) in numbers {
        command.arg(name).arg(value.to_string());
    }
    command
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let output = take_stdout().or_exit(Exit::HarnessFault)?;
    tell(&output, STARTED)?;
    let mut loading = StageTimes::default();
    tell(&output, &format!("{AT}opening the device"))?;
    let place = arguments.place.open(&mut loading)?;
    tell(&output, &format!("{AT}opening the model"))?;
    let opened = arguments.model.open(arguments.seed)?;
    loading = loading.with(opened.stages);
    let positions = arguments.prompt_len + arguments.decode;
    let capacity = Capacity { sequences: arguments.batch, positions };
    let compute = arguments.model.compute_type(&place)?;
    tell(&output, &format!("{AT}bringing the weights to the device"))?;
    let mut engine = open_engine(&place, &opened.source, compute, capacity, ProductChoice::Ranked, &mut loading)?;
    let tokenizer = opened.tokenizer.as_ref();
    let shape = (arguments.batch, arguments.prompt_len);
    let request = Request::new(&*engine, tokenizer, shape, arguments.decode, arguments.seed, arguments.number)
        .map_err(ttft_failure)?;
    tell(&output, &format!("{AT}running the prompt"))?;
    let mut told = Ok(());
    let mut observer = |moment| {
        if told.is_ok() {
            told = tell(&output, if moment == Moment::FirstToken { FIRST_TOKEN } else { TEXT });
        }
    };
    let response = request.run(&mut *engine, tokenizer, &mut observer).map_err(ttft_failure)?;
    told?;
    let report = serde_json::to_string(&Report { loading, response }).or_exit(Exit::HarnessFault)?;
    tell(&output, &report)?;
    Ok(Exit::Good)
}

fn tell(mut output: &File, line: &str) -> Result<(), Failure> {
    writeln!(output, "{line}").or_exit_with(Exit::Usage, || "nobody reads what this worker says".to_string())
}

#[cfg(test)]
mod tests {
    use hipgauge::ttft::TtftMode;

    use super::*;

    #[test]
    fn a_worker_is_asked_for_exactly_the_request() {
        let model = ModelArguments { model: None, synthetic: Some("tiny".to_string()), dtype: None };
        let place = PlaceArguments { device: "host".to_string(), kernels: None };
        let modes = vec![TtftMode::Cold];
        let plan = Plan { modes, lengths: vec![8], batches: vec![2], repeats: 1, decode: 3, seed: 5, warm_up: 0 };
        let request = plan.requests(TtftMode::Cold, 100)[0];
        let command = command("hipgauge".as_ref(), &model, &place, &plan, &request);
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        let number = request.number().to_string();
        let expected = [
            "ttft-worker",
            "--device",
            "host",
            "--synthetic",
            "tiny",
            "--prompt-len",
            "8",
            "--batch",
            "2",
            "--decode",
            "3",
            "--seed",
            "5",
            "--number",
            &number,
        ];
        assert_eq!(words, expected);
    }
}
