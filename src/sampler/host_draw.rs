//! One draw on the host, by the code that judges the kernels' draws.

use super::distribution::{FLAG_NAN, FLAG_POSITIVE_INFINITY, RowDistribution};
use super::draws::{KeptSet, uniform_bits};
use super::filters::Filters;

/// What f64 draws from a row of logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostDraw {
    /// `None` for a row without a finite logit.
    pub token: Option<u32>,
    /// The row holds a NaN, which has no probability.
    pub not_a_number: bool,
    /// The row holds +inf, which has no probability.
    pub positive_infinity: bool,
}

/// The token of `row` that `filters` leave and Philox draws: what the operation `fused_sampler` is judged against.
pub fn draw_token(logits: &[f64], filters: &Filters, row: u32) -> HostDraw {
    let distribution = RowDistribution::new(logits, filters);
    let kept = distribution.kept.predicted;
    let bits = uniform_bits(filters.stream, row, filters.step);
    HostDraw {
        token: (kept > 0).then(|| KeptSet::new(&distribution, kept).draw(bits).predicted),
        not_a_number: distribution.flags & FLAG_NAN != 0,
        positive_infinity: distribution.flags & FLAG_POSITIVE_INFINITY != 0,
    }
}
