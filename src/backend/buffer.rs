//! Device memory with ownership.

use std::fmt;
use std::sync::Arc;

/// The backend's side of a buffer; dropping it frees the memory.
pub trait BufferStorage: Send + Sync {
    /// Address of the first byte as kernels on this device see it.
    fn address(&self) -> u64;
    /// Usable bytes.
    fn bytes(&self) -> usize;
}

/// A piece of one device's memory. Clones share it; the last one frees it.
#[derive(Clone)]
pub struct Buffer {
    storage: Arc<dyn BufferStorage>,
    label: Arc<str>,
}

impl Buffer {
    pub fn new(storage: Arc<dyn BufferStorage>, label: &str) -> Self {
        Self { storage, label: label.into() }
    }

    pub fn address(&self) -> u64 {
        self.storage.address()
    }

    pub fn bytes(&self) -> usize {
        self.storage.bytes()
    }

    /// What the buffer holds, for error messages: `rms_norm.x`.
    pub fn label(&self) -> &str {
        &self.label
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Buffer({}, {} bytes at {:#x})", self.label, self.bytes(), self.address())
    }
}
