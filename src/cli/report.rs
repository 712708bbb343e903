//! `hipgauge report`: draws a run again, or several over each other.

use std::path::{Path, PathBuf};

use clap::Args;
use hipgauge::report::ttft::{TtftOverlay, TtftReport, draw_ttft_overlay, draw_ttft_report, read_ttft_run};
use hipgauge::report::{Overlay, Report, ReportError, RunDirectory, draw_overlay, draw_report, draw_report_with};

use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::{BAD, GOOD, NOTE, Stdout, styled};

const EXAMPLES: &str = "\
Examples:
  hipgauge report reports/20261123-204500-hip0                       draw its report again
  hipgauge report RUN --samples 'rms_norm/bf16/16x4096/normal'       with every raw sample of that case
  hipgauge report reports/BEFORE reports/AFTER --out reports/both    both over each other, on one page
  hipgauge report reports/OURS reports/SERVER                        two runs of `hipgauge ttft`, ours and a server's
";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Run directories, complete or not: one is drawn again in place, several are laid over each other
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// Draw every raw sample of this case, by its id, also as plots/samples-CASE.svg and .png; may be given again
    #[arg(long, value_name = "CASE")]
    samples: Vec<String>,

    /// Where to write the page over several runs [default: a new directory under reports/]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let mut stdout = Stdout::new();
    match arguments.runs.as_slice() {
        [_] if arguments.out.is_some() => Err(Failure::usage(
            "--out is for a page over several runs; the report of one run is drawn in its own directory",
        )),
        [run] => {
            if let Some(report) = draw_ttft_report(run).map_err(failure)? {
                if !arguments.samples.is_empty() {
                    return Err(Failure::usage("--samples draws a case of a run that times kernels; leave it out"));
                }
                print_ttft(&report, &mut stdout)?;
                return Ok(Exit::Good);
            }
            let report = draw_report_with(run, &arguments.samples).map_err(failure)?;
            print(&report, &mut stdout)?;
            Ok(Exit::Good)
        }
        _ if !arguments.samples.is_empty() => {
            Err(Failure::usage("--samples draws a case of one run; give a single run with it"))
        }
        runs => {
            let out = arguments.out.clone();
            let out = out.unwrap_or_else(|| RunDirectory::fresh_path(Path::new("reports"), "overlay"));
            if read_ttft_run(&runs[0]).map_err(failure)?.is_some() {
                print_ttft_overlay(&draw_ttft_overlay(runs, &out).map_err(failure)?, &mut stdout)?;
            } else {
                print_overlay(&draw_overlay(runs, &out).map_err(failure)?, &mut stdout)?;
            }
            Ok(Exit::Good)
        }
    }
}

/// What is laid over each other, how much they share, and where the page is.
fn print_overlay(overlay: &Overlay, stdout: &mut Stdout) -> Result<(), Failure> {
    for warning in &overlay.warnings {
        stdout.line(format!("{} {warning}", styled(NOTE, "warning:"))).or_exit(Exit::HarnessFault)?;
    }
    for run in &overlay.runs {
        let line = format!("{}: {}", run.label(), run.headline.sentence());
        stdout.line(line).or_exit(Exit::HarnessFault)?;
    }
    let shared = overlay.ratios.len();
    let line = format!("{shared} ratios over {}, and no verdict: that is `hipgauge compare`", overlay.runs[0].letter);
    stdout.line(line).or_exit(Exit::HarnessFault)?;
    stdout.line(format!("report: {}", overlay.page.display())).or_exit(Exit::HarnessFault)
}

/// Warnings, the headline of a TTFT run, and where its report is.
pub fn print_ttft(report: &TtftReport, stdout: &mut Stdout) -> Result<(), Failure> {
    for warning in &report.run.warnings {
        stdout.line(format!("{} {warning}", styled(NOTE, "warning:"))).or_exit(Exit::HarnessFault)?;
    }
    let style = if report.good { GOOD } else { BAD };
    stdout.line(styled(style, &report.headline)).or_exit(Exit::HarnessFault)?;
    stdout.line(format!("report: {}", report.page.display())).or_exit(Exit::HarnessFault)
}

fn print_ttft_overlay(overlay: &TtftOverlay, stdout: &mut Stdout) -> Result<(), Failure> {
    for note in &overlay.notes {
        stdout.line(format!("{} {note}", styled(NOTE, "warning:"))).or_exit(Exit::HarnessFault)?;
    }
    for (name, headline) in &overlay.runs {
        stdout.line(format!("{name}: {headline}")).or_exit(Exit::HarnessFault)?;
    }
    stdout.line("no verdict: that is `hipgauge compare`").or_exit(Exit::HarnessFault)?;
    stdout.line(format!("report: {}", overlay.page.display())).or_exit(Exit::HarnessFault)
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
        | ReportError::NoSamples { .. }
        | ReportError::Corrupt { .. } => Exit::Usage,
    };
    Failure::new(exit, error)
}
