//! A TTFT run for people: progress on stderr, then tables.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use comfy_table::{CellAlignment, Table, presets};
use hipgauge::progress::{Estimator, Part};
use hipgauge::report::ReportError;
use hipgauge::report::ttft::{CheckRecord, TtftDirectory, TtftRecord};
use hipgauge::ttft::server::ServerRow;
use hipgauge::ttft::{
    DecodeRow, Ending, FitRow, MOST_UNATTRIBUTED, OperationRow, Phase, PlannedRequest, SummaryRow, TtftMode, TtftRow,
    TtftSink, WARNED_UNATTRIBUTED,
};

use crate::cli::exit_code::Exit;
use crate::cli::output::{BAD, FAINT, GOOD, NOTE, STRONG, Stdout, styled};
use crate::cli::progress_line::ProgressLine;

use super::command::status;

/// Operations that the table names; the rest are in the file.
const OPERATIONS_SHOWN: usize = 6;

/// Keeps requests, and shows how far the run is.
pub struct Printer {
    directory: TtftDirectory,
    requests: Vec<TtftRow>,
    steps: Vec<DecodeRow>,
    progress: ProgressLine,
    estimator: Estimator,
    /// Kinds of parts by mode, batch and length.
    kinds: BTreeMap<(TtftMode, usize, usize), usize>,
    begun: Option<Instant>,
    stdout: Stdout,
}

impl Printer {
    /// Prints the heading. The model has `context_length` positions.
    pub fn new(directory: TtftDirectory, context_length: usize) -> io::Result<Self> {
        let plan = &directory.record.plan;
        let all: Vec<PlannedRequest> =
            plan.modes.iter().flat_map(|mode| plan.requests(*mode, context_length)).collect();
        let mut kinds = BTreeMap::new();
        for request in &all {
            let next = kinds.len();
            kinds.entry((request.mode, request.batch, request.length)).or_insert(next);
        }
        let estimator = Estimator::new(all.iter().map(|request| part(&kinds, request)));
        let mut stdout = Stdout::new();
        let TtftRecord { model, engine, .. } = &directory.record;
        if engine.path == "server" {
            stdout.line(format!("{} of the server {}", styled(STRONG, &model.name), engine.device))?;
            let progress = ProgressLine::new("measuring", all.len(), false);
            let (requests, steps) = (Vec::new(), Vec::new());
            return Ok(Self { requests, steps, progress, estimator, kinds, begun: None, stdout, directory });
        }
        stdout.line(format!(
            "{}: {}, {:.1} million parameters, on {} ({} path, {}, matrix products by {})",
            styled(STRONG, &model.name),
            model.architecture,
            model.parameters as f64 / 1e6,
            engine.device,
            engine.path,
            engine.compute,
            engine.matrix_library
        ))?;
        let progress = ProgressLine::new("measuring", all.len(), false);
        Ok(Self { requests: Vec::new(), steps: Vec::new(), progress, estimator, kinds, begun: None, stdout, directory })
    }

    pub fn show(&mut self, text: &str) {
        self.progress.set_current(text);
    }

    pub fn record(&self) -> &TtftRecord {
        &self.directory.record
    }

    pub fn requests(&self) -> &[TtftRow] {
        &self.requests
    }

    pub fn steps(&self) -> &[DecodeRow] {
        &self.steps
    }

    /// Adds to what a reader of the numbers should know.
    pub fn note(&mut self, note: Option<String>) {
        self.directory.record.notes.extend(note);
    }

    /// Keeps what ended the run before its time.
    pub fn failed(&mut self, failure: String) {
        self.directory.record.failure = Some(failure);
    }

    /// Keeps what a server said of the requests, and what a reader should know of that.
    pub fn served(&mut self, rows: &[ServerRow], notes: Vec<String>) -> Result<(), ReportError> {
        self.directory.served(rows)?;
        self.directory.record.notes.extend(notes);
        self.directory.write_record()
    }

    /// Keeps what the check saw.
    pub fn checked(&mut self, check: CheckRecord) -> Result<(), ReportError> {
        self.directory.record.check = Some(check);
        self.directory.write_record()
    }

    /// Writes the rest of the files; gives the record, and where to print on.
    pub fn finish(
        self,
        ending: Option<Ending>,
        summaries: &[SummaryRow],
        fits: &[FitRow],
        operations: &[OperationRow],
    ) -> Result<(TtftRecord, Stdout), ReportError> {
        self.progress.clear();
        let record = self.directory.record.clone();
        self.directory.finish(status(ending), summaries, fits, operations)?;
        Ok((record, self.stdout))
    }
}

fn part(kinds: &BTreeMap<(TtftMode, usize, usize), usize>, request: &PlannedRequest) -> Part {
    let kind = kinds.get(&(request.mode, request.batch, request.length)).copied().unwrap_or(0);
    // In tokens; a step costs about as much as a short prompt.
    Part { kind, work: (request.batch * (request.length + 32 * request.decode)) as f64 }
}

impl TtftSink for Printer {
    fn begin(&mut self, request: &PlannedRequest) {
        self.begun = Some(Instant::now());
        self.progress.set_current(&request.name());
    }

    fn request(&mut self, row: &TtftRow, steps: &[DecodeRow]) -> io::Result<()> {
        self.directory.request(row, steps)?;
        let planned = PlannedRequest {
            mode: row.mode,
            batch: row.batch as usize,
            length: row.prompt_tokens as usize,
            repetition: row.repetition as usize,
            decode: row.decode_tokens as usize,
        };
        let seconds = self.begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        self.estimator.finish(part(&self.kinds, &planned), seconds);
        self.requests.push(row.clone());
        self.steps.extend_from_slice(steps);
        let remaining = self.estimator.remaining_seconds(self.progress.elapsed().as_secs_f64());
        let remaining = remaining.and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok());
        self.progress.set_done(self.requests.len(), remaining);
        Ok(())
    }
}

/// What a run came to.
pub struct Outcome<'a> {
    pub record: &'a TtftRecord,
    pub summaries: &'a [SummaryRow],
    pub fits: &'a [FitRow],
    /// None where a failure ended it.
    pub ending: Option<Ending>,
    pub operations: &'a [OperationRow],
}

impl Outcome<'_> {
    /// A wrong token outweighs all else; then times that do not add up.
    pub fn exit(&self) -> Exit {
        if self.record.check.as_ref().is_some_and(|check| !check.passed) {
            return Exit::WrongResult;
        }
        if self.summaries.iter().any(|row| row.unattributed_share.abs() > MOST_UNATTRIBUTED) {
            return Exit::Undecided;
        }
        match self.ending {
            Some(Ending::Interrupted) => Exit::Interrupted,
            Some(Ending::OutOfTime) | None => Exit::NotReproducible,
            Some(Ending::Complete) if self.summaries.is_empty() => Exit::NothingRan,
            Some(Ending::Complete) => Exit::Good,
        }
    }

    pub fn print(&self, stdout: &mut Stdout) -> io::Result<()> {
        for mode in [TtftMode::Cold, TtftMode::Warm, TtftMode::Steady] {
            let rows: Vec<&SummaryRow> = self.summaries.iter().filter(|row| row.mode == mode).collect();
            if rows.is_empty() {
                continue;
            }
            stdout.line(format!("\n{} {}", styled(STRONG, mode), styled(FAINT, meaning(mode))))?;
            stdout.line(first_token_table(&rows))?;
            stdout.line(rates_table(&rows))?;
            for fit in self.fits.iter().filter(|fit| fit.mode == mode) {
                stdout.line(fit_sentence(fit))?;
            }
        }
        self.print_operations(stdout)?;
        self.print_check(stdout)?;
        for row in self.summaries.iter().filter(|row| row.unattributed_share.abs() > WARNED_UNATTRIBUTED) {
            let style = if row.unattributed_share.abs() > MOST_UNATTRIBUTED { BAD } else { NOTE };
            let share = 100.0 * row.unattributed_share;
            let SummaryRow { mode, prompt_tokens, batch, .. } = row;
            let text = format!("{share:.1} % of the time is in no stage: {mode}, {prompt_tokens} tokens x {batch}");
            stdout.line(styled(style, text))?;
        }
        for note in &self.record.notes {
            stdout.line(format!("{} {note}", styled(NOTE, "note:")))?;
        }
        match self.ending {
            Some(Ending::Complete) => {}
            Some(Ending::Interrupted) => stdout.line(styled(NOTE, "partial: stopped by Ctrl-C"))?,
            Some(Ending::OutOfTime) => stdout.line(styled(NOTE, "partial: the time limit was reached"))?,
            None => stdout.line(styled(BAD, "partial: a request failed, and none was made after it"))?,
        }
        Ok(())
    }

    fn print_check(&self, stdout: &mut Stdout) -> io::Result<()> {
        let Some(check) = &self.record.check else {
            if self.record.engine.path == "server" {
                return Ok(());
            }
            return stdout
                .line(styled(FAINT, "tokens were not checked; --check holds them against the host's f32 reference"));
        };
        let (tokens, ties) = (check.outcome.tokens, check.outcome.ties.len());
        let tied = match check.outcome.ties.iter().map(|tie| tie.gap).max_by(f64::total_cmp) {
            Some(largest) => format!(", {ties} of them ties within rounding (largest gap of logits {largest:.1e})"),
            None => String::new(),
        };
        if self.record.engine.path == "native" {
            stdout.line(styled(NOTE, "the native path is the reference itself: --check shows only that it repeats"))?;
        }
        if check.passed {
            return stdout
                .line(format!("{} {tokens} greedy tokens are the reference's{tied}", styled(GOOD, "checked:")));
        }
        stdout.line(styled(BAD, format!("INVALID: wrong tokens; all times of this run are worth nothing{tied}")))?;
        for wrong in &check.outcome.wrong {
            stdout.line(format!(
                "  after a prompt of {}, sequence {}: token {} is {} instead of {}, whose logit is {:.3} larger ({:.3} may be rounding)",
                wrong.prompt_tokens, wrong.sequence, wrong.step, wrong.found, wrong.expected, wrong.gap, wrong.allowed_gap
            ))?;
        }
        Ok(())
    }

    /// The longest prompt's operations by their shares.
    fn print_operations(&self, stdout: &mut Stdout) -> io::Result<()> {
        for phase in [Phase::Prefill, Phase::Decode] {
            let of_phase = self.operations.iter().filter(|row| row.phase == phase);
            let Some(longest) = of_phase.clone().map(|row| (row.prompt_tokens, row.batch)).max() else { continue };
            let mut shares: BTreeMap<&str, f64> = BTreeMap::new();
            for row in of_phase.filter(|row| (row.prompt_tokens, row.batch) == longest) {
                *shares.entry(&row.operation).or_default() += row.share;
            }
            let mut shares: Vec<_> = shares.into_iter().collect();
            shares.sort_by(|one, other| other.1.total_cmp(&one.1));
            let named = shares.iter().take(OPERATIONS_SHOWN);
            let named: Vec<_> = named.map(|(name, share)| format!("{name} {:.1} %", 100.0 * share)).collect();
            let what = if phase == Phase::Prefill { "prefill" } else { "decode step" };
            stdout.line(format!("{what} of {} tokens x {}, profiled: {}", longest.0, longest.1, named.join(", ")))?;
        }
        Ok(())
    }
}

const fn meaning(mode: TtftMode) -> &'static str {
    match mode {
        TtftMode::Cold => "from the start of a new process",
        TtftMode::Warm => "the first request of a process that has loaded the model",
        TtftMode::Steady => "every shape warmed",
    }
}

type Column<'a> = (&'a str, Box<dyn Fn(&SummaryRow) -> Option<f64> + 'a>);

/// TTFT in milliseconds, and medians of the stages that there are.
fn first_token_table(rows: &[&SummaryRow]) -> Table {
    let columns: Vec<Column<'_>> = vec![
        ("p50", Box::new(|row| Some(row.ttft_p50_ms))),
        ("p90", Box::new(|row| Some(row.ttft_p90_ms))),
        ("p95", Box::new(|row| Some(row.ttft_p95_ms))),
        ("p99", Box::new(|row| row.ttft_p99_ms)),
        ("process", Box::new(|row| row.process_start_ms)),
        ("device", Box::new(|row| row.device_init_ms)),
        ("modules", Box::new(|row| row.module_load_ms)),
        ("files", Box::new(|row| row.file_open_ms)),
        ("made", Box::new(|row| row.weights_made_ms)),
        ("weights", Box::new(|row| row.weights_to_device_ms)),
        ("tokenize", Box::new(|row| row.tokenize_ms)),
        ("prompt", Box::new(|row| row.prompt_to_device_ms)),
        ("prefill", Box::new(|row| row.prefill_ms)),
        ("head", Box::new(|row| row.lm_head_ms)),
        ("sample", Box::new(|row| row.sample_ms)),
        ("to host", Box::new(|row| row.token_to_host_ms)),
        ("text", Box::new(|row| row.detokenize_ms)),
        ("server", Box::new(|row| row.server_ms)),
        ("unattributed", Box::new(|row| Some(row.unattributed_ms))),
    ];
    let columns: Vec<_> =
        columns.into_iter().filter(|(_, value)| rows.iter().any(|row| value(row).is_some())).collect();
    let header = ["tokens", "batch", "n"].into_iter().chain(columns.iter().map(|(name, _)| *name)).chain(["%"]);
    let mut table = right_aligned(header.map(str::to_string).collect());
    for row in rows {
        let mut cells = vec![row.prompt_tokens.to_string(), row.batch.to_string(), row.requests.to_string()];
        cells.extend(columns.iter().map(|(_, value)| value(row).map_or(String::new(), milliseconds)));
        cells.push(format!("{:.1}", 100.0 * row.unattributed_share));
        table.add_row(cells);
    }
    table
}

/// Rates, floors and the tokens after the first.
fn rates_table(rows: &[&SummaryRow]) -> Table {
    let header = [
        "tokens",
        "batch",
        "prefill tok/s",
        "FLOP floor",
        "share",
        "2nd token",
        "step p50",
        "step p95",
        "decode tok/s",
        "weight-read floor",
        "share of step",
        "validity",
    ];
    let mut table = right_aligned(header.map(str::to_string).to_vec());
    let share = |share: Option<f64>| share.map_or(String::new(), |share| format!("{:.0} %", 100.0 * share));
    let time = |time: Option<f64>| time.map_or(String::new(), milliseconds);
    for row in rows {
        table.add_row([
            row.prompt_tokens.to_string(),
            row.batch.to_string(),
            format!("{:.0}", row.prefill_tokens_per_second),
            time(row.flop_floor_ms),
            share(row.flop_floor_share),
            time(row.second_token_ms),
            time(row.decode_step_p50_ms),
            time(row.decode_step_p95_ms),
            row.decode_tokens_per_second.map_or(String::new(), |rate| format!("{rate:.1}")),
            time(row.weight_read_floor_ms),
            share(row.decode_floor_share),
            row.validity.name().to_string(),
        ]);
    }
    table
}

fn right_aligned(header: Vec<String>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    table.column_iter_mut().for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    table
}

/// Three digits that matter, in milliseconds.
fn milliseconds(value: f64) -> String {
    match value.abs() {
        size if size < 1.0 => format!("{value:.3}"),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

fn fit_sentence(fit: &FitRow) -> String {
    format!(
        "fit, batch {}: TTFT = {} ms + {:.4} ms n + {:.3e} ms n^2 over {} lengths, off by {:.1} % (root mean square)",
        fit.batch,
        milliseconds(fit.fixed_ms),
        fit.per_token_ms,
        fit.per_token_squared_ms,
        fit.lengths,
        100.0 * fit.relative_residual
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_that_matter() {
        let times = [0.01234, 1.234, 12.34, 123.4, -0.5].map(milliseconds);
        assert_eq!(times, ["0.012", "1.23", "12.3", "123", "-0.500"]);
    }
}
