//! The block bootstrap of a median, for samples that depend on those before them.

use super::autocorrelation::Centred;
use super::bootstrap::MedianResampler;
use super::interval::{Confidence, Interval};
use super::quantile::percentile;
use super::random::SplitMix64;

/// Confidence interval of the median of samples in the order they were taken: percentiles of the medians of
/// resamples made of whole blocks, which keep neighbours together (circular blocks: Politis and Romano, "A
/// circular block-resampling procedure for stationary data", 1992). A block length of 1 is the plain
/// bootstrap. `None` without samples or resamples, or with a block length of 0.
pub fn block_bootstrap_median_interval(
    series: &[f64],
    block_length: usize,
    resamples: usize,
    confidence: Confidence,
    seed: u64,
) -> Option<Interval> {
    if series.is_empty() || block_length == 0 {
        return None;
    }
    let mut random = SplitMix64::new(seed);
    let mut resampler = MedianResampler::of_series(series);
    let mut medians: Vec<f64> = (0..resamples)
        .map(|_| {
            let mut start = 0;
            resampler.median_of(|drawn| {
                if drawn % block_length == 0 {
                    start = random.below(series.len());
                }
                (start + drawn % block_length) % series.len()
            })
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let tail = 100.0 * confidence.tail();
    Some(Interval { low: percentile(&medians, tail)?, high: percentile(&medians, 100.0 - tail)? })
}

/// The block length for circular blocks that suits the series: Politis and White, "Automatic Block-Length
/// Selection for the Dependent Bootstrap" (2004), with the correction of Patton, Politis and White (2009).
/// Correlations count up to twice the lag at which a run of insignificant ones begins; the paper stops one lag
/// before it, this follows Python's `arch`. Not rounded, at most the smaller of 3 √n and n / 3. `None` below
/// eight samples or when nothing varies.
pub fn automatic_block_length(series: &[f64]) -> Option<f64> {
    let count = series.len() as f64;
    let centred = Centred::of(series).filter(|_| series.len() >= 8)?;
    let run = (count.log10() as usize).max(5);
    let most_lags = (count.sqrt().ceil() as usize + run).min(series.len() - 2);
    let significant = 2.0 * (count.log10() / count).sqrt();
    let is_quiet = |lag: &usize| (*lag..lag + run).all(|at| centred.overlap_correlation(at).abs() < significant);
    let band = (0..=most_lags - run).find(is_quiet).map_or(most_lags, |lag| (2 * lag.max(1)).min(most_lags));
    let mut slope = 0.0;
    let mut long_run = centred.variance();
    for lag in 1..=band {
        let share = lag as f64 / band as f64;
        let weight = if share <= 0.5 { 1.0 } else { 2.0 * (1.0 - share) };
        let covariance = centred.correlation(lag) * centred.variance();
        slope += 2.0 * weight * lag as f64 * covariance;
        long_run += 2.0 * weight * covariance;
    }
    let length = (2.0 * slope.powi(2) / (4.0 / 3.0 * long_run.powi(2)) * count).cbrt();
    Some(length.min((3.0 * count.sqrt()).min(count / 3.0).ceil()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bootstrap::median_interval;
    use super::super::quantile::sorted;
    use super::*;

    const LEVEL: Confidence = Confidence::NINETY_FIVE_PERCENT;

    #[test]
    fn nothing_to_draw_is_no_interval() {
        assert_eq!(block_bootstrap_median_interval(&[], 1, 100, LEVEL, 1), None);
        assert_eq!(block_bootstrap_median_interval(&[1.0], 0, 100, LEVEL, 1), None);
        assert_eq!(block_bootstrap_median_interval(&[1.0], 1, 0, LEVEL, 1), None);
        assert_eq!((automatic_block_length(&[1.0; 30]), automatic_block_length(&[1.0, 2.0])), (None, None));
    }

    proptest! {
        #[test]
        fn blocks_of_one_are_the_plain_bootstrap(
            samples in prop::collection::vec(-1e3..1e3f64, 1..40),
            seed in any::<u64>(),
        ) {
            let samples = sorted(&samples);
            prop_assert_eq!(
                block_bootstrap_median_interval(&samples, 1, 200, LEVEL, seed),
                median_interval(&samples, 200, LEVEL, seed)
            );
        }

        #[test]
        fn one_block_around_the_whole_circle_never_varies(samples in prop::collection::vec(-1e3..1e3f64, 1..40)) {
            let interval = block_bootstrap_median_interval(&samples, samples.len(), 50, LEVEL, 3).expect("not empty");
            prop_assert_eq!(interval.low, interval.high);
        }

        #[test]
        fn any_series_has_a_sound_block_length(samples in prop::collection::vec(-1e3..1e3f64, 8..200)) {
            if let Some(length) = automatic_block_length(&samples) {
                prop_assert!(length >= 0.0 && length <= (samples.len() as f64 / 3.0).ceil());
            }
        }
    }
}
