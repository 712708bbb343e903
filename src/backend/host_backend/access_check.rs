//! Judges every access of a checked kernel before it happens.
//!
//! A thread may touch the buffers that were passed to its launch, its block's shared arrays and its own
//! stack, and may read constants of the program. Anything else stops it. In an overlapped launch a thread waits for the
//! kernels before it first, or reads only what nobody writes.

use std::time::Instant;

use super::block_state::BlockState;
use super::fault::{Fault, Position};
use super::image::{ImageRange, read_only_range};
use super::kernel_callbacks::stop_with_fault;
use super::launch::Launch;
use super::memory::NamedRange;
use super::step_count::count_step;
use super::thread_state::{ThreadContext, Wait, current, pack, suspend};

/// Accesses between two looks at the clock.
const ACCESSES_PER_CLOCK_READING: u64 = 1 << 14;

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessKind {
    Read,
    Write,
    /// A read-modify-write that no other atomic operation can fall into.
    Atomic,
}

impl AccessKind {
    pub fn name(self) -> &'static str {
        match self {
            AccessKind::Read => "read",
            AccessKind::Write => "write",
            AccessKind::Atomic => "atomic operation",
        }
    }
}

/// What a block's accesses hit last, to find it again without a search.
#[derive(Default)]
pub(super) struct RecentRanges {
    read: (usize, usize),
    written: (usize, usize),
    constants: ImageRange,
}

impl RecentRanges {
    /// Forgets what belonged to another launch.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    #[inline(always)]
    fn slot(&mut self, kind: AccessKind) -> &mut (usize, usize) {
        if kind == AccessKind::Read { &mut self.read } else { &mut self.written }
    }
}

#[inline(always)]
fn contains((start, length): (usize, usize), address: usize, bytes: usize) -> bool {
    let offset = address.wrapping_sub(start);
    offset < length && bytes <= length - offset
}

/// Returns if the access is allowed; otherwise the thread stops here for good.
#[inline(always)]
pub(super) fn check_access(address: usize, bytes: usize, kind: AccessKind) {
    let context = current();
    if context.is_null() {
        // Not in a kernel: an initialiser of the program.
        return;
    }
    // SAFETY: a current context has a block, and one thread at a time runs on this OS thread.
    let (context, block) = unsafe { (&mut *context, &mut *(*context).block) };
    count_step();
    block.accesses += 1;
    if block.accesses.is_multiple_of(ACCESSES_PER_CLOCK_READING) {
        check_deadline(context, block);
    }
    if !context.waited {
        check_early(block, address, bytes, kind);
    }
    if !contains(*block.recent.slot(kind), address, bytes) {
        search(context, block, address, bytes, kind);
    }
}

#[cold]
fn check_deadline(context: &mut ThreadContext, block: &mut BlockState) {
    // SAFETY: the launch outlives its blocks.
    let deadline = unsafe { (*block.launch).deadline };
    if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
        block.fault = Some(Fault::Deadline);
        // SAFETY: on the current thread's coroutine, with nothing to drop.
        unsafe { suspend(context, Wait::Fault) };
    }
}

/// Stops a thread of an overlapped launch that touches a buffer before it has waited, but to read a constant one or what is
/// settled: on a GPU an earlier kernel may still write there, or read.
#[cold]
fn check_early(block: &BlockState, address: usize, bytes: usize, kind: AccessKind) {
    // SAFETY: the launch outlives its blocks.
    let launch = unsafe { &*block.launch };
    let found = launch.buffers.iter().find(|range| contains((range.start, range.bytes), address, 1));
    let Some(range) = found else { return };
    let settled = || range.settled && !launch.memory.is_unsettled(range, address, bytes);
    if kind != AccessKind::Read || !(range.constant || settled()) {
        stop_with_fault(format!(
            "{} at byte {} of `{}` before wait_for_previous_kernels()",
            kind.name(),
            address - range.start,
            range.label
        ));
    }
}

/// Stops a thread of an overlapped launch that leaves without having waited: the launch could end before those ahead of it,
/// and the one behind it begin.
pub(super) fn check_exit(context: &ThreadContext) {
    if !context.waited {
        stop_with_fault("leaves the kernel without wait_for_previous_kernels()".to_string());
    }
}

#[inline(never)]
fn search(context: &mut ThreadContext, block: &mut BlockState, address: usize, bytes: usize, kind: AccessKind) {
    if let Some(offset) = block.shared.arena_offset(address) {
        return check_shared(context, block, offset, bytes, kind);
    }
    if contains((context.stack_start, context.stack_bytes), address, bytes) {
        return;
    }
    // SAFETY: the launch outlives its blocks.
    let launch = unsafe { &*block.launch };
    let range = launch.buffers.iter().find(|range| contains((range.start, range.bytes), address, bytes));
    if let Some(range) = range {
        if range.constant && kind != AccessKind::Read {
            stop_with_fault(format!(
                "{} at byte {} of `{}`, which other kernels read before they wait for this one",
                kind.name(),
                address - range.start,
                range.label
            ));
        }
        if kind != AccessKind::Read {
            launch.memory.unsettle(range, address, bytes);
        }
        // Writes to settled buffers come here every time.
        if kind == AccessKind::Read || !range.settled {
            *block.recent.slot(kind) = (range.start, range.bytes);
        }
        return;
    }
    let arguments = (launch.arguments.as_ptr() as usize, size_of_val(&launch.arguments[..]));
    if kind == AccessKind::Read
        && (contains(arguments, address, bytes) || is_constant(&mut block.recent, address, bytes))
    {
        return;
    }
    stop_with_fault(describe(launch, address, bytes, kind));
}

fn is_constant(recent: &mut RecentRanges, address: usize, bytes: usize) -> bool {
    if contains(recent.constants, address, bytes) {
        return true;
    }
    let Some(range) = read_only_range(address) else { return false };
    recent.constants = range;
    contains(range, address, bytes)
}

fn check_shared(context: &ThreadContext, block: &mut BlockState, offset: usize, bytes: usize, kind: AccessKind) {
    if !block.shared.is_inside(offset, bytes) {
        return stop_with_fault(match block.shared.place(offset) {
            Some(place) => format!(
                "{} of {bytes} bytes at byte {} of shared array `{}` ({} bytes), {}",
                kind.name(),
                place.offset,
                place.array.name,
                place.array.bytes,
                beyond(place.offset, bytes, place.array.bytes)
            ),
            None => format!("{} of {bytes} bytes of shared memory by a kernel that has none", kind.name()),
        });
    }
    let Some(race) = block.races.access(offset, bytes, kind, context.linear) else { return };
    let place = block.shared.place(race.byte).expect("the access is inside of an array");
    let other = index_of(race.thread, block.block_size);
    stop_with_fault(format!(
        "race on shared array `{}`, byte {}: {} by thread {} and {} by thread {} with no barrier between them",
        place.array.name,
        place.offset,
        race.kind.name(),
        Position(other),
        kind.name(),
        Position(context.index)
    ));
}

/// Packed index of a thread from its number in the block.
fn index_of(linear: u32, block_size: u64) -> u64 {
    let [width, height, _] = super::thread_state::unpack(block_size);
    pack([linear % width, linear / width % height, linear / (width * height)])
}

/// How far an access of `bytes` at `offset` is outside of `length` bytes.
fn beyond(offset: i64, bytes: usize, length: usize) -> String {
    match offset {
        ..0 => format!("{} bytes before its first byte", -offset),
        _ if offset as usize >= length => format!("{} bytes past its end", offset as usize - length),
        _ => format!("reaching {} bytes past its end", (offset as usize + bytes).saturating_sub(length)),
    }
}

/// Names what a forbidden access would hit.
#[cold]
fn describe(launch: &Launch, address: usize, bytes: usize, kind: AccessKind) -> String {
    let at = |range: &NamedRange| {
        let offset = address.wrapping_sub(range.start) as i64;
        format!("{} of {bytes} bytes at byte {offset} of {} ({} bytes)", kind.name(), range.label, range.bytes)
    };
    let outside = |range: &NamedRange| {
        let offset = address.wrapping_sub(range.start) as i64;
        format!("{}, {}", at(range), beyond(offset, bytes, range.bytes))
    };
    if address < 4096 {
        return format!("{} of {bytes} bytes through a null pointer", kind.name());
    }
    let nearest = launch.buffers.iter().min_by_key(|range| range.distance(address));
    let near_fence = nearest.filter(|range| range.distance(address) <= crate::backend::FENCE_BYTES);
    if let Some(range) = near_fence {
        return outside(range);
    }
    let hint = nearest.map_or(String::new(), |range| format!("; the nearest buffer that was is {}", range.label));
    if let Some(range) = launch.memory.live_at(address) {
        return format!("{}, which was not passed to this launch{hint}", at(&range));
    }
    if let Some(range) = launch.memory.freed_at(address) {
        return format!("{}, which was freed", at(&range));
    }
    match nearest {
        Some(range) => outside(range),
        None => format!("{} of {bytes} bytes at address {address:#x}, which is in no buffer", kind.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_from_the_nearer_end() {
        assert_eq!(beyond(-4, 4, 100), "4 bytes before its first byte");
        assert_eq!(beyond(100, 4, 100), "0 bytes past its end");
        assert_eq!(beyond(96, 16, 100), "reaching 12 bytes past its end");
    }

    #[test]
    fn a_range_contains_only_whole_accesses() {
        assert!(contains((1000, 16), 1012, 4));
        assert!(!contains((1000, 16), 1013, 4));
        assert!(!contains((1000, 2), 1000, 4));
        assert!(!contains((1000, 16), 999, 1));
        assert!(!contains((0, 0), 0, 1));
    }
}
