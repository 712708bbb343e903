//! Copies to the host that go on while the host enqueues more: a copy into pinned memory, and an event behind it.

use std::ffi::c_void;
use std::sync::{Arc, Mutex, PoisonError};

use crate::backend::{BackendError, Buffer, Download};

use super::driver::{GpuDriver, Handle};
use super::event::GpuEvent;
use super::stream::Stream;

/// Pinned memory is taken in pieces of at least this many bytes.
const LEAST_BYTES: usize = 4096;

/// Pinned host memory and the event behind its latest copy.
struct Landing<D: GpuDriver> {
    stream: Arc<Stream<D>>,
    pointer: Handle,
    bytes: usize,
    event: GpuEvent<D>,
}

impl<D: GpuDriver> Landing<D> {
    fn new(stream: &Arc<Stream<D>>, bytes: usize) -> Result<Self, BackendError> {
        let event = GpuEvent::new(stream)?;
        let bytes = bytes.max(LEAST_BYTES);
        let pointer = stream.driver.allocate_pinned(bytes);
        let pointer = pointer.map_err(|error| stream.error(error, format!("{bytes} pinned bytes of host memory")))?;
        Ok(Self { stream: Arc::clone(stream), pointer, bytes, event })
    }
}

impl<D: GpuDriver> Drop for Landing<D> {
    fn drop(&mut self) {
        if self.stream.may_free() && self.event.wait("free_pinned").is_ok() {
            // SAFETY: the memory is this landing's own, and the latest copy into it has passed. A failed free, or wait, leaves it
            // to the end of the process.
            let _ = unsafe { self.stream.driver.free_pinned(self.pointer) };
        }
    }
}

/// Landings that nobody waits for. A copy into one that is taken again runs behind everything that used it before: they share
/// the device's one stream.
pub struct Landings<D: GpuDriver>(Arc<Mutex<Vec<Landing<D>>>>);

impl<D: GpuDriver> Default for Landings<D> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<D: GpuDriver> Landings<D> {
    fn take(&self, stream: &Arc<Stream<D>>, bytes: usize) -> Result<Landing<D>, BackendError> {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match free.iter().position(|landing| landing.bytes >= bytes) {
            Some(index) => Ok(free.swap_remove(index)),
            None => Landing::new(stream, bytes),
        }
    }

    /// Enqueues a copy of `bytes` from `address`, which is inside of `source`.
    pub fn begin(
        &self,
        stream: &Arc<Stream<D>>,
        (address, bytes): (u64, usize),
        source: &Buffer,
    ) -> Result<Box<dyn Download>, BackendError> {
        stream.enter_outside_capture("download_later")?;
        let landing = self.take(stream, bytes)?;
        // SAFETY: the caller checked the range, which lies in a live allocation; freed memory stays mapped until the stream has
        // run. The landing is at least as large, and waits for the copy when it is dropped.
        let copied = unsafe { stream.driver.copy_to_host(landing.pointer.pointer(), address, bytes, stream.handle) };
        copied.map_err(|error| stream.error(error, format!("{bytes} bytes of {source:?}, later")))?;
        landing.event.record()?;
        Ok(Box::new(PinnedDownload { landing: Some(landing), bytes, free: Arc::clone(&self.0) }))
    }
}

/// A copy that was enqueued.
struct PinnedDownload<D: GpuDriver> {
    /// Until it is dropped.
    landing: Option<Landing<D>>,
    bytes: usize,
    free: Arc<Mutex<Vec<Landing<D>>>>,
}

impl<D: GpuDriver> Download for PinnedDownload<D> {
    fn wait(self: Box<Self>) -> Result<Vec<u8>, BackendError> {
        let landing = self.landing.as_ref().expect("taken when it is dropped");
        landing.event.wait("download_later")?;
        let pointer = landing.pointer.pointer::<c_void>().cast::<u8>().cast_const();
        // SAFETY: the landing has that many bytes, the copy that wrote them has passed, and nobody else has the landing.
        Ok(unsafe { std::slice::from_raw_parts(pointer, self.bytes) }.to_vec())
    }
}

impl<D: GpuDriver> Drop for PinnedDownload<D> {
    fn drop(&mut self) {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).extend(self.landing.take());
    }
}
