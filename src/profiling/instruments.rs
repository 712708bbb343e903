//! What stands around a timed interval: the cache flush and the delay that holds the stream.

use std::sync::Arc;

use crate::backend::{Argument, BackendError, Buffer, Device, Event, Kernel, KernelId, LaunchDimensions};

/// The module with the probe kernels.
pub(super) const PROBES: &str = "profiling/bandwidth";

/// The stream is held this long per enqueued launch: several times what a driver needs to enqueue one.
const HOLD_SECONDS_PER_LAUNCH: f64 = 10e-6;

/// The least hold, which covers recording two events.
const LEAST_HOLD_SECONDS: f64 = 20e-6;

/// Beyond this many launches a hold would risk filling the driver's launch queue, on which the host then waits
/// for good.
pub(super) const MOST_HELD_LAUNCHES: usize = 64;

/// Iterations of the delay kernel by which its speed is measured.
const CALIBRATION_ITERATIONS: u32 = 1 << 14;

struct Hold {
    kernel: Kernel,
    iterations_per_second: f64,
}

/// Flush, hold and the two events of one timer. On `host` there is neither cache nor launch latency to keep
/// out, so both do nothing there.
pub(super) struct Instruments {
    device: Arc<dyn Device>,
    scratch: Option<Buffer>,
    hold: Option<Hold>,
    start: Box<dyn Event>,
    stop: Box<dyn Event>,
}

impl Instruments {
    pub(super) fn new(device: &Arc<dyn Device>) -> Result<Self, BackendError> {
        let info = device.info();
        let caches = info.l2_bytes + info.last_level_bytes;
        let scratch = match 2 * caches {
            _ if info.emulated => None,
            0 => None,
            bytes => Some(device.allocate(bytes as usize, "profiling.flush")?),
        };
        let mut instruments = Self {
            device: device.clone(),
            scratch,
            hold: None,
            start: device.create_event()?,
            stop: device.create_event()?,
        };
        if !info.emulated {
            instruments.hold = Some(instruments.calibrated_hold()?);
        }
        Ok(instruments)
    }

    fn calibrated_hold(&self) -> Result<Hold, BackendError> {
        let kernel = self.device.load(&KernelId::new(PROBES, "delay_kernel"))?;
        let mut seconds = f64::INFINITY;
        // The first launch pays for loading the code; the fastest of a few is the kernel's own speed.
        for _ in 0..5 {
            let taken = self.interval(|| launch_delay(&*self.device, &kernel, CALIBRATION_ITERATIONS))?;
            if taken > 0.0 {
                seconds = seconds.min(taken);
            }
        }
        Ok(Hold { kernel, iterations_per_second: f64::from(CALIBRATION_ITERATIONS) / seconds })
    }

    /// Evicts everything else from the caches by writing twice their size.
    pub(super) fn flush(&self) -> Result<(), BackendError> {
        match &self.scratch {
            Some(scratch) => self.device.fill(scratch, 0, scratch.bytes(), 0),
            None => Ok(()),
        }
    }

    /// Keeps the stream busy while the host enqueues the interval, so that the device never waits for the host
    /// inside it. Long series of plain launches are not held: see `MOST_HELD_LAUNCHES`.
    pub(super) fn hold(&self, launches: usize) -> Result<(), BackendError> {
        if launches > MOST_HELD_LAUNCHES {
            return Ok(());
        }
        self.keep_busy(LEAST_HOLD_SECONDS + HOLD_SECONDS_PER_LAUNCH * launches as f64)
    }

    /// Puts a kernel that waits for `seconds` on the stream.
    pub(super) fn keep_busy(&self, seconds: f64) -> Result<(), BackendError> {
        let Some(hold) = &self.hold else { return Ok(()) };
        let iterations = (seconds * hold.iterations_per_second).clamp(1.0, f64::from(u32::MAX / 2));
        launch_delay(&*self.device, &hold.kernel, iterations as u32)
    }

    /// Seconds on the device between the start and the end of what `work` enqueues.
    pub(super) fn interval(&self, work: impl FnOnce() -> Result<(), BackendError>) -> Result<f64, BackendError> {
        self.device.record(&*self.start)?;
        work()?;
        self.device.record(&*self.stop)?;
        self.device.synchronize()?;
        self.device.elapsed_seconds(&*self.start, &*self.stop)
    }
}

fn launch_delay(device: &dyn Device, kernel: &Kernel, iterations: u32) -> Result<(), BackendError> {
    let dimensions = LaunchDimensions { grid: [1; 3], block: [1; 3], dynamic_shared_bytes: 0 };
    device.launch(kernel, dimensions, &[Argument::U32(iterations), Argument::Null])
}
