//! Tables that sort, filter and turn pages.

use maud::{Markup, PreEscaped, html};
use serde_json::{Value, json};

use crate::verify::Status;

/// Rows in the document at a time. The script has the same number.
const ROWS_ON_A_PAGE: usize = 100;

/// What the cells of a column hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Words,
    /// Right-aligned; sorts by value.
    Number,
    /// A number with a bar behind it; its value is 0 to 1.
    Share,
    /// How many cases ended like this.
    Count(Status),
    /// A case's id, as a link to the case.
    Case,
    /// The name of a `Status`.
    Status,
    /// Flags, separated by `, `.
    Flags,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Kind::Words => "words",
            Kind::Number => "number",
            Kind::Share => "share",
            Kind::Count(_) => "count",
            Kind::Case => "case",
            Kind::Status => "status",
            Kind::Flags => "flags",
        }
    }

    const fn is_numeric(self) -> bool {
        matches!(self, Kind::Number | Kind::Share | Kind::Count(_))
    }
}

/// A column's heading and what its cells hold.
#[derive(Clone, Copy)]
pub struct Column {
    heading: &'static str,
    unit: &'static str,
    alone: &'static str,
    kind: Kind,
}

impl Column {
    pub const fn new(heading: &'static str, kind: Kind) -> Self {
        Self { heading, unit: "", alone: heading, kind }
    }

    /// The heading where it stands alone, without its neighbours: in the facts of one case.
    pub const fn alone(self, alone: &'static str) -> Self {
        Self { alone, ..self }
    }
}

/// A column of words.
pub const fn words(heading: &'static str) -> Column {
    Column::new(heading, Kind::Words)
}

/// A column of numbers; `unit` stands beside the heading.
pub const fn numbers(heading: &'static str, unit: &'static str) -> Column {
    Column { unit, ..Column::new(heading, Kind::Number) }
}

/// A column of shares of something.
pub const fn shares(heading: &'static str, unit: &'static str) -> Column {
    Column { unit, ..Column::new(heading, Kind::Share) }
}

/// What a cell shows, and the number it sorts by.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    value: Option<f64>,
}

/// A cell of words.
pub fn word(text: &str) -> Cell {
    Cell { text: text.to_string(), value: None }
}

/// A cell that sorts by `value`; without one it is empty and sorts last.
pub fn number(value: Option<f64>, write: impl FnOnce(f64) -> String) -> Cell {
    value.map_or_else(Cell::default, |value| Cell { text: write(value), value: Some(value) })
}

impl Cell {
    /// As short as it can be: the script takes the text for the number where it is one.
    fn json(&self) -> Value {
        match self.value {
            Some(value) if self.text.parse::<f64>().is_err() => json!([self.text, short(value)]),
            _ => json!(self.text),
        }
    }
}

/// Seven significant digits: enough to sort by and to draw.
pub fn short(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}

/// JSON that may stand in a script element, which only `<` could end early.
pub fn embedded(json: &str) -> PreEscaped<String> {
    PreEscaped(json.replace('<', "\\u003c"))
}

/// A case's id as a link to the case, with places where a narrow column may break it.
pub fn case_link(case: &str) -> Markup {
    let mut parts = case.split('/');
    let first = parts.next().unwrap_or_default();
    html! { a href={ "#" (case) } { (first) @for part in parts { "/" wbr; (part) } } }
}

/// A status as a label.
pub fn tag(status: &str) -> Markup {
    html! { span class={ "tag " (status) } { (status) } }
}

/// A whole table in a frame that scrolls sideways; `name` is its caption for screen readers.
pub fn small_table(id: &str, name: &str, columns: &[Column], rows: &[Vec<Cell>]) -> Markup {
    html! { div.table data-table=(id) { (scroller(name, columns, rows, false)) } }
}

/// A table of any number of cases, the first column their ids, that filters and turns pages. The first page is in the
/// document; a script makes the others from data when they are looked at. Rows of `anchors` have the case's id.
pub fn large_table(id: &str, name: &str, columns: &[Column], rows: &[Vec<Cell>], anchors: bool) -> Markup {
    let data: Vec<Vec<Value>> = rows.iter().map(|row| row.iter().map(Cell::json).collect()).collect();
    let data = serde_json::to_string(&data).expect("plain data");
    let first_page = &rows[..rows.len().min(ROWS_ON_A_PAGE)];
    html! {
        div.table data-table=(id) {
            div.tools {
                input type="search" placeholder={ "Filter " (rows.len()) " rows by words" } aria-label={ "Filter " (name) };
                output aria-live="polite" {}
            }
            (scroller(name, columns, first_page, anchors))
            div.pager hidden {
                button type="button" data-turn="-1" { "Previous rows" }
                span.range {}
                button type="button" data-turn="1" { "Next rows" }
            }
            @if rows.len() > first_page.len() {
                noscript { p.hint { "The other rows need scripts to be shown; the run's CSV files have them all." } }
            }
            script type="application/json" { (embedded(&data)) }
        }
    }
}

fn scroller(name: &str, columns: &[Column], rows: &[Vec<Cell>], anchors: bool) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(name) {
            table {
                caption { (name) }
                thead {
                    tr {
                        @for column in columns {
                            th scope="col" aria-sort="none" data-alone=(column.alone) data-kind=(column.kind.name())
                                class=[column.kind.is_numeric().then_some("num")] {
                                button type="button" {
                                    (column.heading)
                                    @if !column.unit.is_empty() { " " small { (column.unit) } }
                                }
                            }
                        }
                    }
                }
                tbody {
                    @for row in rows {
                        tr id=[row.first().filter(|_| anchors).map(|cell| &cell.text)] {
                            @for (place, (column, cell)) in columns.iter().zip(row).enumerate() {
                                (cell_markup(column.kind, cell, place == 0))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn cell_markup(kind: Kind, cell: &Cell, first: bool) -> Markup {
    let (text, value) = (&cell.text, cell.value);
    match kind {
        Kind::Case if first => html! { th.case scope="row" { (case_link(text)) } },
        Kind::Case => html! { td.case { (case_link(text)) } },
        _ if first => html! { th scope="row" { (text) } },
        Kind::Words => html! { td { (text) } },
        Kind::Number => html! { td.num data-value=[value] { (text) } },
        Kind::Share => html! {
            td.num.share data-value=[value] style=[value.map(|share| format!("--share:{:.3}", share.min(1.0)))] { (text) }
        },
        Kind::Count(status) => {
            let class = if value == Some(0.0) { "none" } else { status.name() };
            html! { td class={ "num count " (class) } data-value=[value] { (text) } }
        }
        Kind::Status => html! { td { (tag(text)) } },
        Kind::Flags => {
            html! { td.flags { @for flag in text.split_terminator(", ") { span.flag { (flag) } } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_short_as_they_can_be() {
        let percent = number(Some(0.123_456_789), |value| format!("{:.1} %", value * 100.0));
        assert_eq!(percent.json().to_string(), "[\"12.3 %\",0.1234568]");
        assert_eq!(number(Some(4.1192), |value| format!("{value:.3}")).json(), "4.119");
        assert_eq!(number(None, |_| unreachable!()).json(), "");
    }

    #[test]
    fn data_cannot_end_its_element() {
        let rows = vec![vec![word("a/</script>b")]];
        let page = large_table("t", "T", &[Column::new("Case", Kind::Case)], &rows, true).into_string();
        assert_eq!(page.matches("</script>").count(), 1, "{page}");
    }
}
