//! A comparison on disk.

use std::fs;
use std::path::{Path, PathBuf};

use crate::report::ReportError;

use super::csv_table::comparison_csv;
use super::json::comparison_json;
use super::markdown::comparison_markdown;
use super::page::comparison_page;
use super::whole::Comparison;

/// Where the files of a comparison are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparisonFiles {
    pub page: PathBuf,
}

/// Writes `comparison.csv`, `comparison.json`, `comparison.md` and `comparison.html` into `folder`, which is made if it
/// is missing.
pub fn write_comparison(comparison: &Comparison, strict: bool, folder: &Path) -> Result<ComparisonFiles, ReportError> {
    fs::create_dir_all(folder).map_err(|source| ReportError::NotCreated { path: folder.to_path_buf(), source })?;
    let write = |name: &str, text: &str| {
        let file = folder.join(name);
        fs::write(&file, text).map(|()| file.clone()).map_err(|source| ReportError::NotWritten { file, source })
    };
    write("comparison.csv", &comparison_csv(comparison))?;
    write("comparison.json", &format!("{:#}\n", comparison_json(comparison, strict)))?;
    write("comparison.md", &comparison_markdown(comparison))?;
    Ok(ComparisonFiles { page: write("comparison.html", &comparison_page(comparison))? })
}
