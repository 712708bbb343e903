//! Writes a page over several runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::csv_file::CsvFile;
use super::super::html::render_overlay;
use super::super::plots::draw_overlay_figures;
use super::super::{ReportError, RunData};
use super::ratio::{COLUMNS, ratios};
use super::{OverlayRun, RatioRow};

/// Several runs and what they have in common.
#[derive(Clone, Debug)]
pub struct Overlay {
    /// The page that was written.
    pub page: PathBuf,
    pub runs: Vec<OverlayRun>,
    pub ratios: Vec<RatioRow>,
    /// What a reader must know before looking at times.
    pub warnings: Vec<String>,
}

/// Reads the runs in `paths` and writes `index.html`, `ratios.csv` and `plots/` into `folder`, which must be missing
/// or empty. Ratios are over the first run. Times of an emulator are never put beside those of a GPU: such runs are
/// shown without times.
pub fn draw_overlay(paths: &[PathBuf], folder: &Path) -> Result<Overlay, ReportError> {
    let runs: Vec<OverlayRun> =
        paths.iter().enumerate().map(|(place, path)| OverlayRun::load(place, path)).collect::<Result<_, _>>()?;
    let not_created = |source| ReportError::NotCreated { path: folder.to_path_buf(), source };
    fs::create_dir_all(folder).map_err(not_created)?;
    if fs::read_dir(folder).map_err(not_created)?.next().is_some() {
        return Err(ReportError::NotEmpty { path: folder.to_path_buf() });
    }
    let emulated = runs.iter().filter(|run| run.run.record.device.emulated).count();
    let mixed = emulated > 0 && emulated < runs.len();
    let ratios = if mixed { Vec::new() } else { ratios(&runs) };
    let mut table = CsvFile::create(&folder.join("ratios.csv"), COLUMNS)?;
    for row in &ratios {
        let file = folder.join("ratios.csv");
        table.append(row).map_err(|source| ReportError::NotWritten { file, source })?;
    }
    let figures = if mixed {
        Vec::new()
    } else {
        let named: Vec<(String, &RunData)> = runs.iter().map(|run| (run.label(), &run.run)).collect();
        draw_overlay_figures(&named, &folder.join("plots"))?
    };
    let overlay = Overlay { page: folder.join("index.html"), warnings: warnings(&runs, mixed), runs, ratios };
    fs::write(&overlay.page, render_overlay(&overlay, &figures))
        .map_err(|source| ReportError::NotWritten { file: overlay.page.clone(), source })?;
    Ok(overlay)
}

fn warnings(runs: &[OverlayRun], mixed: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if mixed {
        let on = |emulated| {
            let mine = runs.iter().filter(|run| run.run.record.device.emulated == emulated);
            mine.map(|run| run.letter.as_str()).collect::<Vec<_>>().join(", ")
        };
        warnings.push(format!(
            "{} ran on the emulator and {} on a GPU: their times mean different things and are left out",
            on(true),
            on(false)
        ));
    } else if runs.iter().any(|run| run.run.record.device.emulated) {
        warnings.push("these times are the emulator's; they say nothing about a GPU".to_string());
    }
    for run in runs {
        warnings.extend(run.run.warnings.iter().map(|warning| format!("{}: {warning}", run.letter)));
    }
    if let Some((base, others)) = runs.split_first() {
        for other in others {
            match other.differences(base) {
                Some(differences) if !differences.is_empty() => {
                    let keys: Vec<&str> = differences.iter().map(|difference| difference.key.as_str()).collect();
                    warnings.push(format!(
                        "{} and {} were not taken under the same conditions ({}): no ratio between them tells one version \
                         of a kernel from another",
                        base.letter,
                        other.letter,
                        keys.join(", ")
                    ));
                }
                Some(_) => {}
                None => warnings.push(format!(
                    "{} or {} does not say under which conditions it measured",
                    base.letter, other.letter
                )),
            }
        }
    }
    warnings
}
