//! Tables that sort and filter.

use maud::{Markup, html};

/// A column's heading and what its cells hold.
#[derive(Clone, Copy)]
pub struct Column {
    pub heading: &'static str,
    pub unit: &'static str,
    pub numeric: bool,
}

/// A column of words.
pub const fn words(heading: &'static str) -> Column {
    Column { heading, unit: "", numeric: false }
}

/// A column of numbers, right-aligned; `unit` stands under the heading.
pub const fn numbers(heading: &'static str, unit: &'static str) -> Column {
    Column { heading, unit, numeric: true }
}

/// A cell of words.
pub fn word_cell(text: &str) -> Markup {
    html! { td { (text) } }
}

/// A cell that sorts by `value`; an empty cell sorts last.
pub fn number_cell(value: Option<f64>, text: &str) -> Markup {
    match value {
        Some(value) => html! { td.num data-value=(value) { (text) } },
        None => html! { td.num {} },
    }
}

/// A whole table in a frame that scrolls sideways. `name` is its caption for screen readers and, with `filter`,
/// what its filter field says.
pub fn table(name: &str, columns: &[Column], filter: bool, rows: &[Markup]) -> Markup {
    html! {
        div.table {
            @if filter {
                div.tools {
                    input type="search" placeholder={ "Filter " (rows.len()) " rows" } aria-label={ "Filter " (name) };
                    output aria-live="polite" {}
                }
            }
            div.scroll tabindex="0" role="region" aria-label=(name) {
                table {
                    caption { (name) }
                    thead {
                        tr {
                            @for column in columns {
                                th scope="col" aria-sort="none" class=[column.numeric.then_some("num")] {
                                    button type="button" {
                                        (column.heading)
                                        @if !column.unit.is_empty() { " " small { (column.unit) } }
                                    }
                                }
                            }
                        }
                    }
                    tbody { @for row in rows { (row) } }
                }
            }
        }
    }
}
