//! `summary.md`, for a GitHub step summary or a comment on a pull request.

use crate::profiling::Mode;
use crate::sweep::{Measurement, Problem};
use crate::verify::{Status, Verdict};

use super::headline::Headline;
use super::operation_table::{OperationRow, operation_table};
use super::run_data::RunData;

/// GitHub refuses comments over 65,536 characters. We count bytes, which are never fewer, and leave room for a line
/// or two that whoever posts it may add.
const MOST_BYTES: usize = 64_000;

/// What closing a list, and saying that something was left out, takes at most.
const RESERVE: usize = 400;

/// Failures beyond this many are counted, not shown: nobody reads them in a comment.
const MOST_FAILURES: usize = 50;

/// A reason longer than this is cut; `verdicts.csv` has all of it.
const MOST_REASON: usize = 1500;

/// The run in Markdown: the headline and the table of operations first, then failures and times as far as they fit.
pub fn render_markdown(run: &RunData) -> String {
    let mut page = Page { text: String::new() };
    let headline = Headline::new(run);
    let device = &run.record.device;
    let partial = if run.record.is_partial() { " (partial run)" } else { "" };
    page.line(&format!("## hipgauge: {}{partial}\n", headline.sentence()));
    let Headline { passed, failed, errored, skipped, measured, .. } = headline;
    page.line(&format!("`{}` {}, {}", device.id, escaped(&device.name), escaped(&device.architecture)));
    page.line(&format!(
        "· {passed} passed · {failed} failed · {errored} errored · {skipped} skipped · {measured} measured\n"
    ));
    for warning in &run.warnings {
        page.fit(&format!("> {}\n", escaped(warning)));
    }
    operations(&mut page, &operation_table(run), device.emulated);
    failures(&mut page, run);
    times(&mut page, run);
    page.text
}

struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Adds the lines if there is room for them.
    fn fit(&mut self, lines: &str) -> bool {
        let fits = self.text.len() + lines.len() + RESERVE < MOST_BYTES;
        if fits {
            self.line(lines);
        }
        fits
    }

    /// Adds as many of the items as there is room for, and says how many were left out and where they are.
    fn fit_all(&mut self, items: &[String], what: &str, file: &str) {
        let shown = items.iter().take_while(|item| self.fit(item)).count();
        self.left_out(items.len() - shown, what, file);
    }

    fn left_out(&mut self, count: usize, what: &str, file: &str) {
        if count > 0 {
            self.line(&format!(
                "\n{count} more {what} are left out, because a GitHub comment holds 65,536 characters: see \
                 `index.html` or `{file}` of the run."
            ));
        }
    }
}

fn operations(page: &mut Page, rows: &[OperationRow<'_>], emulated: bool) {
    if rows.is_empty() {
        return;
    }
    let timed = !emulated && rows.iter().any(|row| row.times.cases > 0);
    let (titles, rule) =
        if timed { (" cold, of roof | hot, of roof | cold ÷ hot |", "--:|--:|--:|") } else { ("", "") };
    page.line(&format!(
        "| operation | dtype | passed | failed | errored | skipped | worst ULP |{titles}\n\
         |---|---|--:|--:|--:|--:|--:|{rule}"
    ));
    let lines: Vec<String> = rows
        .iter()
        .map(|row| {
            let worst = row.worst.as_ref().map_or(String::new(), |worst| ulp(worst.ulp));
            let mut line = format!(
                "| {} | {} | {} | {} | {} | {} | {worst} |",
                row.operation, row.dtype, row.passed, row.failed, row.errored, row.skipped
            );
            if timed {
                let ratio = row.times.cold_over_hot.map_or(String::new(), |ratio| format!("{ratio:.2}"));
                let shares = [row.times.cold_roofline_share, row.times.hot_roofline_share].map(percent);
                line.push_str(&format!(" {} | {} | {ratio} |", shares[0], shares[1]));
            }
            line
        })
        .collect();
    page.fit_all(&lines, "rows", "report.json");
    if timed {
        page.line("\nShares and ratios are medians over the cases.");
    }
    page.line("");
}

fn failures(page: &mut Page, run: &RunData) {
    let wrong = run.verdicts.iter().filter(|one| matches!(one.status, Status::Failed | Status::Errored));
    let problems = run.problems.iter().filter(|problem| problem.fatal && !problem.is_not_reached());
    let all: Vec<String> = wrong.map(failure).chain(problems.map(unmeasured)).collect();
    let most = all.len().min(MOST_FAILURES);
    let shown = all[..most].iter().take_while(|one| page.fit(one)).count();
    page.left_out(all.len() - shown, "failures", "verdicts.csv");
}

fn failure(verdict: &Verdict) -> String {
    details(&verdict.case, verdict.status.name(), &verdict.reason, Some(&verdict.reproduce))
}

fn unmeasured(problem: &Problem) -> String {
    details(&problem.case, "not measured", &problem.reason, None)
}

fn details(case: &str, status: &str, reason: &str, reproduce: Option<&str>) -> String {
    let mut text = format!("<details><summary><b>{status}</b> <code>{}</code></summary>\n\n", escaped(case));
    text.push_str(&fenced(&shortened(reason)));
    if let Some(line) = reproduce {
        text.push_str(&format!("\nRun it again:\n{}", fenced(line)));
    }
    text.push_str("\n</details>\n");
    text
}

fn times(page: &mut Page, run: &RunData) {
    if run.measurements.is_empty() {
        return;
    }
    let emulated = if run.record.device.emulated { "emulated " } else { "" };
    let cases = Headline::new(run).measured;
    let table = "| case | mode | median µs | 95 % interval | GB/s | of roof |\n|---|---|--:|--:|--:|--:|";
    if !page.fit(&format!("<details><summary>{emulated}times of {cases} cases</summary>\n\n{table}")) {
        page.left_out(run.measurements.len(), "times", "summary.csv");
        return;
    }
    let in_mode = |mode| run.measurements.iter().filter(move |one| one.mode == mode);
    let rows: Vec<String> = Mode::BOTH.into_iter().flat_map(in_mode).map(time).collect();
    page.fit_all(&rows, "times", "summary.csv");
    page.line("\n</details>");
}

fn time(one: &Measurement) -> String {
    let gbps = one.gbps.map_or(String::new(), |gbps| format!("{gbps:.1}"));
    let interval = one.interval_us().map_or(String::new(), |ends| format!("{:.3} – {:.3}", ends.low, ends.high));
    let (case, mode, median) = (escaped(&one.case), one.mode, one.median_us);
    format!("| `{case}` | {mode} | {median:.3} | {interval} | {gbps} | {} |", percent(one.roofline_share))
}

fn ulp(value: u64) -> String {
    if value == u64::MAX { "NaN".to_string() } else { value.to_string() }
}

fn percent(share: Option<f64>) -> String {
    share.map_or(String::new(), |share| format!("{:.1} %", share * 100.0))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_REASON) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_string(),
    }
}

/// A code block whose fence is longer than any run of backticks in the text, so that the text cannot end it.
fn fenced(text: &str) -> String {
    let longest = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{}\n{fence}\n", text.trim_end())
}

/// Text that stays text inside a table cell.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace('\n', "<br>")
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{measurement, problem, record, verdict};
    use super::*;

    /// A run of `cases` cases, every tenth of which failed at length.
    fn run(cases: u64) -> RunData {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let directory = super::super::RunDirectory::create(folder.path(), record()).expect("an empty directory");
        directory.finish(super::super::RunStatus::Complete).expect("the disk has room");
        let mut run = RunData::load(folder.path()).expect("a whole run");
        for columns in 1..=cases {
            let status = if columns % 10 == 0 { Status::Failed } else { Status::Passed };
            let mut verdict = verdict("rms_norm", columns, status);
            verdict.reason = verdict.reason.repeat(200);
            run.verdicts.push(verdict);
            run.measurements.extend(Mode::BOTH.map(|mode| measurement("rms_norm", columns, mode)));
        }
        run.problems.push(problem());
        run
    }

    #[test]
    fn a_large_run_fits_a_comment_and_says_what_it_left_out() {
        for cases in [10, 500, 2000] {
            let text = render_markdown(&run(cases));
            assert!(text.len() < 65_536, "{cases} cases: {} bytes", text.len());
            assert!(text.starts_with(&format!("## hipgauge: {} of {cases} cases", cases / 10)), "{}", &text[..80]);
            assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
            assert_eq!(text.contains("are left out, because a GitHub comment holds"), cases > 10);
        }
    }

    #[test]
    fn failures_come_with_the_line_that_runs_them_again() {
        let text = render_markdown(&run(10));
        assert!(text.contains("| rms_norm | bf16 | 9 | 1 | 0 | 0 | NaN |"), "{text}");
        assert!(
            text.contains("Run it again:\n```\nhipgauge verify --device hip:0 --case 'rms_norm/bf16/16x10/normal'")
        );
        assert!(text.contains("<b>not measured</b> <code>top_k/bf16/16x1024/normal</code>"));
    }

    #[test]
    fn text_cannot_leave_its_fence() {
        assert_eq!(fenced("a ``` b"), "````\na ``` b\n````\n");
        assert_eq!(fenced("plain"), "```\nplain\n```\n");
        assert!(shortened(&"µ".repeat(5000)).chars().count() < 1510);
    }
}
