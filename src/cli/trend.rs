//! `hipgauge trend`: many runs over commits or days, and where they changed.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use globset::{Glob, GlobSet, GlobSetBuilder};
use hipgauge::regression::repository::{Git, commit_positions};
use hipgauge::regression::trend::{
    ANNOTATIONS, Annotations, ChangePointSettings, FEWEST_POINTS, History, Trend, TrendError, TrendRun, TrendSeries,
    csv, draw_series, find_runs, markdown, series_table,
};

use super::arguments::OutputFormat;
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::{BAD, FAINT, GOOD, NOTE, Stdout, styled};
use super::report;

const EXAMPLES: &str = "\
Examples:
  hipgauge trend reports                                     every run below reports/, in the order they were made
  hipgauge trend reports --repository . --case 'rms_norm/*'  in the order of the commits that they measured
  hipgauge trend nightly --out trend                         also trend.csv, trend.json, trend.md and a plot a change
  hipgauge annotate nightly --case 'top_k/*' --commit 1a2b3c4 --expected 'checks every row'";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Run directories, or folders that hold some
    #[arg(value_name = "DIR", required = true)]
    paths: Vec<PathBuf>,

    /// Order the runs by their commits in this git repository [default: by the time they started]
    #[arg(long, value_name = "DIR")]
    repository: Option<PathBuf>,

    /// Only cases whose id matches this glob; may be repeated
    #[arg(long = "case", value_name = "GLOB")]
    cases: Vec<String>,

    /// Least relative change that counts
    #[arg(long, value_name = "SHARE", default_value_t = ChangePointSettings::default().least_effect, value_parser = share)]
    least_effect: f64,

    /// Largest p-value of a change
    #[arg(long, value_name = "P", default_value_t = ChangePointSettings::default().p_value, value_parser = probability)]
    p_value: f64,

    /// Runs that are looked at together
    #[arg(long, value_name = "RUNS", default_value_t = ChangePointSettings::default().window as u32, value_parser = clap::value_parser!(u32).range(4..=1000))]
    window: u32,

    /// Changes that are expected [default: annotations.toml beside the first run]
    #[arg(long, value_name = "FILE")]
    annotations: Option<PathBuf>,

    /// Show series without a change too
    #[arg(long)]
    all: bool,

    /// Also write tables and plots into this folder, in place of an earlier trend there
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Form of the result on stdout: with json, one object
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: OutputFormat,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let runs = find_runs(&arguments.paths).map_err(failure)?;
    let file = arguments.annotations.clone().unwrap_or_else(|| beside(&arguments.paths[0]));
    let annotations = Annotations::load(&file).map_err(failure)?;
    let wanted = wanted_cases(&arguments.cases)?;
    let mut runs = runs.iter().map(|path| TrendRun::load(path)).collect::<Result<Vec<_>, _>>().map_err(failure)?;
    for run in &mut runs {
        run.measurements.retain(|row| wanted.as_ref().is_none_or(|wanted| wanted.is_match(&row.case)));
    }
    let positions = match &arguments.repository {
        Some(folder) => {
            let git = Git::open(folder).or_exit(Exit::Usage)?;
            let commits: Vec<String> = runs.iter().map(|run| run.record.build.commit.clone()).collect();
            Some(commit_positions(&git, &commits).or_exit(Exit::Usage)?)
        }
        None => None,
    };
    let settings = ChangePointSettings {
        window: arguments.window as usize,
        p_value: arguments.p_value,
        least_effect: arguments.least_effect,
    };
    let trend = Trend::new(History::new(runs, positions.as_ref()), &settings, &annotations);
    let shown: Vec<&TrendSeries> =
        trend.series.iter().filter(|series| arguments.all || !series.changes.is_empty()).collect();
    if let Some(folder) = &arguments.out {
        write(&trend, &shown, folder)?;
    }
    print(&trend, &shown, arguments).or_exit(Exit::HarnessFault)?;
    Ok(match trend.unexpected() {
        1.. => Exit::Slower,
        // Too little to see a change in is no sign that there was none.
        0 if trend.series.iter().all(|series| series.points.len() < FEWEST_POINTS) => Exit::NothingRan,
        0 => Exit::Good,
    })
}

/// The annotations of a run, or of the runs in a folder.
pub fn beside(path: &Path) -> PathBuf {
    let folder = if path.join("run.json").is_file() { path.parent().unwrap_or(path) } else { path };
    folder.join(ANNOTATIONS)
}

fn wanted_cases(patterns: &[String]) -> Result<Option<GlobSet>, Failure> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).or_exit(Exit::Usage)?);
    }
    set.build().map(Some).or_exit(Exit::Usage)
}

fn print(trend: &Trend, shown: &[&TrendSeries], arguments: &Arguments) -> std::io::Result<()> {
    let mut stdout = Stdout::new();
    if arguments.format == OutputFormat::Json {
        return stdout.line(serde_json::to_string(trend).expect("a trend has string keys only"));
    }
    for series in shown {
        stdout.line(series_table(series))?;
    }
    if trend.groups.len() > 1 {
        let text =
            format!("{} sets of conditions that cannot be compared, each with series of its own:", trend.groups.len());
        stdout.line(styled(NOTE, text))?;
        for group in &trend.groups {
            stdout.line(styled(FAINT, format!("  {} runs on {}", group.runs, group.name)))?;
        }
    }
    for warning in &trend.warnings {
        stdout.line(format!("{} {warning}", styled(NOTE, "note:")))?;
    }
    stdout.line(styled(if trend.unexpected() > 0 { BAD } else { GOOD }, trend.headline()))
}

fn write(trend: &Trend, shown: &[&TrendSeries], folder: &Path) -> Result<(), Failure> {
    let plots = folder.join("plots");
    if plots.is_dir() {
        // Plots of changes that are no more.
        fs::remove_dir_all(&plots).or_exit_with(Exit::Usage, || format!("cannot remove {}", plots.display()))?;
    }
    draw_series(shown, &plots).map_err(report::failure)?;
    let mut json = serde_json::to_string_pretty(trend).expect("a trend has string keys only");
    json.push('\n');
    for (name, text) in [("trend.csv", csv(trend)), ("trend.json", json), ("trend.md", markdown(trend))] {
        let file = folder.join(name);
        fs::write(&file, text).or_exit_with(Exit::Usage, || format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The exit code of a trend that could not be made.
pub fn failure(error: TrendError) -> Failure {
    match error {
        TrendError::Run(error) => report::failure(error),
        other => Failure::new(Exit::Usage, other),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| (0.0..=10.0).contains(value));
    value.ok_or_else(|| "use a share from 0 to 10, such as 0.01 for 1 %".to_string())
}

fn probability(text: &str) -> Result<f64, String> {
    let value = text.parse().ok().filter(|value: &f64| *value > 0.0 && *value < 1.0);
    value.ok_or_else(|| "use a number between 0 and 1, such as 0.001".to_string())
}
