//! What every number on the page means.

use maud::{Markup, html};

use crate::sweep::Flag;

use super::super::run_data::RunData;

const CORRECTNESS: &[(&str, &str)] = &[
    (
        "Passed",
        "every output of the case is inside its gate against the f64 reference, and nothing was written elsewhere",
    ),
    ("Failed", "the case ran, and its result is wrong"),
    ("Errored", "the case could not run: out of memory, a launch error, a time-out"),
    (
        "ULP",
        "distance from the rounded reference in units in the last place of the storage type; NaN where a NaN met a number",
    ),
    ("NMSE", "mean squared error over mean square of the unrounded reference"),
    ("Bit-equal", "share of elements that equal the rounded reference bit for bit"),
    ("Host time", "seconds for inputs, reference, launches and judging together"),
];

const TIMING: &[(&str, &str)] = &[
    ("Cold", "one launch after twice the size of all caches was written over them; median of the accepted samples"),
    (
        "Hot",
        "launches back to back over copies of the buffers in turn, time over launches; median of the accepted samples",
    ),
    (
        "95 % interval",
        "confidence interval of the median from the samples' ranks, wider where samples resemble their neighbours; none of too few",
    ),
    (
        "Samples",
        "accepted samples; in brackets those that were rejected because they were not positive or beat the roof",
    ),
    ("Moved", "algorithmic bytes: each input read once, each output written once"),
    ("GB/s", "bytes moved over the median, 10⁹ bytes per second"),
    (
        "Floor",
        "the least time that the roofs measured in this run allow: bytes at the better copy bandwidth or operations at the multiply-add rate, whichever takes longer and so binds",
    ),
    ("of roof", "the floor over the median; none where the memory binds and the buffers stay in the caches"),
    ("Cold ÷ hot", "how many times as long the cold launch takes, by the medians"),
];

pub fn definitions(run: &RunData) -> Markup {
    let measured = !run.measurements.is_empty();
    html! {
        dl.facts {
            @for (name, meaning) in CORRECTNESS { div { dt { (name) } dd { (meaning) } } }
            @if measured {
                @for (name, meaning) in TIMING { div { dt { (name) } dd { (meaning) } } }
                @for flag in Flag::ALL { div { dt { (flag) } dd { (flag.meaning()) } } }
            }
        }
    }
}
