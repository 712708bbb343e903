//! Pairs of neighbouring blocks: the base's medians above, the candidate's below, joined pair by pair.

use std::fmt::Write as _;

use super::case::{ComparedCase, Unit};
use super::text::value_text;

const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 120.0;
const MARGIN: f64 = 8.0;
/// Heights of the two rows of dots.
const ROWS: [f64; 2] = [36.0, 84.0];
const DOT: f64 = 3.5;

/// An SVG of all pairs over one axis of values. `None` without pairs, and for counts, which do not vary.
pub(super) fn paired_svg(case: &ComparedCase) -> Option<String> {
    if case.unit == Unit::Steps || case.pairs.is_empty() {
        return None;
    }
    let values = || case.pairs.iter().flat_map(|pair| [pair.base, pair.candidate]);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let span = if high > low { high - low } else { low.abs().max(1e-9) * 0.01 };
    let place = |value: f64| MARGIN + (value - low) / span * (WIDTH - 2.0 * MARGIN);
    let (base, candidate) = (value_text(&case.base, case.unit), value_text(&case.candidate, case.unit));
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{} pairs of blocks: the base's medians above, \
         {base} in the middle, joined to the candidate's below, {candidate}\">",
        case.pairs.len()
    );
    for pair in &case.pairs {
        let (from, to) = (place(pair.base), place(pair.candidate));
        // Writing to a string cannot fail.
        let _ = write!(
            svg,
            "<line class=\"axis\" x1=\"{from:.1}\" y1=\"{}\" x2=\"{to:.1}\" y2=\"{}\"/>\
             <circle class=\"base\" cx=\"{from:.1}\" cy=\"{}\" r=\"{DOT}\"/>\
             <circle class=\"candidate\" cx=\"{to:.1}\" cy=\"{}\" r=\"{DOT}\"/>",
            ROWS[0], ROWS[1], ROWS[0], ROWS[1]
        );
    }
    let labels =
        [("base", base, case.base.median, ROWS[0] - 18.0), ("candidate", candidate, case.candidate.median, 112.0)];
    for (side, text, median, y) in labels {
        let x = place(median?);
        let anchor = if x > WIDTH / 2.0 { "end" } else { "start" };
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{side} {text}</text>");
    }
    svg.push_str("</svg>");
    Some(svg)
}

#[cfg(test)]
mod tests {
    use super::super::case::SideValue;
    use super::*;
    use crate::backend::KernelAttributes;
    use crate::profiling::Mode;
    use crate::regression::decision::{Decision, Pair, Reason, Verdict};

    fn case(unit: Unit, pairs: Vec<Pair>) -> ComparedCase {
        let side = |median| SideValue {
            median,
            interval: None,
            n: pairs.len() as u64,
            clock_mhz: None,
            chain_steps_per_us: None,
            attributes: KernelAttributes::default(),
        };
        ComparedCase {
            case: "swiglu/f32/4x64/normal".to_string(),
            operation: "swiglu".to_string(),
            mode: Mode::Cold,
            unit,
            base: side(pairs.first().map(|pair| pair.base)),
            candidate: side(pairs.first().map(|pair| pair.candidate)),
            decision: Decision::unmeasured(Verdict::Slower, Reason::ClearChange),
            statics: Vec::new(),
            confirmation: None,
            distributions: None,
            pairs,
        }
    }

    #[test]
    fn every_pair_is_two_dots_and_a_line_and_equal_values_are_drawn_too() {
        let pairs = vec![Pair { base: 20.0, candidate: 21.0 }, Pair { base: 20.2, candidate: 21.1 }];
        let svg = paired_svg(&case(Unit::Microseconds, pairs)).expect("pairs");
        assert_eq!((svg.matches("<circle").count(), svg.matches("<line").count()), (4, 2));
        assert!(svg.contains("base 20.00 µs") && svg.contains("candidate 21.00 µs"), "{svg}");
        let svg = paired_svg(&case(Unit::Microseconds, vec![Pair { base: 20.0, candidate: 20.0 }])).expect("a pair");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn counts_and_code_that_was_not_measured_have_no_picture() {
        assert_eq!(paired_svg(&case(Unit::Steps, vec![Pair { base: 100.0, candidate: 150.0 }])), None);
        assert_eq!(paired_svg(&case(Unit::Microseconds, Vec::new())), None);
    }
}
