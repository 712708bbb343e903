//! P-values of many cases, corrected for there being many.

/// Holm's adjusted p-values, in the order given: rejecting those at most α keeps the chance of even one false
/// alarm within α, whatever the cases have to do with each other (Holm, "A Simple Sequentially Rejective
/// Multiple Test Procedure", 1979).
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &place) in order.iter().enumerate() {
        largest = largest.max(p_values[place] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[place] = largest;
    }
    adjusted
}

/// Benjamini and Hochberg's adjusted p-values, in the order given: among those at most α, the expected share
/// of false alarms is within α ("Controlling the False Discovery Rate", 1995).
pub fn benjamini_hochberg(p_values: &[f64]) -> Vec<f64> {
    let order = ascending(p_values);
    let mut adjusted = vec![0.0; p_values.len()];
    let mut smallest: f64 = 1.0;
    for (rank, &place) in order.iter().enumerate().rev() {
        smallest = smallest.min(p_values[place] * p_values.len() as f64 / (rank + 1) as f64);
        adjusted[place] = smallest;
    }
    adjusted
}

fn ascending(p_values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&left, &right| p_values[left].total_cmp(&p_values[right]));
    order
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_case_needs_no_correction() {
        assert_eq!(holm(&[0.03]), [0.03]);
        assert_eq!(benjamini_hochberg(&[0.03]), [0.03]);
        assert!(holm(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn corrections_only_raise_and_holm_is_the_stricter(p_values in prop::collection::vec(0.0..=1.0f64, 1..50)) {
            let (strict, lenient) = (holm(&p_values), benjamini_hochberg(&p_values));
            for place in 0..p_values.len() {
                prop_assert!(p_values[place] <= lenient[place] + 1e-15);
                prop_assert!(lenient[place] <= strict[place] + 1e-15 && strict[place] <= 1.0);
            }
            let mut backwards = p_values.clone();
            backwards.reverse();
            let mut expected = strict;
            expected.reverse();
            prop_assert_eq!(holm(&backwards), expected);
        }
    }
}
