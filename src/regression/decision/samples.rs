//! The verdict on two runs taken at different times.

use crate::profiling::statistics::{
    Interval, correlated_error_of_median, effective_sample_size, integrated_time_of_median, shift_between,
    student_quantile, student_two_sided,
};

use super::classify::{Evidence, classify, refused};
use super::noise::{ASSUMED_NOISE_OF_RUNS, NOISE_DEVIATIONS};
use super::reason::Reason;
use super::thresholds::Thresholds;
use super::verdict::{Decision, Verdict};

/// Weighs the samples of two runs, each in the order taken. The shift is Hodges and Lehmann's over the logarithms.
/// Its error is that of the two medians, which is no smaller: McKean and Schrader's from order statistics, times
/// √τ, because samples resemble those before them. Student's t with the degrees of freedom after Welch and
/// Satterthwaite, counted in effective samples.
///
/// What moved a whole run is invisible to its own samples. An alarm must therefore be clear of the sampling error
/// and the noise between runs taken together; the interval that is shown is of the samples alone.
pub fn decide_samples(base: &[f64], candidate: &[f64], thresholds: &Thresholds) -> Decision {
    let threshold = thresholds.threshold(ASSUMED_NOISE_OF_RUNS);
    let count = base.len().min(candidate.len());
    if count == 0 {
        return refused(Verdict::Underpowered, Reason::NoValues, threshold, 0);
    }
    let (Some(base), Some(candidate)) = (logarithms(base), logarithms(candidate)) else {
        return refused(Verdict::Ambiguous, Reason::InvalidValue, threshold, count);
    };
    let Some(shift) = shift_between(&base, &candidate, thresholds.confidence).map(|shift| shift.estimate) else {
        return refused(Verdict::Underpowered, Reason::NoValues, threshold, count);
    };
    let (Some(base), Some(candidate)) = (MedianError::of(&base), MedianError::of(&candidate)) else {
        let decision = refused(Verdict::Underpowered, Reason::TooFewValues, threshold, count);
        return Decision { shift: Some(shift.exp_m1()), ..decision };
    };
    let noise = thresholds.noise_or(ASSUMED_NOISE_OF_RUNS) / NOISE_DEVIATIONS;
    let sampling = Error::of(&[base, candidate], 0.0);
    let total = Error::of(&[base, candidate], noise);
    let alarm = thresholds.alarm.map(|level| level.tail());
    let alarm_reach = alarm.and_then(|tail| total.reach(tail));
    let around = |reach: f64| Interval { low: shift - reach, high: shift + reach };
    let evidence = Evidence {
        shift,
        interval: sampling.reach(thresholds.confidence.tail()).map(around),
        alarm_interval: alarm_reach.map(around),
        sampling_reach: alarm.and_then(|tail| sampling.reach(tail)),
        p_value: total.chance(shift),
        count,
    };
    classify(&evidence, thresholds, ASSUMED_NOISE_OF_RUNS)
}

/// Natural logarithms; None if a value is not positive and finite.
fn logarithms(values: &[f64]) -> Option<Vec<f64>> {
    values.iter().map(|value| (*value > 0.0 && value.is_finite()).then(|| value.ln())).collect()
}

/// How well one run's samples fix their median.
#[derive(Clone, Copy)]
struct MedianError {
    error: f64,
    degrees_of_freedom: f64,
}

impl MedianError {
    /// None below five samples, or when they are worth no more than two independent ones.
    fn of(series: &[f64]) -> Option<Self> {
        let error = correlated_error_of_median(series)?;
        let effective = (series.len() as f64 / integrated_time_of_median(series)).min(effective_sample_size(series));
        let degrees_of_freedom = effective - 1.0;
        (degrees_of_freedom >= 1.0).then_some(Self { error, degrees_of_freedom })
    }
}

/// The error of a difference of two medians, with noise that is known and not estimated.
struct Error {
    size: f64,
    degrees_of_freedom: f64,
}

impl Error {
    fn of(medians: &[MedianError], noise: f64) -> Self {
        let squares = medians.iter().map(|median| median.error.powi(2)).sum::<f64>() + noise.powi(2);
        let shares: f64 = medians.iter().map(|median| median.error.powi(4) / median.degrees_of_freedom).sum();
        // Samples that do not vary at all leave nothing to estimate; the limit is the normal distribution.
        let degrees_of_freedom = if shares > 0.0 { (squares.powi(2) / shares).min(1e6) } else { 1e6 };
        Self { size: squares.sqrt(), degrees_of_freedom }
    }

    fn reach(&self, tail: f64) -> Option<f64> {
        Some(student_quantile(1.0 - tail, self.degrees_of_freedom)? * self.size)
    }

    fn chance(&self, shift: f64) -> f64 {
        if self.size > 0.0 {
            return student_two_sided(shift / self.size, self.degrees_of_freedom).unwrap_or(1.0);
        }
        if shift == 0.0 { 1.0 } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples around a time, spread evenly over `spread` of it, in an order without drift.
    fn samples(time: f64, spread: f64, count: usize) -> Vec<f64> {
        let place = |i: usize| ((i * 37 % count) as f64 + 0.5) / count as f64 - 0.5;
        (0..count).map(|i| time * (1.0 + spread * place(i))).collect()
    }

    fn decide(base: &[f64], candidate: &[f64]) -> Decision {
        decide_samples(base, candidate, &Thresholds::new(0.01, Some(0.01)))
    }

    #[test]
    fn two_exact_runs_are_told_apart_or_not() {
        let base = samples(20e-6, 0.01, 100);
        let slower = decide(&base, &samples(20.6e-6, 0.01, 100));
        assert_eq!(slower.verdict, Verdict::Slower);
        assert!((slower.shift.unwrap() - 0.03).abs() < 1e-3 && slower.interval.unwrap().contains(0.03));
        assert_eq!(decide(&base, &samples(19.4e-6, 0.01, 100)).verdict, Verdict::Faster);
        let same = decide(&base, &samples(20e-6, 0.012, 80));
        assert_eq!((same.verdict, same.pairs), (Verdict::Same, 80));
        assert!(same.p_value.unwrap() > 0.5);
    }

    #[test]
    fn without_calibration_a_larger_shift_is_needed_and_the_reason_says_why() {
        let (base, candidate) = (samples(20e-6, 0.01, 100), samples(20.3e-6, 0.01, 100));
        let decision = decide_samples(&base, &candidate, &Thresholds::new(0.01, None));
        assert_eq!((decision.verdict, decision.threshold), (Verdict::Same, ASSUMED_NOISE_OF_RUNS));
        assert_eq!(decision.reasons, [Reason::WithinThreshold, Reason::NoiseAssumed, Reason::NoiseOverEffect]);
        assert_eq!(decide(&base, &candidate).verdict, Verdict::Slower);
    }

    #[test]
    fn few_or_noisy_samples_are_underpowered() {
        let few = decide(&samples(20e-6, 0.01, 4), &samples(20e-6, 0.01, 100));
        assert_eq!((few.verdict, few.reasons[0]), (Verdict::Underpowered, Reason::TooFewValues));
        let noisy = decide(&samples(20e-6, 0.5, 30), &samples(20e-6, 0.5, 30));
        assert_eq!((noisy.verdict, noisy.reasons[0]), (Verdict::Underpowered, Reason::TooNoisy));
        assert!(noisy.least_detectable.unwrap() > 0.1);
    }

    #[test]
    fn a_drift_counts_for_fewer_samples() {
        let mut drift = samples(20e-6, 0.03, 200);
        let mixed = drift.clone();
        drift.sort_by(f64::total_cmp);
        let slower = samples(20.6e-6, 0.03, 200);
        assert_eq!(decide(&mixed, &slower).verdict, Verdict::Slower);
        assert_eq!(decide(&drift, &slower).verdict, Verdict::Underpowered);
    }

    #[test]
    fn nothing_is_never_the_same() {
        let good = samples(20e-6, 0.01, 50);
        assert_eq!(decide(&[], &good).verdict, Verdict::Underpowered);
        assert_eq!(decide(&good, &[]).verdict, Verdict::Underpowered);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut spoilt = good.clone();
            spoilt[17] = bad;
            for (base, candidate) in [(&spoilt, &good), (&good, &spoilt)] {
                let decision = decide(base, candidate);
                assert_eq!((decision.verdict, decision.reasons[0]), (Verdict::Ambiguous, Reason::InvalidValue));
            }
        }
        assert_eq!(decide(&[2e-5; 50], &[2e-5; 50]).verdict, Verdict::Same, "constant samples are equal");
        assert_eq!(decide(&[2e-5; 50], &[3e-5; 50]).verdict, Verdict::Slower, "constant samples differ");
    }
}
