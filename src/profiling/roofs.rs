//! What the device can do at best, measured in the same run as what it is compared with.

use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::backend::{Argument, BackendError, Buffer, Device, Kernel, KernelId, LaunchDimensions};
use crate::operation::Cost;

use super::instruments::PROBES;
use super::statistics::{median, sorted};
use super::{KernelTimer, Mode, Workload};

/// Large enough that neither cache holds a relevant part of it.
const LEAST_COPY_BYTES: u64 = 256 << 20;

/// A sample may be this much faster than the roof says, because the roof is a measurement too.
const ROOF_TOLERANCE: f64 = 1.10;

const PROBE_THREADS: u32 = 256;

/// The arithmetic probe's module.
const ARITHMETIC: &str = "profiling/fma_loop";

/// Turns of its loop: a third of a millisecond on an H100, long against a launch.
const FMA_ITERATIONS: u32 = 256;

/// Operations of one thread in one turn: 128 multiply-adds of two operations each.
const FLOPS_PER_ITERATION: u64 = 256;

/// Roofs and floors of a device, by the same timer as every case.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Roofs {
    /// Our copy kernel, bytes read plus bytes written per second, in GB/s (10^9).
    pub copy_gbps: f64,
    /// The device's own copy between two of its buffers, read plus written, in GB/s.
    pub memcpy_gbps: f64,
    /// Our read kernel, in GB/s.
    pub read_gbps: f64,
    /// Our fill kernel, in GB/s.
    pub write_gbps: f64,
    /// f32 fused multiply-adds in registers, two operations each, in 10^12 per second.
    pub fma_tflops: f64,
    /// Bytes of the buffers that the bandwidths were measured with.
    pub buffer_bytes: u64,
    /// Median time of a kernel that does nothing, µs.
    pub empty_launch_us: f64,
    /// Smallest step seen between two different intervals, µs.
    pub timer_resolution_us: f64,
}

impl Roofs {
    /// Measures all of them. `Ok(None)` on an emulated device, where a bandwidth means nothing.
    pub fn measure(timer: &KernelTimer) -> Result<Option<Self>, BackendError> {
        if timer.device().info().emulated {
            return Ok(None);
        }
        let probes = Probes::new(timer.device())?;
        let bytes = probes.bytes as f64;
        let copy = typical_seconds(timer, &|| probes.copy())?;
        let memcpy = typical_seconds(timer, &|| probes.memcpy())?;
        let read = typical_seconds(timer, &|| probes.read())?;
        let write = typical_seconds(timer, &|| probes.write())?;
        let multiply_add = typical_seconds(timer, &|| probes.multiply_add())?;
        let empty = intervals(timer, &|| probes.empty())?;
        let gigabytes = |bytes: f64, seconds: f64| bytes / seconds / 1e9;
        Ok(Some(Self {
            copy_gbps: gigabytes(2.0 * bytes, copy),
            memcpy_gbps: gigabytes(2.0 * bytes, memcpy),
            read_gbps: gigabytes(bytes, read),
            write_gbps: gigabytes(bytes, write),
            fma_tflops: probes.multiply_add_flops() as f64 / multiply_add / 1e12,
            buffer_bytes: probes.bytes,
            empty_launch_us: median(&sorted(&empty)).ok_or_else(|| unmeasurable(timer))? * 1e6,
            timer_resolution_us: smallest_step(&empty).ok_or_else(|| unmeasurable(timer))? * 1e6,
        }))
    }

    /// The copy roof that shares are given of: the better of the two copies, GB/s.
    pub fn bandwidth_gbps(&self) -> f64 {
        self.copy_gbps.max(self.memcpy_gbps)
    }

    /// Seconds below which moving `bytes` to or from memory is impossible on this device.
    pub fn fastest_seconds(&self, bytes: u64) -> f64 {
        let best = self.bandwidth_gbps().max(self.read_gbps).max(self.write_gbps);
        bytes as f64 / (best * 1e9 * ROOF_TOLERANCE)
    }

    /// The least time that `cost` can take on this device.
    pub fn roofline(&self, cost: &Cost) -> Roofline {
        let memory = cost.bytes() as f64 / (self.bandwidth_gbps() * 1e9);
        let arithmetic = cost.flops as f64 / (self.fma_tflops * 1e12);
        if arithmetic > memory {
            Roofline { seconds: arithmetic, binding: Roof::Arithmetic }
        } else {
            Roofline { seconds: memory, binding: Roof::Memory }
        }
    }
}

/// Which of a device's limits a case meets first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Roof {
    /// Bytes moved at the copy bandwidth.
    Memory,
    /// Operations done at the rate of f32 fused multiply-adds.
    Arithmetic,
}

/// The least time of a case on a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Roofline {
    pub seconds: f64,
    pub binding: Roof,
}

struct Probes {
    device: Arc<dyn Device>,
    source: Buffer,
    destination: Buffer,
    bytes: u64,
    copy: Kernel,
    read: Kernel,
    fill: Kernel,
    multiply_add: Kernel,
    empty: Kernel,
}

impl Probes {
    fn new(device: &Arc<dyn Device>) -> Result<Self, BackendError> {
        let info = device.info();
        let caches = info.l2_bytes + info.last_level_bytes;
        let affordable = info.memory_bytes / 16;
        let bytes = LEAST_COPY_BYTES.max(4 * caches).min(affordable.max(1 << 20)) & !0xFFFF;
        let source = device.allocate(bytes as usize, "profiling.roof.source")?;
        let destination = device.allocate(bytes as usize, "profiling.roof.destination")?;
        device.fill(&source, 0, source.bytes(), 0x5A)?;
        let load = |function| device.load(&KernelId::new(PROBES, function));
        Ok(Self {
            device: device.clone(),
            source,
            destination,
            bytes,
            copy: load("copy_bytes")?,
            read: load("read_bytes")?,
            fill: load("fill_bytes")?,
            multiply_add: device.load(&KernelId::new(ARITHMETIC, "fma_loop_f32"))?,
            empty: load("empty_kernel")?,
        })
    }

    /// Enough threads to fill the device; each walks the buffer in steps of the grid.
    fn full_device(&self) -> LaunchDimensions {
        let blocks = self.device.info().multiprocessors.max(1) * 8;
        LaunchDimensions { grid: [blocks, 1, 1], block: [PROBE_THREADS, 1, 1], dynamic_shared_bytes: 0 }
    }

    fn copy(&self) -> Result<(), BackendError> {
        let (source, destination) = (whole(&self.source), whole(&self.destination));
        self.device.launch(&self.copy, self.full_device(), &[source, destination, Argument::U64(self.bytes)])
    }

    fn memcpy(&self) -> Result<(), BackendError> {
        self.device.copy(&self.destination, 0, &self.source, 0, self.bytes as usize)
    }

    fn read(&self) -> Result<(), BackendError> {
        let (source, sink) = (whole(&self.source), whole(&self.destination));
        self.device.launch(&self.read, self.full_device(), &[source, Argument::U64(self.bytes), sink])
    }

    fn write(&self) -> Result<(), BackendError> {
        let destination = whole(&self.destination);
        let arguments = [destination, Argument::U64(self.bytes), Argument::U32(0xA5)];
        self.device.launch(&self.fill, self.full_device(), &arguments)
    }

    fn multiply_add(&self) -> Result<(), BackendError> {
        // The sums stay positive, and far from subnormal and infinite.
        let (left, right) = (Argument::F32(0.875), Argument::F32(0.125));
        let arguments = [Argument::U32(FMA_ITERATIONS), left, right, whole(&self.destination)];
        self.device.launch(&self.multiply_add, self.full_device(), &arguments)
    }

    fn multiply_add_flops(&self) -> u64 {
        let blocks: u64 = self.full_device().grid.iter().map(|&blocks| u64::from(blocks)).product();
        blocks * u64::from(PROBE_THREADS) * u64::from(FMA_ITERATIONS) * FLOPS_PER_ITERATION
    }

    fn empty(&self) -> Result<(), BackendError> {
        let dimensions = LaunchDimensions { grid: [1; 3], block: [1; 3], dynamic_shared_bytes: 0 };
        self.device.launch(&self.empty, dimensions, &[])
    }
}

fn whole(buffer: &Buffer) -> Argument<'_> {
    Argument::Buffer { buffer, offset: 0 }
}

fn intervals(timer: &KernelTimer, work: &dyn Fn() -> Result<(), BackendError>) -> Result<Vec<f64>, BackendError> {
    let mut workload = || work();
    let workload: &mut dyn Workload = &mut workload;
    Ok(timer.measure(workload, Mode::Cold, None, &mut |_| ControlFlow::Continue(()))?.seconds)
}

fn typical_seconds(timer: &KernelTimer, work: &dyn Fn() -> Result<(), BackendError>) -> Result<f64, BackendError> {
    median(&sorted(&intervals(timer, work)?)).ok_or_else(|| unmeasurable(timer))
}

fn unmeasurable(timer: &KernelTimer) -> BackendError {
    BackendError::Unsupported { device: timer.device().info().id.clone(), capability: "timing by events" }
}

/// The smallest difference between two different intervals, or the smallest interval if all are the same.
fn smallest_step(seconds: &[f64]) -> Option<f64> {
    let sorted = sorted(seconds);
    let steps = sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|step| *step > 0.0);
    steps.min_by(f64::total_cmp).or_else(|| sorted.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolution_is_the_smallest_step_between_intervals() {
        let step = smallest_step(&[3e-6, 2e-6, 3e-6, 2.5e-6]).expect("four intervals");
        assert!((step - 0.5e-6).abs() < 1e-18);
        assert_eq!(smallest_step(&[2e-6, 2e-6]), Some(2e-6));
        assert_eq!(smallest_step(&[]), None);
    }
}
