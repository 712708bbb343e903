//! The verdict on interleaved pairs.

use serde::{Deserialize, Serialize};

use crate::profiling::statistics::{Alternative, Interval, shift_of_pairs, signed_rank};

use super::classify::{Evidence, classify, refused};
use super::noise::{ASSUMED_NOISE_OF_PAIRS, chance_with_noise, widened};
use super::reason::Reason;
use super::thresholds::Thresholds;
use super::verdict::{Decision, Verdict};

/// Medians of two blocks of samples taken next to each other in time: seconds per launch, or emulator steps.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    pub base: f64,
    pub candidate: f64,
}

impl Pair {
    /// The log ratio. None unless both are positive and their ratio can be written down.
    fn log_ratio(&self) -> Option<f64> {
        let usable = |value: f64| value > 0.0 && value.is_finite();
        let ratio = usable(self.base) && usable(self.candidate);
        ratio.then(|| self.candidate.ln() - self.base.ln()).filter(|ratio| ratio.exp_m1().is_finite())
    }
}

/// Weighs pairs: the Hodges–Lehmann shift of their log ratios with the exact signed-rank interval (Tukey's), so
/// that what drifts along both sides of a pair cancels, and a few outliers do not count by their size. What
/// stays the same over all pairs (an offset of one process) is not in the interval that is shown: an alarm must be
/// clear of that noise and of the pairs' own spread taken together.
pub fn decide_pairs(pairs: &[Pair], thresholds: &Thresholds) -> Decision {
    let threshold = thresholds.threshold(ASSUMED_NOISE_OF_PAIRS);
    if pairs.is_empty() {
        return refused(Verdict::Underpowered, Reason::NoValues, threshold, 0);
    }
    let Some(ratios) = pairs.iter().map(Pair::log_ratio).collect::<Option<Vec<f64>>>() else {
        return refused(Verdict::Ambiguous, Reason::InvalidValue, threshold, pairs.len());
    };
    if thresholds.deterministic {
        return decide_counts(pairs, threshold);
    }
    let interval_at = |confidence| shift_of_pairs(&ratios, confidence);
    let Some(shift) = interval_at(thresholds.confidence) else {
        return refused(Verdict::Underpowered, Reason::NoValues, threshold, 0);
    };
    let noise = thresholds.noise_or(ASSUMED_NOISE_OF_PAIRS);
    let sampled = thresholds.alarm.and_then(|level| interval_at(level)?.interval);
    // None when all ratios are zero: nothing speaks against "no change".
    let chance = signed_rank(&ratios, Alternative::TwoSided).map_or(1.0, |test| test.p_value);
    let evidence = Evidence {
        shift: shift.estimate,
        interval: shift.interval,
        alarm_interval: sampled.map(|interval| widened(interval, shift.estimate, noise)),
        sampling_reach: sampled.map(|interval| interval.width() / 2.0),
        p_value: chance_with_noise(chance, shift.estimate, noise),
        count: pairs.len(),
    };
    classify(&evidence, thresholds, ASSUMED_NOISE_OF_PAIRS)
}

/// Counts have no spread: a difference is exact, and one pair tells it. Counts that do not repeat are no counts.
fn decide_counts(pairs: &[Pair], threshold: f64) -> Decision {
    if pairs.iter().any(|pair| *pair != pairs[0]) {
        return refused(Verdict::Ambiguous, Reason::CountsVary, threshold, pairs.len());
    }
    let shift = (pairs[0].candidate - pairs[0].base) / pairs[0].base;
    let verdict = match shift {
        shift if shift > threshold => Verdict::Slower,
        shift if shift < -threshold => Verdict::Faster,
        _ => Verdict::Same,
    };
    Decision {
        verdict,
        shift: Some(shift),
        interval: Some(Interval { low: shift, high: shift }),
        threshold,
        least_detectable: Some(threshold),
        p_value: None,
        pairs: pairs.len(),
        reasons: vec![Reason::ExactCounts],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Pairs around a ratio, each a tenth of a per cent from the next.
    fn pairs(ratio: f64, count: usize) -> Vec<Pair> {
        let place = |i: usize| 1.0 + 0.001 * ((i * 7 % count) as f64 - (count as f64 - 1.0) / 2.0) / count as f64;
        (0..count).map(|i| Pair { base: 20e-6, candidate: 20e-6 * ratio * place(i) }).collect()
    }

    fn verdict(pairs: &[Pair]) -> (Verdict, Vec<Reason>) {
        let decision = decide_pairs(pairs, &Thresholds::new(0.01, Some(0.005)));
        (decision.verdict, decision.reasons)
    }

    #[test]
    fn a_clear_shift_is_told_with_its_size() {
        let decision = decide_pairs(&pairs(1.03, 12), &Thresholds::new(0.01, Some(0.005)));
        assert_eq!(decision.verdict, Verdict::Slower);
        assert!((decision.shift.unwrap() - 0.03).abs() < 1e-4 && decision.interval.unwrap().contains(0.03));
        assert_eq!(decision.reasons, [Reason::ClearChange, Reason::NoiseCalibrated]);
        assert_eq!((decision.threshold, decision.pairs), (0.01, 12));
        assert_eq!(verdict(&pairs(0.97, 12)).0, Verdict::Faster);
        assert_eq!(verdict(&pairs(1.0, 12)).0, Verdict::Same);
    }

    #[test]
    fn a_shift_between_none_and_what_matters_is_ambiguous() {
        assert_eq!(verdict(&pairs(1.01, 30)).0, Verdict::Ambiguous);
    }

    #[test]
    fn noise_above_the_least_effect_raises_the_threshold_and_says_so() {
        let decision = decide_pairs(&pairs(1.012, 30), &Thresholds::new(0.01, None));
        assert_eq!((decision.verdict, decision.threshold), (Verdict::Same, ASSUMED_NOISE_OF_PAIRS));
        assert_eq!(decision.reasons, [Reason::WithinThreshold, Reason::NoiseAssumed, Reason::NoiseOverEffect]);
    }

    #[test]
    fn six_pairs_raise_no_alarm_and_twelve_do() {
        assert_eq!(
            verdict(&pairs(1.5, 6)),
            (Verdict::Underpowered, vec![Reason::TooFewValues, Reason::NoiseCalibrated])
        );
        assert_eq!(verdict(&pairs(1.5, 12)).0, Verdict::Slower);
    }

    #[test]
    fn wide_spread_is_underpowered_with_the_change_that_could_have_been_told() {
        let wide: Vec<Pair> =
            (0..12).map(|i| Pair { base: 1.0, candidate: if i % 2 == 0 { 1.1 } else { 0.9 } }).collect();
        let decision = decide_pairs(&wide, &Thresholds::new(0.01, Some(0.005)));
        assert_eq!((decision.verdict, decision.reasons[0]), (Verdict::Underpowered, Reason::TooNoisy));
        assert!(decision.least_detectable.unwrap() > 0.05);
    }

    #[test]
    fn counts_are_exact_from_one_pair_on() {
        let decide = |base: f64, candidate: f64, least: f64| {
            let decision = decide_pairs(&[Pair { base, candidate }], &Thresholds::of_counts(least));
            assert_eq!(decision.reasons, [Reason::ExactCounts]);
            decision.verdict
        };
        assert_eq!(decide(1000.0, 1030.0, 0.01), Verdict::Slower);
        assert_eq!(decide(1000.0, 1010.0, 0.01), Verdict::Same);
        assert_eq!(decide(1000.0, 1001.0, 0.0), Verdict::Slower);
        assert_eq!(decide(1000.0, 900.0, 0.01), Verdict::Faster);
        let varying = [Pair { base: 1000.0, candidate: 1000.0 }, Pair { base: 1000.0, candidate: 1001.0 }];
        let decision = decide_pairs(&varying, &Thresholds::of_counts(0.01));
        assert_eq!((decision.verdict, decision.reasons[0]), (Verdict::Ambiguous, Reason::CountsVary));
    }

    #[test]
    fn nothing_is_never_the_same() {
        let none = decide_pairs(&[], &Thresholds::new(0.01, None));
        assert_eq!((none.verdict, none.shift), (Verdict::Underpowered, None));
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for thresholds in [Thresholds::new(0.01, None), Thresholds::of_counts(0.01)] {
                for place in 0..2 {
                    let mut values = pairs(1.0, 30);
                    if place == 0 {
                        values[4].base = bad
                    } else {
                        values[4].candidate = bad
                    }
                    let decision = decide_pairs(&values, &thresholds);
                    assert_eq!(decision.verdict, Verdict::Ambiguous, "{bad}");
                    assert_eq!((decision.shift, decision.reasons[0]), (None, Reason::InvalidValue));
                }
            }
        }
        let extreme = decide_pairs(&[Pair { base: 1e-308, candidate: 1e308 }], &Thresholds::of_counts(0.01));
        assert_eq!(extreme.verdict, Verdict::Ambiguous);
    }

    proptest! {
        #[test]
        fn swapping_the_sides_turns_the_verdict(
            ratios in prop::collection::vec(-0.1..0.1f64, 1..40),
            noise in prop::option::of(0.0..0.05f64),
        ) {
            let there: Vec<Pair> = ratios.iter().map(|r| Pair { base: 1.0, candidate: r.exp() }).collect();
            let back: Vec<Pair> = there.iter().map(|p| Pair { base: p.candidate, candidate: p.base }).collect();
            let thresholds = Thresholds::new(0.01, noise);
            let (there, back) = (decide_pairs(&there, &thresholds), decide_pairs(&back, &thresholds));
            // Relative changes are not symmetric about zero, so only the signs are compared.
            prop_assert!(!(there.verdict == Verdict::Slower && back.verdict == Verdict::Slower));
            prop_assert!(!(there.verdict == Verdict::Faster && back.verdict == Verdict::Faster));
            let sum = there.shift.unwrap().ln_1p() + back.shift.unwrap().ln_1p();
            prop_assert!(sum.abs() < 1e-9);
        }

        #[test]
        fn the_order_of_pairs_and_the_unit_do_not_matter(
            ratios in prop::collection::vec(-0.1..0.1f64, 1..40),
            power in -20i32..20,
        ) {
            let unit = 2f64.powi(power);
            let mut there: Vec<Pair> = ratios.iter().map(|r| Pair { base: 1.0, candidate: r.exp() }).collect();
            let thresholds = Thresholds::new(0.01, Some(0.01));
            let first = decide_pairs(&there, &thresholds);
            there.reverse();
            let scaled: Vec<Pair> =
                there.iter().map(|p| Pair { base: p.base * unit, candidate: p.candidate * unit }).collect();
            let second = decide_pairs(&scaled, &thresholds);
            prop_assert_eq!(first.verdict, second.verdict);
            prop_assert!((first.shift.unwrap() - second.shift.unwrap()).abs() < 1e-9);
        }
    }
}
