//! A change in time must also be one in clock cycles.

use super::reason::Reason;
use super::verdict::{Decision, Verdict};

/// What is known of one side's core clock while it was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SideClock {
    /// Measured: steps of a dependent chain per microsecond, which move as the clock does. None on the emulator and in
    /// runs from before it was measured.
    pub steps_per_us: Option<f64>,
    /// What the driver said, MHz; None where it does not tell.
    pub said_mhz: Option<f64>,
}

/// Core clocks of both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClockPair {
    pub base: SideClock,
    pub candidate: SideClock,
}

impl ClockPair {
    /// The candidate's clock over the base's: as measured where both sides have that, else as the drivers said. A driver may say
    /// the same of clocks that differ by a hundredth.
    pub fn ratio(&self) -> Option<f64> {
        ratio(self.base.steps_per_us, self.candidate.steps_per_us)
            .or_else(|| ratio(self.base.said_mhz, self.candidate.said_mhz))
    }
}

fn ratio(base: Option<f64>, candidate: Option<f64>) -> Option<f64> {
    let usable = |clock: Option<f64>| clock.filter(|clock| clock.is_finite() && *clock > 0.0);
    Some(usable(candidate)? / usable(base)?)
}

/// Holds a verdict of change against the clocks: when the change in cycles does not have the sign of the change in
/// time, a lower or higher clock may be all there is to it, and the verdict becomes AMBIGUOUS. Other verdicts stay:
/// a kernel bound by memory takes the same time at any core clock.
pub fn confirm_by_clocks(decision: Decision, clocks: &ClockPair) -> Decision {
    if !decision.verdict.is_change() || decision.reasons.contains(&Reason::ExactCounts) {
        return decision;
    }
    let Some((clocks, shift)) = clocks.ratio().zip(decision.shift) else {
        return decision.noting(Reason::ClocksUnknown);
    };
    let cycles = (1.0 + shift) * clocks - 1.0;
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
        let side = |said_mhz| SideClock { said_mhz, ..SideClock::default() };
        with(ratio, ClockPair { base: side(base), candidate: side(candidate) })
    }

    fn with(ratio: f64, clocks: ClockPair) -> (Verdict, Reason) {
        let pairs = [Pair { base: 1.0, candidate: ratio }; 12];
        let decision = decide_pairs(&pairs, &Thresholds::new(0.01, Some(0.01)));
        let decision = confirm_by_clocks(decision, &clocks);
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

    #[test]
    fn a_measured_clock_stands_over_what_the_driver_said() {
        let side = |steps_per_us, said_mhz| SideClock { steps_per_us, said_mhz: Some(said_mhz) };
        // The driver names one clock for both; the candidate's was in truth 4 % lower.
        let clocks = ClockPair { base: side(Some(495.0), 1980.0), candidate: side(Some(475.2), 1980.0) };
        assert_eq!(with(1.03, clocks), (Verdict::Ambiguous, Reason::ClocksContradict));
        let clocks = ClockPair { candidate: side(Some(493.0), 1700.0), ..clocks };
        assert_eq!(with(1.03, clocks), (Verdict::Slower, Reason::ClocksConfirm));
        // One side alone was measured, so that only the drivers' words can be compared.
        let clocks = ClockPair { base: side(None, 1980.0), candidate: side(Some(475.2), 1980.0) };
        assert_eq!((clocks.ratio(), with(1.03, clocks)), (Some(1.0), (Verdict::Slower, Reason::ClocksConfirm)));
    }
}
