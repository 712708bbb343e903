//! Figures over several runs: one colour for each run.

use std::fs;
use std::path::Path;

use rayon::prelude::*;

use crate::profiling::Mode;
use crate::sweep::Measurement;

use super::super::{ReportError, RunData};
use super::by_size::{BySize, Ceiling, Row};
use super::canvas::AnyPicture;
use super::figure::{Figure, FigureGroup};
use super::legend::{Entry, Key};
use super::palette::look;
use super::series::{Series, distinct};
use super::variants::Variants;

/// Parameter sets of an operation with a figure of their own at most.
const MOST_VARIANTS: usize = 6;

/// Draws the runs over each other into `folder`: a figure for each operation and parameter set, with a row for
/// each dtype. Runs come with the names that the legend gives them.
pub fn draw_overlay_figures(runs: &[(String, &RunData)], folder: &Path) -> Result<Vec<Figure>, ReportError> {
    fs::create_dir_all(folder).map_err(|source| ReportError::NotCreated { path: folder.to_path_buf(), source })?;
    let mut operations: Vec<String> = Vec::new();
    for operation in runs.iter().flat_map(|(_, run)| run.operations()) {
        if !operations.contains(&operation) {
            operations.push(operation);
        }
    }
    let figures: Vec<BySize> = operations.iter().flat_map(|operation| overlays(operation, runs)).collect();
    figures.par_iter().map(|figure| figure.write(folder)).collect()
}

fn overlays(operation: &str, runs: &[(String, &RunData)]) -> Vec<BySize> {
    let of_run = |run: &'_ RunData| -> Vec<usize> {
        let places = run.measurements.iter().enumerate().filter(|(_, one)| one.operation == operation);
        places.map(|(place, _)| place).collect()
    };
    let all: Vec<(usize, &Measurement)> = runs
        .iter()
        .enumerate()
        .flat_map(|(place, (_, run))| of_run(run).into_iter().map(move |row| (place, &run.measurements[row])))
        .collect();
    let variants = Variants::of(&all.iter().map(|(_, one)| *one).collect::<Vec<_>>(), MOST_VARIANTS);
    let figures = (0..variants.count()).filter_map(|variant| {
        let mine: Vec<(usize, &Measurement)> =
            all.iter().copied().filter(|(_, one)| variants.place(one) == variant).collect();
        let dtypes = distinct(mine.iter().map(|(_, one)| one.dtype.as_str()));
        let row = |dtype: &&str| {
            let series = (0..runs.len()).flat_map(|run| {
                let chosen = mine.iter().filter(|(place, one)| *place == run && one.dtype == *dtype);
                let chosen: Vec<&Measurement> = chosen.map(|(_, one)| *one).collect();
                Mode::BOTH.map(|mode| Series::new(&chosen, look(run), mode))
            });
            Row { title: dtype.to_string(), series: series.flatten().collect() }
        };
        let rows: Vec<Row> = dtypes.iter().map(row).filter(|row| !row.series.is_empty()).collect();
        let label = variants.label(variant);
        let title = if label.is_empty() { operation.to_string() } else { format!("{operation}, {label}") };
        let suffix = if variant == 0 { String::new() } else { format!("-{}", variant + 1) };
        let words = Figure {
            id: format!("overlay-{operation}{suffix}"),
            group: FigureGroup::Overlay,
            title,
            caption:
                "Medians of each run, with 95 % intervals where they are larger than the markers. A share is of the \
                      run's own roof. This shows runs beside each other and decides nothing."
                    .to_string(),
            svg: String::new(),
            description: String::new(),
        };
        let entries = runs.iter().enumerate();
        let entries = entries.map(|(place, (name, _))| Entry::new(Key::Series(look(place)), name.clone())).collect();
        let emulated = mine.iter().any(|(_, one)| one.emulated);
        let mut figure = BySize { words, rows, entries, ceilings: Vec::new(), emulated };
        if figure.count() == 0 {
            return None;
        }
        if figure.quantities().len() > 1 {
            figure.ceilings = ceilings(runs);
        }
        figure.words.description = format!(
            "{}: {} runs over each other against bytes moved, {} points",
            figure.words.title,
            runs.len(),
            figure.count()
        );
        Some(figure)
    });
    figures.collect()
}

fn ceilings(runs: &[(String, &RunData)]) -> Vec<Ceiling> {
    let roofs = runs.iter().enumerate().filter_map(|(place, (name, run))| {
        let gbps = run.record.roofs?.bandwidth_gbps();
        let letter = name.split(':').next().unwrap_or(name);
        let label = format!("copy roof of {letter}, {gbps:.0} GB/s");
        (gbps > 0.0 && gbps.is_finite()).then(|| Ceiling { gbps, label, color: look(place).color })
    });
    roofs.collect()
}
