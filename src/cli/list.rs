//! `hipgauge list`: the cases of a suite, or the operations.

use std::io;

use clap::Args;
use hipgauge::operation::{Operation, ParameterKind, ParameterSpec};
use hipgauge::registry::OPERATIONS;
use serde_json::json;

use super::arguments::{OutputFormat, SelectionArguments};
use super::exit_code::Exit;
use super::failure::{CommandResult, OrExit};
use super::output::{FAINT, STRONG, Stdout, styled};

const EXAMPLES: &str = "\
Examples:
  hipgauge list                                  cases of the quick suite, one id a line
  hipgauge list --suite ci --op rms_norm         cases of one operation
  hipgauge list --operations                     what is computed, with formulas, parameters and ranges";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// List operations with their formulas, parameters and input classes instead of cases
    #[arg(long = "operations")]
    show_operations: bool,

    #[command(flatten)]
    selection: SelectionArguments,

    /// Form of the output
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: OutputFormat,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let mut stdout = Stdout::new();
    if arguments.show_operations {
        for operation in OPERATIONS {
            print_operation(&mut stdout, *operation, arguments.format).or_exit(Exit::HarnessFault)?;
        }
        return Ok(Exit::Good);
    }
    for entry in arguments.selection.resolve()?.iter() {
        let id = entry.case.id();
        let line = match (arguments.format, &entry.skip) {
            (OutputFormat::Json, skip) => json!({
                "case": id,
                "skip": skip.as_ref().map(|skip| json!({ "reason": skip.reason, "devices": skip.devices })),
            })
            .to_string(),
            (OutputFormat::Human, None) => id,
            (OutputFormat::Human, Some(skip)) => {
                let devices = if skip.devices.is_empty() { "all devices".into() } else { skip.devices.join(", ") };
                format!("{id}  {}", styled(FAINT, format!("skipped on {devices}: {}", skip.reason)))
            }
        };
        stdout.line(line).or_exit(Exit::HarnessFault)?;
    }
    Ok(Exit::Good)
}

fn print_operation(stdout: &mut Stdout, operation: &dyn Operation, format: OutputFormat) -> io::Result<()> {
    let classes: Vec<_> = operation.input_classes().iter().map(|class| class.name()).collect();
    if format == OutputFormat::Json {
        let parameters: Vec<_> = operation
            .parameters()
            .iter()
            .map(|spec| json!({ "name": spec.name, "range": range(spec), "default": spec.default, "summary": spec.summary }))
            .collect();
        let (name, summary) = (operation.name(), operation.summary());
        return stdout.line(json!({ "name": name, "summary": summary, "parameters": parameters, "classes": classes }));
    }
    stdout.line(styled(STRONG, operation.name()))?;
    stdout.line(format!("  {}", operation.summary()))?;
    for spec in operation.parameters() {
        stdout.line(format!("  {:<12} {}; {}, default {}", spec.name, spec.summary, range(spec), spec.default))?;
    }
    stdout.line(styled(FAINT, format!("  input classes: {}", classes.join(", "))))?;
    stdout.line("")
}

fn range(spec: &ParameterSpec) -> String {
    match spec.kind {
        ParameterKind::Flag => "on or off".to_string(),
        ParameterKind::Integer { least, most } => format!("{least} to {most}"),
        ParameterKind::Float { least, most } => format!("{least} to {most}"),
    }
}
