//! `hipgauge merge`: one run out of the parts that several runners took.

use std::path::PathBuf;

use clap::Args;
use hipgauge::report::{MergeError, Merged, merge_runs};

use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::{NOTE, Stdout, styled};
use super::report;

const EXAMPLES: &str = "\
Examples:
  hipgauge run --suite full --partition 1/4 --out part-1        on each of four runners, 1/4 to 4/4
  hipgauge merge part-1 part-2 part-3 part-4 --out full         where all four are at hand
  hipgauge merge parts/* --out full --allow-missing             what there is, as a partial run";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Run directories made with --partition, each part once
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,

    /// Where the run goes; must be missing or empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// End with exit code 0 although parts are missing or did not come to their end
    #[arg(long)]
    allow_missing: bool,
}

/// Missing parts end in the code for what could not be had here: nothing was learned about their cases.
pub fn run(arguments: &Arguments) -> CommandResult {
    let command = std::iter::once("hipgauge".to_string())
        .chain(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()));
    let merged = merge_runs(&arguments.runs, &arguments.out, command.collect()).map_err(failure)?;
    let drawn = report::draw(&arguments.out)?;
    let mut stdout = Stdout::new();
    for sentence in incomplete(&merged) {
        stdout.line(format!("{} {sentence}", styled(NOTE, "partial:"))).or_exit(Exit::HarnessFault)?;
    }
    let Merged { parts, cases, cases_of_all, .. } = &merged;
    let given = arguments.runs.len();
    stdout
        .line(format!("merged {given} of {parts} parts, {cases} of {cases_of_all} cases"))
        .or_exit(Exit::HarnessFault)?;
    report::print(&drawn, &mut stdout)?;
    let good = merged.is_complete() || arguments.allow_missing;
    Ok(if good { Exit::Good } else { Exit::NotReproducible })
}

fn incomplete(merged: &Merged) -> Vec<String> {
    let list = |parts: &[u32]| parts.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let mut sentences = Vec::new();
    if !merged.missing.is_empty() {
        sentences.push(format!("missing of {} parts: {}", merged.parts, list(&merged.missing)));
    }
    if !merged.unfinished.is_empty() {
        sentences.push(format!("did not come to their end: {}", list(&merged.unfinished)));
    }
    sentences
}

fn failure(error: MergeError) -> Failure {
    match error {
        MergeError::Report(error) => report::failure(error),
        other => Failure::new(Exit::Usage, other),
    }
}
