//! Launches that may begin before earlier kernels are done: the emulator stops a kernel that does not wait for those.

use std::sync::Arc;

use hipgauge::backend::{
    Argument, BackendError, Buffer, Device, HostDevice, HostOptions, KernelId, KernelLibrary, LaunchDimensions,
    amd_device_on_paper,
};
use hipgauge::registry::OPERATIONS;
use hipgauge::suite::Suite;

/// Launches of one device, one after the other, until one is stopped.
fn launched<const N: usize>(
    memory_check: bool,
    launches: [(&str, &str); N],
    arguments: impl Fn(usize, &[Buffer; 3]) -> Vec<Argument<'_>>,
) -> Result<(), BackendError> {
    let options = HostOptions { memory_check, ..HostOptions::default() };
    let device = HostDevice::new(options, Arc::new(KernelLibrary::embedded())).expect("embedded");
    let buffers = ["a", "b", "c"].map(|label| device.allocate(256, label).expect("memory"));
    for buffer in &buffers {
        device.fill(buffer, 0, 256, 0).expect("it is there");
    }
    let dimensions = LaunchDimensions { grid: [1; 3], block: [256, 1, 1], dynamic_shared_bytes: 0 };
    launches.into_iter().enumerate().try_for_each(|(index, (module, function))| {
        let kernel = device.load(&KernelId::new(module, function)).expect("a kernel of this crate");
        device.launch_overlapped(&kernel, dimensions, &arguments(index, &buffers))
    })
}

fn at(buffer: &Buffer) -> Argument<'_> {
    Argument::Buffer { buffer, offset: 0 }
}

fn constant(buffer: &Buffer) -> Argument<'_> {
    Argument::Constant { buffer, offset: 0 }
}

/// One row of eight weights times a vector.
fn product<'a>(weights: Argument<'a>, x: &'a Buffer, y: &'a Buffer) -> Vec<Argument<'a>> {
    let shape = [Argument::U64(1), Argument::U32(8), Argument::U32(1), Argument::I64(8)];
    [&[weights, at(x), Argument::Null, Argument::Null, at(y)][..], &shape].concat()
}

const ADVANCE: (&str, &str) = ("attention/advance_positions", "advance_positions");
const PRODUCT: (&str, &str) = ("matrix/matrix_vector", "matrix_vector_f32");

#[test]
fn a_kernel_that_waits_runs() {
    for checked in [true, false] {
        launched(checked, [ADVANCE], |_, [a, b, c]| vec![at(a), at(b), at(c), Argument::U64(64)]).expect("it waits");
    }
}

#[test]
fn a_kernel_that_does_not_wait_is_stopped() {
    for (checked, expected) in [(true, "before wait_for_previous_kernels()"), (false, "leaves the kernel without")] {
        let copy = ("profiling/bandwidth", "copy_bytes");
        let outcome = launched(checked, [copy], |_, [a, b, _]| vec![at(a), at(b), Argument::U64(256)]);
        let error = outcome.expect_err("it does not wait").to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn weights_may_be_read_ahead_if_they_are_constant_and_nothing_else_may() {
    launched(true, [PRODUCT], |_, [a, b, c]| product(constant(a), b, c)).expect("its weights are constant");
    let error = launched(true, [PRODUCT], |_, [a, b, c]| product(at(a), b, c)).expect_err("they are not").to_string();
    assert!(error.contains("read at byte 0 of `a` before wait_for_previous_kernels()"), "{error}");
}

#[test]
fn what_is_read_ahead_must_not_be_written() {
    // In the launch itself, and by a later one that knows nothing of it.
    let error = launched(true, [PRODUCT], |_, [a, b, _]| product(constant(a), b, a)).expect_err("y over W").to_string();
    assert!(error.contains("byte 0 of `a`, which other kernels read before they wait"), "{error}");
    let outcome = launched(true, [PRODUCT, PRODUCT], |index, [a, b, c]| match index {
        0 => product(constant(a), b, c),
        _ => product(constant(c), b, a),
    });
    let error = outcome.expect_err("the second writes what the first read").to_string();
    assert!(error.contains("byte 0 of `a`, which other kernels read before they wait"), "{error}");
}

#[test]
fn what_kernels_write_in_turn_may_be_read_ahead_where_it_is_settled() {
    let settled = |buffer| Argument::Settled { buffer, offset: 0 };
    let options = HostOptions { memory_check: true, ..HostOptions::default() };
    let device = HostDevice::new(options, Arc::new(KernelLibrary::embedded())).expect("embedded");
    let [a, b, c] = ["a", "b", "c"].map(|label| device.allocate(256, label).expect("memory"));
    let kernel = device.load(&KernelId::new(PRODUCT.0, PRODUCT.1)).expect("a kernel of this crate");
    let dimensions = LaunchDimensions { grid: [1; 3], block: [256, 1, 1], dynamic_shared_bytes: 0 };
    let launch = |overlapped: bool, weights: Argument<'_>, y: Argument<'_>| {
        let shape = [Argument::U64(1), Argument::U32(8), Argument::U32(1), Argument::I64(8)];
        let arguments = [&[weights, at(&b), Argument::Null, Argument::Null, y][..], &shape].concat();
        match overlapped {
            true => device.launch_overlapped(&kernel, dimensions, &arguments),
            false => device.launch(&kernel, dimensions, &arguments),
        }
    };
    for buffer in [&a, &b, &c] {
        device.fill(buffer, 0, 256, 0).expect("it is there");
    }
    // Weights in the first 32 bytes of a; y behind them, and into them.
    let (behind, into) = (Argument::Settled { buffer: &a, offset: 32 }, Argument::Settled { buffer: &a, offset: 28 });
    launch(true, settled(&a), behind).expect("nobody has written there");
    launch(true, settled(&a), at(&c)).expect("what was written lies behind what is read");
    // Nobody called it settled by then, so that all of it counts as written.
    launch(true, settled(&c), into).expect_err("c was written by the launch before");
    launch(false, settled(&c), into).expect("an ordinary launch waits for all of them");
    let error = launch(true, settled(&a), at(&c)).expect_err("that one may still run").to_string();
    assert!(error.contains("of `a` before wait_for_previous_kernels()"), "{error}");
    let boundaries: [&dyn Fn() -> Result<(), BackendError>; 3] =
        [&|| device.fill(&b, 0, 256, 0), &|| device.copy(&b, 0, &c, 0, 128), &|| {
            device.download_later(&c, 0, 4).map(drop)
        }];
    for boundary in boundaries {
        launch(true, settled(&b), into).expect("b is settled");
        launch(true, settled(&a), at(&c)).expect_err("that one may still run");
        boundary().expect("enqueued");
        launch(true, settled(&a), at(&c)).expect("everything before is done");
    }
}

/// GPUs launch kernels of overlapping plans ahead of time only where their text says that they wait: where it is not found, an engine
/// loses time and nothing else shows it.
#[test]
fn kernels_of_overlapping_plans_are_known_to_wait_on_every_device() {
    let library = KernelLibrary::embedded();
    let devices = [("sm_80", 32), ("sm_90", 32), ("gfx942", 64), ("gfx1100", 32)];
    let devices = devices.map(|(architecture, wave_size)| amd_device_on_paper(architecture, wave_size));
    let mut overlapping = std::collections::BTreeSet::new();
    for entry in Suite::load("ci", OPERATIONS).expect("embedded").cases {
        for device in &devices {
            let plan = entry.case.operation.plan(device, &entry.case.problem).expect("within the contract");
            for launch in plan.launches() {
                let module = library.find(&launch.kernel).unwrap_or_else(|| panic!("no {}", launch.kernel));
                let waits = library.waits_by_itself(module);
                assert!(waits || plan.overlapping.is_none(), "{} on {}", launch.kernel, device.architecture);
                if plan.overlapping.is_some() {
                    overlapping.insert(launch.kernel.module.clone());
                }
            }
        }
    }
    for module in ["attention/attention_prefill_short", "matrix/matrix_product_shared_tiles", "mlp/rms_norm"] {
        assert!(overlapping.contains(module), "{module} among {overlapping:?}");
    }
}
