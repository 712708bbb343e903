//! Two distributions over one axis: the base's above it, the candidate's below.

use std::fmt::Write as _;

use crate::profiling::statistics::{median, percentile, sorted};

use super::case::Distributions;

const WIDTH: f64 = 560.0;
const HALF_HEIGHT: f64 = 56.0;
const MARGIN: f64 = 8.0;
const LABEL_HEIGHT: f64 = 20.0;
const BINS: usize = 56;

/// An SVG of both histograms with their medians. Values outside the middle 98 % of both sides are counted in the text
/// and not drawn. `None` without values.
pub(super) fn distribution_svg(distributions: &Distributions) -> Option<String> {
    let (base, candidate) = (sorted(&distributions.base), sorted(&distributions.candidate));
    let low = percentile(&base, 1.0)?.min(percentile(&candidate, 1.0)?);
    let high = percentile(&base, 99.0)?.max(percentile(&candidate, 99.0)?);
    let span = if high > low { high - low } else { low.abs().max(1e-9) * 0.01 };
    let place = |value: f64| MARGIN + (value - low) / span * (WIDTH - 2.0 * MARGIN);
    let middle = HALF_HEIGHT + LABEL_HEIGHT;
    let (height, bin_width) = (2.0 * middle, (WIDTH - 2.0 * MARGIN) / BINS as f64);
    let outside = [&base, &candidate].map(|side| side.iter().filter(|us| **us < low || **us > high).count());
    let (base_median, candidate_median) = (median(&base)?, median(&candidate)?);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Samples of the base, median {base_median:.3} µs, \
         above those of the candidate, median {candidate_median:.3} µs; {} and {} further out are not drawn\">",
        outside[0], outside[1]
    );
    for (side, class, direction) in [(&base, "base", -1.0), (&candidate, "candidate", 1.0)] {
        let counts = histogram(side, low, span);
        let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
        for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let tall = *count as f64 / most * HALF_HEIGHT;
            let (x, y) = (MARGIN + bin as f64 * bin_width, if direction < 0.0 { middle - tall } else { middle });
            // Writing to a string cannot fail.
            let _ = write!(
                svg,
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{tall:.1}\"/>",
                bin_width - 0.6
            );
        }
    }
    let marks = [(base_median, "base", 0.0, LABEL_HEIGHT - 6.0), (candidate_median, "candidate", middle, height - 5.0)];
    for (value, class, top, label) in marks {
        let (x, anchor) = (place(value), if place(value) > WIDTH / 2.0 { "end" } else { "start" });
        let bottom = if top == 0.0 { middle } else { height };
        let _ = write!(
            svg,
            "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{label:.1}\" text-anchor=\"{anchor}\" dx=\"{}\">{class} {value:.3} µs</text>",
            if anchor == "end" { -4 } else { 4 }
        );
    }
    let _ = write!(svg, "<line class=\"axis\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{middle}\" y2=\"{middle}\"/></svg>");
    Some(svg)
}

/// Counts per bin of the values from `low` to `low + span`.
fn histogram(values: &[f64], low: f64, span: f64) -> [usize; BINS] {
    let mut counts = [0; BINS];
    for value in values {
        let share = (value - low) / span;
        if (0.0..=1.0).contains(&share) {
            counts[((share * BINS as f64) as usize).min(BINS - 1)] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_inside_is_counted_once_and_none_gives_no_picture() {
        let counts = histogram(&[0.0, 0.5, 1.0, 1.1, -0.1], 0.0, 1.0);
        assert_eq!((counts.iter().sum::<usize>(), counts[0], counts[BINS / 2], counts[BINS - 1]), (3, 1, 1, 1));
        assert_eq!(distribution_svg(&Distributions { base: Vec::new(), candidate: vec![1.0] }), None);
    }

    #[test]
    fn equal_values_are_drawn_too() {
        let svg = distribution_svg(&Distributions { base: vec![20.0; 9], candidate: vec![20.0; 9] }).expect("values");
        assert!(svg.contains("class=\"base\"") && svg.contains("class=\"candidate\"") && !svg.contains("NaN"), "{svg}");
    }
}
