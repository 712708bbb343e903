//! Where verdicts go.

use std::io;

use super::Verdict;

/// Receives each verdict as soon as it is there, in the order in which cases end, on one thread.
pub trait VerdictSink {
    /// An error (a full disk) ends the run.
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()>;

    /// A case is taken up; several may be in work at a time.
    fn begin(&mut self, _case: &str) {}
}

impl VerdictSink for Vec<Verdict> {
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        self.push(verdict.clone());
        Ok(())
    }
}
