//! `hipgauge exec`: one operation on a user's own tensors, so that anyone can check it against PyTorch.

use std::path::PathBuf;

use clap::Args;
use hipgauge::backend::Device;
use hipgauge::operation::{
    BindError, BoundProblem, Layout, Operation, ParameterValue, Parameters, Problem, TensorRole, TensorSpec,
};
use hipgauge::registry::OPERATIONS;
use hipgauge::suite::{find_operation, parse_parameter_value};
use hipgauge::tensor::HostTensor;

use super::arguments::{DeviceArguments, Switch};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit, exit_of_backend};
use super::output::{BAD, GOOD, Stdout, styled};
use super::tensor_file::{self, FileTensor, TensorFile};

const EXAMPLES: &str = "\
Examples:
  hipgauge list --operations                             names of tensors and parameters
  hipgauge exec rms_norm --in x.safetensors --param eps=1e-5 --out y.safetensors
  hipgauge exec top_k --in logits.safetensors --param k=50 --check --device hip:0

Tensors are found by name. The last dimension is columns, those before it are rows; a vector is one row.
A missing or misnamed tensor is answered with the names that the operation needs.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Operation to run
    #[arg(value_name = "OPERATION")]
    operation: String,

    /// File with the input tensors
    #[arg(long = "in", value_name = "FILE.safetensors")]
    input: PathBuf,

    /// Parameter of the operation; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE")]
    parameters: Vec<String>,

    /// File to write the outputs to
    #[arg(long = "out", value_name = "FILE.safetensors", required_unless_present = "check")]
    output: Option<PathBuf>,

    /// Judge the outputs against the f64 reference and print the largest error
    #[arg(long)]
    check: bool,

    #[command(flatten)]
    device: DeviceArguments,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let operation = find_operation(&arguments.operation, OPERATIONS).map_err(Failure::usage)?;
    let given = arguments.parameters.iter().map(|text| parse_parameter(text)).collect::<Result<Vec<_>, _>>()?;
    let parameters = Parameters::new(operation.name(), operation.parameters(), &given).or_exit(Exit::Usage)?;
    let file = TensorFile::read(&arguments.input)?;
    let (problem, first) = infer_problem(operation, parameters, &file)?;
    operation.check(&problem).or_exit(Exit::Usage)?;
    let specs = operation.tensors(&problem);
    let inputs = inputs_of(&specs).map(|spec| file.tensor(spec)).collect::<Result<Vec<_>, _>>()?;

    let device = arguments.device.open(Switch::On)?.device;
    let outputs = launch(&device, operation, &problem, &inputs)?;
    let mut stdout = Stdout::new();
    let names: Vec<_> = specs.iter().filter(|spec| spec.is_output()).map(|spec| spec.name).collect();
    let info = device.info();
    stdout
        .line(format!(
            "{} {} [{}, {}] on {} ({})",
            operation.name(),
            problem.dtype,
            problem.rows,
            problem.columns,
            info.id,
            info.architecture
        ))
        .or_exit(Exit::HarnessFault)?;
    let exit = if arguments.check { check(&mut stdout, operation, &problem, &inputs, &outputs)? } else { Exit::Good };
    if let Some(path) = &arguments.output {
        let named: Vec<_> = names.iter().copied().zip(outputs).collect();
        tensor_file::write(path, &named, &first)?;
        stdout.line(format!("{} written to {}", names.join(", "), path.display())).or_exit(Exit::HarnessFault)?;
    }
    Ok(exit)
}

fn inputs_of(specs: &[TensorSpec]) -> impl Iterator<Item = &TensorSpec> {
    specs.iter().filter(|spec| spec.role == TensorRole::Input)
}

fn parse_parameter(text: &str) -> Result<(String, ParameterValue), Failure> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| Failure::usage(format!("--param {text}: write NAME=VALUE, such as --param eps=1e-5")))?;
    let value = parse_parameter_value(value).map_err(|error| Failure::usage(format!("--param {text}: {error}")))?;
    Ok((name.to_string(), value))
}

/// Dtype, rows and columns from the first input tensor. Packed tensors are twice as wide as the problem, so
/// that half the width is tried too.
fn infer_problem(
    operation: &dyn Operation,
    parameters: Parameters,
    file: &TensorFile,
) -> Result<(Problem, FileTensor), Failure> {
    let problem_of = |found: &FileTensor, columns: usize| Problem {
        dtype: found.dtype,
        rows: found.rows,
        columns,
        parameters: parameters.clone(),
        layout: Layout::default(),
    };
    let sample = FileTensor { dtype: hipgauge::tensor::DType::F32, shape: vec![1, 1], rows: 1, columns: 1 };
    let specs = operation.tensors(&problem_of(&sample, 1));
    let name = inputs_of(&specs).next().map(|spec| spec.name).ok_or_else(|| {
        Failure::usage(format!("{} has no input tensors, so a file cannot say its shape", operation.name()))
    })?;
    let first = file.describe(name)?;
    let candidates = [first.columns, first.columns / 2];
    let fits = |problem: &Problem| {
        let specs = operation.tensors(problem);
        inputs_of(&specs).next().is_some_and(|spec| (spec.rows, spec.columns) == (first.rows, first.columns))
    };
    let problem = candidates.iter().map(|&columns| problem_of(&first, columns)).find(fits);
    let problem = problem.unwrap_or_else(|| problem_of(&first, first.columns));
    Ok((problem, first))
}

fn launch(
    device: &std::sync::Arc<dyn Device>,
    operation: &dyn Operation,
    problem: &Problem,
    inputs: &[HostTensor],
) -> Result<Vec<HostTensor>, Failure> {
    let failure = |error: BindError| match &error {
        BindError::Contract(_) => Failure::new(Exit::NotReproducible, error),
        BindError::Backend(backend) => Failure::new(exit_of_backend(backend), error),
    };
    let bound = BoundProblem::new(device, operation, problem).map_err(failure)?;
    let run = || {
        bound.upload(inputs)?;
        bound.poison(0xFF)?;
        bound.enqueue()?;
        device.synchronize()?;
        bound.download()
    };
    run().map_err(|error| failure(error.into()))
}

fn check(
    stdout: &mut Stdout,
    operation: &dyn Operation,
    problem: &Problem,
    inputs: &[HostTensor],
    outputs: &[HostTensor],
) -> CommandResult {
    let mut exit = Exit::Good;
    for judgement in operation.reference(problem, inputs).judge(outputs) {
        let verdict = if judgement.passed() { styled(GOOD, "passed") } else { styled(BAD, "FAILED") };
        let line = format!(
            "{verdict}  {}: largest error {} ULP, {:.2} % bit-equal",
            judgement.output,
            judgement.max_ulp,
            100.0 * judgement.bit_equal
        );
        stdout.line(line).or_exit(Exit::HarnessFault)?;
        for failure in &judgement.failures {
            stdout.line(format!("        {failure}")).or_exit(Exit::HarnessFault)?;
        }
        if !judgement.passed() {
            exit = Exit::WrongResult;
        }
    }
    Ok(exit)
}
