//! Draws everything that a person looks at from what a TTFT run has left on disk.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::ReportError;
use crate::ttft::{fits, summarise};

use super::figures::draw_figures;
use super::markdown::render_markdown;
use super::page::{headline, is_good, render_overlay, render_page};
use super::trace_of_run::trace_of;
use super::{TtftRun, read_ttft_run};

/// A drawn TTFT run.
#[derive(Clone, Debug)]
pub struct TtftReport {
    pub page: PathBuf,
    pub headline: String,
    /// Whether the numbers may be believed.
    pub good: bool,
    pub run: TtftRun,
}

/// Several TTFT runs on one page.
#[derive(Clone, Debug)]
pub struct TtftOverlay {
    pub page: PathBuf,
    /// The name of each run on the page, and its headline.
    pub runs: Vec<(String, String)>,
    /// What a reader must know before looking at times.
    pub notes: Vec<String>,
}

/// Reads the TTFT run in `path` and writes plots, `index.html`, `summary.md` and `trace.json` beside its rows. Needs no
/// device. `Ok(None)` for a run of another kind.
pub fn draw_ttft_report(path: &Path) -> Result<Option<TtftReport>, ReportError> {
    let Some(run) = read(path)? else { return Ok(None) };
    let named = [(run.record.model.name.clone(), &run)];
    let figures = draw_figures(&named, &path.join("plots"))?;
    let page = path.join("index.html");
    write(&page, &render_page(&run, &figures))?;
    write(&path.join("summary.md"), &render_markdown(&run))?;
    trace_of(&run).write(&path.join("trace.json"))?;
    Ok(Some(TtftReport { page, headline: headline(&run), good: is_good(&run), run }))
}

/// Reads the TTFT runs in `paths` and writes `index.html` and `plots/` over all of them into `folder`, which must be
/// missing or empty. A run of another kind is an error.
pub fn draw_ttft_overlay(paths: &[PathBuf], folder: &Path) -> Result<TtftOverlay, ReportError> {
    let mut runs: Vec<(String, TtftRun)> = Vec::new();
    for path in paths {
        let run = read(path)?.ok_or_else(|| ReportError::NotARun {
            path: path.clone(),
            problem: "it times kernels and the others time first tokens; lay runs of one kind over each other"
                .to_string(),
        })?;
        let letter = char::from(b'A' + (runs.len() % 26) as u8);
        runs.push((format!("{letter}: {} on {}", run.record.model.name, run.record.engine.device), run));
    }
    let not_created = |source| ReportError::NotCreated { path: folder.to_path_buf(), source };
    fs::create_dir_all(folder).map_err(not_created)?;
    if fs::read_dir(folder).map_err(not_created)?.next().is_some() {
        return Err(ReportError::NotEmpty { path: folder.to_path_buf() });
    }
    let named: Vec<(String, &TtftRun)> = runs.iter().map(|(name, run)| (name.clone(), run)).collect();
    let figures = draw_figures(&named, &folder.join("plots"))?;
    let notes = notes(&named);
    let page = folder.join("index.html");
    write(&page, &render_overlay(&named, &notes, &figures))?;
    let runs = named.iter().map(|(name, run)| (name.clone(), headline(run))).collect();
    Ok(TtftOverlay { page, runs, notes })
}

/// Reads a run. One that was killed, or that an error ended, has requests and no tables: they are made from its requests.
fn read(path: &Path) -> Result<Option<TtftRun>, ReportError> {
    let mut read = read_ttft_run(path)?;
    if let Some(run) = read.as_mut().filter(|run| run.summaries.is_empty()) {
        run.summaries = summarise(&run.requests, &run.decode, &run.record.floors);
        run.fits = fits(&run.summaries);
    }
    Ok(read)
}

/// Warnings of the runs, and the conditions that differ between the first and each other.
fn notes(runs: &[(String, &TtftRun)]) -> Vec<String> {
    let mut notes: Vec<String> = Vec::new();
    for (name, run) in runs {
        notes.extend(run.told().iter().map(|note| format!("{name}: {note}")));
    }
    let Some(((first, base), others)) = runs.split_first() else { return notes };
    for (name, run) in others {
        let (ours, theirs) = (&base.record.comparability, &run.record.comparability);
        let mut keys: Vec<&String> = ours.keys().chain(theirs.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let differing: Vec<&str> =
            keys.into_iter().filter(|key| ours.get(*key) != theirs.get(*key)).map(String::as_str).collect();
        if !differing.is_empty() {
            notes.push(format!(
                "{first} and {name} were not taken under the same conditions ({})",
                differing.join(", ")
            ));
        }
    }
    notes
}

fn write(file: &Path, text: &str) -> Result<(), ReportError> {
    fs::write(file, text).map_err(|source| ReportError::NotWritten { file: file.to_path_buf(), source })
}
