//! Loaded code objects.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::CString;
use std::sync::Arc;

use crate::backend::code_object::attributes_in;
use crate::backend::{BackendError, Kernel, KernelAttributes, KernelId, KernelLibrary, KernelModule};

use super::driver::{DriverError, GpuDriver, Handle};
use super::stream::Stream;

/// Where a device's code objects come from.
pub trait CodeObjectSource: Send + Sync {
    /// The code object of `module` for the device that this source was made for.
    fn code_object(&self, library: &KernelLibrary, module: &KernelModule) -> Result<Cow<'static, [u8]>, BackendError>;
}

/// A module on the device; unloaded when the last kernel from it is dropped.
pub struct LoadedModule<D: GpuDriver> {
    pub stream: Arc<Stream<D>>,
    handle: Handle,
    /// Whether its kernels wait for earlier launches themselves.
    pub waits: bool,
    /// What the code object itself says of its kernels, by name.
    written: HashMap<String, KernelAttributes>,
}

impl<D: GpuDriver> LoadedModule<D> {
    /// `image` is the code object of `source`, a module of `library`.
    pub fn load(
        stream: &Arc<Stream<D>>,
        library: &KernelLibrary,
        source: &KernelModule,
        image: &[u8],
    ) -> Result<Self, BackendError> {
        // SAFETY: the image is a code object from this device's compiler or build.rs, whole in memory; the
        // driver checks its format. The caller entered the stream.
        let handle = unsafe { stream.driver.load_module(image) };
        let handle = handle.map_err(|error| stream.error(error, format!("{}, {} bytes", source.name, image.len())))?;
        let waits = library.waits_by_itself(source);
        Ok(Self { stream: Arc::clone(stream), handle, waits, written: attributes_in(image) })
    }

    pub fn kernel(self: &Arc<Self>, id: &KernelId) -> Result<Kernel, BackendError> {
        let driver = &self.stream.driver;
        let failed = |error: DriverError| self.stream.error(error, id.to_string());
        let name = CString::new(id.function.as_str()).map_err(|_| BackendError::InvalidUse {
            call: "load",
            problem: format!("{id} has a zero byte in its name"),
        })?;
        // SAFETY: the module is loaded as long as self lives.
        let function = unsafe { driver.function(self.handle, &name) }.map_err(failed)?;
        // SAFETY: the function belongs to that module.
        let attributes = unsafe { driver.attributes(function) }.map_err(failed)?;
        let attributes = attributes.or(self.written.get(&id.function).copied().unwrap_or_default());
        Ok(Kernel::new(id.clone(), attributes, function.0 as u64, Arc::clone(self) as _))
    }
}

impl<D: GpuDriver> Drop for LoadedModule<D> {
    fn drop(&mut self) {
        // Unloading code under a running kernel is undefined, so wait first; after a hung kernel the module
        // stays until the process ends.
        if self.stream.wait("unload of a module").is_ok() {
            // SAFETY: the handle is this module's own, no kernel of it is left and the stream is idle.
            let _ = unsafe { self.stream.driver.unload_module(self.handle) };
        }
    }
}
