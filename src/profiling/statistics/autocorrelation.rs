//! How much samples taken one after another say about each other.

use super::moments::mean;

/// Autocorrelations at lags 0 to `most_lags`, of samples in the order they were taken, with the sum at each
/// lag divided by all n (the biased form, as statsmodels' acf by default). `None` when nothing varies.
pub fn autocorrelation(series: &[f64], most_lags: usize) -> Option<Vec<f64>> {
    let centred = Centred::of(series)?;
    Some((0..=most_lags.min(series.len() - 1)).map(|lag| centred.correlation(lag)).collect())
}

/// Integrated autocorrelation time, in samples: so many correlated samples tell as much about the mean as one
/// independent sample would. 1 for independent samples; never less here, so that samples which alternate are
/// not credited with more than they are.
///
/// Sums pairs of autocorrelations while they are positive and do not grow: the initial monotone sequence of
/// Geyer, "Practical Markov Chain Monte Carlo" (1992). 1 when nothing varies.
pub fn integrated_time(series: &[f64]) -> f64 {
    let Some(centred) = Centred::of(series) else {
        return 1.0;
    };
    let mut smallest = f64::INFINITY;
    let pairs = (0..series.len() - 1).step_by(2).map(|lag| centred.correlation(lag) + centred.correlation(lag + 1));
    let total: f64 = pairs
        .take_while(|&pair| pair > 0.0)
        .map(|pair| {
            smallest = smallest.min(pair);
            smallest
        })
        .sum();
    (2.0 * total - 1.0).max(1.0)
}

/// How many independent samples would fix the mean as well as these do: at most their count.
pub fn effective_sample_size(series: &[f64]) -> f64 {
    series.len() as f64 / integrated_time(series)
}

/// Distances to the mean, and their squares' sum, which is above zero.
pub(super) struct Centred {
    distances: Vec<f64>,
    squares: f64,
}

impl Centred {
    pub(super) fn of(series: &[f64]) -> Option<Self> {
        let middle = mean(series)?;
        let distances: Vec<f64> = series.iter().map(|sample| sample - middle).collect();
        let squares: f64 = distances.iter().map(|distance| distance * distance).sum();
        (squares > 0.0).then_some(Self { distances, squares })
    }

    pub(super) fn correlation(&self, lag: usize) -> f64 {
        let later = &self.distances[lag.min(self.distances.len())..];
        self.distances.iter().zip(later).map(|(now, then)| now * then).sum::<f64>() / self.squares
    }

    /// The same, divided by what the overlapping parts of the series vary less one sample, as `arch` does:
    /// larger at long lags.
    pub(super) fn overlap_correlation(&self, lag: usize) -> f64 {
        let product: f64 = self.distances.iter().zip(&self.distances[lag..]).map(|(now, then)| now * then).sum();
        let squares = |part: &[f64]| part.iter().map(|distance| distance * distance).sum::<f64>();
        let kept = self.distances.len() - lag - 1;
        let scale = squares(&self.distances[lag + 1..]) * squares(&self.distances[..kept]);
        if scale > 0.0 { product / scale.sqrt() } else { 0.0 }
    }

    /// Mean of the squared distances: the autocovariance at lag 0.
    pub(super) fn variance(&self) -> f64 {
        self.squares / self.distances.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::random::SplitMix64;
    use super::*;

    #[test]
    fn a_series_that_does_not_vary_has_no_correlation() {
        assert_eq!(autocorrelation(&[2.0; 9], 3), None);
        assert_eq!((integrated_time(&[2.0; 9]), integrated_time(&[]), effective_sample_size(&[])), (1.0, 1.0, 0.0));
    }

    #[test]
    fn first_order_series_tends_to_its_theoretical_time() {
        // x' = phi x + noise has correlations phi^lag, so a time of (1 + phi) / (1 - phi).
        for (phi, theory) in [(0.0, 1.0), (0.5, 3.0), (0.8, 9.0)] {
            let mut random = SplitMix64::new(11);
            let mut value = 0.0;
            let series: Vec<f64> = (0..100_000)
                .map(|_| {
                    value = phi * value + random.uniform() - 0.5;
                    value
                })
                .collect();
            let found = integrated_time(&series);
            assert!((found / theory - 1.0).abs() < 0.1, "phi {phi}: {found} instead of {theory}");
        }
    }

    proptest! {
        #[test]
        fn time_depends_on_neither_unit_nor_origin(
            series in prop::collection::vec(0i32..1000, 2..120),
            power in -8i32..8,
            by in 0i32..1000,
        ) {
            let plain: Vec<f64> = series.iter().map(|&sample| f64::from(sample)).collect();
            let moved: Vec<f64> = series.iter().map(|&sample| f64::from(sample + by) * 2f64.powi(power)).collect();
            let (plain_time, moved_time) = (integrated_time(&plain), integrated_time(&moved));
            prop_assert!((1.0..=plain.len() as f64 + 1.0).contains(&plain_time));
            prop_assert!((plain_time - moved_time).abs() <= 1e-6 * plain_time, "{} {}", plain_time, moved_time);
        }

        #[test]
        fn correlations_lie_between_minus_one_and_one(series in prop::collection::vec(-1e3..1e3f64, 2..80)) {
            if let Some(found) = autocorrelation(&series, 100) {
                prop_assert_eq!(found.len(), series.len());
                prop_assert!((found[0] - 1.0).abs() < 1e-12);
                prop_assert!(found.iter().all(|value| value.abs() <= 1.0 + 1e-12));
            }
        }
    }
}
