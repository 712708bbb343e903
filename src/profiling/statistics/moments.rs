//! Mean and variance.

/// The arithmetic mean, summed as distances to the first sample: times lie close together and far from zero.
/// `None` without samples.
pub fn mean(samples: &[f64]) -> Option<f64> {
    let pivot = *samples.first()?;
    Some(pivot + samples.iter().map(|sample| sample - pivot).sum::<f64>() / samples.len() as f64)
}

/// The unbiased variance, in two passes, so that a large mean does not cancel it. `None` below two samples.
pub fn variance(samples: &[f64]) -> Option<f64> {
    if samples.len() < 2 {
        return None;
    }
    let middle = mean(samples)?;
    let squares: f64 = samples.iter().map(|sample| (sample - middle).powi(2)).sum();
    Some(squares / (samples.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_mean_does_not_cancel_the_variance() {
        assert_eq!(variance(&[1e9 + 1.0, 1e9 + 2.0, 1e9 + 3.0]), Some(1.0));
        assert_eq!((mean(&[1.0, 2.0]), mean(&[]), variance(&[1.0])), (Some(1.5), None, None));
    }
}
