//! Reads parts, checks that they are parts of one run, and writes it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::sweep::{Measurement, SweepSink};
use crate::verify::VerdictSink;

use super::super::csv_file::visit_csv;
use super::super::rows::SampleRow;
use super::super::run_directory::SAMPLES;
use super::super::{ReportError, RunData, RunDirectory, RunRecord, RunStatus, Selection};
use super::MergeError;
use super::agreement::disagreements;

/// What became of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    pub parts: u32,
    /// Parts that were not given, from 1. They have cases: parts that no case falls into are not missed.
    pub missing: Vec<u32>,
    /// Parts whose run did not come to its end.
    pub unfinished: Vec<u32>,
    pub cases: usize,
    pub cases_of_all: usize,
}

impl Merged {
    /// Whether every case of the list was taken by a run that came to its end.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.unfinished.is_empty()
    }
}

/// Writes one run to `destination`, which must be missing or empty, out of the given parts of it. The record has those of
/// the parts in `merged_from`; roofs and conditions at its top are the first part's that measured. `command` is kept as
/// the command line of the merged run.
pub fn merge_runs(paths: &[PathBuf], destination: &Path, command: Vec<String>) -> Result<Merged, MergeError> {
    let mut parts = Vec::new();
    for path in paths {
        let run = RunData::load(path)?;
        let Some(part) = &run.record.selection.partition else {
            return Err(MergeError::NotAPart { path: path.clone() });
        };
        parts.push((part.part, run));
    }
    parts.sort_by_key(|(part, _)| *part);
    check(&parts)?;
    let merged = account(&parts);
    write(&parts, &merged, destination, command)?;
    Ok(merged)
}

fn check(parts: &[(u32, RunData)]) -> Result<(), MergeError> {
    let Some((_, first)) = parts.first() else { return Ok(()) };
    let mut owners: HashMap<&str, &Path> = HashMap::new();
    for (place, (part, run)) in parts.iter().enumerate() {
        let differences = disagreements(&first.record, &run.record);
        if !differences.is_empty() {
            return Err(MergeError::Differ { first: first.path.clone(), other: run.path.clone(), differences });
        }
        if let Some((_, earlier)) = parts[..place].last().filter(|(earlier, _)| earlier == part) {
            return Err(MergeError::SamePart { part: *part, first: earlier.path.clone(), other: run.path.clone() });
        }
        let verdicts = run.verdicts.iter().map(|verdict| verdict.case.as_str());
        for case in verdicts.chain(run.measurements.iter().map(|measurement| measurement.case.as_str())) {
            let owner = *owners.entry(case).or_insert(&run.path);
            if owner != run.path {
                let (first, other) = (owner.to_path_buf(), run.path.clone());
                return Err(MergeError::SameCase { case: case.to_owned(), first, other });
            }
        }
    }
    Ok(())
}

fn account(parts: &[(u32, RunData)]) -> Merged {
    let partition = parts.first().and_then(|(_, run)| run.record.selection.partition.clone());
    let (count, cases_of_all) = partition.map_or((0, 0), |partition| (partition.parts, partition.cases_of_all));
    let cases = parts.iter().map(|(_, run)| run.record.selection.cases).sum();
    let given = |part: u32| parts.iter().any(|(known, _)| *known == part);
    let missing = if cases >= cases_of_all { Vec::new() } else { (1..=count).filter(|part| !given(*part)).collect() };
    let unfinished = parts.iter().filter(|(_, run)| run.record.is_partial()).map(|(part, _)| *part).collect();
    Merged { parts: count, missing, unfinished, cases, cases_of_all }
}

fn write(
    parts: &[(u32, RunData)],
    merged: &Merged,
    destination: &Path,
    command: Vec<String>,
) -> Result<(), ReportError> {
    let Some((_, first)) = parts.first() else { return Ok(()) };
    let records: Vec<RunRecord> = parts.iter().map(|(_, run)| run.record.clone()).collect();
    let measured = records.iter().find(|record| record.conditions.is_some());
    let record = RunRecord {
        command,
        started: records.iter().map(|record| record.started.clone()).min().unwrap_or_default(),
        selection: Selection { cases: merged.cases, partition: None, ..first.record.selection.clone() },
        roofs: measured.and_then(|record| record.roofs),
        conditions: measured.and_then(|record| record.conditions.clone()),
        // Each part had its own.
        time_budget: None,
        ended: None,
        status: RunStatus::Running,
        merged_from: records,
        ..first.record.clone()
    };
    let mut directory = RunDirectory::create(destination, record)?;
    let mut failure = None;
    let mut keep = |result: std::io::Result<()>| failure = failure.take().or(result.err());
    let positions = suite_positions(parts);
    for (_, run) in parts {
        run.verdicts.iter().for_each(|verdict| keep(directory.verdict(verdict)));
        for measurement in &run.measurements {
            let suite_position = positions.get(&measurement.case).copied().unwrap_or(measurement.suite_position);
            keep(directory.measurement(&Measurement { suite_position, ..measurement.clone() }));
        }
        run.problems.iter().for_each(|problem| keep(directory.problem(problem)));
        visit_csv::<SampleRow>(&run.path.join(SAMPLES), &mut |row| keep(directory.sample_row(&row.value)))?;
    }
    match failure {
        Some(source) => Err(ReportError::NotWritten { file: destination.to_path_buf(), source }),
        None => directory.finish(if merged.is_complete() { RunStatus::Complete } else { RunStatus::Partial }),
    }
}

/// Places of the measured cases in the merged list. A part knows the order of its own cases only; in each operation the
/// parts' cases are laced together as far along as they are in their part, and operations follow each other as they do in
/// the parts.
fn suite_positions(parts: &[(u32, RunData)]) -> HashMap<String, u64> {
    let mut operations: Vec<(f64, &str)> = Vec::new();
    let mut placed: Vec<(&str, f64, &str)> = Vec::new();
    for (_, run) in parts {
        // Rows are in the suite's order; cold and hot rows of a case stand side by side.
        let mut cases: Vec<(&str, &str)> = Vec::new();
        for Measurement { operation, case, .. } in &run.measurements {
            if !cases.iter().rev().take(2).any(|(_, known)| known == case) {
                cases.push((operation, case));
            }
        }
        let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
        cases.iter().for_each(|(operation, _)| counts.entry(operation).or_default().0 += 1);
        for (place, (operation, case)) in cases.iter().enumerate() {
            let along = place as f64 / cases.len() as f64;
            match operations.iter_mut().find(|(_, known)| known == operation) {
                Some((first, _)) => *first = first.min(along),
                None => operations.push((along, operation)),
            }
            let (count, before) = counts.get_mut(operation).expect("counted above");
            placed.push((operation, (*before as f64 + 0.5) / *count as f64, case));
            *before += 1;
        }
    }
    operations.sort_by(|(left, one), (right, other)| left.total_cmp(right).then(one.cmp(other)));
    let rank = |operation: &str| operations.iter().position(|(_, known)| *known == operation);
    placed.sort_by(|left, right| {
        (rank(left.0).cmp(&rank(right.0))).then(left.1.total_cmp(&right.1)).then(left.2.cmp(right.2))
    });
    placed.into_iter().zip(0..).map(|((_, _, case), place)| (case.to_owned(), place)).collect()
}
