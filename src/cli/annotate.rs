//! `hipgauge annotate`: a change that `trend` finds was meant to be.

use std::path::PathBuf;

use clap::Args;
use hipgauge::regression::trend::{Annotation, Annotations};

use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::Stdout;
use super::trend::{beside, failure};

const EXAMPLES: &str = "\
Examples:
  hipgauge annotate --case 'top_k/*' --commit 1a2b3c4 --expected 'checks every row'
  hipgauge annotate nightly --case '*' --commit 1a2b3c4 --expected 'the new driver'";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// The folder of runs, or one of them, that the annotation is kept beside
    #[arg(value_name = "DIR", default_value = "reports")]
    folder: PathBuf,

    /// Glob over the ids of the cases that changed
    #[arg(long, value_name = "GLOB")]
    case: String,

    /// The commit that `trend` names after the two dots: 7 hexadecimal digits or more
    #[arg(long, value_name = "SHA")]
    commit: String,

    /// Why the change was meant to be
    #[arg(long, value_name = "REASON")]
    expected: String,

    /// Keep it in this file instead of annotations.toml in the folder of runs
    #[arg(long, value_name = "FILE")]
    annotations: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    if arguments.annotations.is_none() && !arguments.folder.is_dir() {
        let folder = arguments.folder.display();
        return Err(Failure::usage(format!("{folder} is no folder; give the folder of runs that `trend` reads")));
    }
    let file = arguments.annotations.clone().unwrap_or_else(|| beside(&arguments.folder));
    let mut annotations = Annotations::load(&file).map_err(failure)?;
    let Arguments { case, commit, expected, .. } = arguments;
    let commit = commit.to_ascii_lowercase();
    let annotation = Annotation { case: case.clone(), commit: commit.clone(), expected: expected.clone() };
    annotations.add(annotation).map_err(failure)?;
    annotations.store(&file).map_err(failure)?;
    let line = format!("changes of {case} at {commit} are expected: {}", file.display());
    Stdout::new().line(line).or_exit(Exit::HarnessFault)?;
    Ok(Exit::Good)
}
