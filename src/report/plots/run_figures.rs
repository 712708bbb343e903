//! All figures of a run.

use std::fs;

use rayon::prelude::*;

use crate::sweep::Measurement;

use super::super::{ReportError, RunData};
use super::canvas::AnyPicture;
use super::cold_hot::ColdHot;
use super::distribution::Distribution;
use super::figure::Figure;
use super::heat_map::heat_maps;
use super::notable::notable_cases;
use super::operation::by_size;
use super::roofline::RooflinePlot;

/// Draws everything that a run's report shows into its `plots/`, with the raw samples of `cases` besides those
/// that are notable. A case without samples is left out.
pub fn draw_figures(run: &RunData, cases: &[String]) -> Result<Vec<Figure>, ReportError> {
    let folder = run.path.join("plots");
    fs::create_dir_all(&folder).map_err(|source| ReportError::NotCreated { path: folder.clone(), source })?;
    pictures(run, cases)?.par_iter().map(|picture| picture.write(&folder)).collect()
}

fn pictures(run: &RunData, cases: &[String]) -> Result<Vec<Box<dyn AnyPicture>>, ReportError> {
    let emulated = run.record.device.emulated;
    let mut pictures: Vec<Box<dyn AnyPicture>> = Vec::new();
    for operation in run.operations() {
        let measurements: Vec<&Measurement> =
            run.measurements.iter().filter(|measurement| measurement.operation == operation).collect();
        for figure in by_size(&operation, &measurements, run) {
            pictures.push(Box::new(figure));
        }
        for figure in heat_maps(&operation, &measurements, emulated) {
            pictures.push(Box::new(figure));
        }
        // The emulator has no caches: there its two modes are one.
        if let Some(figure) = ColdHot::new(&operation, &measurements).filter(|_| !emulated) {
            pictures.push(Box::new(figure));
        }
    }
    if let Some(figure) = RooflinePlot::new(run) {
        pictures.push(Box::new(figure));
    }
    let asked = cases.iter().map(|case| (case.clone(), String::new()));
    let notable = notable_cases(run).into_iter().filter(|(case, _)| !cases.contains(case));
    for (case, reason) in asked.chain(notable) {
        if let Some(figure) = Distribution::new(run, &case, &run.samples.of_case(&case)?, &reason) {
            pictures.push(Box::new(figure));
        }
    }
    Ok(pictures)
}
