//! `Device` over any GPU driver.

use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::backend::matrix_library::NoMatrixFunctions;
use crate::backend::{
    AllocationLedger, Argument, BackendError, Buffer, Device, DeviceInfo, Download, Event, FENCE_BYTES, FENCE_PATTERN,
    FenceViolation, Graph, Kernel, KernelAttributes, KernelId, KernelLibrary, LaunchDimensions, MatrixLibrary,
};

use super::download::Landings;
use super::driver::{DriverError, ErrorKind, GpuDriver, Handle, TensorMap};
use super::event::GpuEvent;
use super::graph::GpuGraph;
use super::matrix_library::{GpuMatrixLibrary, WORKSPACE_BYTES};
use super::memory::Memory;
use super::module::{CodeObjectSource, LoadedModule};
use super::stream::{Stream, invalid};

/// Most parameters a kernel may have. The parameter array is always this long, the rest pointing at zeros,
/// so that a launch with too few arguments reads zeros instead of memory behind the array.
const MOST_PARAMETERS: usize = 64;

/// A GPU: its driver, one stream, its memory and its loaded modules.
pub struct GpuDevice<D: GpuDriver> {
    info: DeviceInfo,
    stream: Arc<Stream<D>>,
    memory: Arc<Memory<D>>,
    landings: Landings<D>,
    library: Arc<KernelLibrary>,
    code_objects: Box<dyn CodeObjectSource>,
    modules: Mutex<HashMap<String, Arc<LoadedModule<D>>>>,
    matrix_library: Mutex<Option<Arc<GpuMatrixLibrary<D>>>>,
}

impl<D: GpuDriver> GpuDevice<D> {
    pub fn new(
        driver: D,
        info: DeviceInfo,
        library: Arc<KernelLibrary>,
        code_objects: Box<dyn CodeObjectSource>,
    ) -> Result<Self, BackendError> {
        let stream = Arc::new(Stream::new(driver, &info.id)?);
        let memory = Arc::new(Memory::new(Arc::clone(&stream)));
        let (modules, matrix_library) = (Mutex::default(), Mutex::default());
        Ok(Self { info, stream, memory, landings: Landings::default(), library, code_objects, modules, matrix_library })
    }

    /// The address of `bytes` bytes at `offset`, if the buffer is this device's and has that many.
    fn range(&self, call: &'static str, buffer: &Buffer, offset: usize, bytes: usize) -> Result<u64, BackendError> {
        if !self.memory.ledger.holds(buffer.address()) {
            return Err(invalid(call, format!("{buffer:?} is not a buffer of {}", self.info.id)));
        }
        if offset.checked_add(bytes).is_none_or(|end| end > buffer.bytes()) {
            return Err(invalid(call, format!("{bytes} bytes at offset {offset} do not fit in {buffer:?}")));
        }
        Ok(buffer.address() + offset as u64)
    }

    fn fill_range(&self, address: u64, value: u8, bytes: usize, label: &str) -> Result<(), BackendError> {
        // SAFETY: the caller got the range from a live buffer or its fences; the pool keeps freed memory
        // mapped, and the stream runs this before anything that is enqueued for a later owner.
        let filled = unsafe { self.stream.driver.fill(address, value, bytes, self.stream.handle) };
        filled.map_err(|error| self.stream.error(error, format!("{bytes} bytes of {label}")))
    }

    fn read(&self, address: u64, destination: &mut [u8], label: &str) -> Result<(), BackendError> {
        // A hung kernel is found here, while the driver does not hold a pointer into `destination` yet.
        self.stream.wait("download")?;
        let (driver, to) = (&self.stream.driver, destination.as_mut_ptr().cast::<c_void>());
        // SAFETY: the range is inside a live allocation, and `destination` stays borrowed until the copy has run.
        let copied = unsafe { driver.copy_to_host(to, address, destination.len(), self.stream.handle) };
        copied.map_err(|error| self.stream.error(error, format!("{} bytes of {label}", destination.len())))?;
        self.finish_copy()
    }

    /// Waits for a copy between host and device on an otherwise idle stream. There is no deadline: the
    /// driver holds a pointer to host memory that the caller takes back when this returns.
    fn finish_copy(&self) -> Result<(), BackendError> {
        loop {
            // SAFETY: the stream is alive and the device was made current for the copy.
            match unsafe { self.stream.driver.stream_is_idle(self.stream.handle) } {
                Ok(true) => return Ok(()),
                Ok(false) => std::hint::spin_loop(),
                Err(error) => return Err(self.stream.failed(error)),
            }
        }
    }

    fn module(&self, kernel: &KernelId) -> Result<Arc<LoadedModule<D>>, BackendError> {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(&kernel.module) {
            return Ok(Arc::clone(module));
        }
        let source = self.library.find(kernel).ok_or_else(|| self.unknown(kernel))?;
        let library = self.library.source_of(kernel);
        let image = self.code_objects.code_object(library, source)?;
        self.stream.enter_outside_capture("load")?;
        let module = Arc::new(LoadedModule::load(&self.stream, library, source, &image)?);
        modules.insert(kernel.module.clone(), Arc::clone(&module));
        Ok(module)
    }

    fn unknown(&self, kernel: &KernelId) -> BackendError {
        BackendError::UnknownKernel {
            kernel: kernel.clone(),
            device: self.info.id.clone(),
            known: self.library.known_instead(kernel),
        }
    }

    fn check_owner(&self, call: &'static str, kernel: &Kernel) -> Result<(), BackendError> {
        let owner = kernel.module::<LoadedModule<D>>();
        match owner.is_some_and(|module| Arc::ptr_eq(&module.stream, &self.stream)) {
            true => Ok(()),
            false => Err(invalid(call, format!("{} was loaded on another device", kernel.id))),
        }
    }

    fn enqueue(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
        overlapped: bool,
    ) -> Result<(), BackendError> {
        self.check_owner("launch", kernel)?;
        if arguments.len() > MOST_PARAMETERS {
            return Err(invalid("launch", format!("{} got {} arguments", kernel.id, arguments.len())));
        }
        let mut values = [0_u64; MOST_PARAMETERS];
        for (value, argument) in values.iter_mut().zip(arguments) {
            *value = argument.to_bits();
        }
        let mut parameters = [ptr::null_mut::<c_void>(); MOST_PARAMETERS];
        for (parameter, value) in parameters.iter_mut().zip(&mut values) {
            *parameter = ptr::from_mut(value).cast();
        }
        self.stream.enter("launch")?;
        let mut maps = self.tensor_maps(arguments)?;
        for (position, map) in &mut maps {
            parameters[*position] = ptr::from_mut(map).cast();
        }
        self.stream.note(format_args!("{}", kernel.id));
        self.stream.keep_for_graph(Some(kernel), arguments.iter().filter_map(Argument::buffer));
        let function = Handle(kernel.handle as usize);
        let launched = self.allow_shared(kernel, function, dimensions.dynamic_shared_bytes).and_then(|()| {
            // SAFETY: `kernel` keeps its module loaded; each parameter points at 8 initialised bytes, at least as many as
            // any parameter has but a tensor map, which points at a whole one; the driver copies them before it returns.
            unsafe {
                self.stream.driver.launch(function, dimensions, parameters.as_mut_ptr(), self.stream.handle, overlapped)
            }
        });
        launched.map_err(|error| self.stream.error(error, format!("{} with {dimensions:?}", kernel.id)))
    }

    /// What the driver makes of the matrices that arguments describe, and the arguments' positions. Most kernels have none.
    fn tensor_maps(&self, arguments: &[Argument<'_>]) -> Result<Vec<(usize, TensorMap)>, BackendError> {
        let mut maps = Vec::new();
        for (position, argument) in arguments.iter().enumerate() {
            let Argument::TensorMap { buffer, offset, tiles } = argument else { continue };
            let map = self.stream.driver.tensor_map(buffer.address() + *offset as u64, tiles);
            let named = |error| self.stream.error(error, format!("{tiles:?} from byte {offset} of {buffer:?}"));
            maps.extend(map.map_err(named)?.map(|map| (position, map)));
        }
        Ok(maps)
    }

    /// Asks for more dynamic shared memory than launches get unasked, where this launch needs it.
    fn allow_shared(&self, kernel: &Kernel, function: Handle, bytes: u32) -> Result<(), DriverError> {
        let fixed = kernel.attributes.shared_bytes.unwrap_or(0);
        if bytes == 0 || bytes.saturating_add(fixed) <= self.info.shared_bytes_per_block {
            return Ok(());
        }
        // SAFETY: the function belongs to `kernel`, which keeps its module loaded.
        unsafe { self.stream.driver.allow_dynamic_shared(function, bytes) }
    }
}

impl<D: GpuDriver> Device for GpuDevice<D> {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn ledger(&self) -> &AllocationLedger {
        &self.memory.ledger
    }

    fn set_deadline(&self, limit: Option<Duration>) {
        self.stream.set_deadline(limit);
    }

    fn allocate(&self, bytes: usize, label: &str) -> Result<Buffer, BackendError> {
        self.stream.enter_outside_capture("allocate")?;
        let buffer = Buffer::new(Arc::new(self.memory.allocate(bytes, label)?), label);
        self.fill_range(buffer.address() - FENCE_BYTES as u64, FENCE_PATTERN, FENCE_BYTES, label)?;
        self.fill_range(buffer.address() + bytes as u64, FENCE_PATTERN, FENCE_BYTES, label)?;
        Ok(buffer)
    }

    fn check_fences(&self, buffer: &Buffer) -> Result<Option<FenceViolation>, BackendError> {
        let address = self.range("check_fences", buffer, 0, 0)?;
        let bytes = buffer.bytes();
        let fences = [(address - FENCE_BYTES as u64, -(FENCE_BYTES as i64)), (address + bytes as u64, bytes as i64)];
        for (start, first_offset) in fences {
            let mut fence = [0; FENCE_BYTES];
            self.read(start, &mut fence, buffer.label())?;
            if let Some(damaged) = fence.iter().position(|byte| *byte != FENCE_PATTERN) {
                let offset = first_offset + damaged as i64;
                return Ok(Some(FenceViolation { label: buffer.label().to_owned(), offset, bytes }));
            }
        }
        Ok(None)
    }

    fn upload(&self, destination: &Buffer, offset: usize, source: &[u8]) -> Result<(), BackendError> {
        let address = self.range("upload", destination, offset, source.len())?;
        self.stream.wait("upload")?;
        if source.is_empty() {
            return Ok(());
        }
        let (driver, from) = (&self.stream.driver, source.as_ptr().cast::<c_void>());
        // SAFETY: `range` checked the destination, and `source` stays borrowed until the copy has run.
        let copied = unsafe { driver.copy_to_device(address, from, source.len(), self.stream.handle) };
        copied.map_err(|error| self.stream.error(error, format!("{} bytes to {destination:?}", source.len())))?;
        self.finish_copy()
    }

    fn download(&self, source: &Buffer, offset: usize, destination: &mut [u8]) -> Result<(), BackendError> {
        let address = self.range("download", source, offset, destination.len())?;
        match destination.is_empty() {
            true => self.stream.wait("download"),
            false => self.read(address, destination, source.label()),
        }
    }

    fn download_later(&self, source: &Buffer, offset: usize, bytes: usize) -> Result<Box<dyn Download>, BackendError> {
        let address = self.range("download_later", source, offset, bytes)?;
        match bytes {
            0 => Ok(Box::new(Vec::new())),
            _ => self.landings.begin(&self.stream, (address, bytes), source),
        }
    }

    fn copy(
        &self,
        destination: &Buffer,
        destination_offset: usize,
        source: &Buffer,
        source_offset: usize,
        bytes: usize,
    ) -> Result<(), BackendError> {
        let to = self.range("copy", destination, destination_offset, bytes)?;
        let from = self.range("copy", source, source_offset, bytes)?;
        if to.abs_diff(from) < bytes as u64 {
            return Err(invalid("copy", format!("{bytes} bytes of {source:?} and {destination:?} overlap")));
        }
        self.stream.enter("copy")?;
        if bytes == 0 {
            return Ok(());
        }
        self.stream.keep_for_graph(None, [destination, source].into_iter());
        // SAFETY: `range` checked both ends; freed memory stays mapped until the stream has run.
        let copied = unsafe { self.stream.driver.copy_on_device(to, from, bytes, self.stream.handle) };
        copied.map_err(|error| self.stream.error(error, format!("{bytes} bytes, {source:?} to {destination:?}")))
    }

    fn fill(&self, buffer: &Buffer, offset: usize, bytes: usize, value: u8) -> Result<(), BackendError> {
        let address = self.range("fill", buffer, offset, bytes)?;
        self.stream.enter("fill")?;
        if bytes == 0 {
            return Ok(());
        }
        self.stream.keep_for_graph(None, [buffer].into_iter());
        self.fill_range(address, value, bytes, buffer.label())
    }

    fn load(&self, kernel: &KernelId) -> Result<Kernel, BackendError> {
        self.library.find(kernel).ok_or_else(|| self.unknown(kernel))?;
        let module = self.module(kernel)?;
        self.stream.enter("load")?;
        module.kernel(kernel)
    }

    fn forget_modules(&self) {
        self.modules.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn attributes(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
    ) -> Result<Option<KernelAttributes>, BackendError> {
        self.check_owner("attributes", kernel)?;
        self.stream.enter_outside_capture("attributes")?;
        let function = Handle(kernel.handle as usize);
        let (threads, dynamic) = (dimensions.threads_per_block(), dimensions.dynamic_shared_bytes);
        let blocks = self.allow_shared(kernel, function, dynamic).and_then(|()| {
            // SAFETY: the function belongs to `kernel`, which keeps its module loaded; the device was made current.
            unsafe { self.stream.driver.blocks_per_multiprocessor(function, threads, dynamic) }
        });
        let blocks = match blocks {
            Ok(blocks) => Some(blocks),
            // A driver that does not tell, or blocks that no multiprocessor holds.
            Err(DriverError { kind: ErrorKind::Refused, .. }) => None,
            Err(error) => return Err(self.stream.error(error, format!("{} with {dimensions:?}", kernel.id))),
        };
        let room = Some(self.stream.driver.threads_per_multiprocessor()).filter(|threads| *threads > 0);
        let wave = self.info.wave_size.max(1);
        let held = |blocks: u32| f64::from(blocks) * f64::from(threads.div_ceil(wave) * wave);
        Ok(Some(KernelAttributes {
            shared_bytes: kernel.attributes.shared_bytes.map(|fixed| fixed.saturating_add(dynamic)),
            blocks_per_multiprocessor: blocks,
            occupancy: blocks.zip(room).map(|(blocks, room)| held(blocks) / f64::from(room)),
            ..kernel.attributes
        }))
    }

    fn launch(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
    ) -> Result<(), BackendError> {
        self.enqueue(kernel, dimensions, arguments, false)
    }

    fn launch_overlapped(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
    ) -> Result<(), BackendError> {
        let waits = kernel.module::<LoadedModule<D>>().is_some_and(|module| module.waits);
        self.enqueue(kernel, dimensions, arguments, waits)
    }

    fn synchronize(&self) -> Result<(), BackendError> {
        self.stream.wait("synchronize")
    }

    fn create_event(&self) -> Result<Box<dyn Event>, BackendError> {
        Ok(Box::new(GpuEvent::new(&self.stream)?))
    }

    fn record(&self, event: &dyn Event) -> Result<(), BackendError> {
        GpuEvent::of(event, &self.stream, "record")?.record()
    }

    fn elapsed_seconds(&self, start: &dyn Event, stop: &dyn Event) -> Result<f64, BackendError> {
        let start = GpuEvent::of(start, &self.stream, "elapsed_seconds")?;
        start.seconds_until(GpuEvent::of(stop, &self.stream, "elapsed_seconds")?)
    }

    fn capture(
        &self,
        work: &mut dyn FnMut() -> Result<(), BackendError>,
    ) -> Result<Option<Box<dyn Graph>>, BackendError> {
        if !self.stream.driver.has_graphs() {
            return Ok(None);
        }
        Ok(Some(Box::new(GpuGraph::capture(&self.stream, work)?)))
    }

    fn matrix_library(&self) -> Result<Arc<dyn MatrixLibrary>, BackendError> {
        let mut opened = self.matrix_library.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(library) = &*opened {
            return Ok(Arc::clone(library) as _);
        }
        let device = self.info.id.clone();
        let functions = self.stream.driver.matrix_functions().map_err(|none| match none {
            NoMatrixFunctions::Absent(reason) => BackendError::NoMatrixLibrary { device, reason },
            NoMatrixFunctions::Unusable(reason) => BackendError::UnusableMatrixLibrary { device, reason },
        })?;
        let workspace = self.allocate(WORKSPACE_BYTES, "matrix_library.workspace")?;
        let library = GpuMatrixLibrary::open(&self.memory, functions, workspace)?;
        *opened = Some(Arc::clone(&library));
        Ok(library)
    }
}
