//! A change in time must also be one in clock cycles.

use super::reason::Reason;
use super::verdict::{Decision, Verdict};

/// Core clocks of both sides while they were measured, MHz; None where a device does not tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClockPair {
    pub base_mhz: Option<f64>,
    pub candidate_mhz: Option<f64>,
}

/// Holds a verdict of change against the clocks: when the change in cycles does not have the sign of the change in
/// time, a lower or higher clock may be all there is to it, and the verdict becomes AMBIGUOUS. Other verdicts stay:
/// a kernel bound by memory takes the same time at any core clock.
pub fn confirm_by_clocks(decision: Decision, clocks: &ClockPair) -> Decision {
    if !decision.verdict.is_change() || decision.reasons.contains(&Reason::ExactCounts) {
        return decision;
    }
    let usable = |clock: Option<f64>| clock.filter(|clock| clock.is_finite() && *clock > 0.0);
    let (Some(base), Some(candidate), Some(shift)) =
        (usable(clocks.base_mhz), usable(clocks.candidate_mhz), decision.shift)
    else {
        return decision.noting(Reason::ClocksUnknown);
    };
    let cycles = (1.0 + shift) * candidate / base - 1.0;
    let agrees = match decision.verdict {
        Verdict::Slower => cycles > 0.0,
        _ => cycles < 0.0,
    };
    if agrees {
        decision.noting(Reason::ClocksConfirm)
    } else {
        decision.revised(Verdict::Ambiguous, Reason::ClocksContradict)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Pair, Thresholds, decide_pairs};
    use super::*;

    fn confirmed(ratio: f64, base: Option<f64>, candidate: Option<f64>) -> (Verdict, Reason) {
        let pairs = [Pair { base: 1.0, candidate: ratio }; 12];
        let decision = decide_pairs(&pairs, &Thresholds::new(0.01, Some(0.01)));
        let decision = confirm_by_clocks(decision, &ClockPair { base_mhz: base, candidate_mhz: candidate });
        (decision.verdict, *decision.reasons.last().expect("a reason"))
    }

    #[test]
    fn a_change_stands_only_if_cycles_agree() {
        assert_eq!(confirmed(1.03, Some(1980.0), Some(1965.0)), (Verdict::Slower, Reason::ClocksConfirm));
        assert_eq!(confirmed(1.03, Some(1980.0), Some(1755.0)), (Verdict::Ambiguous, Reason::ClocksContradict));
        assert_eq!(confirmed(0.97, Some(1755.0), Some(1980.0)), (Verdict::Ambiguous, Reason::ClocksContradict));
        assert_eq!(confirmed(0.97, Some(1980.0), Some(1980.0)), (Verdict::Faster, Reason::ClocksConfirm));
    }

    #[test]
    fn clocks_that_are_not_known_neither_confirm_nor_contradict() {
        for clock in [None, Some(0.0), Some(f64::NAN)] {
            assert_eq!(confirmed(1.03, Some(1980.0), clock), (Verdict::Slower, Reason::ClocksUnknown));
        }
        assert_eq!(confirmed(1.0, Some(1980.0), Some(1000.0)).0, Verdict::Same);
    }
}
