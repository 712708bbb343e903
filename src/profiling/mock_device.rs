//! A device for tests: executes nothing, and its events give scripted times.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::backend::{
    AllocationLedger, Argument, BackendError, BackendKind, Buffer, BufferStorage, Device, DeviceInfo, Event,
    FenceViolation, Graph, Kernel, KernelId, LaunchDimensions,
};

/// A GPU with 1 MiB of L2.
pub fn gpu_info() -> DeviceInfo {
    DeviceInfo {
        id: "hip:0".to_string(),
        backend: BackendKind::Hip,
        name: "Mock MI300X".to_string(),
        architecture: "gfx942".to_string(),
        wave_size: 64,
        multiprocessors: 4,
        l2_bytes: 1 << 20,
        last_level_bytes: 1 << 20,
        memory_bytes: 1 << 30,
        shared_bytes_per_block: 65536,
        max_threads_per_block: 1024,
        driver_version: String::new(),
        runtime_version: String::new(),
        compiler: String::new(),
        emulated: false,
        details: Vec::new(),
    }
}

#[derive(Default)]
struct State {
    /// Seconds of the next intervals; then `usual`.
    scripted: VecDeque<f64>,
    /// What was enqueued, in order.
    log: Vec<String>,
}

/// See the module.
pub struct MockDevice {
    info: DeviceInfo,
    ledger: AllocationLedger,
    usual: f64,
    graphs: bool,
    /// Buffers with this in their label do not fit.
    too_large: Option<&'static str>,
    state: Arc<Mutex<State>>,
}

impl MockDevice {
    /// Every interval lasts `usual` seconds.
    pub fn new(info: DeviceInfo, usual: f64) -> Self {
        Self {
            ledger: AllocationLedger::new(&info.id),
            info,
            usual,
            graphs: false,
            too_large: None,
            state: Arc::default(),
        }
    }

    pub fn with_graphs(mut self) -> Self {
        self.graphs = true;
        self
    }

    /// Has no memory for buffers with `part` in their label.
    pub fn without_memory_for(mut self, part: &'static str) -> Self {
        self.too_large = Some(part);
        self
    }

    /// The next intervals, before `usual` holds again.
    pub fn script(&self, seconds: &[f64]) {
        self.state().scripted = seconds.iter().copied().collect();
    }

    /// What was enqueued since the last call.
    pub fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the lock")
    }

    fn note(&self, what: &str) {
        self.state().log.push(what.to_string());
    }
}

struct MockStorage(usize);

impl BufferStorage for MockStorage {
    fn address(&self) -> u64 {
        0x1000
    }

    fn bytes(&self) -> usize {
        self.0
    }
}

struct MockEvent;

impl Event for MockEvent {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct MockGraph(Arc<Mutex<State>>);

impl Graph for MockGraph {
    fn replay(&self) -> Result<(), BackendError> {
        self.0.lock().expect("no test panics while it holds the lock").log.push("replay".to_string());
        Ok(())
    }
}

impl Device for MockDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn ledger(&self) -> &AllocationLedger {
        &self.ledger
    }

    fn set_deadline(&self, _limit: Option<Duration>) {}

    fn allocate(&self, bytes: usize, label: &str) -> Result<Buffer, BackendError> {
        if self.too_large.is_some_and(|part| label.contains(part)) {
            return Err(BackendError::OutOfMemory {
                device: self.info.id.clone(),
                label: label.to_string(),
                requested: bytes,
                live: 0,
                backtrace: String::new(),
            });
        }
        Ok(Buffer::new(Arc::new(MockStorage(bytes)), label))
    }

    fn check_fences(&self, _buffer: &Buffer) -> Result<Option<FenceViolation>, BackendError> {
        Ok(None)
    }

    fn upload(&self, _destination: &Buffer, _offset: usize, _source: &[u8]) -> Result<(), BackendError> {
        Ok(())
    }

    fn download(&self, _source: &Buffer, _offset: usize, _destination: &mut [u8]) -> Result<(), BackendError> {
        Ok(())
    }

    fn copy(
        &self,
        destination: &Buffer,
        _destination_offset: usize,
        source: &Buffer,
        _source_offset: usize,
        _bytes: usize,
    ) -> Result<(), BackendError> {
        self.note(&format!("copy {} to {}", source.label(), destination.label()));
        Ok(())
    }

    fn fill(&self, buffer: &Buffer, _offset: usize, bytes: usize, _value: u8) -> Result<(), BackendError> {
        self.note(&format!("fill {} {bytes}", buffer.label()));
        Ok(())
    }

    fn load(&self, kernel: &KernelId) -> Result<Kernel, BackendError> {
        Ok(Kernel::of_nothing(kernel))
    }

    fn forget_modules(&self) {
        self.state().log.push("forget modules".to_string());
    }

    fn launch(
        &self,
        kernel: &Kernel,
        _dimensions: LaunchDimensions,
        _arguments: &[Argument<'_>],
    ) -> Result<(), BackendError> {
        self.note(&kernel.id.function);
        Ok(())
    }

    fn synchronize(&self) -> Result<(), BackendError> {
        Ok(())
    }

    fn create_event(&self) -> Result<Box<dyn Event>, BackendError> {
        Ok(Box::new(MockEvent))
    }

    fn record(&self, _event: &dyn Event) -> Result<(), BackendError> {
        self.note("event");
        Ok(())
    }

    fn elapsed_seconds(&self, _start: &dyn Event, _stop: &dyn Event) -> Result<f64, BackendError> {
        let usual = self.usual;
        Ok(self.state().scripted.pop_front().unwrap_or(usual))
    }

    fn capture(
        &self,
        work: &mut dyn FnMut() -> Result<(), BackendError>,
    ) -> Result<Option<Box<dyn Graph>>, BackendError> {
        if !self.graphs {
            return Ok(None);
        }
        work()?;
        Ok(Some(Box::new(MockGraph(self.state.clone()))))
    }
}
