//! Recorded launches.

use std::sync::Arc;

use crate::backend::{BackendError, Graph};

use super::driver::{GpuDriver, Handle};
use super::stream::{Captured, Stream};

/// An instantiated graph, with everything its launches use.
pub struct GpuGraph<D: GpuDriver> {
    stream: Arc<Stream<D>>,
    executable: Handle,
    captured: Captured,
}

/// A capture under way; dropping it, as a panic in the captured work does, ends and discards it.
struct OpenCapture<'a, D: GpuDriver> {
    stream: &'a Stream<D>,
    open: bool,
}

impl<D: GpuDriver> OpenCapture<'_, D> {
    fn end(&mut self) -> Result<(Handle, Captured), BackendError> {
        self.open = false;
        let captured = self.stream.finish_capture();
        // SAFETY: begin_capture succeeded on this stream and the same thread is still current.
        let graph = unsafe { self.stream.driver.end_capture(self.stream.handle) };
        Ok((graph.map_err(|error| self.stream.failed(error))?, captured))
    }
}

impl<D: GpuDriver> Drop for OpenCapture<'_, D> {
    fn drop(&mut self) {
        if self.open
            && let Ok((graph, _)) = self.end()
        {
            // SAFETY: the graph is new and nothing else knows it.
            let _ = unsafe { self.stream.driver.destroy_graph(graph) };
        }
    }
}

impl<D: GpuDriver> GpuGraph<D> {
    /// Records what `work` enqueues.
    pub fn capture(
        stream: &Arc<Stream<D>>,
        work: &mut dyn FnMut() -> Result<(), BackendError>,
    ) -> Result<Self, BackendError> {
        stream.enter_outside_capture("capture")?;
        // SAFETY: the stream is alive and not capturing; `enter` made the device current.
        unsafe { stream.driver.begin_capture(stream.handle) }.map_err(|error| stream.failed(error))?;
        stream.start_capture();
        let mut open = OpenCapture { stream, open: true };
        work()?;
        let (graph, captured) = open.end()?;
        // SAFETY: end_capture just gave this graph.
        let executable = unsafe { stream.driver.instantiate_graph(graph) };
        // SAFETY: an executable does not need the graph it was made from.
        let _ = unsafe { stream.driver.destroy_graph(graph) };
        let executable = executable.map_err(|error| stream.failed(error))?;
        Ok(Self { stream: Arc::clone(stream), executable, captured })
    }
}

impl<D: GpuDriver> Graph for GpuGraph<D> {
    fn replay(&self) -> Result<(), BackendError> {
        let stream = &self.stream;
        stream.enter_outside_capture("replay")?;
        match &self.captured.ends_with {
            Some(last) => stream.note(format_args!("a graph that ends with {last}")),
            None => stream.note(format_args!("a graph without kernels")),
        }
        // SAFETY: self keeps the executable and all that it uses alive; a drop waits for the stream.
        unsafe { stream.driver.launch_graph(self.executable, stream.handle) }.map_err(|error| stream.failed(error))
    }
}

impl<D: GpuDriver> Drop for GpuGraph<D> {
    fn drop(&mut self) {
        // A replay may still run, and the modules of its kernels go away with `captured`.
        if self.stream.wait("drop of a graph").is_ok() {
            // SAFETY: the executable is this graph's own and the stream is idle.
            let _ = unsafe { self.stream.driver.destroy_executable(self.executable) };
        }
    }
}
