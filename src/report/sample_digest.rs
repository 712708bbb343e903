//! A bounded picture of a run's raw samples, for files that have to stay small whatever the run was.

use std::collections::HashMap;

use serde::Serialize;

use crate::profiling::Mode;

use super::SampleRow;

/// Samples kept of a case and mode at most: more points than a plot of them can tell apart.
pub const MOST_PER_SET: usize = 200;

/// Samples kept of a whole run at most, where that leaves every set the least.
const MOST_IN_ALL: usize = 300_000;

/// Samples kept of every set, however many sets there are.
const LEAST_PER_SET: usize = 10;

/// The accepted samples of one case in one mode, or some of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SampleDigest {
    pub case: String,
    pub mode: Mode,
    /// Accepted samples of the block that counts; more than are kept here where they were thinned.
    pub accepted: usize,
    /// `ordinal` of each kept sample in `samples.csv`, rising.
    pub ordinals: Vec<u32>,
    /// Microseconds per launch of the same samples.
    pub us: Vec<f64>,
}

/// Every set of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SampleDigests {
    pub most_per_set: usize,
    pub sets: Vec<SampleDigest>,
    #[serde(skip)]
    places: HashMap<String, [Option<usize>; Mode::BOTH.len()]>,
}

impl SampleDigests {
    pub fn get(&self, case: &str, mode: Mode) -> Option<&SampleDigest> {
        self.sets.get(self.places.get(case)?[mode as usize]?)
    }

    /// Sets of which some samples were left out.
    pub fn thinned(&self) -> usize {
        self.sets.iter().filter(|set| set.us.len() < set.accepted).count()
    }
}

/// Makes digests from the rows of `samples.csv` in their order, holding one set at a time.
pub struct Digester {
    digests: SampleDigests,
    current: Option<Current>,
}

struct Current {
    case: String,
    mode: Mode,
    block: u32,
    samples: Vec<(u32, f64)>,
}

impl Digester {
    /// `sets`: how many cases and modes will come, to share out what may be kept.
    pub fn new(sets: usize) -> Self {
        let most_per_set = (MOST_IN_ALL / sets.max(1)).clamp(LEAST_PER_SET, MOST_PER_SET);
        Self { digests: SampleDigests { most_per_set, ..SampleDigests::default() }, current: None }
    }

    pub fn push(&mut self, row: &SampleRow) {
        let same = |current: &Current| current.case == row.case && current.mode == row.mode;
        if !self.current.as_ref().is_some_and(same) {
            self.close();
            self.current =
                Some(Current { case: row.case.clone(), mode: row.mode, block: row.block, samples: Vec::new() });
        }
        let Some(current) = &mut self.current else { return };
        if row.block > current.block {
            // The block before was throttled and does not count.
            current.block = row.block;
            current.samples.clear();
        }
        if row.rejection.is_none() && row.us.is_finite() {
            current.samples.push((row.ordinal, row.us));
        }
    }

    pub fn finish(mut self) -> SampleDigests {
        self.close();
        self.digests
    }

    fn close(&mut self) {
        let Some(Current { case, mode, samples, .. }) = self.current.take() else { return };
        let kept = evenly_by_rank(&samples, self.digests.most_per_set);
        let (ordinals, us) = kept.into_iter().unzip();
        self.digests.places.entry(case.clone()).or_default()[mode as usize] = Some(self.digests.sets.len());
        self.digests.sets.push(SampleDigest { case, mode, accepted: samples.len(), ordinals, us });
    }
}

/// At most `most` samples at evenly spaced ranks, the least and the greatest among them, in the order in which they
/// were taken: the shape of the distribution stays, and so does a drift.
fn evenly_by_rank(samples: &[(u32, f64)], most: usize) -> Vec<(u32, f64)> {
    if samples.len() <= most {
        return samples.to_vec();
    }
    let mut by_rank: Vec<usize> = (0..samples.len()).collect();
    by_rank.sort_by(|a, b| samples[*a].1.total_cmp(&samples[*b].1));
    let last = samples.len() - 1;
    let mut kept: Vec<usize> = (0..most).map(|place| by_rank[place * last / (most - 1)]).collect();
    kept.sort_unstable();
    kept.into_iter().map(|place| samples[place]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profiling::Rejection;

    fn row(case: &str, mode: Mode, ordinal: u32, us: f64) -> SampleRow {
        SampleRow { case: case.to_string(), mode, ordinal, block: 0, round: 0, us, launches: 1, rejection: None }
    }

    #[test]
    fn few_samples_are_all_kept_in_their_order() {
        let mut digester = Digester::new(2);
        for (ordinal, us) in [3.0, 1.0, 2.0].into_iter().enumerate() {
            digester.push(&row("a", Mode::Cold, ordinal as u32, us));
        }
        digester.push(&row("a", Mode::Hot, 0, 9.0));
        let digests = digester.finish();
        assert_eq!(digests.get("a", Mode::Cold).map(|set| set.us.clone()), Some(vec![3.0, 1.0, 2.0]));
        assert_eq!(digests.get("a", Mode::Hot).map(|set| set.accepted), Some(1));
        assert_eq!((digests.get("b", Mode::Hot), digests.thinned()), (None, 0));
    }

    #[test]
    fn many_samples_keep_their_ends_and_their_median() {
        let mut digester = Digester::new(1);
        let count = 10_001_u32;
        for ordinal in 0..count {
            // A permutation of 0 to 10,000.
            digester.push(&row("a", Mode::Cold, ordinal, f64::from((ordinal * 7919) % count)));
        }
        let digests = digester.finish();
        let set = &digests.sets[0];
        assert_eq!((set.us.len(), set.accepted, digests.thinned()), (MOST_PER_SET, count as usize, 1));
        assert!(set.ordinals.is_sorted());
        let mut sorted = set.us.clone();
        sorted.sort_by(f64::total_cmp);
        assert_eq!((sorted[0], sorted[MOST_PER_SET - 1]), (0.0, 10_000.0));
        assert!((sorted[MOST_PER_SET / 2] - 5000.0).abs() < 51.0, "{}", sorted[MOST_PER_SET / 2]);
    }

    #[test]
    fn discarded_blocks_and_rejected_samples_are_left_out() {
        let mut digester = Digester::new(1);
        digester.push(&row("a", Mode::Cold, 0, 50.0));
        for (ordinal, us, rejection) in
            [(1, 5.0, None), (2, -1.0, Some(Rejection::NotPositive)), (3, f64::NAN, None), (4, 6.0, None)]
        {
            digester.push(&SampleRow { block: 1, rejection, ..row("a", Mode::Cold, ordinal, us) });
        }
        let digests = digester.finish();
        assert_eq!((&digests.sets[0].ordinals, &digests.sets[0].us), (&vec![1, 4], &vec![5.0, 6.0]));
    }

    #[test]
    fn the_share_of_a_set_shrinks_with_their_number_but_never_to_nothing() {
        let most = [0, 1, 2000, 4000, 1_000_000].map(|sets| Digester::new(sets).digests.most_per_set);
        assert_eq!(most, [200, 200, 150, 75, 10]);
    }
}
