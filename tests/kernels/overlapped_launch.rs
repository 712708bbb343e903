//! Launches that may begin before earlier kernels are done: the emulator stops a kernel that does not wait for those.

use std::sync::Arc;

use hipgauge::backend::{
    Argument, BackendError, Buffer, Device, HostDevice, HostOptions, KernelId, KernelLibrary, LaunchDimensions,
};

fn launched(
    id: KernelId,
    memory_check: bool,
    arguments: impl Fn(&[Buffer; 3]) -> Vec<Argument<'_>>,
) -> Result<(), BackendError> {
    let options = HostOptions { memory_check, ..HostOptions::default() };
    let device = HostDevice::new(options, Arc::new(KernelLibrary::embedded())).expect("embedded");
    let kernel = device.load(&id).expect("a kernel of this crate");
    let buffers = [0; 3].map(|_| device.allocate(256, "words").expect("memory"));
    for buffer in &buffers {
        device.fill(buffer, 0, 256, 0).expect("it is there");
    }
    let dimensions = LaunchDimensions { grid: [1; 3], block: [64, 1, 1], dynamic_shared_bytes: 0 };
    device.launch_overlapped(&kernel, dimensions, &arguments(&buffers))
}

fn at(buffer: &Buffer) -> Argument<'_> {
    Argument::Buffer { buffer, offset: 0 }
}

#[test]
fn a_kernel_that_waits_runs() {
    let id = KernelId::new("attention/advance_positions", "advance_positions");
    for checked in [true, false] {
        launched(id.clone(), checked, |[a, b, c]| vec![at(a), at(b), at(c), Argument::U64(64)]).expect("it waits");
    }
}

#[test]
fn a_kernel_that_does_not_wait_is_stopped() {
    let id = KernelId::new("profiling/bandwidth", "copy_bytes");
    for (checked, expected) in [(true, "before wait_for_previous_kernels()"), (false, "leaves the kernel without")] {
        let outcome = launched(id.clone(), checked, |[a, b, _]| vec![at(a), at(b), Argument::U64(256)]);
        let error = outcome.expect_err("it does not wait").to_string();
        assert!(error.contains(expected), "{error}");
    }
}
