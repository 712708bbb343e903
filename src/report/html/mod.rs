//! `index.html`: one file that needs nothing else, not even a network.

mod case_facts;
mod definitions;
mod failures;
mod figures;
mod measurements;
mod numbers;
mod one_case;
mod overlay;
mod overview;
mod page;
mod provenance;
mod table;
mod verdicts;

pub use overlay::render_overlay;
pub use page::render_page;

// For pages about what is no suite of cases.
pub use figures::figures;
pub use numbers::{bytes, grouped, percent, significant};
pub use page::{Section, document, sections_of};
pub use table::{Cell, Column, large_table, number, numbers, shares, small_table, word, words};
