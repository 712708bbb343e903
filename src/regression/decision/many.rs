//! Many cases at once: some would look changed by chance.

use crate::profiling::statistics::benjamini_hochberg;

use super::reason::Reason;
use super::verdict::{Decision, Verdict};

/// Share of false alarms among all alarms that is accepted.
pub const FALSE_DISCOVERY_RATE: f64 = 0.01;

/// Takes back the alarms of a family of decisions that chance explains: those whose p-value, adjusted after
/// Benjamini and Hochberg ("Controlling the False Discovery Rate", 1995), exceeds `rate`, become AMBIGUOUS.
///
/// The false discovery rate is what both uses need. Where nothing changed at all, every alarm is false, so the rate
/// is the chance of any alarm: a gate over a thousand cases stays quiet as a gate over one. Where one kernel slowed
/// three hundred cases, Holm's correction would hide the weaker ones of them; here at most that share of the list
/// is wrong. Times of one kernel rise and fall together, which the method allows (Benjamini and Yekutieli, 2001).
/// Decisions without a p-value (exact counts, identical code) are no part of the family.
pub fn correct_for_many<'a>(decisions: impl IntoIterator<Item = &'a mut Decision>, rate: f64) {
    let mut family: Vec<&mut Decision> = decisions.into_iter().filter(|decision| decision.p_value.is_some()).collect();
    let p_values: Vec<f64> = family.iter().filter_map(|decision| decision.p_value).collect();
    for (decision, adjusted) in family.iter_mut().zip(benjamini_hochberg(&p_values)) {
        // Not `adjusted > rate`: what is not a number must not pass.
        let stands = adjusted <= rate;
        if decision.verdict.is_change() && !stands {
            decision.verdict = Verdict::Ambiguous;
            decision.reasons.retain(|reason| *reason != Reason::ClearChange);
            decision.reasons.insert(0, Reason::ManyCases);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pair, Thresholds, decide_pairs};
    use super::*;

    fn decision(ratio: f64, pairs: usize) -> Decision {
        decide_pairs(&vec![Pair { base: 1.0, candidate: ratio }; pairs], &Thresholds::new(0.01, Some(0.01)))
    }

    #[test]
    fn one_weak_alarm_among_many_is_taken_back_and_a_strong_one_stands() {
        // Twelve equal signs have p = 0.00049: adjusted for 100 cases 0.049. Thirty have 2e-9.
        let mut decisions: Vec<Decision> = (0..98).map(|_| decision(1.0, 12)).collect();
        decisions.extend([decision(1.05, 12), decision(1.05, 30)]);
        correct_for_many(&mut decisions, FALSE_DISCOVERY_RATE);
        assert_eq!((decisions[98].verdict, decisions[98].reasons[0]), (Verdict::Ambiguous, Reason::ManyCases));
        assert_eq!(decisions[99].verdict, Verdict::Slower);
        assert!(decisions[..98].iter().all(|decision| decision.verdict == Verdict::Same));
    }

    #[test]
    fn many_alarms_support_each_other_and_exact_counts_are_not_weighed() {
        let mut decisions: Vec<Decision> = (0..50).map(|_| decision(1.0, 12)).collect();
        decisions.extend((0..50).map(|_| decision(1.05, 12)));
        decisions.push(decide_pairs(&[Pair { base: 100.0, candidate: 150.0 }], &Thresholds::of_counts(0.01)));
        correct_for_many(&mut decisions, FALSE_DISCOVERY_RATE);
        assert!(decisions[50..].iter().all(|decision| decision.verdict == Verdict::Slower));
        correct_for_many(std::iter::empty(), FALSE_DISCOVERY_RATE);
    }
}
