//! Device memory: fenced allocations from a pool of freed blocks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::backend::{AllocationLedger, BackendError, BufferStorage, FENCE_BYTES};

use super::driver::{ErrorKind, GpuDriver};
use super::stream::Stream;

/// Drivers hand out memory in pages of this size; large blocks are rounded up to it.
const PAGE_BYTES: usize = 2 << 20;
const SMALL_STEP: usize = 512;

/// Device memory as the driver gave it.
#[derive(Clone, Copy)]
pub struct Block {
    pub address: u64,
    pub bytes: usize,
}

/// The memory of one device. Freed blocks wait here for the next allocation of about their size: a driver's
/// own free waits for the whole device, which a benchmark must not do between cases. Work on the device's
/// one stream runs in order, so a block can be handed on while its last kernel still runs.
pub struct Memory<D: GpuDriver> {
    pub stream: Arc<Stream<D>>,
    pub ledger: AllocationLedger,
    freed: Mutex<BTreeMap<usize, Vec<u64>>>,
}

impl<D: GpuDriver> Memory<D> {
    pub fn new(stream: Arc<Stream<D>>) -> Self {
        let ledger = AllocationLedger::new(&stream.device);
        Self { stream, ledger, freed: Mutex::default() }
    }

    /// Storage for `bytes` with room for a fence on both sides; the fences are not drawn yet.
    pub fn allocate(self: &Arc<Self>, bytes: usize, label: &str) -> Result<GpuStorage<D>, BackendError> {
        let total = bytes.checked_add(2 * FENCE_BYTES).filter(|total| *total < isize::MAX as usize);
        let total = total.ok_or_else(|| self.ledger.out_of_memory(bytes, label))?;
        let step = if total < PAGE_BYTES { SMALL_STEP } else { PAGE_BYTES };
        let total = total.next_multiple_of(step);
        let block = match self.take_freed(total) {
            Some(block) => block,
            None => Block { address: self.allocate_block(total, bytes, label)?, bytes: total },
        };
        let storage = GpuStorage { memory: Arc::clone(self), block, bytes };
        self.ledger.record(storage.address(), bytes, label);
        Ok(storage)
    }

    fn allocate_block(&self, total: usize, bytes: usize, label: &str) -> Result<u64, BackendError> {
        let driver = &self.stream.driver;
        let mut outcome = driver.allocate(total);
        if outcome.as_ref().is_err_and(|error| error.kind == ErrorKind::OutOfMemory) {
            self.release_freed();
            outcome = driver.allocate(total);
        }
        outcome.map_err(|error| match error.kind {
            ErrorKind::OutOfMemory => self.ledger.out_of_memory(bytes, label),
            _ => self.stream.error(error, format!("{total} bytes for {label}")),
        })
    }

    /// The smallest freed block that fits and wastes at most a quarter.
    fn take_freed(&self, bytes: usize) -> Option<Block> {
        let mut freed = self.freed.lock().unwrap_or_else(PoisonError::into_inner);
        let (&size, addresses) = freed.range_mut(bytes..=bytes + bytes / 4).next()?;
        let address = addresses.pop();
        if addresses.is_empty() {
            freed.remove(&size);
        }
        address.map(|address| Block { address, bytes: size })
    }

    fn put_freed(&self, block: Block) {
        let mut freed = self.freed.lock().unwrap_or_else(PoisonError::into_inner);
        freed.entry(block.bytes).or_default().push(block.address);
    }

    /// Gives all freed blocks back to the driver.
    fn release_freed(&self) {
        if !self.stream.may_free() {
            return;
        }
        let freed = std::mem::take(&mut *self.freed.lock().unwrap_or_else(PoisonError::into_inner));
        for address in freed.into_values().flatten() {
            // SAFETY: the block came from this driver, no buffer owns it, and the driver waits for
            // kernels that still use it. A failed free leaves the block to the end of the process.
            let _ = unsafe { self.stream.driver.free(address) };
        }
    }
}

impl<D: GpuDriver> Drop for Memory<D> {
    fn drop(&mut self) {
        self.release_freed();
    }
}

/// One allocation: a fence, the caller's bytes, a fence.
pub struct GpuStorage<D: GpuDriver> {
    memory: Arc<Memory<D>>,
    block: Block,
    bytes: usize,
}

impl<D: GpuDriver> BufferStorage for GpuStorage<D> {
    fn address(&self) -> u64 {
        self.block.address + FENCE_BYTES as u64
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl<D: GpuDriver> Drop for GpuStorage<D> {
    fn drop(&mut self) {
        self.memory.ledger.release(self.address());
        self.memory.put_freed(self.block);
    }
}
