//! The order of a row's logits: larger first, equal ones by lower index, NaN behind -inf.

use std::cmp::Ordering;

/// Compares two positions of a row by that order. +0 and -0 are equal; no two positions are.
pub fn rank(values: &[f64], a: usize, b: usize) -> Ordering {
    let (left, right) = (values[a], values[b]);
    let by_value = match (left.is_nan(), right.is_nan()) {
        (false, false) => right.partial_cmp(&left).expect("neither is NaN"),
        (left, right) => left.cmp(&right),
    };
    by_value.then(a.cmp(&b))
}

/// The best `k` of the given positions, best first.
pub fn best(values: &[f64], mut positions: Vec<usize>, k: usize) -> Vec<usize> {
    if k == 0 {
        return Vec::new();
    }
    if k < positions.len() {
        positions.select_nth_unstable_by(k - 1, |&a, &b| rank(values, a, b));
        positions.truncate(k);
    }
    positions.sort_unstable_by(|&a, &b| rank(values, a, b));
    positions
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ties_zeros_infinities_and_nan_have_their_places() {
        let values = [f64::NAN, -0.0, f64::INFINITY, 0.0, f64::NEG_INFINITY, f64::NAN, -1.0];
        assert_eq!(best(&values, (0..7).collect(), 7), [2, 1, 3, 6, 4, 0, 5]);
        assert_eq!(best(&values, (0..7).collect(), 2), [2, 1]);
        assert!(best(&values, (0..7).collect(), 0).is_empty());
    }

    proptest! {
        #[test]
        fn the_best_k_are_a_prefix_of_a_stable_sort(levels in prop::collection::vec(-3i8..4, 1..200), k in 1usize..200) {
            let values: Vec<f64> = levels.iter().map(|&level| f64::from(level)).collect();
            let k = k.min(values.len());
            let mut sorted: Vec<usize> = (0..values.len()).collect();
            sorted.sort_by(|&a, &b| levels[b].cmp(&levels[a]));
            prop_assert_eq!(best(&values, (0..values.len()).collect(), k), sorted[..k].to_vec());
        }
    }
}
