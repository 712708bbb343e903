//! The host entry points of kernels: embedded ones, and those of shared objects compiled at run time.

use std::sync::Arc;

use super::kernel_wrapper::Variant;
use crate::backend::KernelId;

include!(concat!(env!("OUT_DIR"), "/host_kernels.rs"));

/// A kernel compiled for the host: `arguments` has one word per parameter.
pub(super) type KernelEntry = unsafe extern "C" fn(arguments: *const u64);

/// Writes the size in bytes of each parameter, at most `capacity`, and returns how many there are.
pub(super) type KernelSignature = unsafe extern "C" fn(sizes: *mut u8, capacity: u32) -> u32;

/// More parameters than any kernel has.
const MAX_PARAMETERS: usize = 64;

/// A row of the table that build.rs writes.
struct EmbeddedKernel {
    module: &'static str,
    function: &'static str,
    plain: KernelEntry,
    checked: KernelEntry,
    signature: KernelSignature,
}

/// A loaded kernel, both copies.
pub(super) struct HostKernel {
    pub id: KernelId,
    plain: KernelEntry,
    checked: KernelEntry,
    /// Size in bytes of each parameter, 4 or 8.
    pub parameter_sizes: Vec<u8>,
    /// Keeps the shared object that the entries point into.
    _library: Option<Arc<libloading::Library>>,
}

impl HostKernel {
    /// # Safety
    /// The functions are compiled from one kernel, and stay where they are while `library` lives.
    pub unsafe fn new(
        id: KernelId,
        plain: KernelEntry,
        checked: KernelEntry,
        signature: KernelSignature,
        library: Option<Arc<libloading::Library>>,
    ) -> Self {
        let mut sizes = [0u8; MAX_PARAMETERS];
        // SAFETY: the caller's functions; the capacity is the array's.
        let count = unsafe { signature(sizes.as_mut_ptr(), MAX_PARAMETERS as u32) } as usize;
        let parameter_sizes = sizes[..count.min(MAX_PARAMETERS)].to_vec();
        Self { id, plain, checked, parameter_sizes, _library: library }
    }

    /// The embedded kernel of that name.
    pub fn embedded(id: &KernelId) -> Option<Self> {
        let row = EMBEDDED_KERNELS.iter().find(|row| row.module == id.module && row.function == id.function)?;
        // SAFETY: build.rs wrote the row, and the functions are part of this program.
        Some(unsafe { Self::new(id.clone(), row.plain, row.checked, row.signature, None) })
    }

    pub fn entry(&self, variant: Variant) -> KernelEntry {
        match variant {
            Variant::Plain => self.plain,
            Variant::Checked => self.checked,
        }
    }
}
