//! What a verdict needs.

use crate::profiling::statistics::Confidence;

use super::look::Look;

/// What counts as a change, and how sure a verdict has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Relative change that matters: 0.01 is 1 %.
    pub least_effect: f64,
    /// Relative change that 99.9 % of the comparisons of this case with itself stay below on this machine. None if
    /// it was never calibrated; then `ASSUMED_NOISE_OF_PAIRS` or `ASSUMED_NOISE_OF_RUNS` stands in.
    pub noise: Option<f64>,
    /// Of the interval that is shown, and that must lie inside the threshold for SAME.
    pub confidence: Confidence,
    /// Of the interval that must be clear of zero for SLOWER or FASTER. None where no alarm may be raised yet.
    pub alarm: Option<Confidence>,
    /// The values are counts that repeat exactly (the emulator's steps), not times: then one pair is enough, and no
    /// noise is assumed.
    pub deterministic: bool,
}

impl Thresholds {
    /// For times: SAME at 95 %, alarms at 99.9 % (one false alarm, of either sign, in a thousand comparisons).
    pub fn new(least_effect: f64, noise: Option<f64>) -> Self {
        let alarm = Confidence::new(0.999);
        Self { least_effect, noise, confidence: Confidence::NINETY_FIVE_PERCENT, alarm, deterministic: false }
    }

    /// For counts that repeat exactly.
    pub fn of_counts(least_effect: f64) -> Self {
        Self { deterministic: true, ..Self::new(least_effect, None) }
    }

    /// The same thresholds with the share of the error rate that one look of a sequence may spend.
    pub fn at(&self, look: &Look) -> Self {
        Self { confidence: look.confidence, alarm: look.alarm, ..*self }
    }

    /// Calibrated noise, if it is a usable number.
    pub(super) fn calibrated(&self) -> Option<f64> {
        self.noise.filter(|noise| noise.is_finite() && *noise >= 0.0)
    }

    /// The change that matters: the larger of the least effect and the noise.
    pub(super) fn threshold(&self, assumed_noise: f64) -> f64 {
        let assumed = if self.deterministic { 0.0 } else { assumed_noise };
        // `max` ignores a least effect that is not a number.
        self.noise_or(assumed).max(self.least_effect)
    }

    /// Calibrated noise, or what is assumed in its place.
    pub(super) fn noise_or(&self, assumed_noise: f64) -> f64 {
        self.calibrated().unwrap_or(assumed_noise)
    }
}
