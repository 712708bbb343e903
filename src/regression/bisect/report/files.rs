//! The report's files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::super::history::History;
use super::super::state::State;
use super::markdown::markdown;
use super::page::page;
use super::plot::plot;

/// Where the forms of a report are.
#[derive(Clone, Debug)]
pub struct ReportFiles {
    pub page: PathBuf,
    pub markdown: PathBuf,
    pub json: PathBuf,
    /// `None` where nothing was observed.
    pub plot: Option<PathBuf>,
}

/// Writes `index.html`, `bisect.md`, `bisect.json` and `bisect.svg` into a folder, which is made if it is not there.
pub fn write_report(state: &State, history: &History, folder: &Path) -> io::Result<ReportFiles> {
    fs::create_dir_all(folder)?;
    let svg = plot(state, &|id| history.place(id));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).map(|()| path)
    };
    Ok(ReportFiles {
        page: write("index.html", &page(state, svg.as_deref()))?,
        markdown: write("bisect.md", &markdown(state))?,
        json: write("bisect.json", &serde_json::to_string_pretty(state)?)?,
        plot: svg.map(|svg| write("bisect.svg", &svg)).transpose()?,
    })
}
