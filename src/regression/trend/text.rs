//! A trend as text: a table with markers, Markdown and CSV.

use std::fmt::Write;

use super::analysis::{Trend, TrendChange, TrendSeries};

/// `+12.9 %`
fn percent(change: f64) -> String {
    format!("{:+.1} %", 100.0 * change)
}

fn verdict(change: &TrendChange) -> String {
    let word = if change.is_slower() { "slower" } else { "faster" };
    match &change.expected {
        Some(reason) => format!("{word}, expected: {reason}"),
        None => word.to_string(),
    }
}

/// The points of a series, one a line, with a marker where it changed.
pub fn series_table(series: &TrendSeries) -> String {
    let mut text = format!("{}, {}, on {}\n", series.case, series.mode, series.group);
    let _ = writeln!(text, "  {:<20}  {:<11}  {:>12}  {:>25}", "started", "commit", "median us", "95 % interval");
    for (index, point) in series.points.iter().enumerate() {
        if let Some(change) = series.changes.iter().find(|change| change.index == index) {
            let rule = "·".repeat(74);
            let (before, after) = (change.before_us, change.after_us);
            let _ = writeln!(text, "  {rule}");
            let _ = writeln!(
                text,
                "  {:>9}  {}  {}  {before:.3} -> {after:.3} us, p = {:.1e}",
                percent(change.change),
                change.commits(),
                verdict(change),
                change.p_value
            );
            let _ = writeln!(text, "  {rule}");
        }
        let short: String = point.commit.chars().take(10).collect();
        let dirty = if point.dirty { "+" } else { " " };
        let interval = point.ci_low_us.zip(point.ci_high_us);
        let interval = interval.map_or(String::new(), |(low, high)| format!("{low:.3} .. {high:.3}"));
        let line = format!(
            "  {:<20}  {short:<10}{dirty}  {:>12.3}  {interval:>25}  {}",
            point.started, point.median_us, point.flags
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// The changes, for a pull request or an issue.
pub fn markdown(trend: &Trend) -> String {
    let mut text = format!("## hipgauge trend: {}\n", trend.headline());
    if trend.changes().next().is_some() {
        text.push_str("\n| case | mode | change | commits | before us | after us | p | |\n");
        text.push_str("|---|---|--:|---|--:|--:|--:|---|\n");
        for (series, change) in trend.changes() {
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} | {:.3} | {:.3} | {:.1e} | {} |",
                series.case,
                series.mode,
                percent(change.change),
                change.commits(),
                change.before_us,
                change.after_us,
                change.p_value,
                verdict(change).replace('|', "\\|").replace('\n', " "),
            );
        }
    }
    for group in &trend.groups {
        let _ = writeln!(text, "\n{} runs on {}", group.runs, group.name);
    }
    for warning in &trend.warnings {
        let _ = writeln!(text, "\nNote: {warning}");
    }
    text
}

/// Every point; the columns from `change` on are filled in the first row after a change.
pub fn csv(trend: &Trend) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "group",
        "case",
        "mode",
        "position",
        "run",
        "started",
        "commit",
        "dirty",
        "median_us",
        "ci_low_us",
        "ci_high_us",
        "flags",
        "change",
        "p_value",
        "before_us",
        "after_us",
        "previous_commit",
        "expected",
    ];
    let mut write = |row: &[String]| writer.write_record(row).expect("a Vec takes all");
    write(&header.map(String::from));
    let number = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    for series in &trend.series {
        for (position, point) in series.points.iter().enumerate() {
            let change = series.changes.iter().find(|change| change.index == position);
            write(&[
                series.group.clone(),
                series.case.clone(),
                series.mode.to_string(),
                position.to_string(),
                point.run.display().to_string(),
                point.started.clone(),
                point.commit.clone(),
                point.dirty.to_string(),
                point.median_us.to_string(),
                number(point.ci_low_us),
                number(point.ci_high_us),
                point.flags.clone(),
                number(change.map(|change| change.change)),
                number(change.map(|change| change.p_value)),
                number(change.map(|change| change.before_us)),
                number(change.map(|change| change.after_us)),
                change.map_or(String::new(), |change| change.previous_commit.clone()),
                change.and_then(|change| change.expected.clone()).unwrap_or_default(),
            ]);
        }
    }
    let bytes = writer.into_inner().expect("a Vec takes all");
    String::from_utf8(bytes).expect("made of texts")
}
