//! A device that counts what is asked of another one, and whose graphs are lists of launches where the other has none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hipgauge::backend::{
    AllocationLedger, Argument, BackendError, Buffer, Device, DeviceInfo, Event, FenceViolation, Graph, Kernel,
    KernelId, LaunchDimensions, MatrixLibrary, MatrixTiles,
};

/// Calls since they were last taken; copies in bytes too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub allocations: usize,
    pub loads: usize,
    pub uploads: usize,
    pub uploaded_bytes: usize,
    pub downloads: usize,
    pub downloaded_bytes: usize,
    pub copies: usize,
    pub fills: usize,
    pub synchronisations: usize,
    pub launches: usize,
    pub captures: usize,
    pub replays: usize,
}

/// An argument that outlives its launch.
#[derive(Clone)]
enum Kept {
    Buffer(Buffer, usize),
    TensorMap(Buffer, usize, MatrixTiles),
    Other(Argument<'static>),
}

struct Recorded {
    kernel: Kernel,
    dimensions: LaunchDimensions,
    arguments: Vec<Kept>,
}

struct State {
    inner: Arc<dyn Device>,
    counts: Mutex<Counts>,
    /// Instead of the other device's; it cannot be captured.
    library: Option<Arc<dyn MatrixLibrary>>,
    /// What is being captured.
    recording: Mutex<Option<Vec<Recorded>>>,
    replays: AtomicUsize,
    /// Instead of what the other device's events say.
    interval: Mutex<Option<f64>>,
}

/// See the module.
pub struct CountingDevice(Arc<State>);

/// Recorded launches, or a graph of the other device.
struct CountedGraph {
    state: Arc<State>,
    inner: Option<Box<dyn Graph>>,
    launches: Vec<Recorded>,
}

impl Graph for CountedGraph {
    fn replay(&self) -> Result<(), BackendError> {
        self.state.replays.fetch_add(1, Ordering::Relaxed);
        if let Some(graph) = &self.inner {
            return graph.replay();
        }
        for launch in &self.launches {
            let arguments: Vec<_> = launch.arguments.iter().map(Kept::argument).collect();
            self.state.inner.launch(&launch.kernel, launch.dimensions, &arguments)?;
        }
        Ok(())
    }
}

impl Kept {
    fn of(argument: &Argument<'_>) -> Self {
        match *argument {
            // Replayed by ordinary launches, which read nothing ahead.
            Argument::Buffer { buffer, offset }
            | Argument::Constant { buffer, offset }
            | Argument::Settled { buffer, offset } => Kept::Buffer(buffer.clone(), offset),
            Argument::TensorMap { buffer, offset, tiles } => Kept::TensorMap(buffer.clone(), offset, tiles),
            Argument::Null => Kept::Other(Argument::Null),
            Argument::U32(value) => Kept::Other(Argument::U32(value)),
            Argument::I32(value) => Kept::Other(Argument::I32(value)),
            Argument::U64(value) => Kept::Other(Argument::U64(value)),
            Argument::I64(value) => Kept::Other(Argument::I64(value)),
            Argument::F32(value) => Kept::Other(Argument::F32(value)),
        }
    }

    fn argument(&self) -> Argument<'_> {
        match self {
            Kept::Buffer(buffer, offset) => Argument::Buffer { buffer, offset: *offset },
            Kept::TensorMap(buffer, offset, tiles) => Argument::TensorMap { buffer, offset: *offset, tiles: *tiles },
            Kept::Other(argument) => *argument,
        }
    }
}

impl CountingDevice {
    pub fn new(inner: Arc<dyn Device>) -> Self {
        Self::with(inner, None)
    }

    /// With a library that computes at once, and without graphs.
    pub fn with_library(inner: Arc<dyn Device>, library: Arc<dyn MatrixLibrary>) -> Self {
        Self::with(inner, Some(library))
    }

    fn with(inner: Arc<dyn Device>, library: Option<Arc<dyn MatrixLibrary>>) -> Self {
        let (counts, recording, replays) = (Mutex::default(), Mutex::default(), AtomicUsize::new(0));
        Self(Arc::new(State { inner, library, counts, recording, replays, interval: Mutex::default() }))
    }

    /// From now on all events are so many seconds apart.
    pub fn set_interval(&self, seconds: f64) {
        *self.0.interval.lock().unwrap_or_else(PoisonError::into_inner) = Some(seconds);
    }

    /// Calls since the last time.
    pub fn take(&self) -> Counts {
        let counts = std::mem::take(&mut *self.0.counts.lock().unwrap_or_else(PoisonError::into_inner));
        Counts { replays: self.0.replays.swap(0, Ordering::Relaxed), ..counts }
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.0.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Device for CountingDevice {
    fn info(&self) -> &DeviceInfo {
        self.0.inner.info()
    }

    fn ledger(&self) -> &AllocationLedger {
        self.0.inner.ledger()
    }

    fn set_deadline(&self, limit: Option<Duration>) {
        self.0.inner.set_deadline(limit);
    }

    fn allocate(&self, bytes: usize, label: &str) -> Result<Buffer, BackendError> {
        self.count(|counts| counts.allocations += 1);
        self.0.inner.allocate(bytes, label)
    }

    fn check_fences(&self, buffer: &Buffer) -> Result<Option<FenceViolation>, BackendError> {
        self.0.inner.check_fences(buffer)
    }

    fn upload(&self, destination: &Buffer, offset: usize, source: &[u8]) -> Result<(), BackendError> {
        self.count(|counts| {
            counts.uploads += 1;
            counts.uploaded_bytes += source.len();
        });
        self.0.inner.upload(destination, offset, source)
    }

    fn download(&self, source: &Buffer, offset: usize, destination: &mut [u8]) -> Result<(), BackendError> {
        self.count(|counts| {
            counts.downloads += 1;
            counts.downloaded_bytes += destination.len();
        });
        self.0.inner.download(source, offset, destination)
    }

    fn copy(
        &self,
        destination: &Buffer,
        destination_offset: usize,
        source: &Buffer,
        source_offset: usize,
        bytes: usize,
    ) -> Result<(), BackendError> {
        self.count(|counts| counts.copies += 1);
        self.0.inner.copy(destination, destination_offset, source, source_offset, bytes)
    }

    fn fill(&self, buffer: &Buffer, offset: usize, bytes: usize, value: u8) -> Result<(), BackendError> {
        self.count(|counts| counts.fills += 1);
        self.0.inner.fill(buffer, offset, bytes, value)
    }

    fn load(&self, kernel: &KernelId) -> Result<Kernel, BackendError> {
        self.count(|counts| counts.loads += 1);
        self.0.inner.load(kernel)
    }

    fn launch(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
    ) -> Result<(), BackendError> {
        if let Some(recorded) = &mut *self.0.recording.lock().unwrap_or_else(PoisonError::into_inner) {
            let arguments = arguments.iter().map(Kept::of).collect();
            recorded.push(Recorded { kernel: kernel.clone(), dimensions, arguments });
            return Ok(());
        }
        self.count(|counts| counts.launches += 1);
        self.0.inner.launch(kernel, dimensions, arguments)
    }

    fn launch_overlapped(
        &self,
        kernel: &Kernel,
        dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
    ) -> Result<(), BackendError> {
        if self.0.recording.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return self.launch(kernel, dimensions, arguments);
        }
        self.count(|counts| counts.launches += 1);
        self.0.inner.launch_overlapped(kernel, dimensions, arguments)
    }

    fn synchronize(&self) -> Result<(), BackendError> {
        self.count(|counts| counts.synchronisations += 1);
        self.0.inner.synchronize()
    }

    fn create_event(&self) -> Result<Box<dyn Event>, BackendError> {
        self.0.inner.create_event()
    }

    fn record(&self, event: &dyn Event) -> Result<(), BackendError> {
        self.0.inner.record(event)
    }

    /// It waits for an event.
    fn elapsed_seconds(&self, start: &dyn Event, stop: &dyn Event) -> Result<f64, BackendError> {
        self.count(|counts| counts.synchronisations += 1);
        let elapsed = self.0.inner.elapsed_seconds(start, stop)?;
        Ok(self.0.interval.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or(elapsed))
    }

    fn capture(
        &self,
        work: &mut dyn FnMut() -> Result<(), BackendError>,
    ) -> Result<Option<Box<dyn Graph>>, BackendError> {
        if self.0.library.is_some() {
            return Ok(None);
        }
        self.count(|counts| counts.captures += 1);
        let mut launches = Vec::new();
        let inner = self.0.inner.capture(work)?;
        if inner.is_none() {
            *self.0.recording.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
            let done = work();
            let recorded = self.0.recording.lock().unwrap_or_else(PoisonError::into_inner).take();
            done?;
            launches = recorded.unwrap_or_default();
        }
        Ok(Some(Box::new(CountedGraph { state: self.0.clone(), inner, launches })))
    }

    fn matrix_library(&self) -> Result<Arc<dyn MatrixLibrary>, BackendError> {
        self.0.library.clone().map_or_else(|| self.0.inner.matrix_library(), Ok)
    }
}
