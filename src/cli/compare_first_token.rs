//! `hipgauge compare` of two TTFT runs: a verdict on each time to first token, and what explains it.

use std::fs;
use std::io;
use std::path::Path;

use comfy_table::{CellAlignment, Table, presets};
use hipgauge::regression::comparison::{interval_text, shift_text};
use hipgauge::regression::decision::Verdict;
use hipgauge::regression::first_token::{
    Attribution, FirstTokenComparison, FirstTokenOptions, compare_first_tokens, first_token_csv, first_token_markdown,
};
use hipgauge::report::ttft::{TtftRun, read_ttft_run};

use super::arguments::{ComparisonFormat, ThresholdArguments};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::{BAD, NOTE, STRONG, Stdout, styled};
use super::report;

/// Parts of a change that are shown.
const MOST_PARTS: usize = 10;

/// Both runs, if both are of time to first token; an error if only one of them is.
pub fn load_both(base: &Path, candidate: &Path) -> Result<Option<[TtftRun; 2]>, Failure> {
    let read = |path: &Path| read_ttft_run(path).map_err(report::failure);
    match (read(base)?, read(candidate)?) {
        (Some(base), Some(candidate)) => Ok(Some([base, candidate])),
        (None, None) => Ok(None),
        (one, _) => {
            let (own, other) = if one.is_some() { (base, candidate) } else { (candidate, base) };
            Err(Failure::usage(format!(
                "{} is a run of `hipgauge ttft` and {} is not; compare runs of one kind",
                own.display(),
                other.display()
            )))
        }
    }
}

/// Compares, writes and prints.
pub fn run(
    [base, candidate]: &[TtftRun; 2],
    thresholds: &ThresholdArguments,
    format: ComparisonFormat,
    out: Option<&Path>,
) -> CommandResult {
    let ThresholdArguments { least_effect, noise, force, strict, .. } = *thresholds;
    let options = FirstTokenOptions { least_effect, noise, force };
    let comparison = compare_first_tokens(base, candidate, &options).or_exit(Exit::Usage)?;
    let json = || serde_json::to_string_pretty(&comparison).expect("a comparison has string keys only");
    if let Some(folder) = out {
        let files = [
            ("first_token.csv", first_token_csv(&comparison)),
            ("first_token.json", json() + "\n"),
            ("first_token.md", first_token_markdown(&comparison)),
        ];
        fs::create_dir_all(folder)
            .and_then(|()| files.iter().try_for_each(|(name, text)| fs::write(folder.join(name), text)))
            .or_exit_with(Exit::Usage, || {
                format!("cannot write into --out {}; name another folder", folder.display())
            })?;
    }
    let mut stdout = Stdout::new();
    match format {
        ComparisonFormat::Human => print(&comparison, &mut stdout),
        ComparisonFormat::Json => stdout.line(json()),
        ComparisonFormat::Csv => stdout.line(first_token_csv(&comparison).trim_end()),
        ComparisonFormat::Markdown => stdout.line(first_token_markdown(&comparison)),
    }
    .or_exit(Exit::HarnessFault)?;
    Ok(Exit::of_comparison(comparison.conclusion(strict)))
}

fn print(comparison: &FirstTokenComparison, stdout: &mut Stdout) -> io::Result<()> {
    stdout.line(format!("base       {}", comparison.base))?;
    stdout.line(format!("candidate  {}", comparison.candidate))?;
    for difference in &comparison.forced {
        stdout.line(format!("{} {difference}", styled(BAD, "forced:")))?;
    }
    if !comparison.compared.is_empty() {
        stdout.line(times(comparison))?;
    }
    for one in &comparison.compared {
        match &one.attribution {
            Some(attribution) if one.decision.verdict.is_change() => {
                stdout.line(styled(STRONG, format!("{}: {:+.4} ms", one.name(), attribution.change_ms)))?;
                stdout.line(parts(attribution))?;
            }
            None if one.decision.verdict.is_change() => {
                let text = format!("{} is not explained: a run has no profile of it", one.name());
                stdout.line(format!("{} {text}", styled(NOTE, "note:")))?;
            }
            _ => {}
        }
    }
    for (side, names) in [("base", &comparison.only_base), ("candidate", &comparison.only_candidate)] {
        if !names.is_empty() {
            stdout.line(format!("{} only in the {side}: {}", styled(NOTE, "note:"), names.join("; ")))?;
        }
    }
    let bad = comparison.count(Verdict::Slower) > 0 || comparison.compared.iter().any(|one| one.wrong[1]);
    stdout.line(styled(if bad { BAD } else { STRONG }, comparison.headline()))
}

fn table(header: &[&str], numbers_from: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    for column in table.column_iter_mut().skip(numbers_from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn times(comparison: &FirstTokenComparison) -> Table {
    let mut table = table(&["requests", "verdict", "base (ms)", "candidate (ms)", "change", "95 % interval"], 2);
    for one in &comparison.compared {
        let verdict = match one.wrong {
            [false, false] => one.decision.verdict.name(),
            [true, false] => "base INVALID",
            [false, true] => "candidate INVALID",
            [true, true] => "both INVALID",
        };
        table.add_row([
            one.name(),
            verdict.to_string(),
            format!("{:.4}", one.base_ms),
            format!("{:.4}", one.candidate_ms),
            shift_text(one.decision.shift),
            interval_text(one.decision.interval),
        ]);
    }
    table
}

fn parts(attribution: &Attribution) -> Table {
    let mut table = table(&["part", "calls", "base (ms)", "candidate (ms)", "change (ms)", "of the change"], 1);
    for part in attribution.shares.iter().take(MOST_PARTS) {
        let calls = if part.calls[0] == part.calls[1] {
            part.calls[0].to_string()
        } else {
            format!("{} / {}", part.calls[0], part.calls[1])
        };
        table.add_row([
            part.name.clone(),
            calls,
            format!("{:.4}", part.base_ms),
            format!("{:.4}", part.candidate_ms),
            part.error_ms
                .map_or(format!("{:+.4}", part.change_ms), |error| format!("{:+.4} ± {error:.4}", part.change_ms)),
            part.share.map_or(String::new(), |share| format!("{:.0} %", 100.0 * share)),
        ]);
    }
    let left = attribution.shares.len().saturating_sub(MOST_PARTS);
    if left > 0 {
        let change: f64 = attribution.shares.iter().skip(MOST_PARTS).map(|part| part.change_ms).sum();
        let empty = String::new;
        table.add_row([format!("{left} others"), empty(), empty(), empty(), format!("{change:+.4}"), empty()]);
    }
    let share = attribution.rest_ms / attribution.change_ms;
    let share = if share.is_finite() { format!("{:.0} %", 100.0 * share) } else { String::new() };
    let empty = String::new;
    table.add_row([
        "not explained".to_string(),
        empty(),
        empty(),
        empty(),
        format!("{:+.4}", attribution.rest_ms),
        share,
    ]);
    table
}
