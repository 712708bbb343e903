//! From an estimate with its intervals to a verdict: the one rule that pairs and samples share.

use crate::profiling::statistics::Interval;

use super::reason::Reason;
use super::thresholds::Thresholds;
use super::verdict::{Decision, Verdict};

/// What the values say, in log ratios.
pub(super) struct Evidence {
    pub shift: f64,
    /// At `Thresholds::confidence`, of the values alone.
    pub interval: Option<Interval>,
    /// At `Thresholds::alarm`, with all noise that the rule must allow for.
    pub alarm_interval: Option<Interval>,
    /// Half the width that the values alone have at that level: more of them would shrink it.
    pub sampling_reach: Option<f64>,
    pub p_value: f64,
    pub count: usize,
}

/// SLOWER and FASTER need an interval clear of zero and a shift over the threshold, SAME an interval inside the
/// threshold. What is left is UNDERPOWERED if these values could not have told a change of the threshold's size
/// from none, else AMBIGUOUS.
pub(super) fn classify(evidence: &Evidence, thresholds: &Thresholds, assumed_noise: f64) -> Decision {
    let threshold = thresholds.threshold(assumed_noise);
    let shift = evidence.shift.exp_m1();
    let relative = |interval: Interval| Interval { low: interval.low.exp_m1(), high: interval.high.exp_m1() };
    let interval = evidence.interval.map(relative);
    let inside = interval.is_some_and(|interval| interval.low >= -threshold && interval.high <= threshold);
    let clear = evidence.alarm_interval.is_some_and(|interval| !interval.contains(0.0));
    let powerless = evidence.sampling_reach.is_none_or(|reach| reach.exp_m1() > threshold);
    let (verdict, reason) = if clear && shift.abs() > threshold {
        (if shift > 0.0 { Verdict::Slower } else { Verdict::Faster }, Reason::ClearChange)
    } else if inside {
        (Verdict::Same, Reason::WithinThreshold)
    } else if evidence.sampling_reach.is_none() {
        (Verdict::Underpowered, Reason::TooFewValues)
    } else if powerless {
        (Verdict::Underpowered, Reason::TooNoisy)
    } else if shift.abs() > threshold {
        (Verdict::Ambiguous, Reason::NotSignificant)
    } else {
        (Verdict::Ambiguous, Reason::NearThreshold)
    };
    let reach = evidence.alarm_interval.map(|interval| (interval.width() / 2.0).exp_m1());
    let decision = Decision {
        verdict,
        shift: Some(shift),
        interval,
        threshold,
        least_detectable: reach.map(|reach| reach.max(threshold)),
        p_value: Some(evidence.p_value),
        pairs: evidence.count,
        reasons: vec![reason],
    };
    let source = thresholds.calibrated().map_or(Reason::NoiseAssumed, |_| Reason::NoiseCalibrated);
    let decision = decision.noting(source);
    if threshold > thresholds.least_effect { decision.noting(Reason::NoiseOverEffect) } else { decision }
}

/// The decision on values that cannot be weighed at all.
pub(super) fn refused(verdict: Verdict, reason: Reason, threshold: f64, count: usize) -> Decision {
    Decision { threshold, pairs: count, ..Decision::unmeasured(verdict, reason) }
}
