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
