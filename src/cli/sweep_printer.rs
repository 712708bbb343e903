//! A sweep for people and for programs, while its rows go to disk.

use std::io;

use hipgauge::profiling::Sample;
use hipgauge::report::RunDirectory;
use hipgauge::sweep::{Measurement, Problem, SweepProgress, SweepSink};
use serde_json::json;

use super::arguments::OutputFormat;
use super::output::{BAD, NOTE, Stdout, styled};
use super::progress_line::ProgressLine;

/// Stores every row before it is shown.
pub struct SweepPrinter<'a> {
    directory: &'a mut RunDirectory,
    format: OutputFormat,
    stdout: Stdout,
    progress: ProgressLine,
}

impl<'a> SweepPrinter<'a> {
    pub fn new(directory: &'a mut RunDirectory, format: OutputFormat, cases: usize) -> Self {
        let progress = ProgressLine::new("measuring", cases, format == OutputFormat::Json);
        Self { directory, format, stdout: Stdout::new(), progress }
    }

    /// Takes the progress line away.
    pub fn finish(self) {
        self.progress.clear();
    }

    fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        let stdout = &mut self.stdout;
        self.progress.suspend(|| stdout.line(text))
    }
}

impl SweepSink for SweepPrinter<'_> {
    fn sample(&mut self, case: &str, sample: &Sample) -> io::Result<()> {
        self.directory.sample(case, sample)
    }

    fn measurement(&mut self, measurement: &Measurement) -> io::Result<()> {
        self.directory.measurement(measurement)?;
        match self.format {
            OutputFormat::Human => Ok(()),
            OutputFormat::Json => self.line(json!({ "measurement": measurement })),
        }
    }

    fn problem(&mut self, problem: &Problem) -> io::Result<()> {
        self.directory.problem(problem)?;
        let label = if problem.fatal { styled(BAD, "not measured:") } else { styled(NOTE, "warning:") };
        match self.format {
            OutputFormat::Human => self.line(format!("{label} {}: {}", problem.case, problem.reason)),
            OutputFormat::Json => self.line(json!({ "problem": problem })),
        }
    }

    fn unreached(&mut self, problem: &Problem) -> io::Result<()> {
        match self.format {
            // There may be thousands: people get their number at the end.
            OutputFormat::Human => self.directory.problem(problem),
            OutputFormat::Json => self.problem(problem),
        }
    }

    fn begin(&mut self, case: &str) -> io::Result<()> {
        self.progress.set_current(case);
        Ok(())
    }

    fn progress(&mut self, progress: &SweepProgress) -> io::Result<()> {
        self.progress.set_done(progress.done, Some(progress.remaining));
        Ok(())
    }
}
