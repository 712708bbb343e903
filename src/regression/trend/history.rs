//! Runs of many commits or days, put in order and taken apart into series.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::profiling::{ComparabilityKeys, Mode};
use crate::report::{RunData, RunRecord};
use crate::sweep::Measurement;

use super::TrendError;

/// A run that has something to say about a trend.
#[derive(Clone, Debug)]
pub struct TrendRun {
    pub path: PathBuf,
    pub record: RunRecord,
    pub measurements: Vec<Measurement>,
}

/// One measured median.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendPoint {
    pub run: PathBuf,
    /// UTC, RFC 3339.
    pub started: String,
    /// Of the program that measured; empty if it was built outside of a checkout.
    pub commit: String,
    pub dirty: bool,
    /// Microseconds per launch, with the ends of the median's 95 % interval.
    pub median_us: f64,
    pub ci_low_us: Option<f64>,
    pub ci_high_us: Option<f64>,
    /// As in `summary.csv`.
    pub flags: String,
}

/// Conditions whose runs may be compared with each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendGroup {
    /// The device, and the values of the keys that tell this group from the others.
    pub name: String,
    pub comparability: ComparabilityKeys,
    pub runs: usize,
}

/// One case in one mode under one set of conditions.
#[derive(Clone, Debug)]
pub struct RawSeries {
    pub case: String,
    pub mode: Mode,
    /// Place among the groups.
    pub group: usize,
    pub points: Vec<TrendPoint>,
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub groups: Vec<TrendGroup>,
    pub series: Vec<RawSeries>,
    /// Runs that were left out, and why.
    pub warnings: Vec<String>,
}

/// The run directories that `paths` name: each a run, or a folder with runs in it, by name.
pub fn find_runs(paths: &[PathBuf]) -> Result<Vec<PathBuf>, TrendError> {
    let is_run = |path: &Path| path.join("run.json").is_file();
    let mut found = Vec::new();
    for path in paths {
        if is_run(path) {
            found.push(path.clone());
            continue;
        }
        let unlisted = |error| TrendError::Unlisted { path: path.clone(), error };
        let entries = fs::read_dir(path).map_err(unlisted)?.collect::<Result<Vec<_>, _>>().map_err(unlisted)?;
        let mut runs: Vec<PathBuf> =
            entries.into_iter().map(|entry| entry.path()).filter(|path| is_run(path)).collect();
        if runs.is_empty() {
            return Err(TrendError::NoRuns { path: path.clone() });
        }
        runs.sort();
        found.extend(runs);
    }
    // A run that is named twice counts once.
    let mut seen: Vec<PathBuf> = Vec::new();
    found.retain(|path| {
        let real = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
        let new = !seen.contains(&real);
        seen.extend(new.then_some(real));
        new
    });
    Ok(found)
}

impl TrendRun {
    pub fn load(path: &Path) -> Result<Self, TrendError> {
        let run = RunData::load(path)?;
        Ok(Self { path: path.to_path_buf(), record: run.record, measurements: run.measurements })
    }
}

impl History {
    /// Puts runs in the order of their commits, where `position` says it, and of their start; each set of comparability
    /// keys has series of its own. A run whose commit has no position is left out.
    pub fn new(runs: Vec<TrendRun>, position: Option<&HashMap<String, usize>>) -> Self {
        let mut history = Self::default();
        let mut placed: Vec<(usize, TrendRun)> = Vec::new();
        for run in runs {
            let left_out = |why: &str| format!("{} is left out: {why}", run.path.display());
            let place = position.map_or(Some(0), |position| position.get(&run.record.build.commit).copied());
            if run.measurements.is_empty() {
                history.warnings.push(left_out("it measured nothing"));
            } else if let Some(place) = place {
                placed.push((place, run));
            } else if run.record.build.commit.is_empty() {
                history.warnings.push(left_out("it does not say its commit"));
            } else {
                let commit = &run.record.build.commit;
                history.warnings.push(left_out(&format!("commit {commit} is not in the repository")));
            }
        }
        placed.sort_by(|(left, one), (right, other)| {
            (left, &one.record.started, &one.path).cmp(&(right, &other.record.started, &other.path))
        });
        let mut places: HashMap<(String, Mode, usize), usize> = HashMap::new();
        for (_, run) in placed {
            let group = history.group_of(&run);
            for measurement in &run.measurements {
                let key = (measurement.case.clone(), measurement.mode, group);
                let place = *places.entry(key).or_insert_with(|| {
                    let (case, mode) = (measurement.case.clone(), measurement.mode);
                    history.series.push(RawSeries { case, mode, group, points: Vec::new() });
                    history.series.len() - 1
                });
                if measurement.median_us.is_finite() {
                    history.series[place].points.push(point(&run, measurement));
                }
            }
        }
        history.name_groups();
        history
    }

    /// The place of the run's group, which is made if the run is its first.
    pub(super) fn group_of(&mut self, run: &TrendRun) -> usize {
        let conditions = run.record.conditions.as_ref();
        let comparability = conditions.map(|conditions| conditions.comparability.clone()).unwrap_or_default();
        let known = self.groups.iter().position(|group| group.comparability == comparability);
        let place = known.unwrap_or_else(|| {
            self.groups.push(TrendGroup { name: run.record.device.name.clone(), comparability, runs: 0 });
            self.groups.len() - 1
        });
        self.groups[place].runs += 1;
        place
    }

    /// Adds to each name what tells its group from the others.
    pub(super) fn name_groups(&mut self) {
        let all: Vec<_> = self.groups.iter().map(|group| group.comparability.clone()).collect();
        for group in &mut self.groups {
            let differing = |key: &str| {
                all.iter().any(|other| {
                    let differences = group.comparability.differences(other);
                    differences.iter().any(|difference| difference.key == key)
                })
            };
            let entries = group.comparability.entries().into_iter();
            let told: Vec<String> = entries
                .filter(|(key, _)| key != "device" && differing(key))
                .map(|(key, value)| format!("{key} {}", value.as_deref().unwrap_or("not known")))
                .collect();
            if !told.is_empty() {
                group.name = format!("{} ({})", group.name, told.join(", "));
            }
        }
    }
}

fn point(run: &TrendRun, measurement: &Measurement) -> TrendPoint {
    TrendPoint {
        run: run.path.clone(),
        started: run.record.started.clone(),
        commit: run.record.build.commit.clone(),
        dirty: run.record.build.dirty,
        median_us: measurement.median_us,
        ci_low_us: measurement.ci_low_us,
        ci_high_us: measurement.ci_high_us,
        flags: measurement.flags.clone(),
    }
}
