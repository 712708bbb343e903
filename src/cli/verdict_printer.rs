//! Verdicts for people: progress on stderr while it runs, bad news on stdout as it comes, then a table.

use std::collections::BTreeMap;
use std::io;

use comfy_table::{CellAlignment, Table, presets};
use hipgauge::backend::DeviceInfo;
use hipgauge::suite::SelectedCase;
use hipgauge::verify::{Status, Summary, Verdict, VerdictSink};

use super::output::{BAD, FAINT, GOOD, NOTE, STRONG, Stdout, styled};
use super::progress_line::ProgressLine;
use super::verify_estimate::VerifyEstimate;

pub struct VerdictPrinter {
    stdout: Stdout,
    progress: ProgressLine,
    estimate: VerifyEstimate,
    /// Cases in work, the one that was taken up first in front.
    in_work: Vec<String>,
    done: usize,
    device: String,
    skip_reasons: BTreeMap<String, usize>,
}

impl VerdictPrinter {
    /// Prints the heading.
    pub fn new(title: &str, cases: &[SelectedCase], device: &DeviceInfo) -> io::Result<Self> {
        let mut stdout = Stdout::new();
        let configuration: String = device.details.iter().map(|(key, value)| format!(", {key} {value}")).collect();
        let device = format!("{} ({}, wave {}{configuration})", device.id, device.architecture, device.wave_size);
        let count = if cases.len() == 1 { "1 case".to_string() } else { format!("{} cases", cases.len()) };
        let of = if title == count { String::new() } else { format!("{}: ", styled(STRONG, title)) };
        stdout.line(format!("verifying {of}{count} on {device}"))?;
        Ok(Self {
            stdout,
            progress: ProgressLine::new("verifying", cases.len(), false),
            estimate: VerifyEstimate::new(cases),
            in_work: Vec::new(),
            done: 0,
            device,
            skip_reasons: BTreeMap::new(),
        })
    }

    /// The table per operation and dtype, the reasons of skipped cases, and the last line.
    pub fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        self.progress.clear();
        if !summary.operations.is_empty() {
            self.stdout.line(summary_table(summary))?;
        }
        for (reason, count) in &self.skip_reasons {
            self.stdout.line(format!("{} {reason}", styled(NOTE, format!("{count} skipped:"))))?;
        }
        if summary.interrupted {
            let text = format!("partial: stopped after {} of {} cases", summary.done(), summary.cases);
            self.stdout.line(styled(NOTE, text))?;
        }
        if summary.out_of_time {
            let text = format!("partial: the time budget ended after {} of {} cases", summary.done(), summary.cases);
            self.stdout.line(styled(NOTE, text))?;
        }
        let clean = summary.failed + summary.errored == 0;
        let passed = styled(if clean { GOOD } else { STRONG }, format!("{} passed", summary.passed));
        let count = |number: usize, name: &str| match number {
            0 => format!(", 0 {name}"),
            _ => format!(", {}", styled(BAD, format!("{number} {name}"))),
        };
        self.stdout.line(format!(
            "{passed}{}{}, {} skipped of {} cases in {:.1} s on {}",
            count(summary.failed, "failed"),
            count(summary.errored, "errored"),
            summary.skipped,
            summary.cases,
            summary.seconds,
            self.device
        ))
    }

    /// Takes the progress line away.
    pub fn clear(&self) {
        self.progress.clear();
    }

    /// A line that must not tear the progress bar.
    pub fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        let stdout = &mut self.stdout;
        self.progress.suspend(|| stdout.line(text))
    }
}

impl VerdictSink for VerdictPrinter {
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        self.done += 1;
        self.in_work.retain(|case| *case != verdict.case);
        let remaining = self.estimate.finish(verdict, self.progress.elapsed());
        if let Some(oldest) = self.in_work.first() {
            self.progress.set_current(oldest);
        }
        self.progress.set_done(self.done, remaining);
        match verdict.status {
            Status::Passed => return Ok(()),
            Status::Skipped => {
                *self.skip_reasons.entry(verdict.reason.clone()).or_default() += 1;
                return Ok(());
            }
            Status::Failed | Status::Errored => {}
        }
        let label = styled(BAD, format!("{:>8}", verdict.status.name().to_uppercase()));
        let mut text = format!("{label}  {}", styled(STRONG, &verdict.case));
        for line in verdict.reason.lines() {
            text.push_str(&format!("\n          {line}"));
        }
        text.push_str(&format!("\n          {} {}", styled(FAINT, "again:"), verdict.reproduce));
        self.line(text)
    }

    fn begin(&mut self, case: &str) {
        self.in_work.push(case.to_string());
        self.progress.set_current(&self.in_work[0]);
    }
}

fn summary_table(summary: &Summary) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["operation", "dtype", "passed", "failed", "errored", "skipped", "worst ULP", "seconds"]);
    for row in &summary.operations {
        table.add_row([
            row.operation.clone(),
            row.dtype.clone(),
            row.passed.to_string(),
            row.failed.to_string(),
            row.errored.to_string(),
            row.skipped.to_string(),
            row.max_ulp.map_or("-".to_string(), |ulp| ulp.to_string()),
            format!("{:.1}", row.seconds),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
