//! The file of `--junit`.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use hipgauge::report::Junit;
use hipgauge::verify::{Verdict, VerdictSink};

use super::exit_code::Exit;
use super::failure::{Failure, OrExit};

pub struct VerdictJunit {
    path: PathBuf,
    /// Opened before the first case, so that a place that cannot be written is an error before the work.
    file: File,
    junit: Junit,
}

impl VerdictJunit {
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).or_exit_with(Exit::Usage, || {
            format!("cannot write --junit {}; name a file in a folder that exists", path.display())
        })?;
        Ok(Self { path: path.to_path_buf(), file, junit: Junit::default() })
    }

    /// Writes the file.
    pub fn finish(self) -> Result<(), Failure> {
        self.junit.write(self.file).or_exit_with(Exit::Usage, || format!("cannot write {}", self.path.display()))
    }
}

impl VerdictSink for VerdictJunit {
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        self.junit.verdict(verdict);
        Ok(())
    }
}
