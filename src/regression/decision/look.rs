//! The sequence of looks at which interleaved measuring may stop.

use crate::profiling::statistics::Confidence;

/// A count of pairs at which a verdict may be given, and the share of the error rates that it may spend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    pub pairs: usize,
    /// Of the interval that must lie inside the threshold for SAME.
    pub confidence: Confidence,
    /// Of the interval that must be clear of zero for an alarm. None at a look that raises none.
    pub alarm: Option<Confidence>,
}

/// Spends 5 % on SAME and 0.08 % on alarms of either sign over all looks together; the shares add up, so the rates hold however
/// the looks depend on each other (Bonferroni; a plan of fixed shares as in Pocock, "Group Sequential Methods in
/// the Design and Analysis of Clinical Trials", 1977, without its gain). Six pairs have the first signed-rank
/// interval (2 of 64 signs leave 3.1 % outside), twelve the first that may raise an alarm (2 of 4096: 0.049 %).
const SHARES: [(usize, f64, Option<f64>); 4] =
    [(6, 0.032, None), (12, 0.006, Some(0.0005)), (20, 0.006, Some(0.0002)), (30, 0.006, Some(0.0001))];

const LOOKS: [Look; 4] = {
    let mut looks = [Look { pairs: 0, confidence: Confidence::NINETY_FIVE_PERCENT, alarm: None }; 4];
    let mut at = 0;
    while at < looks.len() {
        let (pairs, same, alarm) = SHARES[at];
        looks[at] = Look {
            pairs,
            confidence: Confidence::new(1.0 - same).expect("a share"),
            alarm: match alarm {
                Some(share) => Confidence::new(1.0 - share),
                None => None,
            },
        };
        at += 1;
    }
    looks
};

/// The looks, in order: stop at the first whose verdict `is_decided`, and after the last in any case.
pub const fn looks() -> &'static [Look] {
    &LOOKS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_add_up_to_the_rates_of_the_whole_sequence() {
        let same: f64 = looks().iter().map(|look| 1.0 - look.confidence.level()).sum();
        let alarms: f64 = looks().iter().filter_map(|look| Some(1.0 - look.alarm?.level())).sum();
        assert!((same - 0.05).abs() < 1e-12 && (alarms - 0.0008).abs() < 1e-12, "{same} {alarms}");
        assert!(looks().windows(2).all(|pair| pair[0].pairs < pair[1].pairs));
    }
}
