//! The kernel sources, and the table that embeds them.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use super::kernel_scan::kernel_names;

/// One `.hip` file.
pub struct Module {
    /// Path under `kernels/` without the extension.
    pub name: String,
    pub path: PathBuf,
    pub functions: Vec<String>,
}

/// A code object on disk.
pub struct CodeObject {
    pub module: String,
    pub architecture: String,
    pub path: PathBuf,
}

/// Everything under `kernels/`.
pub struct Sources {
    pub modules: Vec<Module>,
    pub includes: Vec<PathBuf>,
}

impl Sources {
    pub fn read(kernels: &Path) -> Result<Self, String> {
        let mut files = Vec::new();
        list_files(kernels, &mut files)?;
        files.sort();
        let mut sources = Self { modules: Vec::new(), includes: Vec::new() };
        for path in files {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("hip") => sources.modules.push(read_module(kernels, path)?),
                Some("h") => sources.includes.push(path),
                _ => {}
            }
        }
        Ok(sources)
    }

    /// Writes the tables that `src/backend/kernel_source.rs` includes.
    pub fn write_table(&self, destination: &Path, code_objects: &[CodeObject]) -> Result<(), String> {
        let mut text = String::from("const EMBEDDED_INCLUDES: &[(&str, &str)] = &[\n");
        for path in &self.includes {
            let name = path.file_name().expect("a file").to_string_lossy();
            writeln!(text, "    ({name:?}, include_str!({path:?})),").expect("a String takes all");
        }
        text.push_str("];\n\nconst EMBEDDED_MODULES: &[EmbeddedModule] = &[\n");
        for module in &self.modules {
            let Module { name, path, functions } = module;
            let objects: String = code_objects
                .iter()
                .filter(|object| object.module == *name)
                .map(|object| format!("({:?}, include_bytes!({:?})), ", object.architecture, object.path))
                .collect();
            writeln!(
                text,
                "    EmbeddedModule {{ name: {name:?}, source: include_str!({path:?}), functions: &{functions:?}, \
                 amd_code_objects: &[{objects}] }},"
            )
            .expect("a String takes all");
        }
        text.push_str("];\n");
        fs::write(destination, text).map_err(|error| format!("cannot write {}: {error}", destination.display()))
    }
}

fn read_module(kernels: &Path, path: PathBuf) -> Result<Module, String> {
    let source = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let functions = kernel_names(&source).map_err(|error| format!("{}: {error}", path.display()))?;
    let functions = functions.into_iter().map(str::to_string).collect();
    let name = path.strip_prefix(kernels).expect("listed under kernels").with_extension("");
    let name = name.to_string_lossy().replace('\\', "/");
    Ok(Module { name, path, functions })
}

fn list_files(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let unreadable = |error| format!("cannot list {}: {error}", directory.display());
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            list_files(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
