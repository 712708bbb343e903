//! `hipgauge report`: draws a run again.

use std::path::{Path, PathBuf};

use clap::Args;
use hipgauge::report::{Report, ReportError, draw_report};

use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::{BAD, GOOD, NOTE, Stdout, styled};

#[derive(Args, Debug)]
pub struct Arguments {
    /// A run directory, complete or not: reports/TIME-DEVICE
    #[arg(value_name = "RUN")]
    run: PathBuf,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let report = draw(&arguments.run)?;
    print(&report, &mut Stdout::new())?;
    Ok(Exit::Good)
}

/// Writes everything that is drawn from the rows in `path`.
pub fn draw(path: &Path) -> Result<Report, Failure> {
    draw_report(path).map_err(failure)
}

/// Warnings, the headline, and where the report is.
pub fn print(report: &Report, stdout: &mut Stdout) -> Result<(), Failure> {
    for warning in &report.run.warnings {
        stdout.line(format!("{} {warning}", styled(NOTE, "warning:"))).or_exit(Exit::HarnessFault)?;
    }
    let style = if report.headline.is_good() { GOOD } else { BAD };
    stdout.line(styled(style, report.headline.sentence())).or_exit(Exit::HarnessFault)?;
    stdout.line(format!("report: {}", report.page.display())).or_exit(Exit::HarnessFault)
}

/// A run directory's error with its exit code.
pub fn failure(error: ReportError) -> Failure {
    let exit = match error {
        ReportError::NotDrawn { .. } => Exit::HarnessFault,
        ReportError::NotEmpty { .. }
        | ReportError::NotCreated { .. }
        | ReportError::NotWritten { .. }
        | ReportError::NotARun { .. }
        | ReportError::Corrupt { .. } => Exit::Usage,
    };
    Failure::new(exit, error)
}
