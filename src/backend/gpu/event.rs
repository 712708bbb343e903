//! Events on a GPU's stream.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::{BackendError, Event};

use super::driver::{GpuDriver, Handle};
use super::stream::{Stream, invalid};

/// A driver event that can time.
pub struct GpuEvent<D: GpuDriver> {
    stream: Arc<Stream<D>>,
    handle: Handle,
    recorded: AtomicBool,
}

impl<D: GpuDriver> GpuEvent<D> {
    pub fn new(stream: &Arc<Stream<D>>) -> Result<Self, BackendError> {
        stream.enter("create_event")?;
        let handle = stream.driver.create_event().map_err(|error| stream.error(error, "timing".to_owned()))?;
        Ok(Self { stream: Arc::clone(stream), handle, recorded: AtomicBool::new(false) })
    }

    /// The GPU event behind `event`, if `stream`'s device made it.
    pub fn of<'a>(event: &'a dyn Event, stream: &Arc<Stream<D>>, call: &'static str) -> Result<&'a Self, BackendError> {
        let own = event.as_any().downcast_ref::<Self>().filter(|own| Arc::ptr_eq(&own.stream, stream));
        own.ok_or_else(|| invalid(call, "the event is another device's"))
    }

    pub fn record(&self) -> Result<(), BackendError> {
        let stream = &self.stream;
        stream.enter_outside_capture("record")?;
        // SAFETY: event and stream are alive in self; `enter` made the device current.
        let recorded = unsafe { stream.driver.record_event(self.handle, stream.handle) };
        recorded.map_err(|error| stream.failed(error))?;
        self.recorded.store(true, Ordering::Release);
        Ok(())
    }

    /// Waits until the stream has passed it.
    pub fn wait(&self, call: &'static str) -> Result<(), BackendError> {
        self.stream.enter_outside_capture(call)?;
        // SAFETY: the event is alive in self, and `enter` made the device current.
        self.stream.poll(|| unsafe { self.stream.driver.event_has_passed(self.handle) })
    }

    /// Seconds from `self` to `stop`, after waiting for `stop`.
    pub fn seconds_until(&self, stop: &Self) -> Result<f64, BackendError> {
        let stream = &self.stream;
        if !self.recorded.load(Ordering::Acquire) || !stop.recorded.load(Ordering::Acquire) {
            return Err(invalid("elapsed_seconds", "an event was never recorded"));
        }
        stream.enter_outside_capture("elapsed_seconds")?;
        // SAFETY: both events are alive, and `enter` made the device current.
        stream.poll(|| unsafe { stream.driver.event_has_passed(stop.handle) })?;
        // SAFETY: as above. The start was recorded on the same stream; waiting for it too costs nothing
        // in the usual order and makes the reverse order an answer instead of an error.
        stream.poll(|| unsafe { stream.driver.event_has_passed(self.handle) })?;
        // SAFETY: both events are alive and have passed.
        let milliseconds = unsafe { stream.driver.elapsed_milliseconds(self.handle, stop.handle) };
        Ok(f64::from(milliseconds.map_err(|error| stream.failed(error))?) / 1e3)
    }
}

impl<D: GpuDriver> Event for GpuEvent<D> {
    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl<D: GpuDriver> Drop for GpuEvent<D> {
    fn drop(&mut self) {
        if self.stream.may_free() {
            // SAFETY: the handle is this event's own; the driver defers the destruction of a pending event.
            let _ = unsafe { self.stream.driver.destroy_event(self.handle) };
        }
    }
}
