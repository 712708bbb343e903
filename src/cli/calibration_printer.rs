//! A calibration, or a study of what is detected, for people and for programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use hipgauge::regression::calibration::{Calibration, CalibrationError, LearnSink};
use hipgauge::regression::detection::{
    DetectionRow, DuelRecord, PreparedCase, Study, StudySink, detection_rows, duels_csv,
};
use hipgauge::regression::interleave::Duel;
use hipgauge::regression::worker::Unit;
use serde_json::json;

use super::exit_code::Exit;
use super::failure::{Failure, OrExit};
use super::output::{NOTE, STRONG, Stdout, styled};
use super::progress_line::ProgressLine;

/// Keeps the calibration after each case, and shows how far it is.
pub struct CalibrationPrinter {
    path: PathBuf,
    total: usize,
    json: bool,
    progress: ProgressLine,
}

impl CalibrationPrinter {
    pub fn new(path: &Path, total: usize, json: bool) -> Self {
        Self { path: path.to_path_buf(), total, json, progress: ProgressLine::new("calibrating", total, json) }
    }

    pub fn finish(self, learned: &Calibration) -> Result<(), Failure> {
        self.progress.clear();
        let mut stdout = Stdout::new();
        let path = self.path.display();
        if self.json {
            let bound = learned.alarm_rate_bound();
            let (comparisons, alarms) = (learned.comparisons(), learned.alarms());
            let summary = json!({
                "calibration": learned, "comparisons": comparisons, "alarms": alarms,
                "alarm_rate_upper_bound": bound, "file": self.path,
            });
            return stdout.line(summary).or_exit(Exit::HarnessFault);
        }
        if !learned.cases.is_empty() {
            stdout.line(case_table(learned)).or_exit(Exit::HarnessFault)?;
        }
        if learned.partial {
            stdout.line(styled(NOTE, "partial: stopped before the end")).or_exit(Exit::HarnessFault)?;
        }
        stdout.line(alarm_sentence(learned)).or_exit(Exit::HarnessFault)?;
        stdout.line(format!("calibration: {path}")).or_exit(Exit::HarnessFault)
    }
}

impl LearnSink for CalibrationPrinter {
    fn duel(&mut self, duel: &Duel, done: usize) {
        self.progress.set_current(&duel.case);
        let per_duel = self.progress.elapsed().as_secs_f64() / done.max(1) as f64;
        let left = Duration::from_secs_f64(per_duel * self.total.saturating_sub(done) as f64);
        self.progress.set_done(done, Some(left));
    }

    fn problem(&mut self, case: &str, reason: &str) {
        tell_problem(&self.progress, case, reason);
    }

    fn keep(&mut self, calibration: &Calibration) -> Result<(), CalibrationError> {
        calibration.save(&self.path)
    }
}

fn tell_problem(progress: &ProgressLine, case: &str, reason: &str) {
    progress.suspend(|| anstream::eprintln!("{} {case}: {reason}", styled(NOTE, "left out:")));
}

fn alarm_sentence(learned: &Calibration) -> String {
    let (comparisons, alarms) = (learned.comparisons(), learned.alarms());
    let Some(bound) = learned.alarm_rate_bound() else { return "nothing was compared".to_string() };
    let rate = 100.0 * alarms as f64 / comparisons as f64;
    let text = format!(
        "{comparisons} comparisons of cases with themselves, {alarms} false alarms ({rate:.2} %; with 95 % confidence \
         at most {:.2} %)",
        100.0 * bound
    );
    styled(STRONG, text)
}

fn case_table(learned: &Calibration) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["case", "mode", "typical", "noise", "between runs", "least detectable", "comparisons", "alarms"]);
    for case in &learned.cases {
        table.add_row([
            case.case.clone(),
            case.mode.to_string(),
            typical(case.typical, case.unit),
            optional_per_cent(case.noise),
            optional_per_cent(case.noise_between_runs),
            optional_per_cent(case.least_detectable),
            case.shifts.len().to_string(),
            case.alarms.to_string(),
        ]);
    }
    align_right(&mut table, 2);
    table
}

fn align_right(table: &mut Table, first: usize) {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn typical(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Seconds => format!("{:.2} µs", 1e6 * value),
        Unit::Steps => format!("{value} steps"),
    }
}

fn optional_per_cent(share: Option<f64>) -> String {
    share.map_or("-".to_string(), |share| format!("{:.2} %", 100.0 * share))
}

/// Shows a study as it goes on.
pub struct StudyPrinter {
    json: bool,
    progress: Option<ProgressLine>,
}

impl StudyPrinter {
    pub fn new(json: bool) -> Self {
        Self { json, progress: None }
    }

    /// Writes `duels.csv` and `detection.json` into `folder`, and prints the table.
    pub fn finish(self, found: &Study, folder: &Path) -> Result<(), Failure> {
        if let Some(progress) = &self.progress {
            progress.clear();
        }
        let rows = detection_rows(&found.records);
        let document = json!({
            "format": 1, "build": found.hello.build, "keys": found.hello.keys, "device": found.hello.device,
            "complete": found.complete, "cases": found.cases.iter().map(case_json).collect::<Vec<_>>(), "rows": rows,
        });
        let csv = folder.join("duels.csv");
        let write = |path: &Path, text: &str| {
            fs::write(path, text).or_exit_with(Exit::Usage, || format!("cannot write {}", path.display()))
        };
        fs::create_dir_all(folder).or_exit_with(Exit::Usage, || format!("cannot make {}", folder.display()))?;
        write(&csv, &duels_csv(&found.records))?;
        write(&folder.join("detection.json"), &format!("{document:#}\n"))?;
        let mut stdout = Stdout::new();
        if self.json {
            return stdout.line(document).or_exit(Exit::HarnessFault);
        }
        if !rows.is_empty() {
            stdout.line(detection_table(&rows)).or_exit(Exit::HarnessFault)?;
        }
        if !found.complete {
            stdout
                .line(styled(NOTE, "partial: stopped before all comparisons were made"))
                .or_exit(Exit::HarnessFault)?;
        }
        stdout.line(format!("every comparison: {}", csv.display())).or_exit(Exit::HarnessFault)
    }
}

impl StudySink for StudyPrinter {
    fn stage(&mut self, text: &str) {
        match &mut self.progress {
            Some(progress) => progress.set_current(text),
            None if self.json => {}
            None => anstream::eprintln!("{text}"),
        }
    }

    fn prepared(&mut self, case: &PreparedCase) {
        if self.json {
            return;
        }
        let noise = optional_per_cent(case.noise);
        anstream::eprintln!("{}: {}, noise {noise}", case.case, typical(case.typical, case.unit));
        for size in &case.sizes {
            let (nominal, change) = (100.0 * size.nominal, 100.0 * size.change);
            anstream::eprintln!("  {nominal} % wanted, {change:.3} % measured, by {} units of work", size.amount);
        }
    }

    fn problem(&mut self, case: &str, reason: &str) {
        match &self.progress {
            Some(progress) => tell_problem(progress, case, reason),
            None => anstream::eprintln!("{} {case}: {reason}", styled(NOTE, "left out:")),
        }
    }

    fn duel(&mut self, record: &DuelRecord, done: usize, total: usize, remaining: Duration) {
        let json = self.json;
        let progress = self.progress.get_or_insert_with(|| ProgressLine::new("comparing", total, json));
        progress.set_current(&record.duel.case);
        progress.set_done(done, Some(remaining));
    }
}

fn case_json(case: &PreparedCase) -> serde_json::Value {
    let sizes = case.sizes.iter().map(|size| {
        let interval = size.interval.map(|interval| [interval.low, interval.high]);
        json!({ "nominal": size.nominal, "change": size.change, "interval": interval, "amount": size.amount })
    });
    json!({
        "case": case.case, "unit": case.unit, "typical": case.typical, "noise": case.noise,
        "sizes": sizes.collect::<Vec<_>>(),
    })
}

fn detection_table(rows: &[DetectionRow]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "slow-down",
        "measured",
        "comparisons",
        "slower",
        "faster",
        "same",
        "undecided",
        "rate",
        "95 % interval",
        "pairs",
        "seconds",
    ]);
    for row in rows {
        let (name, measured) = if row.nominal == 0.0 {
            ("none".to_string(), "-".to_string())
        } else {
            let range = (100.0 * row.least_change, 100.0 * row.most_change);
            (format!("{} %", (1e6 * row.nominal).round() / 1e4), format!("{:.2} to {:.2} %", range.0, range.1))
        };
        let per_cent = |share: f64| format!("{:.2}", 100.0 * share);
        // Where nothing changed, the bound that matters is the upper one.
        let interval = match (row.nominal == 0.0, row.interval, row.upper_bound) {
            (true, _, Some(bound)) => format!("at most {} %", per_cent(bound)),
            (false, Some(interval), _) => format!("{} to {} %", per_cent(interval.low), per_cent(interval.high)),
            _ => "-".to_string(),
        };
        table.add_row([
            name,
            measured,
            row.comparisons.to_string(),
            row.slower.to_string(),
            row.faster.to_string(),
            row.same.to_string(),
            row.undecided.to_string(),
            format!("{} %", per_cent(row.rate)),
            interval,
            format!("{}", row.median_pairs),
            format!("{:.3}", row.median_seconds),
        ]);
    }
    align_right(&mut table, 1);
    table
}
