//! Finds races on shared memory by happens-before, whatever the schedule.
//!
//! Two accesses to one byte by different threads race if at least one is a plain write, or one is atomic and
//! the other plain and one of them writes, and no barrier lies between them: a block barrier, or a wave
//! barrier if both threads are in one wave. Shuffles and ballots order no memory. For each byte the last
//! writer and enough readers are kept to make the answer exact; "enough" is explained at `Group`.

use super::access_check::AccessKind;
use super::shared_memory::SharedMemory;

const THREAD_BITS: u32 = 10;
const EPOCH_SHIFT: u32 = 32;

/// When and by whom a byte was accessed: block epoch (32 bits), wave epoch (22 bits), thread (10 bits).
/// Epochs count barriers; wave epochs start again at each block barrier. 0 is "never".
type Stamp = u64;

/// Up to two accesses of a kind that need not be ordered among themselves. Two are enough to find any
/// later conflict: if they are from different waves, nothing but a block barrier orders all of them before
/// a write; if from one wave, a thread of another wave conflicts with either, and a thread of the same wave
/// conflicts with one of two different threads that came after the last wave barrier.
#[derive(Clone, Copy, Default)]
struct Group([Stamp; 2]);

#[derive(Clone, Copy, Default)]
struct Cell {
    writer: Stamp,
    readers: Group,
    atomics: Group,
}

/// An earlier access that races with the one just made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Race {
    /// Offset in the arena.
    pub byte: usize,
    /// The other thread, by its number in the block.
    pub thread: u32,
    pub kind: AccessKind,
}

/// The shadow of one arena.
pub(super) struct RaceDetector {
    /// One per byte of the arena; allocated when first needed.
    cells: Vec<Cell>,
    block_epoch: u32,
    wave_epochs: [u32; 32],
    wave_size: u32,
}

impl RaceDetector {
    pub fn new() -> Self {
        Self { cells: Vec::new(), block_epoch: 0, wave_epochs: [0; 32], wave_size: 32 }
    }

    /// A new block, on memory that nobody has touched: its epoch is new too, so no cell needs clearing.
    pub fn begin_block(&mut self, wave_size: u32) {
        if self.cells.is_empty() {
            self.cells = vec![Cell::default(); SharedMemory::arena_bytes()];
        }
        self.wave_size = wave_size;
        self.block_barrier_passed();
    }

    pub fn block_barrier_passed(&mut self) {
        self.block_epoch = match self.block_epoch.checked_add(1) {
            Some(epoch) => epoch,
            None => {
                self.cells.fill(Cell::default());
                1
            }
        };
        self.wave_epochs = [0; 32];
    }

    pub fn wave_barrier_passed(&mut self, wave: usize) {
        self.wave_epochs[wave] += 1;
    }

    /// Records an access to bytes of the arena by a thread of the running block.
    pub fn access(&mut self, offset: usize, bytes: usize, kind: AccessKind, thread: u32) -> Option<Race> {
        let wave = thread / self.wave_size;
        let wave_epoch = u64::from(self.wave_epochs[wave as usize]) << (64 - 22) >> EPOCH_SHIFT;
        let moment = Moment {
            stamp: u64::from(self.block_epoch) << EPOCH_SHIFT | wave_epoch | u64::from(thread),
            wave_size: self.wave_size,
        };
        let cells = &mut self.cells[offset..offset + bytes];
        cells.iter_mut().enumerate().find_map(|(position, cell)| {
            let (thread, kind) = cell.access(kind, moment)?;
            Some(Race { byte: offset + position, thread, kind })
        })
    }
}

/// The access that is being made.
#[derive(Clone, Copy)]
struct Moment {
    stamp: Stamp,
    wave_size: u32,
}

fn thread_of(stamp: Stamp) -> u32 {
    stamp as u32 & ((1 << THREAD_BITS) - 1)
}

impl Moment {
    fn same_block_epoch(self, other: Stamp) -> bool {
        (self.stamp ^ other) >> EPOCH_SHIFT == 0
    }

    fn same_wave(self, other: Stamp) -> bool {
        thread_of(self.stamp) / self.wave_size == thread_of(other) / self.wave_size
    }

    fn same_wave_epoch(self, other: Stamp) -> bool {
        (self.stamp ^ other) as u32 >> THREAD_BITS == 0
    }

    /// Whether nothing orders an earlier access before this one.
    #[inline]
    fn unordered(self, earlier: Stamp) -> bool {
        self.same_block_epoch(earlier)
            && thread_of(self.stamp) != thread_of(earlier)
            && (self.same_wave_epoch(earlier) || !self.same_wave(earlier))
    }
}

impl Group {
    #[inline]
    fn unordered(&self, now: Moment) -> Option<Stamp> {
        self.0.into_iter().find(|&earlier| now.unordered(earlier))
    }

    fn record(&mut self, now: Moment) {
        let [first, second] = &mut self.0;
        let thread = thread_of(now.stamp);
        if !now.same_block_epoch(*first) {
            *self = Group([now.stamp, 0]);
        } else if thread_of(*first) == thread {
            *first = now.stamp;
        } else if !now.same_block_epoch(*second) || thread_of(*second) == thread {
            *second = now.stamp;
        } else if now.same_wave(*first) && now.same_wave(*second) {
            // One wave: those after its last barrier are the ones that matter.
            if !now.same_wave_epoch(*first) {
                *first = now.stamp;
            } else if !now.same_wave_epoch(*second) {
                *second = now.stamp;
            }
        } else if !now.same_wave(*first) && !now.same_wave(*second) {
            *second = now.stamp;
        }
    }
}

impl Cell {
    #[inline]
    fn access(&mut self, kind: AccessKind, now: Moment) -> Option<(u32, AccessKind)> {
        let seen = self;
        let found = |stamp: Stamp, kind| Some((thread_of(stamp), kind));
        if now.unordered(seen.writer) {
            return found(seen.writer, AccessKind::Write);
        }
        if kind != AccessKind::Atomic
            && let Some(stamp) = seen.atomics.unordered(now)
        {
            return found(stamp, AccessKind::Atomic);
        }
        if kind != AccessKind::Read
            && let Some(stamp) = seen.readers.unordered(now)
        {
            return found(stamp, AccessKind::Read);
        }
        match kind {
            AccessKind::Read => seen.readers.record(now),
            AccessKind::Atomic => seen.atomics.record(now),
            AccessKind::Write => *seen = Cell { writer: now.stamp, ..Cell::default() },
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccessKind::{Atomic, Read, Write};

    fn detector() -> RaceDetector {
        let mut detector = RaceDetector::new();
        detector.begin_block(32);
        detector
    }

    #[test]
    fn conflicts_without_a_barrier_are_found_in_either_order() {
        for (first, second) in [
            (Write, Write),
            (Write, Read),
            (Read, Write),
            (Write, Atomic),
            (Atomic, Write),
            (Atomic, Read),
            (Read, Atomic),
        ] {
            let mut detector = detector();
            assert_eq!(detector.access(100, 4, first, 3), None);
            let race = detector.access(102, 4, second, 4).expect("a race");
            assert_eq!(race, Race { byte: 102, thread: 3, kind: first });
        }
    }

    #[test]
    fn reads_atomics_own_accesses_and_other_bytes_do_not_conflict() {
        for (first, second, thread, offset) in
            [(Read, Read, 4, 100), (Atomic, Atomic, 4, 100), (Write, Write, 3, 100), (Write, Write, 4, 104)]
        {
            let mut detector = detector();
            assert_eq!(detector.access(100, 4, first, 3), None);
            assert_eq!(detector.access(offset, 4, second, thread), None);
        }
    }

    #[test]
    fn barriers_order_the_threads_that_meet_in_them() {
        let mut detector = detector();
        assert_eq!(detector.access(0, 4, Write, 3), None);
        detector.wave_barrier_passed(0);
        assert_eq!(detector.access(0, 4, Read, 4), None, "one wave");
        assert!(detector.access(0, 4, Read, 40).is_some(), "another wave");
        detector.block_barrier_passed();
        assert_eq!(detector.access(0, 4, Write, 40), None);
    }

    #[test]
    fn a_writer_conflicts_with_any_of_many_readers() {
        let mut detector = detector();
        for thread in [0, 1, 2, 33, 65] {
            assert_eq!(detector.access(0, 1, Read, thread), None);
        }
        for writer in [0, 1, 2, 33, 65, 700] {
            assert!(detector.access(0, 1, Write, writer).is_some(), "writer {writer}");
        }
    }

    #[test]
    fn readers_before_a_wave_barrier_do_not_hide_those_after_it() {
        let mut detector = detector();
        for thread in 0..4 {
            assert_eq!(detector.access(0, 1, Read, thread), None);
        }
        detector.wave_barrier_passed(0);
        assert_eq!(detector.access(0, 1, Read, 9), None);
        assert_eq!(detector.access(0, 1, Write, 8).map(|race| race.thread), Some(9));
        assert_eq!(detector.access(0, 1, Write, 9), None);
    }
}
