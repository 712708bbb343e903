//! The emulator's global memory: allocations between fences, and what is remembered of them.

use std::alloc::{Layout, alloc, dealloc};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::backend::{
    AllocationLedger, BackendError, Buffer, BufferStorage, FENCE_BYTES, FENCE_PATTERN, FenceViolation,
};

/// Every byte of new memory: a NaN in each float type.
const POISON: u8 = 0xFF;

/// Alignment of every buffer, from the trait's contract.
const ALIGNMENT: usize = 256;

/// How many freed buffers are remembered by name.
const REMEMBERED_FREES: usize = 256;

/// A piece of address space with the label of the buffer that has, or had, it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedRange {
    pub start: usize,
    pub bytes: usize,
    pub label: String,
    /// An overlapped launch may have read it ahead of those before it, so that kernels must not write it.
    pub constant: bool,
    /// An overlapped launch may read what is not `HostMemory::is_unsettled` ahead of those before it.
    pub settled: bool,
}

impl NamedRange {
    /// Bytes between an address and the range; 0 inside.
    pub fn distance(&self, address: usize) -> usize {
        self.start.saturating_sub(address).max((address + 1).saturating_sub(self.start + self.bytes))
    }
}

/// All allocations of one device, to name what a stray access hits.
pub(super) struct HostMemory {
    pub ledger: AllocationLedger,
    capacity: u64,
    ranges: Mutex<Ranges>,
    unsettled: Mutex<Unsettled>,
}

/// What kernels wrote since everything before them was done.
#[derive(Default)]
struct Unsettled {
    /// The beginnings of all buffers that were written.
    buffers: HashSet<usize>,
    /// Of those, the ones that nobody had called settled by then: where they were written was not noted.
    whole: HashSet<usize>,
    /// Words of settled buffers, by address over `WORD`.
    words: HashSet<usize>,
}

/// Bytes that are noted together.
const WORD: usize = 4;

#[derive(Default)]
struct Ranges {
    live: BTreeMap<usize, NamedRange>,
    freed: VecDeque<NamedRange>,
}

impl HostMemory {
    pub fn new(device: &str, capacity: u64) -> Self {
        Self { ledger: AllocationLedger::new(device), capacity, ranges: Mutex::default(), unsettled: Mutex::default() }
    }

    /// Allocates poisoned memory between two fences.
    pub fn allocate(self: &Arc<Self>, bytes: usize, label: &str) -> Result<HostAllocation, BackendError> {
        let refused = || self.ledger.out_of_memory(bytes, label);
        let fits = (self.ledger.live_bytes() as u64).checked_add(bytes as u64).is_some_and(|all| all <= self.capacity);
        if !fits {
            return Err(refused());
        }
        let layout = Layout::from_size_align(bytes + 2 * FENCE_BYTES, ALIGNMENT).map_err(|_| refused())?;
        // SAFETY: the layout is never empty.
        let base = unsafe { alloc(layout) };
        if base.is_null() {
            return Err(refused());
        }
        // SAFETY: fence, buffer and fence are the layout's bytes.
        unsafe {
            base.write_bytes(FENCE_PATTERN, FENCE_BYTES);
            base.add(FENCE_BYTES).write_bytes(POISON, bytes);
            base.add(FENCE_BYTES + bytes).write_bytes(FENCE_PATTERN, FENCE_BYTES);
        }
        let allocation = HostAllocation { memory: self.clone(), base: base as usize, layout, bytes };
        let start = allocation.base + FENCE_BYTES;
        self.ledger.record(start as u64, bytes, label);
        self.ranges()
            .live
            .insert(start, NamedRange { start, bytes, label: label.to_string(), constant: false, settled: false });
        Ok(allocation)
    }

    /// Notes that an overlapped launch reads a buffer ahead.
    pub fn mark_constant(&self, start: usize) {
        if let Some(range) = self.ranges().live.get_mut(&start) {
            range.constant = true;
        }
    }

    /// Whether an overlapped launch has read the buffer that starts there ahead.
    pub fn is_constant(&self, start: usize) -> bool {
        self.ranges().live.get(&start).is_some_and(|range| range.constant)
    }

    /// Notes that an overlapped launch may read a buffer ahead where it is settled.
    pub fn mark_settled(&self, start: usize) {
        let mut ranges = self.ranges();
        let Some(range) = ranges.live.get_mut(&start) else { return };
        let mut unsettled = self.unsettled();
        if !std::mem::replace(&mut range.settled, true) && unsettled.buffers.contains(&start) {
            unsettled.whole.insert(start);
        }
    }

    /// Whether that was noted of the buffer that starts there.
    pub fn is_settled(&self, start: usize) -> bool {
        self.ranges().live.get(&start).is_some_and(|range| range.settled)
    }

    fn unsettled(&self) -> MutexGuard<'_, Unsettled> {
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a kernel writes to a buffer; where, if it is a settled one.
    pub fn unsettle(&self, range: &NamedRange, address: usize, bytes: usize) {
        let mut unsettled = self.unsettled();
        unsettled.buffers.insert(range.start);
        if range.settled {
            unsettled.words.extend(address / WORD..(address + bytes).div_ceil(WORD));
        }
    }

    /// Whether a kernel that is not known to be done may have written there.
    pub fn is_unsettled(&self, range: &NamedRange, address: usize, bytes: usize) -> bool {
        let unsettled = self.unsettled();
        let mut words = address / WORD..(address + bytes).div_ceil(WORD);
        unsettled.whole.contains(&range.start) || words.any(|word| unsettled.words.contains(&word))
    }

    /// Everything that was enqueued is done.
    pub fn settle(&self) {
        *self.unsettled() = Unsettled::default();
    }

    /// The live buffer that has this address.
    pub fn live_at(&self, address: usize) -> Option<NamedRange> {
        let ranges = self.ranges();
        let (_, range) = ranges.live.range(..=address).next_back()?;
        (range.distance(address) == 0).then(|| range.clone())
    }

    /// The last freed buffer that had this address.
    pub fn freed_at(&self, address: usize) -> Option<NamedRange> {
        self.ranges().freed.iter().rev().find(|range| range.distance(address) == 0).cloned()
    }

    /// The first damaged byte of a buffer's fences. The buffer must be this device's.
    pub fn check_fences(&self, buffer: &Buffer) -> Result<Option<FenceViolation>, BackendError> {
        let (start, bytes) = (buffer.address() as usize, buffer.bytes());
        if self.ranges().live.get(&start).is_none_or(|range| range.bytes != bytes) {
            let problem = format!("{buffer:?} is not a buffer of this device");
            return Err(BackendError::InvalidUse { call: "check_fences", problem });
        }
        let damaged = |start: usize| {
            // SAFETY: the buffer is alive, and both fences are part of its allocation.
            let fence = unsafe { std::slice::from_raw_parts(start as *const u8, FENCE_BYTES) };
            fence.iter().position(|&byte| byte != FENCE_PATTERN)
        };
        let before = damaged(start - FENCE_BYTES).map(|position| position as i64 - FENCE_BYTES as i64);
        let after = || damaged(start + bytes).map(|position| (bytes + position) as i64);
        let offset = before.or_else(after);
        Ok(offset.map(|offset| FenceViolation { label: buffer.label().to_string(), offset, bytes }))
    }

    fn ranges(&self) -> MutexGuard<'_, Ranges> {
        // Each change is one insertion or removal, so a panic elsewhere cannot have broken the tables.
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn release(&self, start: usize) {
        self.ledger.release(start as u64);
        let mut ranges = self.ranges();
        if let Some(range) = ranges.live.remove(&start) {
            if ranges.freed.len() == REMEMBERED_FREES {
                ranges.freed.pop_front();
            }
            ranges.freed.push_back(range);
        }
    }
}

/// One allocation with its fences.
pub(super) struct HostAllocation {
    memory: Arc<HostMemory>,
    base: usize,
    layout: Layout,
    bytes: usize,
}

impl BufferStorage for HostAllocation {
    fn address(&self) -> u64 {
        (self.base + FENCE_BYTES) as u64
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for HostAllocation {
    fn drop(&mut self) {
        self.memory.release(self.base + FENCE_BYTES);
        // SAFETY: allocated with this layout, freed once.
        unsafe { dealloc(self.base as *mut u8, self.layout) };
    }
}
