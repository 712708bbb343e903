//! A comparison for people: the sides, bad news, what changed, how well the rest agrees, and a last line.

use std::io;

use comfy_table::{CellAlignment, Table, presets};
use hipgauge::regression::comparison::{
    ComparedCase, Comparison, OutcomeKind, interval_text, share_text, shift_text, value_text,
};
use hipgauge::regression::decision::{Reason, Verdict};

use super::output::{BAD, FAINT, GOOD, NOTE, STRONG, Stdout, styled};

/// Cases without a verdict beyond this many are counted only, unless all cases are wanted.
const MOST_OPEN: usize = 20;

/// Prints the whole comparison. `all`: every case, else those that changed or have no verdict.
pub fn print_comparison(comparison: &Comparison, all: bool, stdout: &mut Stdout) -> io::Result<()> {
    print_sides(comparison, stdout)?;
    for kind in OutcomeKind::ALL {
        for outcome in comparison.outcomes_of(kind) {
            let style = if kind == OutcomeKind::NowRight { GOOD } else { BAD };
            stdout.line(format!("{}  {}", styled(style, kind.title()), styled(STRONG, &outcome.case)))?;
            for line in outcome.reason.lines() {
                stdout.line(format!("          {line}"))?;
            }
            if !outcome.reproduce.is_empty() {
                stdout.line(format!("          {} {}", styled(FAINT, "again:"), outcome.reproduce))?;
            }
        }
    }
    let wanted = [Verdict::Slower, Verdict::Faster, Verdict::Ambiguous, Verdict::Underpowered];
    let mut shown = comparison.sorted_cases(if all { &Verdict::ALL } else { &wanted });
    let open = shown.iter().filter(|case| !case.decision.verdict.is_decided()).count();
    let left_out = if all { 0 } else { open.saturating_sub(MOST_OPEN) };
    // Changed cases come first, those without a verdict last.
    shown.truncate(shown.len() - left_out);
    if !shown.is_empty() {
        stdout.line(case_table(&shown))?;
        print_codes(&shown, stdout)?;
    }
    if left_out > 0 {
        stdout.line(styled(NOTE, format!("{left_out} more without a verdict; --all shows them")))?;
    }
    print_rows(comparison, stdout)?;
    let (statics, noise) = (comparison.static_note(), comparison.noise_note());
    for note in statics.iter().chain(&noise).chain(&comparison.warnings) {
        stdout.line(format!("{} {note}", styled(NOTE, "note:")))?;
    }
    let alone = [("base", &comparison.only_base), ("candidate", &comparison.only_candidate)];
    for (side, cases) in alone.iter().filter(|(_, cases)| !cases.is_empty()) {
        stdout.line(format!("{} {} measured only in the {side}", styled(NOTE, "note:"), cases.len()))?;
    }
    let bad = comparison.count(Verdict::Slower) > 0 || comparison.outcomes_of(OutcomeKind::NowWrong).next().is_some();
    stdout.line(styled(if bad { BAD } else { STRONG }, comparison.headline()))
}

/// Prints the sides and the agreement of their medians.
pub fn print_agreement(comparison: &Comparison, stdout: &mut Stdout) -> io::Result<()> {
    print_sides(comparison, stdout)?;
    if comparison.agreement.is_empty() {
        return stdout.line(styled(NOTE, "no case over 10 µs was timed on both sides"));
    }
    print_rows(comparison, stdout)?;
    comparison.warnings.iter().try_for_each(|warning| stdout.line(format!("{} {warning}", styled(NOTE, "note:"))))
}

fn print_sides(comparison: &Comparison, stdout: &mut Stdout) -> io::Result<()> {
    stdout.line(format!("base       {}", comparison.base.line()))?;
    stdout.line(format!("candidate  {}", comparison.candidate.line()))?;
    for difference in &comparison.forced {
        stdout.line(format!("{} {difference}", styled(BAD, "forced:")))?;
    }
    Ok(())
}

fn case_table(cases: &[&ComparedCase]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "case",
        "mode",
        "verdict",
        "shift",
        "95 % interval",
        "detectable",
        "base",
        "candidate",
        "why",
        "compiled code",
    ]);
    for case in cases {
        table.add_row([
            case.case.clone(),
            case.mode.to_string(),
            case.decision.verdict.to_string(),
            shift_text(case.decision.shift),
            interval_text(case.decision.interval),
            share_text(case.decision.least_detectable),
            value_text(&case.base, case.unit),
            value_text(&case.candidate, case.unit),
            case.reason_codes(),
            case.static_text(),
        ]);
    }
    for column in table.column_iter_mut().skip(3).take(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// What the codes in the table mean.
fn print_codes(cases: &[&ComparedCase], stdout: &mut Stdout) -> io::Result<()> {
    let used = |reason: &&Reason| cases.iter().any(|case| case.decision.reasons.contains(reason));
    for reason in Reason::ALL.iter().filter(used) {
        stdout.line(styled(FAINT, format!("{reason:>18}  {}", reason.sentence())))?;
    }
    Ok(())
}

fn print_rows(comparison: &Comparison, stdout: &mut Stdout) -> io::Result<()> {
    if comparison.agreement.is_empty() {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(["agreement", "mode", "cases over 10 µs", "within 1 %", "95 % CI holds the other", "largest"]);
    let per_cent = |share: Option<f64>| share.map_or("–".to_string(), |share| format!("{:.1} %", 100.0 * share));
    for row in &comparison.agreement.rows {
        table.add_row([
            row.operation.clone(),
            row.mode.to_string(),
            row.cases.to_string(),
            per_cent(row.close_share()),
            per_cent(row.covering_share()),
            per_cent(Some(row.largest)),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    stdout.line(table)?;
    let Some(clock) = &comparison.agreement.in_clock else { return Ok(()) };
    stdout.line(format!(
        "measured core clock: the candidate's was {:.4} of the base's (median of {} cases, {:.4} to {:.4}); with each case's divided out:",
        clock.ratio, clock.cases, clock.extremes.0, clock.extremes.1
    ))?;
    clock.rows.iter().try_for_each(|row| {
        stdout.line(format!(
            "  {} {}: {} of {} cases within 1 %, {} of the 95 % CI hold the other, largest {}",
            row.operation,
            row.mode,
            per_cent(row.close_share()),
            row.cases,
            per_cent(row.covering_share()),
            per_cent(Some(row.largest)),
        ))
    })
}
