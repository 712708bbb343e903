//! Where a piece of a series is best split: the energy statistic of Matteson and James.
//!
//! Source: Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data",
//! Journal of the American Statistical Association 109 (2014), section 2, with alpha = 1 and one dimension.

use std::ops::Range;

/// Where a piece is split best, and how far apart its two sides are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Split {
    /// First value of the right side.
    pub index: usize,
    /// The scaled distance between the left side and what follows it: zero or less for sides that are alike.
    pub statistic: f64,
}

/// Sums of |x_i - x_j| over any rectangle of pairs, in constant time each.
pub struct Distances {
    count: usize,
    /// `sums[i * (count + 1) + j]` is the sum over the first i and the first j values.
    sums: Vec<f64>,
}

impl Distances {
    /// Takes time and memory of the square of the number of values.
    pub fn new(values: &[f64]) -> Self {
        let count = values.len();
        let width = count + 1;
        let mut sums = vec![0.0; width * width];
        for (i, first) in values.iter().enumerate() {
            let mut row = 0.0;
            for (j, second) in values.iter().enumerate() {
                row += (first - second).abs();
                sums[(i + 1) * width + j + 1] = sums[i * width + j + 1] + row;
            }
        }
        Self { count, sums }
    }

    fn up_to(&self, i: usize, j: usize) -> f64 {
        self.sums[i * (self.count + 1) + j]
    }

    fn between(&self, left: Range<usize>, right: Range<usize>) -> f64 {
        self.up_to(left.end, right.end) - self.up_to(left.start, right.end) - self.up_to(left.end, right.start)
            + self.up_to(left.start, right.start)
    }

    /// Distances of the pairs inside a range, each pair once.
    fn within(&self, range: Range<usize>) -> f64 {
        self.between(range.clone(), range) / 2.0
    }

    /// The split of a range, and the end of its right side, that maximise the statistic; of equal ones the first. The
    /// right side may end early, so that a second change does not hide the first. `None` below two values.
    pub fn best_split(&self, range: Range<usize>) -> Option<Split> {
        let mut best: Option<Split> = None;
        for index in range.start + 1..range.end {
            for end in index + 1..=range.end {
                let statistic = self.statistic(range.start, index, end);
                if best.is_none_or(|best| statistic > best.statistic) {
                    best = Some(Split { index, statistic });
                }
            }
        }
        best
    }

    /// nm / (n + m) times the energy distance of the two sides: twice the mean distance between them, less the mean
    /// distance inside each.
    fn statistic(&self, start: usize, index: usize, end: usize) -> f64 {
        let (n, m) = ((index - start) as f64, (end - index) as f64);
        let inside = |range: Range<usize>, count: f64| match count {
            1.0 => 0.0,
            _ => self.within(range) / (count * (count - 1.0) / 2.0),
        };
        let between = 2.0 * self.between(start..index, index..end) / (n * m);
        n * m / (n + m) * (between - inside(start..index, n) - inside(index..end, m))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_pairs() {
        let distances = Distances::new(&[1.0, 4.0, 2.0, 10.0]);
        assert_eq!(distances.between(0..2, 2..4), 1.0 + 9.0 + 2.0 + 6.0);
        assert_eq!(distances.within(1..4), 2.0 + 6.0 + 8.0);
        assert_eq!(distances.within(2..3), 0.0);
    }

    #[test]
    fn a_step_splits_where_it_is_and_a_peak_does_not_hide_it() {
        let split = |values: &[f64]| Distances::new(values).best_split(0..values.len()).map(|split| split.index);
        assert_eq!(split(&[1.0, 1.0, 1.0, 3.0, 3.0]), Some(3));
        assert_eq!(split(&[1.0, 1.0, 1.0, 3.0, 3.0, 3.0, 1.0, 1.0, 1.0]), Some(3), "the right side ends early");
        assert_eq!((split(&[1.0, 2.0]), split(&[1.0]), split(&[])), (Some(1), None, None));
    }
}
