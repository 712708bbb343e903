//! The order in which cases are measured.

use crate::profiling::statistics::SplitMix64;

/// Where a case stands in its suite, and when it was measured; both count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub suite_position: usize,
    pub measured_position: usize,
}

/// All places below `count` in the order to measure them: shuffled by the seed, so that a device that warms up
/// or slows down does not do so along one axis of a suite. The same seed gives the same order everywhere.
pub(super) fn measuring_order(count: usize, seed: u64) -> Vec<Place> {
    let mut positions: Vec<usize> = (0..count).collect();
    let mut random = SplitMix64::new(seed);
    // Fisher and Yates, as Durstenfeld wrote it.
    for last in (1..count).rev() {
        positions.swap(last, random.below(last + 1));
    }
    let placed = positions.into_iter().enumerate();
    placed.map(|(measured_position, suite_position)| Place { suite_position, measured_position }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite_positions(count: usize, seed: u64) -> Vec<usize> {
        measuring_order(count, seed).into_iter().map(|place| place.suite_position).collect()
    }

    #[test]
    fn every_case_has_its_turn_once() {
        for count in [0, 1, 2, 100] {
            let mut positions = suite_positions(count, 3);
            positions.sort_unstable();
            assert_eq!(positions, (0..count).collect::<Vec<_>>());
        }
        assert!(measuring_order(9, 3).iter().enumerate().all(|(turn, place)| place.measured_position == turn));
    }

    #[test]
    fn the_seed_alone_decides() {
        assert_eq!(suite_positions(100, 7), suite_positions(100, 7));
        assert_ne!(suite_positions(100, 7), suite_positions(100, 8));
        assert_ne!(suite_positions(100, 0), (0..100).collect::<Vec<_>>(), "seed 0 shuffles too");
    }

    #[test]
    fn neighbours_of_a_suite_are_measured_far_apart() {
        let mut turn_of = vec![0; 1000];
        for place in measuring_order(1000, 1) {
            turn_of[place.suite_position] = place.measured_position;
        }
        let distances = turn_of.windows(2).map(|pair| pair[0].abs_diff(pair[1]) as f64);
        // Two places drawn at random from n lie n / 3 apart on average.
        let mean = distances.sum::<f64>() / 999.0;
        assert!((280.0..390.0).contains(&mean), "{mean}");
    }
}
