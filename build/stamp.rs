//! Remembers from what an output was made, so that a run of the build script for another reason (a new
//! commit, an edited Rust file) compiles no kernel again.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

/// What an output depends on.
#[derive(Clone, Default)]
pub struct Stamp(DefaultHasher);

impl Stamp {
    pub fn add(&mut self, part: &str) {
        part.hash(&mut self.0);
    }

    pub fn add_file(&mut self, path: &Path) -> Result<(), String> {
        let bytes = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        path.hash(&mut self.0);
        bytes.hash(&mut self.0);
        Ok(())
    }

    fn text(&self) -> String {
        format!("{:016x}", self.0.finish())
    }

    /// Whether `output` exists and was made from the same.
    pub fn matches(&self, output: &Path) -> bool {
        output.exists() && fs::read_to_string(stamp_path(output)).is_ok_and(|text| text == self.text())
    }

    /// Notes that `output` was made.
    pub fn write(&self, output: &Path) -> Result<(), String> {
        let path = stamp_path(output);
        fs::write(&path, self.text()).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

fn stamp_path(output: &Path) -> PathBuf {
    let mut path = output.as_os_str().to_owned();
    path.push(".stamp");
    path.into()
}
