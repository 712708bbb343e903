//! The host emulator on small kernels with known results.

use std::path::Path;
use std::sync::Arc;

use hipgauge::backend::{
    Argument, BackendError, Buffer, Device, HostDevice, HostOptions, KernelId, KernelLibrary, LaunchDimensions,
    Schedule,
};

fn fixtures() -> Arc<KernelLibrary> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kernels");
    Arc::new(KernelLibrary::from_directory(&directory).expect("the fixtures are kernels"))
}

fn device(wave_size: u32, schedule: Schedule, memory_check: bool) -> HostDevice {
    HostDevice::new(HostOptions { wave_size, schedule, memory_check }, fixtures()).expect("a C++ compiler")
}

/// Every combination of wave size, schedule and memory check.
fn devices() -> Vec<HostDevice> {
    let mut devices = Vec::new();
    for wave_size in [32, 64] {
        for schedule in [Schedule::InOrder, Schedule::Reverse, Schedule::Random { seed: 7 }] {
            devices.extend([false, true].map(|memory_check| device(wave_size, schedule, memory_check)));
        }
    }
    devices
}

fn upload<T: bytemuck::Pod>(device: &dyn Device, label: &str, values: &[T]) -> Buffer {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    let buffer = device.allocate(bytes.len(), label).expect("memory");
    device.upload(&buffer, 0, bytes).expect("it fits");
    buffer
}

fn download<T: bytemuck::Pod>(device: &dyn Device, buffer: &Buffer) -> Vec<T> {
    let mut values = vec![T::zeroed(); buffer.bytes() / size_of::<T>()];
    device.download(buffer, 0, bytemuck::cast_slice_mut(&mut values)).expect("it fits");
    values
}

fn whole(buffer: &Buffer) -> Argument<'_> {
    Argument::Buffer { buffer, offset: 0 }
}

fn launch(
    device: &dyn Device,
    kernel: &str,
    dimensions: ([u32; 3], [u32; 3], u32),
    arguments: &[Argument<'_>],
) -> Result<(), BackendError> {
    let (module, function) = kernel.split_once(':').expect("module:function");
    let kernel = device.load(&KernelId::new(module, function))?;
    let (grid, block, dynamic_shared_bytes) = dimensions;
    device.launch(&kernel, LaunchDimensions { grid, block, dynamic_shared_bytes }, arguments)
}

#[test]
fn sums_by_shuffle_and_barrier_are_right_on_every_device() {
    for device in devices() {
        for (grid, block) in [([5, 1, 1], [256, 1, 1]), ([3, 2, 1], [16, 8, 1]), ([1, 1, 1], [64, 4, 4])] {
            let threads: u32 = block.iter().product();
            let blocks: u32 = grid.iter().product();
            let values: Vec<u32> = (0..threads * blocks).map(|value| value.wrapping_mul(2_654_435_761) >> 12).collect();
            let x = upload(&device, "x", &values);
            let y = upload(&device, "y", &vec![0u32; blocks as usize]);
            launch(&device, "emulator/sums:block_sum", (grid, block, 0), &[whole(&y), whole(&x)]).unwrap();
            let expected: Vec<u32> = values.chunks(threads as usize).map(|part| part.iter().sum()).collect();
            assert_eq!(download::<u32>(&device, &y), expected, "{:?}", device.options());
        }
    }
}

#[test]
fn atomics_add_up_over_blocks() {
    for device in devices() {
        let values: Vec<u32> = (0..64 * 128).map(|value| value * 37 % 1000).collect();
        let x = upload(&device, "x", &values);
        let y = upload(&device, "y", &[0u32; 2]);
        let arguments = [whole(&y), whole(&x), Argument::U32(500)];
        launch(&device, "emulator/sums:count_above", ([64, 1, 1], [128, 1, 1], 0), &arguments).unwrap();
        let above = values.iter().filter(|value| **value > 500).count() as u32;
        assert_eq!(download::<u32>(&device, &y), [above, *values.iter().max().unwrap()], "{:?}", device.options());
    }
}

#[test]
fn dynamic_shared_memory_is_the_blocks_own() {
    for device in devices() {
        let values: Vec<f32> = (0..512).map(|value| value as f32).collect();
        let x = upload(&device, "x", &values);
        let y = upload(&device, "y", &[0f32; 512]);
        launch(&device, "emulator/sums:reverse_block", ([4, 1, 1], [128, 1, 1], 512), &[whole(&y), whole(&x)]).unwrap();
        let expected: Vec<f32> = values.chunks(128).flat_map(|part| part.iter().rev().copied()).collect();
        assert_eq!(download::<f32>(&device, &y), expected, "{:?}", device.options());
    }
}

#[test]
fn a_wave_32_assumption_shows_on_wave_64() {
    let values: Vec<u32> = (0..64).collect();
    let sum_on = |wave_size| {
        let device = device(wave_size, Schedule::InOrder, false);
        let x = upload(&device, "x", &values);
        let y = upload(&device, "y", &[0u32]);
        let block = [wave_size, 1, 1];
        launch(&device, "emulator/sums:sum_of_32_lanes", ([1, 1, 1], block, 0), &[whole(&y), whole(&x)]).unwrap();
        download::<u32>(&device, &y)[0]
    };
    assert_eq!(sum_on(32), 496);
    assert_ne!(sum_on(64), 2016);
}

/// The fault of a kernel of `faults.hip` on a device, or `None` if it ran.
fn fault_of(device: &dyn Device, kernel: &str, threads: u32, arguments: &[Argument<'_>]) -> Option<String> {
    match launch(device, &format!("emulator/faults:{kernel}"), ([1, 1, 1], [threads, 1, 1], 0), arguments) {
        Ok(()) => None,
        Err(BackendError::KernelFault { kernel: named, fault }) => {
            assert_eq!(named, format!("emulator/faults:{kernel}"));
            Some(fault)
        }
        Err(error) => panic!("{error}"),
    }
}

fn checked() -> HostDevice {
    device(32, Schedule::InOrder, true)
}

#[test]
fn an_access_one_element_outside_is_named_before_it_happens() {
    let device = checked();
    let x = upload(&device, "case.x", &[1f32; 64]);
    let y = upload(&device, "case.y", &[0f32; 64]);
    let fault = |kernel| fault_of(&device, kernel, 64, &[whole(&y), whole(&x)]).expect("a fault");
    assert_eq!(
        fault("read_past_end"),
        "read of 4 bytes at byte 256 of case.x (256 bytes), 0 bytes past its end, by block (0,0,0) thread (63,0,0)"
    );
    assert_eq!(
        fault("write_past_end"),
        "write of 4 bytes at byte 256 of case.y (256 bytes), 0 bytes past its end, by block (0,0,0) thread (63,0,0)"
    );
    assert_eq!(
        fault("write_before_start"),
        "write of 4 bytes at byte -4 of case.y (256 bytes), 4 bytes before its first byte, by block (0,0,0) thread (0,0,0)"
    );
    assert_eq!(device.check_fences(&y).unwrap(), None, "the write did not happen");
}

#[test]
fn copies_and_vectors_are_checked_too() {
    let device = checked();
    for bytes in [1u32, 3, 16, 64] {
        let x = upload(&device, "x", &vec![0u8; (8 * bytes) as usize - 1]);
        let y = upload(&device, "y", &vec![0u8; (8 * bytes) as usize]);
        let fault = fault_of(&device, "copy_past_end", 8, &[whole(&y), whole(&x), Argument::U32(bytes)]);
        assert!(fault.as_ref().is_some_and(|fault| fault.contains("of x ")), "{bytes}: {fault:?}");
    }
    let x = upload(&device, "x", &[0u32; 31]);
    let y = upload(&device, "y", &[0u32; 32]);
    for kernel in ["vector_past_end", "copy_16_past_end"] {
        let fault = fault_of(&device, kernel, 8, &[whole(&y), whole(&x)]).expect("a fault");
        assert!(fault.contains("of x ") && fault.ends_with("by block (0,0,0) thread (7,0,0)"), "{fault}");
    }
}

#[test]
fn fences_show_a_stray_write_of_the_plain_copy() {
    let device = device(32, Schedule::InOrder, false);
    let x = upload(&device, "x", &[1f32; 64]);
    for (kernel, offset) in [("write_past_end", 256), ("write_before_start", -4)] {
        let y = upload(&device, "case.y", &[0f32; 64]);
        assert_eq!(fault_of(&device, kernel, 64, &[whole(&y), whole(&x)]), None);
        let violation = device.check_fences(&y).unwrap().expect("a damaged fence");
        assert_eq!((violation.label.as_str(), violation.offset, violation.bytes), ("case.y", offset, 256));
    }
    assert_eq!(device.check_fences(&x).unwrap(), None);
}

#[test]
fn a_write_past_shared_memory_is_caught_with_and_without_checks() {
    for memory_check in [false, true] {
        let device = device(32, Schedule::InOrder, memory_check);
        let y = upload(&device, "y", &[0f32; 64]);
        let fault = fault_of(&device, "shared_overflow", 32, &[whole(&y)]).expect("a fault");
        assert!(fault.contains("`staged` (128 bytes)") && fault.contains("byte 128"), "{fault}");
    }
}

#[test]
fn a_missing_barrier_is_a_race_under_each_schedule() {
    for wave_size in [32, 64] {
        for schedule in [Schedule::InOrder, Schedule::Reverse, Schedule::Random { seed: 3 }] {
            let device = device(wave_size, schedule, true);
            let x = upload(&device, "x", &[1f32; 256]);
            let y = upload(&device, "y", &[0f32; 256]);
            for kernel in ["missing_barrier", "wave_barrier_between_waves"] {
                let fault = fault_of(&device, kernel, 256, &[whole(&y), whole(&x)]).expect("a race");
                assert!(fault.starts_with("race on shared array `staged`, byte "), "{fault}");
                assert!(fault.contains("write by thread (") && fault.contains("read by thread ("), "{fault}");
            }
        }
    }
}

#[test]
fn divergence_is_a_fault_that_names_both_sides() {
    for device in devices() {
        let y = upload(&device, "y", &[0f32; 256]);
        let run = |kernel, limit| fault_of(&device, kernel, 256, &[whole(&y), Argument::U32(limit)]).expect("a fault");
        for limit in [1, 64, 200] {
            let fault = run("divergent_barrier", limit);
            assert!(fault.contains("waits at a block barrier") && fault.contains("has left the kernel"), "{fault}");
        }
        let fault = run("divergent_shuffle", 20);
        assert!(fault.contains("waits at a wave shuffle") && fault.contains("waits at a block barrier"), "{fault}");
        let fault = fault_of(&device, "shuffle_from_nowhere", 64, &[whole(&y)]).expect("a fault");
        let lane = device.options().wave_size;
        assert!(fault.starts_with(&format!("wave shuffle from lane {lane} of a wave with {lane} threads")), "{fault}");
    }
}

#[test]
fn an_endless_loop_ends_at_the_deadline() {
    let limit = std::time::Duration::from_millis(50);
    for (kernel, memory_check) in [("endless_barriers", false), ("endless_barriers", true), ("endless_reads", true)] {
        let device = device(32, Schedule::InOrder, memory_check);
        device.set_deadline(Some(limit));
        let y = upload(&device, "y", &[0u32; 64]);
        let name = format!("emulator/faults:{kernel}");
        let error = launch(&device, &name, ([1, 1, 1], [64, 1, 1], 0), &[whole(&y)]).expect_err("it never ends");
        assert!(matches!(error, BackendError::TimedOut { .. }), "{error}");
        // The abandoned threads can run another kernel.
        launch(&device, "emulator/faults:copy_unwritten_shared", ([1, 1, 1], [64, 1, 1], 0), &[whole(&y)]).unwrap();
    }
}

#[test]
fn new_global_and_shared_memory_is_poisoned() {
    for device in devices() {
        let fresh = device.allocate(64, "fresh").unwrap();
        assert_eq!(download::<u32>(&device, &fresh), [u32::MAX; 16]);
        let y = upload(&device, "y", &[0u32; 64]);
        assert_eq!(fault_of(&device, "copy_unwritten_shared", 64, &[whole(&y)]), None);
        assert_eq!(download::<u32>(&device, &y), [u32::MAX; 64]);
    }
}

#[test]
fn freed_foreign_and_null_addresses_are_told_apart() {
    let device = checked();
    let y = upload(&device, "y", &[0u32]);
    let read =
        |address| fault_of(&device, "read_at_address", 1, &[whole(&y), Argument::U64(address)]).expect("a fault");
    assert!(read(0).starts_with("read of 4 bytes through a null pointer"));
    let other = upload(&device, "other", &[0u32; 1 << 20]);
    let address = other.address() + 8;
    let fault = read(address);
    assert!(fault.contains("byte 8 of other (4194304 bytes), which was not passed to this launch"), "{fault}");
    drop(other);
    let fault = read(address);
    assert!(fault.contains("byte 8 of other (4194304 bytes), which was freed"), "{fault}");
}

#[test]
fn wrong_arguments_and_dimensions_are_refused() {
    let device = checked();
    let x = upload(&device, "x", &[0f32; 64]);
    let refused = |dimensions, arguments: &[Argument<'_>]| {
        let error = launch(&device, "emulator/faults:read_past_end", dimensions, arguments).expect_err("refused");
        assert!(matches!(error, BackendError::InvalidUse { call: "launch", .. }), "{error}");
        error.to_string()
    };
    let one = ([1, 1, 1], [64, 1, 1], 0);
    assert!(refused(one, &[whole(&x)]).contains("it takes 2 arguments, not 1"));
    assert!(refused(one, &[whole(&x), Argument::U32(1)]).contains("parameter 1 has 8 bytes"));
    let both = [whole(&x), whole(&x)];
    assert!(refused(([1, 1, 1], [2048, 1, 1], 0), &both).contains("more than 1024 threads"));
    assert!(refused(([0, 1, 1], [64, 1, 1], 0), &both).contains("must not have a zero"));
    assert!(refused(([1, 1, 1], [64, 1, 1], 1 << 20), &both).contains("shared memory"));
    let error = launch(&device, "emulator/faults:absent", one, &both).expect_err("unknown");
    assert!(error.to_string().contains("emulator/faults.hip defines read_past_end, "), "{error}");
}

#[test]
fn the_copies_share_no_function_so_that_checks_stay_in_the_checked_one() {
    let run = |memory_check| {
        let device = device(32, Schedule::InOrder, memory_check);
        let x = upload(&device, "x", &[1f32; 64]);
        let y = upload(&device, "y", &[0f32; 64]);
        let kernel = "emulator/templates:read_past_end_in_template";
        launch(&device, kernel, ([1, 1, 1], [64, 1, 1], 0), &[whole(&y), whole(&x)])
    };
    run(false).expect("the plain copy does not check, and a fence can be read");
    let fault = run(true).expect_err("the checked copy does").to_string();
    assert!(fault.contains("0 bytes past its end, by block (0,0,0) thread (63,0,0)"), "{fault}");
}

#[test]
fn every_embedded_kernel_has_both_copies() {
    let library = Arc::new(KernelLibrary::embedded());
    let device = HostDevice::new(HostOptions::default(), library.clone()).expect("nothing is compiled");
    for module in library.modules() {
        for function in &module.functions {
            device.load(&KernelId::new(&*module.name, &**function)).expect("embedded");
        }
    }
}

#[test]
fn a_kernel_that_does_not_compile_shows_the_compilers_words_and_the_users_path() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let source = "#include \"portability.h\"\nHG_KERNEL(broken, 64, (float* y)) { y[0] = nothing; }\n";
    std::fs::write(directory.path().join("broken.hip"), source).expect("it is writable");
    let library = Arc::new(KernelLibrary::from_directory(directory.path()).expect("a kernel"));
    let device = HostDevice::new(HostOptions::default(), library).expect("a C++ compiler");
    let error = device.load(&KernelId::new("broken", "broken")).expect_err("it does not compile");
    let path = directory.path().join("broken.hip:2");
    assert!(matches!(error, BackendError::Compile { .. }), "{error}");
    assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
}
