//! The host device: the trait over emulated memory and launches.

use std::any::Any;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::HostOptions;
use super::fault::Fault;
use super::host_information::{MAX_THREADS_PER_BLOCK, describe};
use super::kernel_loader::KernelLoader;
use super::kernel_table::HostKernel;
use super::kernel_wrapper::Variant;
use super::launch::{Launch, Progress};
use super::memory::{HostMemory, NamedRange};
use super::shared_memory::SHARED_BYTES_LIMIT;
use super::step_count::StepLedger;
use crate::backend::{
    AllocationLedger, Argument, BackendError, Buffer, Device, DeviceInfo, Event, FenceViolation, Graph, Kernel,
    KernelAttributes, KernelId, KernelLibrary, LaunchDimensions,
};

/// The device named `host`: runs kernels on a SIMT emulator.
///
/// Launches return when all blocks have run; several may run at once, on different OS threads.
pub struct HostDevice {
    info: DeviceInfo,
    options: HostOptions,
    loader: KernelLoader,
    memory: Arc<HostMemory>,
    launch_limit: Mutex<Option<Duration>>,
    steps: StepLedger,
}

impl HostDevice {
    fn run(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
        overlapped: bool,
    ) -> Result<(), BackendError> {
        let module: Arc<dyn Any + Send + Sync> = kernel._module.clone();
        let Ok(host_kernel) = module.downcast::<HostKernel>() else {
            return Err(invalid_launch(&kernel.id, "the kernel was loaded on another device".to_string()));
        };
        self.check_dimensions(kernel, dimensions)?;
        let limit = *self.launch_limit.lock().unwrap_or_else(PoisonError::into_inner);
        let words = self.bind(&host_kernel, arguments)?;
        if !overlapped {
            self.memory.settle();
        }
        let launch = Arc::new(Launch {
            kernel: host_kernel,
            variant: if self.options.memory_check { Variant::Checked } else { Variant::Plain },
            arguments: words,
            buffers: buffers_of(&self.memory, arguments, overlapped),
            memory: self.memory.clone(),
            dimensions,
            wave_size: self.options.wave_size,
            schedule: self.options.schedule,
            deadline: limit.map(|limit| Instant::now() + limit),
            overlapped,
            progress: Progress::new(),
        });
        let steps = launch.run().map_err(|fault| match fault {
            Fault::Undefined(fault) => BackendError::KernelFault { kernel: kernel.id.to_string(), fault },
            Fault::Deadline => BackendError::TimedOut {
                device: "host".to_string(),
                kernel: kernel.id.to_string(),
                seconds: limit.unwrap_or_default().as_secs_f64(),
            },
        })?;
        self.steps.add(steps);
        Ok(())
    }

    /// A device that runs the kernels of `library`. Fails on options that no GPU has.
    pub fn new(options: HostOptions, library: Arc<KernelLibrary>) -> Result<Self, BackendError> {
        if options.wave_size != 32 && options.wave_size != 64 {
            return Err(BackendError::NoSuchDevice {
                requested: "host".to_string(),
                reason: format!("waves have 32 or 64 threads, not {}", options.wave_size),
            });
        }
        let loader = KernelLoader::new(library)?;
        let info = describe(&options, loader.compiler());
        let memory = Arc::new(HostMemory::new("host", info.memory_bytes));
        Ok(Self { info, options, loader, memory, launch_limit: Mutex::new(None), steps: StepLedger::default() })
    }

    pub fn options(&self) -> &HostOptions {
        &self.options
    }

    fn check_dimensions(&self, kernel: &Kernel, dimensions: LaunchDimensions) -> Result<(), BackendError> {
        let refuse = |problem: String| Err(invalid_launch(&kernel.id, problem));
        let LaunchDimensions { grid, block, dynamic_shared_bytes } = dimensions;
        let threads = block.iter().try_fold(1u32, |product, &part| product.checked_mul(part));
        if grid.contains(&0) || block.contains(&0) {
            return refuse(format!("grid {grid:?} and block {block:?} must not have a zero"));
        }
        if threads.is_none_or(|threads| threads > MAX_THREADS_PER_BLOCK) {
            return refuse(format!("block {block:?} has more than {MAX_THREADS_PER_BLOCK} threads"));
        }
        if grid[0] > i32::MAX as u32 || grid[1] > 0xffff || grid[2] > 0xffff {
            return refuse(format!("grid {grid:?} is larger than [2^31 - 1, 65535, 65535]"));
        }
        if dynamic_shared_bytes > SHARED_BYTES_LIMIT {
            return refuse(format!("{dynamic_shared_bytes} bytes of shared memory are more than {SHARED_BYTES_LIMIT}"));
        }
        Ok(())
    }

    fn bind(&self, kernel: &HostKernel, arguments: &[Argument<'_>]) -> Result<Vec<u64>, BackendError> {
        let wanted = &kernel.parameter_sizes;
        if wanted.len() != arguments.len() {
            let problem = format!("it takes {} arguments, not {}", wanted.len(), arguments.len());
            return Err(invalid_launch(&kernel.id, problem));
        }
        for (position, (argument, &bytes)) in arguments.iter().zip(wanted).enumerate() {
            if size_of_argument(argument) != bytes {
                let problem = format!("parameter {position} has {bytes} bytes, the argument is {argument:?}");
                return Err(invalid_launch(&kernel.id, problem));
            }
        }
        Ok(arguments.iter().map(|argument| argument.to_bits()).collect())
    }
}

fn size_of_argument(argument: &Argument<'_>) -> u8 {
    match argument {
        Argument::Buffer { .. } | Argument::Constant { .. } | Argument::Settled { .. } | Argument::Null => 8,
        Argument::TensorMap { .. } => 8,
        Argument::U64(_) | Argument::I64(_) => 8,
        Argument::U32(_) | Argument::I32(_) | Argument::F32(_) => 4,
    }
}

/// The buffers that arguments point into, each once. Those that an overlapped launch reads ahead stay constant.
fn buffers_of(memory: &HostMemory, arguments: &[Argument<'_>], overlapped: bool) -> Vec<NamedRange> {
    let mut ranges: Vec<NamedRange> = Vec::new();
    for argument in arguments {
        let Some(buffer) = argument.buffer() else { continue };
        let start = buffer.address() as usize;
        if overlapped && matches!(argument, Argument::Constant { .. }) {
            memory.mark_constant(start);
        }
        if matches!(argument, Argument::Settled { .. }) {
            memory.mark_settled(start);
        }
        if ranges.iter().all(|range| range.start != start) {
            let (bytes, label) = (buffer.bytes(), buffer.label().to_string());
            let (constant, settled) = (memory.is_constant(start), memory.is_settled(start));
            ranges.push(NamedRange { start, bytes, label, constant, settled });
        }
    }
    ranges
}

fn invalid_launch(kernel: &KernelId, problem: String) -> BackendError {
    BackendError::InvalidUse { call: "launch", problem: format!("{kernel}: {problem}") }
}

/// The address of `bytes` bytes at `offset` of a buffer, if they are in it.
fn part_of(call: &'static str, buffer: &Buffer, offset: usize, bytes: usize) -> Result<*mut u8, BackendError> {
    if offset.checked_add(bytes).is_none_or(|end| end > buffer.bytes()) {
        let problem = format!("{bytes} bytes at byte {offset} of {} ({} bytes)", buffer.label(), buffer.bytes());
        return Err(BackendError::InvalidUse { call, problem });
    }
    Ok((buffer.address() as usize + offset) as *mut u8)
}

impl Device for HostDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn ledger(&self) -> &AllocationLedger {
        &self.memory.ledger
    }

    fn set_deadline(&self, limit: Option<Duration>) {
        *self.launch_limit.lock().unwrap_or_else(PoisonError::into_inner) = limit;
    }

    fn allocate(&self, bytes: usize, label: &str) -> Result<Buffer, BackendError> {
        Ok(Buffer::new(Arc::new(self.memory.allocate(bytes, label)?), label))
    }

    fn check_fences(&self, buffer: &Buffer) -> Result<Option<FenceViolation>, BackendError> {
        self.memory.check_fences(buffer)
    }

    fn upload(&self, destination: &Buffer, offset: usize, source: &[u8]) -> Result<(), BackendError> {
        let address = part_of("upload", destination, offset, source.len())?;
        self.memory.settle();
        // SAFETY: the bytes are in the buffer, which the caller keeps alive and does not use elsewhere now.
        unsafe { address.copy_from(source.as_ptr(), source.len()) };
        Ok(())
    }

    fn download(&self, source: &Buffer, offset: usize, destination: &mut [u8]) -> Result<(), BackendError> {
        let address = part_of("download", source, offset, destination.len())?;
        self.memory.settle();
        // SAFETY: as in `upload`.
        unsafe { address.copy_to(destination.as_mut_ptr(), destination.len()) };
        Ok(())
    }

    fn copy(
        &self,
        destination: &Buffer,
        destination_offset: usize,
        source: &Buffer,
        source_offset: usize,
        bytes: usize,
    ) -> Result<(), BackendError> {
        let target = part_of("copy", destination, destination_offset, bytes)?;
        let origin = part_of("copy", source, source_offset, bytes)?;
        self.memory.settle();
        // SAFETY: as in `upload`; overlap is allowed.
        unsafe { target.copy_from(origin, bytes) };
        Ok(())
    }

    fn fill(&self, buffer: &Buffer, offset: usize, bytes: usize, value: u8) -> Result<(), BackendError> {
        let address = part_of("fill", buffer, offset, bytes)?;
        self.memory.settle();
        // SAFETY: as in `upload`.
        unsafe { address.write_bytes(value, bytes) };
        Ok(())
    }

    fn load(&self, id: &KernelId) -> Result<Kernel, BackendError> {
        let kernel = self.loader.load(id)?;
        Ok(Kernel { id: id.clone(), attributes: KernelAttributes::default(), handle: 0, _module: kernel })
    }

    fn launch(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
    ) -> Result<(), BackendError> {
        self.run(kernel, dimensions, arguments, false)
    }

    fn launch_overlapped(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
    ) -> Result<(), BackendError> {
        self.run(kernel, dimensions, arguments, true)
    }

    fn synchronize(&self) -> Result<(), BackendError> {
        self.memory.settle();
        Ok(())
    }

    fn take_steps(&self) -> Option<u64> {
        let steps = self.steps.take();
        self.options.memory_check.then_some(steps)
    }

    fn create_event(&self) -> Result<Box<dyn Event>, BackendError> {
        Ok(Box::new(HostEvent::default()))
    }

    fn record(&self, event: &dyn Event) -> Result<(), BackendError> {
        *host_event("record", event)?.lock() = Some(Instant::now());
        Ok(())
    }

    fn elapsed_seconds(&self, start: &dyn Event, stop: &dyn Event) -> Result<f64, BackendError> {
        let time = |event| {
            host_event("elapsed_seconds", event)?.lock().ok_or_else(|| BackendError::InvalidUse {
                call: "elapsed_seconds",
                problem: "an event was not recorded".to_string(),
            })
        };
        let (start, stop): (Instant, Instant) = (time(start)?, time(stop)?);
        let forward = stop.saturating_duration_since(start).as_secs_f64();
        Ok(forward - start.saturating_duration_since(stop).as_secs_f64())
    }

    fn capture(
        &self,
        _work: &mut dyn FnMut() -> Result<(), BackendError>,
    ) -> Result<Option<Box<dyn Graph>>, BackendError> {
        Ok(None)
    }
}

/// A point in host time.
#[derive(Default)]
struct HostEvent {
    time: Mutex<Option<Instant>>,
}

impl HostEvent {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Event for HostEvent {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

fn host_event<'a>(call: &'static str, event: &'a dyn Event) -> Result<&'a HostEvent, BackendError> {
    event
        .as_any()
        .downcast_ref()
        .ok_or_else(|| BackendError::InvalidUse { call, problem: "the event was made by another device".to_string() })
}
