//! `summary.md`, for a GitHub step summary.

use std::fmt::Write as _;

use crate::profiling::Mode;
use crate::verify::Status;

use super::headline::Headline;
use super::run_data::RunData;

/// Failures beyond this many are counted, not shown: a step summary holds 1 MiB.
const MOST_FAILURES: usize = 20;

/// The run in Markdown.
pub fn render_markdown(run: &RunData) -> String {
    let headline = Headline::new(run);
    let device = &run.record.device;
    let mut text = String::new();
    let mut line = |words: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{words}");
    };
    let partial = if run.record.is_partial() { " (partial run)" } else { "" };
    line(format!("## hipgauge: {}{partial}\n", headline.sentence()));
    let Headline { passed, failed, errored, skipped, measured, .. } = headline;
    line(format!("`{}` {}, {}", device.id, escaped(&device.name), escaped(&device.architecture)));
    line(format!(
        "· {passed} passed · {failed} failed · {errored} errored · {skipped} skipped · {measured} measured\n"
    ));
    for warning in &run.warnings {
        line(format!("> {}\n", escaped(warning)));
    }
    let failures: Vec<_> =
        run.verdicts.iter().filter(|verdict| matches!(verdict.status, Status::Failed | Status::Errored)).collect();
    if !failures.is_empty() {
        line("| case | status | reason |\n|---|---|---|".to_string());
        for verdict in failures.iter().take(MOST_FAILURES) {
            let status = verdict.status.name();
            line(format!("| `{}` | {status} | {} |", verdict.case, escaped(&verdict.reason)));
        }
        if failures.len() > MOST_FAILURES {
            line(format!("\n… and {} more", failures.len() - MOST_FAILURES));
        }
        line(String::new());
    }
    if !run.measurements.is_empty() {
        let emulated = if device.emulated { "emulated " } else { "" };
        line(format!("<details><summary>{emulated}times of {measured} cases</summary>\n"));
        line("| case | mode | median µs | 95 % interval | GB/s | of roof |\n|---|---|--:|--:|--:|--:|".to_string());
        for mode in Mode::BOTH {
            for one in run.measurements.iter().filter(|one| one.mode == mode) {
                let gbps = one.gbps.map_or(String::new(), |gbps| format!("{gbps:.1}"));
                let share = one.roof_share.map_or(String::new(), |share| format!("{:.1} %", share * 100.0));
                let interval = one.interval_us();
                let interval = interval.map_or(String::new(), |ends| format!("{:.3} – {:.3}", ends.low, ends.high));
                line(format!("| `{}` | {mode} | {:.3} | {interval} | {gbps} | {share} |", one.case, one.median_us));
            }
        }
        line("\n</details>".to_string());
    }
    text
}

/// Text that stays text inside a table cell.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace('\n', "<br>")
}
