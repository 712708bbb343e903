//! A gate's summary for a pull request.

use std::fmt::Write as _;

use crate::regression::comparison::{Conclusion, comparison_markdown, shift_text};

use super::report::GateReport;

/// Whether it passed and why not, what was allowed, then the comparison.
pub fn gate_markdown(report: &GateReport, strict: bool) -> String {
    let word = match report.conclusion(strict) {
        Conclusion::Good => "passed",
        Conclusion::Wrong => "failed: a result is wrong",
        Conclusion::Slower => "failed: slower",
        Conclusion::NothingComparable => "failed: nothing to compare",
        Conclusion::Undecided => "undecided",
    };
    let mut text = format!("# hipgauge gate {word}\n\n");
    // Writing to a string cannot fail.
    if report.questioned > 0 {
        let _ = writeln!(text, "{} alarms were measured a second time.\n", report.questioned);
    }
    for allowed in &report.allowed {
        let shift = shift_text(allowed.shift);
        let (case, mode, reason, until) = (&allowed.case, allowed.mode, escaped(&allowed.reason), allowed.until);
        let _ = writeln!(text, "- allowed until {until}: `{case}` {mode} {shift}, {reason}");
    }
    for warning in &report.warnings {
        let _ = writeln!(text, "- {}", escaped(warning));
    }
    let _ = write!(text, "\n{}", comparison_markdown(&report.comparison));
    text
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
