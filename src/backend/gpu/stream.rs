//! The one stream of a GPU device, with a watchdog instead of blocking waits.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use crate::backend::{BackendError, Buffer, Kernel};

use super::driver::{DriverError, DriverResult, ErrorKind, GpuDriver, Handle};

/// Polling spins this long before it yields: most waits of a benchmark end within it.
const SPIN: Duration = Duration::from_micros(200);
/// From here on the thread sleeps between polls, to leave the core to others during long waits. A nap ends late by itself, and
/// times to first token are read from the host's clock when a wait ends: after two seconds that is below 0.01 %.
const YIELD: Duration = Duration::from_secs(2);
const NAP: Duration = Duration::from_micros(100);

/// What a waiting thread does before it looks again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pause {
    Spin,
    Yield,
    Nap,
}

impl Pause {
    fn after(waited: Duration) -> Self {
        match waited {
            short if short < SPIN => Self::Spin,
            medium if medium < YIELD => Self::Yield,
            _ => Self::Nap,
        }
    }
}

/// What a graph under capture needs to outlive its replays.
#[derive(Default)]
pub struct Captured {
    pub buffers: Vec<Buffer>,
    pub kernels: Vec<Kernel>,
    /// Products of the vendor's library; each keeps its library.
    pub products: Vec<Arc<dyn Any + Send + Sync>>,
    /// What was enqueued last, for messages.
    pub ends_with: Option<String>,
}

struct Capture {
    thread: ThreadId,
    captured: Captured,
}

/// A driver and its stream. Everything that frees something on the device holds one of these.
pub struct Stream<D: GpuDriver> {
    pub driver: D,
    pub handle: Handle,
    /// `cuda:0`, for messages.
    pub device: String,
    deadline: Mutex<Option<Duration>>,
    /// A wait ran into its deadline and the stream has not been seen idle since.
    hung: AtomicBool,
    /// What ended the device for this process. Drivers repeat such an error at every later call, whatever it
    /// is, so later calls are answered with this instead.
    lost: OnceLock<String>,
    capture: Mutex<Option<Capture>>,
    /// What was enqueued last, for the message of a time-out.
    latest: Mutex<String>,
}

/// The values behind these locks are whole after every statement, so a panic elsewhere broke nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<D: GpuDriver> Stream<D> {
    pub fn new(driver: D, device: &str) -> Result<Self, BackendError> {
        let create = || {
            driver.make_current()?;
            driver.create_stream()
        };
        let handle = create().map_err(|error| error.on(device, "a non-blocking stream".to_owned()))?;
        Ok(Self {
            driver,
            handle,
            device: device.to_owned(),
            deadline: Mutex::new(None),
            hung: AtomicBool::new(false),
            lost: OnceLock::new(),
            capture: Mutex::new(None),
            latest: Mutex::new(String::from("nothing")),
        })
    }

    pub fn set_deadline(&self, limit: Option<Duration>) {
        *lock(&self.deadline) = limit;
    }

    /// Prepares the calling thread for a driver call that may be captured.
    pub fn enter(&self, call: &'static str) -> Result<(), BackendError> {
        if let Some(capture) = &*lock(&self.capture)
            && capture.thread != thread::current().id()
        {
            return Err(invalid(call, "another thread captures a graph on this device"));
        }
        if let Some(cause) = self.lost.get() {
            return Err(self.lost_since(cause.clone()));
        }
        self.driver.make_current().map_err(|error| self.error(error, String::new()))?;
        if self.hung.load(Ordering::Relaxed) {
            // SAFETY: the stream lives as long as self, and the device is current.
            let idle = unsafe { self.driver.stream_is_idle(self.handle) };
            if !idle.map_err(|error| self.failed(error))? {
                let kernel = lock(&self.latest).clone();
                return Err(BackendError::StillBusy { device: self.device.clone(), kernel });
            }
            self.hung.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Prepares the calling thread for a call that must not be captured.
    pub fn enter_outside_capture(&self, call: &'static str) -> Result<(), BackendError> {
        if lock(&self.capture).is_some() {
            return Err(invalid(call, "a graph is being captured, which records launches, copies and fills only"));
        }
        self.enter(call)
    }

    /// Waits until the stream is idle, or until the deadline.
    pub fn wait(&self, call: &'static str) -> Result<(), BackendError> {
        self.enter_outside_capture(call)?;
        // SAFETY: the stream lives as long as self, and `enter` made the device current.
        self.poll(|| unsafe { self.driver.stream_is_idle(self.handle) })
    }

    /// Polls until `done` says so, or until the deadline.
    pub fn poll(&self, done: impl Fn() -> DriverResult<bool>) -> Result<(), BackendError> {
        let limit = *lock(&self.deadline);
        let started = Instant::now();
        while !done().map_err(|error| self.failed(error))? {
            let waited = started.elapsed();
            if limit.is_some_and(|limit| waited > limit) {
                self.hung.store(true, Ordering::Relaxed);
                return Err(self.timed_out(limit.unwrap_or(waited)));
            }
            match Pause::after(waited) {
                Pause::Spin => std::hint::spin_loop(),
                Pause::Yield => thread::yield_now(),
                Pause::Nap => thread::sleep(NAP),
            }
        }
        Ok(())
    }

    /// Whether it is safe to give things back to the driver: the stream is idle or will be. After a hung
    /// kernel it is not: freeing would wait for ever, so what belongs to it is left to the process's end. A
    /// lost device takes nothing back.
    pub fn may_free(&self) -> bool {
        self.lost.get().is_none()
            && self.driver.make_current().is_ok()
            && (!self.hung.load(Ordering::Relaxed)
                // SAFETY: the stream lives as long as self, and the device is current.
                || unsafe { self.driver.stream_is_idle(self.handle) }.is_ok_and(|idle| idle))
    }

    /// Notes what is about to be enqueued.
    pub fn note(&self, what: std::fmt::Arguments<'_>) {
        let mut latest = lock(&self.latest);
        latest.clear();
        let _ = std::fmt::Write::write_fmt(&mut *latest, what);
    }

    /// Keeps what a launch uses alive for the graph under capture, if there is one.
    pub fn keep_for_graph<'a>(&self, kernel: Option<&Kernel>, buffers: impl Iterator<Item = &'a Buffer>) {
        if let Some(capture) = &mut *lock(&self.capture) {
            if let Some(kernel) = kernel {
                capture.captured.ends_with = Some(kernel.id.to_string());
                capture.captured.kernels.push(kernel.clone());
            }
            capture.captured.buffers.extend(buffers.cloned());
        }
    }

    /// Keeps a library's product alive for the graph under capture, if there is one.
    pub fn keep_product_for_graph<T: Any + Send + Sync>(&self, product: &Arc<T>, name: &dyn std::fmt::Display) {
        if let Some(capture) = &mut *lock(&self.capture) {
            capture.captured.ends_with = Some(name.to_string());
            capture.captured.products.push(Arc::clone(product) as _);
        }
    }

    /// Marks the calling thread as the one that captures.
    pub fn start_capture(&self) {
        *lock(&self.capture) = Some(Capture { thread: thread::current().id(), captured: Captured::default() });
    }

    /// Ends the capture and hands over what it kept alive.
    pub fn finish_capture(&self) -> Captured {
        lock(&self.capture).take().map(|capture| capture.captured).unwrap_or_default()
    }

    /// The error of a driver call that reports what earlier work did.
    pub fn failed(&self, error: DriverError) -> BackendError {
        let latest = lock(&self.latest).clone();
        self.error(error, format!("the stream, where {latest} was enqueued last"))
    }

    /// The error of a driver call, with its arguments. Any call may be the one that reports what an earlier
    /// kernel did.
    pub fn error(&self, error: DriverError, arguments: String) -> BackendError {
        let latest = lock(&self.latest).clone();
        let said = format!("{} said {} ({})", error.call, error.code, error.message);
        match error.kind {
            ErrorKind::Refused | ErrorKind::OutOfMemory => error.on(&self.device, arguments),
            ErrorKind::KernelFault => match self.lose(format!("{latest} stopped it: {said}")) {
                Ok(()) => BackendError::KernelFault {
                    kernel: latest,
                    fault: format!("{} stopped: {said}; find the access with --device host", self.device),
                },
                Err(lost) => lost,
            },
            ErrorKind::DeviceLost => {
                let cause = format!("{said}, where {latest} was enqueued last");
                self.lose(cause.clone()).err().unwrap_or_else(|| self.lost_since(cause))
            }
        }
    }

    /// Takes note of what ended the device; an earlier end is the error.
    fn lose(&self, cause: String) -> Result<(), BackendError> {
        self.lost.set(cause).map_err(|later| self.lost_since(self.lost.get().cloned().unwrap_or(later)))
    }

    fn lost_since(&self, cause: String) -> BackendError {
        BackendError::DeviceLost { device: self.device.clone(), cause }
    }

    fn timed_out(&self, limit: Duration) -> BackendError {
        let kernel = lock(&self.latest).clone();
        BackendError::TimedOut { device: self.device.clone(), kernel, seconds: limit.as_secs_f64() }
    }
}

impl<D: GpuDriver> Drop for Stream<D> {
    fn drop(&mut self) {
        if self.may_free() {
            // SAFETY: the handle is this stream's own and nothing uses it any more. The driver lets
            // enqueued work finish; an error here has nobody to go to.
            let _ = unsafe { self.driver.destroy_stream(self.handle) };
        }
    }
}

pub fn invalid(call: &'static str, problem: impl Into<String>) -> BackendError {
    BackendError::InvalidUse { call, problem: problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much of a measured wait may be a nap that ends late.
    const MOST_SHARE: f64 = 1e-4;

    #[test]
    fn no_wait_that_is_measured_naps_but_one_beside_which_a_nap_is_nothing() {
        let mut naps = false;
        for exponent in 0..16 * 34 {
            // Sixteen waits for each doubling, from a nanosecond to seventeen seconds.
            let waited = Duration::from_secs_f64(1e-9 * 2f64.powf(f64::from(exponent) / 16.0));
            let nap = Pause::after(waited) == Pause::Nap;
            assert!(!nap || NAP.as_secs_f64() < MOST_SHARE * waited.as_secs_f64(), "a nap after {waited:?}");
            assert!(nap || !naps, "no nap after {waited:?}, but after a shorter wait");
            naps = nap;
        }
        assert!(naps, "a long wait leaves the core to others");
    }
}
