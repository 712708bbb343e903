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
