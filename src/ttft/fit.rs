//! TTFT over prompt length: a fixed cost, a cost per token, and attention's cost per pair of tokens.

/// Fewer lengths than this are fitted by any curve of three coefficients.
pub const LEAST_LENGTHS: usize = 4;

/// `fixed + per_token n + per_token_squared n^2`, in the unit of the times; no coefficient is negative.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    pub fixed: f64,
    pub per_token: f64,
    pub per_token_squared: f64,
    /// Root mean square of (fit - time) / time.
    pub relative_residual: f64,
}

impl Fit {
    pub fn at(&self, tokens: f64) -> f64 {
        self.fixed + self.per_token * tokens + self.per_token_squared * tokens * tokens
    }
}

/// The least sum of squared relative errors over non-negative coefficients: of the eight sets of coefficients that may be
/// left above zero, the best whose unconstrained solution is not negative, which for three unknowns is all of Lawson and
/// Hanson's NNLS (1974). `None` with fewer than four different lengths, or a time that is not positive.
pub fn fit(points: &[(f64, f64)]) -> Option<Fit> {
    let mut lengths: Vec<f64> = points.iter().map(|(tokens, _)| *tokens).collect();
    lengths.sort_by(f64::total_cmp);
    lengths.dedup();
    let usable = points.iter().all(|(tokens, time)| *tokens > 0.0 && time.is_finite() && *time > 0.0);
    if lengths.len() < LEAST_LENGTHS || !usable {
        return None;
    }
    // Lengths in units of the longest keep the equations well conditioned.
    let longest = lengths[lengths.len() - 1];
    let rows: Vec<[f64; 3]> = points
        .iter()
        .map(|(tokens, time)| [1.0 / time, tokens / longest / time, (tokens / longest).powi(2) / time])
        .collect();
    let candidates = (0u8..8).filter_map(|chosen| {
        let solution = solve(&rows, chosen)?;
        solution.iter().all(|coefficient| *coefficient >= 0.0).then_some((residual(&rows, solution), solution))
    });
    let (residual, [fixed, linear, square]) = candidates.min_by(|one, other| one.0.total_cmp(&other.0))?;
    Some(Fit {
        fixed,
        per_token: linear / longest,
        per_token_squared: square / longest / longest,
        relative_residual: residual,
    })
}

fn residual(rows: &[[f64; 3]], solution: [f64; 3]) -> f64 {
    let errors = rows.iter().map(|row| {
        let predicted: f64 = row.iter().zip(solution).map(|(value, coefficient)| value * coefficient).sum();
        (predicted - 1.0).powi(2)
    });
    (errors.sum::<f64>() / rows.len() as f64).sqrt()
}

/// The unconstrained solution of `rows * x = 1` with the coefficients whose bit in `chosen` is set, by the normal
/// equations and Gauss's elimination with pivoting.
fn solve(rows: &[[f64; 3]], chosen: u8) -> Option<[f64; 3]> {
    let columns: Vec<usize> = (0..3).filter(|column| chosen & (1 << column) != 0).collect();
    let size = columns.len();
    let mut system: Vec<Vec<f64>> = columns
        .iter()
        .map(|&left| {
            let products = columns.iter().map(|&right| rows.iter().map(|row| row[left] * row[right]).sum());
            products.chain([rows.iter().map(|row| row[left]).sum()]).collect()
        })
        .collect();
    for step in 0..size {
        let pivot = (step..size).max_by(|&a, &b| system[a][step].abs().total_cmp(&system[b][step].abs()))?;
        system.swap(step, pivot);
        if system[step][step].abs() < f64::MIN_POSITIVE {
            return None;
        }
        let top = system[step].clone();
        for row in system.iter_mut().skip(step + 1) {
            let factor = row[step] / top[step];
            row.iter_mut().zip(&top).for_each(|(value, above)| *value -= factor * above);
        }
    }
    let mut solution = [0.0; 3];
    for step in (0..size).rev() {
        let known: f64 = (step + 1..size).map(|later| system[step][later] * solution[columns[later]]).sum();
        solution[columns[step]] = (system[step][size] - known) / system[step][step];
    }
    Some(solution)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTHS: [f64; 5] = [32.0, 128.0, 512.0, 2048.0, 8192.0];

    fn points(time: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        LENGTHS.iter().map(|tokens| (*tokens, time(*tokens))).collect()
    }

    fn near(found: f64, wanted: f64) -> bool {
        (found - wanted).abs() <= 1e-6 * wanted.abs().max(1e-12)
    }

    #[test]
    fn exact_curves_are_found() {
        let found = fit(&points(|n| 3.5 + 0.02 * n + 1e-6 * n * n)).expect("five lengths");
        assert!(
            near(found.fixed, 3.5) && near(found.per_token, 0.02) && near(found.per_token_squared, 1e-6),
            "{found:?}"
        );
        assert!(found.relative_residual < 1e-9 && near(found.at(100.0), 5.51));
        let constant = fit(&points(|_| 2.0)).expect("five lengths");
        assert!(near(constant.fixed, 2.0) && constant.per_token < 1e-9);
    }

    #[test]
    fn no_coefficient_is_negative_and_the_residual_says_what_does_not_fit() {
        // A time that falls with length, and one that a negative square would fit best.
        for time in [|n: f64| 10.0 - n / 1000.0, |n: f64| n.sqrt()] {
            let found = fit(&points(time)).expect("five lengths");
            assert!(found.fixed >= 0.0 && found.per_token >= 0.0 && found.per_token_squared >= 0.0, "{found:?}");
            assert!(found.relative_residual > 0.05, "{found:?}");
        }
    }

    #[test]
    fn too_few_lengths_and_times_that_cannot_be_are_not_fitted() {
        assert_eq!(fit(&points(|n| n)[..3]), None);
        assert_eq!(fit(&[(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (3.0, 2.0)]), None, "three different lengths");
        assert_eq!(fit(&points(|n| n - 32.0)), None);
        assert_eq!(fit(&points(|_| f64::NAN)), None);
    }
}
