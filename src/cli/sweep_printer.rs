//! A sweep for people and for programs, while its rows go to disk.

use std::io;

use hipgauge::profiling::Sample;
use hipgauge::report::RunDirectory;
use hipgauge::sweep::{Measurement, Problem, SweepSink};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::arguments::OutputFormat;
use super::output::{BAD, NOTE, Stdout, styled};

/// Stores every row before it is shown.
pub struct SweepPrinter<'a> {
    directory: &'a mut RunDirectory,
    format: OutputFormat,
    stdout: Stdout,
    progress: ProgressBar,
}

impl<'a> SweepPrinter<'a> {
    pub fn new(directory: &'a mut RunDirectory, format: OutputFormat, cases: usize) -> Self {
        let progress = ProgressBar::with_draw_target(Some(cases as u64), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} cases measured, {elapsed}, {eta} to go")
            .expect("the template's placeholders are indicatif's");
        progress.set_style(style);
        Self { directory, format, stdout: Stdout::new(), progress }
    }

    /// Takes the progress bar away.
    pub fn finish(self) {
        self.progress.finish_and_clear();
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

    fn progress(&mut self, done: usize, total: usize) -> io::Result<()> {
        self.progress.set_position(done as u64);
        self.directory.progress(done, total)
    }
}
