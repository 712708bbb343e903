//! Series with their changes, and which of these nobody expected.

use serde::Serialize;

use crate::profiling::Mode;

use super::annotations::Annotations;
use super::change_points::{ChangePoint, ChangePointSettings, change_points};
use super::history::{History, TrendGroup, TrendPoint};

/// Fewer points than these cannot show a change at the default p-value.
pub const FEWEST_POINTS: usize = 4;

/// A change in a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendChange {
    /// First point after the change, from 0.
    pub index: usize,
    /// +0.129 is 12.9 % slower than before.
    pub change: f64,
    pub p_value: f64,
    /// Means of the medians before and after, microseconds.
    pub before_us: f64,
    pub after_us: f64,
    /// The commit of the last point before the change, and of the first one after it: the change lies between.
    pub previous_commit: String,
    pub commit: String,
    /// Why a person expects it.
    pub expected: Option<String>,
}

impl TrendChange {
    pub fn is_slower(&self) -> bool {
        self.change > 0.0
    }

    /// A slow-down that nobody expected.
    pub fn counts(&self) -> bool {
        self.is_slower() && self.expected.is_none()
    }

    /// `1a2b3c4..5d6e7f8`, or what to look at where it is no commit's change.
    pub fn commits(&self) -> String {
        let short = |commit: &str| match commit {
            "" => "unknown".to_string(),
            commit => commit.chars().take(10).collect(),
        };
        match self.previous_commit == self.commit {
            true if self.commit.is_empty() => "unknown commits".to_string(),
            true => format!("{} both times: not the code", short(&self.commit)),
            false => format!("{}..{}", short(&self.previous_commit), short(&self.commit)),
        }
    }
}

/// One case in one mode under one set of conditions, over time.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TrendSeries {
    pub case: String,
    pub mode: Mode,
    /// Name of the group of runs that may be compared.
    pub group: String,
    pub points: Vec<TrendPoint>,
    pub changes: Vec<TrendChange>,
}

/// What many runs show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trend {
    pub groups: Vec<TrendGroup>,
    pub series: Vec<TrendSeries>,
    pub warnings: Vec<String>,
}

impl Trend {
    /// Finds the changes of every series.
    pub fn new(history: History, settings: &ChangePointSettings, annotations: &Annotations) -> Self {
        let mut used = vec![false; annotations.all.len()];
        let mut warnings = history.warnings;
        let groups = history.groups;
        let series: Vec<TrendSeries> = history
            .series
            .into_iter()
            .map(|raw| {
                let values: Vec<f64> = raw.points.iter().map(|point| point.median_us).collect();
                let found = change_points(&values, settings).into_iter();
                let changes = found.map(|change| {
                    let annotation = annotations.find(&raw.case, &raw.points[change.index].commit);
                    annotation.iter().for_each(|place| used[*place] = true);
                    explained(&change, &raw.points, annotation.map(|place| annotations.all[place].expected.clone()))
                });
                let changes = changes.collect();
                let group = groups[raw.group].name.clone();
                TrendSeries { case: raw.case, mode: raw.mode, group, points: raw.points, changes }
            })
            .collect();
        let unused = annotations.all.iter().zip(&used).filter(|(_, used)| !**used);
        warnings.extend(unused.map(|(annotation, _)| {
            format!("the annotation of {} at {} matches no change", annotation.case, annotation.commit)
        }));
        let short = series.iter().filter(|series| series.points.len() < FEWEST_POINTS).count();
        if short > 0 {
            warnings.push(format!("{short} series have fewer than {FEWEST_POINTS} points and cannot show a change"));
        }
        Self { groups, series, warnings }
    }

    /// Slow-downs that nobody expected.
    pub fn unexpected(&self) -> usize {
        self.changes().filter(|(_, change)| change.counts()).count()
    }

    /// Every change with its series.
    pub fn changes(&self) -> impl Iterator<Item = (&TrendSeries, &TrendChange)> {
        self.series.iter().flat_map(|series| series.changes.iter().map(move |change| (series, change)))
    }

    /// One sentence on what was found.
    pub fn headline(&self) -> String {
        let count = |wanted: fn(&TrendChange) -> bool| self.changes().filter(|(_, change)| wanted(change)).count();
        let (slower, faster) = (count(TrendChange::counts), count(|change| !change.is_slower()));
        let expected = count(|change| change.is_slower() && change.expected.is_some());
        format!(
            "{} series: {slower} unexpected slow-down{}, {expected} expected, {faster} faster",
            self.series.len(),
            if slower == 1 { "" } else { "s" }
        )
    }
}

fn explained(change: &ChangePoint, points: &[TrendPoint], expected: Option<String>) -> TrendChange {
    TrendChange {
        index: change.index,
        change: change.change(),
        p_value: change.p_value,
        before_us: change.before,
        after_us: change.after,
        // A change has a point before it.
        previous_commit: points[change.index - 1].commit.clone(),
        commit: points[change.index].commit.clone(),
        expected,
    }
}
