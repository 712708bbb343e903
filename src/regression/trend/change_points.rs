//! Change points of a series of times.
//!
//! The method is E-divisive (see `energy`) with a t-test in place of the permutation test, in sliding windows, with a
//! weak first pass and a merging second one: Fleming, Kołaczkowski and others, "Hunter: Using Change Point Detection to
//! Hunt for Performance Regressions" (2023), as in Apache Otava. Nothing is drawn at random: a series always gives the
//! same points. `change_points_tests` holds it against Otava.

use std::ops::Range;

use serde::Serialize;

use crate::profiling::statistics::{mean, student};

use super::energy::{Distances, Split};

/// When a change counts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChangePointSettings {
    /// Values that are looked at together; windows overlap by half.
    pub window: usize,
    /// Largest p-value of a change. The first pass takes ten times as much.
    pub p_value: f64,
    /// Least relative change of the mean that counts, 0.01 for 1 %.
    pub least_effect: f64,
}

impl Default for ChangePointSettings {
    fn default() -> Self {
        Self { window: 50, p_value: 0.001, least_effect: 0.01 }
    }
}

/// A place where a series changed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ChangePoint {
    /// First value after the change.
    pub index: usize,
    /// Student's test of the values between the change before and this one against those up to the next one.
    pub p_value: f64,
    /// Means of those two pieces.
    pub before: f64,
    pub after: f64,
}

impl ChangePoint {
    /// `None` where the piece cannot be judged: two values in all.
    fn between(values: &[f64], left: Range<usize>, right: Range<usize>) -> Option<Self> {
        let (index, left, right) = (right.start, &values[left], &values[right]);
        Some(Self { index, p_value: student(left, right)?, before: mean(left)?, after: mean(right)? })
    }

    /// Relative change: +0.03 is 3 % more than before.
    pub fn change(&self) -> f64 {
        relative(self.before, self.after)
    }

    /// The change as seen from the side from which it looks larger.
    fn magnitude(&self) -> f64 {
        self.change().abs().max(relative(self.after, self.before).abs())
    }
}

fn relative(from: f64, to: f64) -> f64 {
    if from == 0.0 { 0.0 } else { to / from - 1.0 }
}

/// The changes of a series, in its order. Values that are no numbers must have been left out before.
pub fn change_points(values: &[f64], settings: &ChangePointSettings) -> Vec<ChangePoint> {
    merge(values, weak_points(values, settings), settings)
}

/// First pass: indices of everything that may be a change, from overlapping windows.
pub(super) fn weak_points(values: &[f64], settings: &ChangePointSettings) -> Vec<usize> {
    let window = settings.window.max(2);
    // Ten times as much, as long as that is still small.
    let p_value = match settings.p_value {
        small if small < 0.05 => 10.0 * small,
        medium if medium < 0.5 => 2.0 * medium,
        large => large,
    };
    let mut found: Vec<usize> = Vec::new();
    let mut start = 0;
    while start < values.len() {
        let end = (start + window).min(values.len());
        let of_window = divide(&values[start..end], p_value);
        // The next window begins at the last change, so that what follows it is seen whole.
        let last = of_window.last().map_or(0, |index| start + index);
        found.extend(of_window.into_iter().map(|index| start + index));
        start = last.max(start + window / 2);
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Splits a window again and again where its pieces differ most, until that is no significant difference.
fn divide(values: &[f64], p_value: f64) -> Vec<usize> {
    let distances = Distances::new(values);
    let mut found: Vec<usize> = Vec::new();
    loop {
        let mut best = None;
        for piece in pieces(&found, values.len()) {
            let Some(split) = distances.best_split(piece.clone()) else { continue };
            if best.as_ref().is_none_or(|(known, _): &(Split, _)| split.statistic > known.statistic) {
                best = Some((split, piece));
            }
        }
        let Some((split, piece)) = best else { return found };
        let point = ChangePoint::between(values, piece.start..split.index, split.index..piece.end);
        if !point.is_some_and(|point| point.p_value <= p_value) {
            return found;
        }
        let place = found.partition_point(|index| *index < split.index);
        found.insert(place, split.index);
    }
}

/// The pieces that a series of `count` values falls into.
fn pieces(points: &[usize], count: usize) -> Vec<Range<usize>> {
    let starts = std::iter::once(0).chain(points.iter().copied());
    let ends = points.iter().copied().chain(std::iter::once(count));
    starts.zip(ends).map(|(start, end)| start..end).filter(|piece| !piece.is_empty()).collect()
}

/// Second pass: takes the weakest point away until each of the rest is significant and large enough.
fn merge(values: &[f64], mut indices: Vec<usize>, settings: &ChangePointSettings) -> Vec<ChangePoint> {
    loop {
        let around = pieces(&indices, values.len());
        let points: Vec<ChangePoint> = around
            .windows(2)
            .map(|pair| {
                // Two values in all say nothing: such a point is the weakest.
                ChangePoint::between(values, pair[0].clone(), pair[1].clone()).unwrap_or(ChangePoint {
                    index: pair[1].start,
                    p_value: 1.0,
                    before: values[pair[0].start],
                    after: values[pair[1].start],
                })
            })
            .collect();
        let unlikely = first_by(&points, |point, weakest| point.p_value > weakest.p_value);
        let small = first_by(&points, |point, least| point.magnitude() < least.magnitude());
        let (Some(unlikely), Some(small)) = (unlikely, small) else { return points };
        let removed = match points[unlikely].p_value < settings.p_value {
            false => unlikely,
            true if points[small].magnitude() > settings.least_effect => return points,
            true => small,
        };
        indices.remove(removed);
    }
}

/// The place of the first point that no other one beats.
fn first_by(points: &[ChangePoint], beats: impl Fn(&ChangePoint, &ChangePoint) -> bool) -> Option<usize> {
    (0..points.len()).reduce(|best, place| if beats(&points[place], &points[best]) { place } else { best })
}
