//! Orders of threads, waves and blocks under a schedule. All of them follow from the seed alone.

use super::Schedule;

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Clone, Copy, Debug)]
pub(super) struct SplitMix64(pub u64);

impl SplitMix64 {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `bound`, which is not 0. The bias, `bound` / 2^64, does not matter to a schedule.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

/// Orders within one block.
pub(super) struct BlockOrder {
    schedule: Schedule,
    random: SplitMix64,
}

impl BlockOrder {
    pub fn new(schedule: Schedule, block: u64) -> Self {
        let seed = match schedule {
            Schedule::Random { seed } => seed,
            Schedule::InOrder | Schedule::Reverse => 0,
        };
        let mut random = SplitMix64(seed);
        random.0 = random.next() ^ block;
        Self { schedule, random }
    }

    /// Fills `order` with 0 … its length - 1, in the order in which a wave's lanes run next.
    pub fn lanes(&mut self, order: &mut [u32]) {
        let count = order.len();
        for (position, lane) in order.iter_mut().enumerate() {
            *lane = if self.schedule == Schedule::Reverse { count - 1 - position } else { position } as u32;
        }
        if let Schedule::Random { .. } = self.schedule {
            for position in (1..count).rev() {
                order.swap(position, self.random.below(position as u64 + 1) as usize);
            }
        }
    }

    /// Which of `ready` waves, sorted by number, runs next.
    pub fn wave(&mut self, ready: usize) -> usize {
        match self.schedule {
            Schedule::InOrder => 0,
            Schedule::Reverse => ready - 1,
            Schedule::Random { .. } => self.random.below(ready as u64) as usize,
        }
    }
}

/// The order of a launch's blocks, without a table: grids may have billions.
pub(super) struct GridOrder {
    blocks: u64,
    reverse: bool,
    /// Position `p` runs block `(p * factor + shift) % blocks`, a permutation as `factor` and `blocks` share
    /// no divisor.
    factor: u64,
    shift: u64,
}

impl GridOrder {
    pub fn new(schedule: Schedule, blocks: u64) -> Self {
        let mut order = Self { blocks, reverse: schedule == Schedule::Reverse, factor: 1, shift: 0 };
        if let (Schedule::Random { seed }, true) = (schedule, blocks > 1) {
            let mut random = SplitMix64(seed);
            order.shift = random.below(blocks);
            order.factor = 1 + random.below(blocks - 1);
            while greatest_common_divisor(order.factor, blocks) != 1 {
                order.factor = 1 + random.below(blocks - 1);
            }
        }
        order
    }

    /// The block that runs at a position.
    pub fn block(&self, position: u64) -> u64 {
        if self.reverse {
            return self.blocks - 1 - position;
        }
        let product = u128::from(position) * u128::from(self.factor) + u128::from(self.shift);
        (product % u128::from(self.blocks)) as u64
    }
}

fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULES: [Schedule; 3] = [Schedule::InOrder, Schedule::Reverse, Schedule::Random { seed: 5 }];

    #[test]
    fn every_block_and_lane_runs_once_under_each_schedule() {
        for schedule in SCHEDULES {
            for blocks in [1, 2, 7, 60] {
                let order = GridOrder::new(schedule, blocks);
                let mut seen: Vec<u64> = (0..blocks).map(|position| order.block(position)).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..blocks).collect::<Vec<_>>(), "{schedule} {blocks}");
            }
            let mut lanes = [0; 64];
            BlockOrder::new(schedule, 3).lanes(&mut lanes);
            lanes.sort_unstable();
            assert!(lanes.iter().enumerate().all(|(position, &lane)| position == lane as usize), "{schedule}");
        }
    }

    #[test]
    fn random_orders_differ_by_seed_and_repeat_for_one() {
        let lanes = |seed, block| {
            let mut order = [0; 32];
            BlockOrder::new(Schedule::Random { seed }, block).lanes(&mut order);
            order
        };
        assert_eq!(lanes(1, 0), lanes(1, 0));
        assert_ne!(lanes(1, 0), lanes(2, 0));
        assert_ne!(lanes(1, 0), lanes(1, 1));
    }
}
