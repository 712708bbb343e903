//! The same checks on every device of this machine: `host` always, GPUs where there are any. A GPU that is
//! listed but fails is a failure. The devices that ran are printed.

use std::io::{Write, stderr};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use hipgauge::backend::{
    Argument, BackendError, Buffer, Device, FENCE_BYTES, HostOptions, KernelId, KernelLibrary, LaunchDimensions,
    OpenOptions, open, survey,
};

fn options() -> OpenOptions {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/kernels");
    OpenOptions {
        library: Arc::new(KernelLibrary::from_directory(&fixtures).expect("the fixtures are kernels")),
        // The emulator's memory check stops a stray write before it happens; here the fences are to find it.
        host: HostOptions { memory_check: false, ..HostOptions::default() },
    }
}

/// Names of all devices, found once and printed past the test runner's capture.
fn device_names() -> &'static [String] {
    static NAMES: OnceLock<Vec<String>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let mut names = Vec::new();
        for backend in survey() {
            let mut line = format!("device conformance: {}", backend.backend.name());
            for device in &backend.devices {
                line += &format!(" {} ({}, {})", device.id, device.name, device.architecture);
                names.push(device.id.clone());
            }
            if let Some(absence) = &backend.absence {
                line += &format!(" none: {absence}");
            }
            writeln!(stderr(), "{line}").expect("stderr is writable");
        }
        names
    })
}

/// Runs a check on each device, on a freshly opened one.
pub fn on_each_device(check: impl Fn(&dyn Device)) {
    for name in device_names() {
        let selection = open(name, &options()).unwrap_or_else(|error| panic!("{name} was listed: {error}"));
        assert_eq!(&selection.device.info().id, name);
        check(&*selection.device);
        let leaks = selection.device.ledger().live_allocations();
        assert!(leaks.is_empty(), "{name} leaks {leaks:?}");
    }
}

pub fn upload<T: bytemuck::Pod>(device: &dyn Device, label: &str, values: &[T]) -> Buffer {
    let bytes: &[u8] = bytemuck::cast_slice(values);
    let buffer = device.allocate(bytes.len(), label).expect("memory");
    device.upload(&buffer, 0, bytes).expect("it fits");
    buffer
}

pub fn download<T: bytemuck::Pod>(device: &dyn Device, buffer: &Buffer) -> Vec<T> {
    let mut values = vec![T::zeroed(); buffer.bytes() / size_of::<T>()];
    device.download(buffer, 0, bytemuck::cast_slice_mut(&mut values)).expect("it fits");
    values
}

pub fn whole(buffer: &Buffer) -> Argument<'_> {
    Argument::Buffer { buffer, offset: 0 }
}

pub fn launch(
    device: &dyn Device,
    function: &str,
    (grid, block, dynamic_shared_bytes): ([u32; 3], [u32; 3], u32),
    arguments: &[Argument<'_>],
) -> Result<(), BackendError> {
    let kernel = device.load(&KernelId::new("device/conformance", function))?;
    device.launch(&kernel, LaunchDimensions { grid, block, dynamic_shared_bytes }, arguments)
}

#[test]
fn the_description_is_complete() {
    on_each_device(|device| {
        let info = device.info();
        assert!(info.wave_size == 32 || info.wave_size == 64, "{info:?}");
        assert!(info.multiprocessors > 0 && info.memory_bytes > 1 << 28, "{info:?}");
        assert!(info.max_threads_per_block >= 256 && info.shared_bytes_per_block >= 32 << 10, "{info:?}");
        for text in [&info.name, &info.architecture, &info.compiler, &info.driver_version, &info.runtime_version] {
            assert!(!text.is_empty(), "{info:?}");
        }
        assert!(info.details.is_sorted(), "details are sorted by key: {:?}", info.details);
    });
}

#[test]
fn bytes_go_up_and_come_back_at_any_offset_and_size() {
    on_each_device(|device| {
        for bytes in [0_usize, 1, 255, 256, 4097, (3 << 20) + 5] {
            let pattern: Vec<u8> = (0..bytes).map(|i| (i * 31 % 251) as u8).collect();
            let buffer = device.allocate(bytes, "pattern").expect("memory");
            assert_eq!((buffer.bytes(), buffer.address() % 256), (bytes, 0));
            device.upload(&buffer, 0, &pattern).expect("it fits");
            let mut back = vec![0; bytes];
            device.download(&buffer, 0, &mut back).expect("it fits");
            assert!(back == pattern, "{bytes} bytes on {}", device.info().id);
            let (third, rest) = (bytes / 3, bytes - bytes / 3);
            device.upload(&buffer, third, &vec![7; rest]).expect("it fits");
            device.download(&buffer, third / 2, &mut back[..rest]).expect("it fits");
            let expected: Vec<u8> =
                (third / 2..third / 2 + rest).map(|i| if i < third { pattern[i] } else { 7 }).collect();
            assert!(back[..rest] == expected, "{bytes} bytes from {}", third / 2);
            assert_eq!(device.check_fences(&buffer).expect("readable"), None);
        }
    });
}

#[test]
fn fills_and_copies_touch_their_range_only() {
    on_each_device(|device| {
        let source = upload(device, "source", &(0..1000_u32).map(|i| i as u8).collect::<Vec<_>>());
        let target = upload(device, "target", &[9_u8; 1000]);
        device.copy(&target, 100, &source, 3, 501).expect("it fits");
        device.fill(&target, 700, 33, 0xEE).expect("it fits");
        let expected: Vec<u8> = (0..1000_usize)
            .map(|i| match i {
                100..601 => (i - 97) as u8,
                700..733 => 0xEE,
                _ => 9,
            })
            .collect();
        assert_eq!(download::<u8>(device, &target), expected);
    });
}

#[test]
fn a_download_that_is_waited_for_later_has_the_bytes_of_its_turn() {
    on_each_device(|device| {
        let buffer = device.allocate(8192, "source").expect("memory");
        let downloads: Vec<_> = (1..=4u8)
            .map(|value| {
                device.fill(&buffer, 0, 8192, value).expect("filled");
                device.download_later(&buffer, 100, 1000 * usize::from(value)).expect("enqueued")
            })
            .collect();
        device.fill(&buffer, 0, 8192, 0).expect("filled");
        for (value, download) in (1..=4u8).zip(downloads) {
            assert_eq!(download.wait().expect("bytes"), vec![value; 1000 * usize::from(value)]);
        }
        // What nobody waits for disturbs nothing that comes after it.
        drop(device.download_later(&buffer, 0, 4096).expect("enqueued"));
        device.fill(&buffer, 0, 8192, 9).expect("filled");
        let nine = device.download_later(&buffer, 0, 4096).and_then(|download| download.wait());
        assert_eq!(nine.expect("bytes"), vec![9; 4096]);
        assert!(device.download_later(&buffer, 8000, 193).is_err(), "beyond the end");
        let none = device.download_later(&buffer, 8192, 0).and_then(|download| download.wait());
        assert!(none.expect("nothing").is_empty());
    });
}

#[test]
fn ranges_outside_a_buffer_are_refused() {
    on_each_device(|device| {
        let (a, b) = (upload(device, "a", &[0_u8; 16]), upload(device, "b", &[0_u8; 16]));
        let refused = [
            device.upload(&a, 1, &[0; 16]),
            device.download(&a, 17, &mut [0; 1]),
            device.download(&a, usize::MAX, &mut [0; 2]),
            device.copy(&a, 0, &b, 8, 9),
            device.copy(&a, 8, &b, 0, 9),
            device.fill(&a, 16, 1, 0),
        ];
        for outcome in refused {
            let error = outcome.expect_err(&device.info().id);
            assert!(matches!(error, BackendError::InvalidUse { .. }), "{error}");
        }
        assert_eq!(device.check_fences(&a).expect("readable"), None);
    });
}

#[test]
fn kernels_compute_over_many_blocks() {
    on_each_device(|device| {
        let count = 10_007_u64;
        let x: Vec<u64> = (0..count).map(|i| i << 33 | i).collect();
        let (x_buffer, y) = (upload(device, "x", &x), upload(device, "y", &vec![5_u64; count as usize]));
        let grid = [count.div_ceil(256) as u32, 1, 1];
        let arguments = [whole(&y), whole(&x_buffer), Argument::U64(count), Argument::U32(3)];
        launch(device, "scale_and_add", (grid, [256, 1, 1], 0), &arguments).expect("it runs");
        device.synchronize().expect("it ends");
        let expected: Vec<u64> = x.iter().map(|x| x * 3 + 5).collect();
        assert!(download::<u64>(device, &y) == expected, "{}", device.info().id);
        assert_eq!(device.check_fences(&y).expect("readable"), None);
    });
}

#[test]
fn arguments_of_every_kind_arrive() {
    on_each_device(|device| {
        let y = upload(device, "y", &[0_u64; 8]);
        let arguments = [
            Argument::Buffer { buffer: &y, offset: 16 },
            Argument::Null,
            Argument::U32(0xFFFF_FFFE),
            Argument::I32(-3),
            Argument::U64(u64::MAX - 7),
            Argument::I64(i64::MIN + 1),
            Argument::F32(-0.1),
        ];
        launch(device, "echo_arguments", ([1, 1, 1], [64, 1, 1], 0), &arguments).expect("it runs");
        let float = u64::from((-0.1_f32).to_bits());
        let expected = [0, 0, 1, 0xFFFF_FFFE, 0xFFFF_FFFD, u64::MAX - 7, 1 << 63 | 1, float];
        assert_eq!(download::<u64>(device, &y), expected, "{}", device.info().id);
    });
}

#[test]
fn grids_and_blocks_have_three_dimensions() {
    on_each_device(|device| {
        let (grid, block) = ([3, 2, 4], [4, 8, 2]);
        let y = upload(device, "y", &vec![0_u32; 24 * 64]);
        launch(device, "coordinates", (grid, block, 0), &[whole(&y)]).expect("it runs");
        let mut expected = Vec::new();
        for b in 0..24 {
            for t in 0..64 {
                let block_part = (b % 3) | ((b / 3 % 2) << 4) | ((b / 6) << 8);
                expected.push(block_part | ((t % 4) << 12) | ((t / 4 % 8) << 16) | ((t / 32) << 20));
            }
        }
        assert_eq!(download::<u32>(device, &y), expected, "{}", device.info().id);
    });
}

#[test]
fn dynamic_shared_memory_works_up_to_the_device_limit_and_cuda_beyond_it() {
    on_each_device(|device| {
        // 64 KiB is more than CUDA gives without opting in; every GPU with an opt-in has at least 64 KiB.
        let bytes = match device.info().backend {
            hipgauge::backend::BackendKind::Cuda => 64 << 10,
            _ => device.info().shared_bytes_per_block.min(64 << 10),
        };
        let count = bytes / 4;
        let x: Vec<u32> = (0..count).collect();
        let (x_buffer, y) = (upload(device, "x", &x), upload(device, "y", &vec![0_u32; count as usize]));
        let arguments = [whole(&y), whole(&x_buffer), Argument::U32(count)];
        launch(device, "reverse_through_shared", ([1, 1, 1], [256, 1, 1], bytes), &arguments).expect("it runs");
        assert!(download::<u32>(device, &y) == x.into_iter().rev().collect::<Vec<_>>(), "{}", device.info().id);
    });
}

#[test]
fn a_write_outside_a_buffer_damages_a_fence_that_names_it() {
    on_each_device(|device| {
        let bytes = 1000_i64;
        for index in [-1, -(FENCE_BYTES as i64), bytes, bytes + FENCE_BYTES as i64 - 1] {
            let y = upload(device, "victim", &vec![0_u8; bytes as usize]);
            let arguments = [whole(&y), Argument::I64(index), Argument::U32(1)];
            launch(device, "write_byte", ([1, 1, 1], [64, 1, 1], 0), &arguments).expect("it runs");
            let found = device.check_fences(&y).expect("readable").expect("a damaged fence");
            assert_eq!((found.label.as_str(), found.offset, found.bytes), ("victim", index, bytes as usize));
        }
        let y = upload(device, "intact", &[0_u8; 1000]);
        launch(device, "write_byte", ([1, 1, 1], [64, 1, 1], 0), &[whole(&y), Argument::I64(999), Argument::U32(1)])
            .expect("it runs");
        assert_eq!(device.check_fences(&y).expect("readable"), None);
    });
}

#[test]
fn events_time_what_lies_between_them() {
    on_each_device(|device| {
        let y = upload(device, "y", &[0_u32; 64]);
        let seconds = |rounds: u64| {
            let (start, stop) = (device.create_event().expect("an event"), device.create_event().expect("an event"));
            device.record(&*start).expect("recorded");
            let arguments = [whole(&y), Argument::U64(rounds)];
            launch(device, "count_slowly", ([1, 1, 1], [64, 1, 1], 0), &arguments).expect("it runs");
            device.record(&*stop).expect("recorded");
            device.elapsed_seconds(&*start, &*stop).expect("both recorded")
        };
        seconds(1);
        let (short, long) = (seconds(1), seconds(20_000));
        assert!(long > short && long > 20_000.0 * 1e-9 && long < 60.0, "{short} s and {long} s");
    });
}

#[test]
fn an_event_that_was_never_recorded_is_refused() {
    on_each_device(|device| {
        let (start, stop) = (device.create_event().expect("an event"), device.create_event().expect("an event"));
        let error = device.elapsed_seconds(&*start, &*stop).expect_err("nothing was recorded");
        assert!(matches!(error, BackendError::InvalidUse { .. }), "{error}");
    });
}

#[test]
fn a_captured_graph_replays_and_keeps_its_buffers() {
    on_each_device(|device| {
        let y = upload(device, "y", &[0_u64; 100]);
        let x = upload(device, "x", &[1_u64; 100]);
        let work = |x: &Buffer| {
            let arguments = [whole(&y), whole(x), Argument::U64(100), Argument::U32(2)];
            launch(device, "scale_and_add", ([1, 1, 1], [256, 1, 1], 0), &arguments)
        };
        // Loading is not part of what is recorded.
        work(&x).expect("it runs");
        let Some(graph) = device.capture(&mut || work(&x)).expect("captured") else { return };
        assert_eq!(download::<u64>(device, &y), [2; 100], "capturing runs nothing on {}", device.info().id);
        drop(x);
        // Takes the memory of `x`, if the graph let go of it.
        let other = upload(device, "other", &[50_u64; 100]);
        for _ in 0..3 {
            graph.replay().expect("enqueued");
        }
        assert_eq!(download::<u64>(device, &y), [8; 100], "{}", device.info().id);
        let failed =
            device.capture(&mut || Err(BackendError::InvalidUse { call: "test", problem: "on purpose".into() }));
        assert!(failed.is_err());
        work(&other).expect("a capture that failed leaves the stream usable");
        assert_eq!(download::<u64>(device, &y), [108; 100]);
    });
}

#[test]
fn kernels_that_are_not_there_or_do_not_fit_are_clear_errors() {
    on_each_device(|device| {
        let error = device.load(&KernelId::new("device/conformance", "no_such")).expect_err("unknown");
        assert!(error.to_string().contains("device/conformance.hip defines scale_and_add, "), "{error}");
        let error = device.load(&KernelId::new("device/none", "scale_and_add")).expect_err("unknown");
        assert!(error.to_string().contains("there is no device/none.hip, but device/conformance"), "{error}");
        let y = upload(device, "y", &[0_u32; 64]);
        let error = launch(device, "coordinates", ([1, 1, 1], [4096, 1, 1], 0), &[whole(&y)]).expect_err("too large");
        assert!(error.to_string().contains("coordinates"), "{error}");
        launch(device, "coordinates", ([1, 1, 1], [64, 1, 1], 0), &[whole(&y)]).expect("the device is still usable");
        device.synchronize().expect("it ends");
    });
}

#[test]
fn too_much_memory_is_an_error_with_the_numbers() {
    on_each_device(|device| {
        let kept = upload(device, "kept", &[1_u8; 100]);
        for bytes in [1_usize << 50, usize::MAX - 1] {
            let error = device.allocate(bytes, "huge").expect_err("more than any device has");
            let BackendError::OutOfMemory { label, requested, live, .. } = &error else { panic!("{error}") };
            assert_eq!((label.as_str(), *requested, *live), ("huge", bytes, 100));
        }
        assert_eq!(download::<u8>(device, &kept), [1; 100]);
    });
}

#[test]
fn a_kernel_that_runs_too_long_is_given_up_and_named() {
    on_each_device(|device| {
        let y = upload(device, "y", &[0_u32; 64]);
        let arguments = [whole(&y), Argument::U64(1 << 26)];
        device.set_deadline(Some(Duration::from_millis(100)));
        let started = Instant::now();
        let outcome = launch(device, "count_slowly", ([1, 1, 1], [64, 1, 1], 0), &arguments);
        let error = outcome.and_then(|()| device.synchronize()).expect_err("it takes longer");
        let BackendError::TimedOut { kernel, .. } = &error else { panic!("{error}") };
        assert!(kernel.contains("count_slowly"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(1), "given up after {:?}", started.elapsed());
        device.set_deadline(None);
        // A GPU finishes the kernel all the same, and is then as good as before.
        while let Err(error) = device.synchronize() {
            let BackendError::StillBusy { kernel, .. } = &error else { panic!("{error}") };
            assert!(kernel.contains("count_slowly"), "{error}");
            assert!(started.elapsed() < Duration::from_secs(120), "the kernel never ended");
            thread::sleep(Duration::from_millis(20));
        }
        let arguments = [whole(&y), Argument::U64(1)];
        launch(device, "count_slowly", ([1, 1, 1], [64, 1, 1], 0), &arguments).expect("usable again");
        assert_eq!(download::<u32>(device, &y), [1; 64]);
    });
}

#[test]
fn a_device_works_from_several_threads() {
    on_each_device(|device| {
        thread::scope(|scope| {
            for thread in 0..4_u64 {
                scope.spawn(move || {
                    let x = upload(device, "x", &[thread; 300]);
                    let y = upload(device, "y", &[1_u64; 300]);
                    let arguments = [whole(&y), whole(&x), Argument::U64(300), Argument::U32(1)];
                    for _ in 0..10 {
                        launch(device, "scale_and_add", ([2, 1, 1], [256, 1, 1], 0), &arguments).expect("it runs");
                    }
                    assert_eq!(download::<u64>(device, &y), [thread * 10 + 1; 300]);
                });
            }
        });
    });
}

#[test]
fn a_device_that_is_not_there_is_named_with_the_reason() {
    for name in ["cuda:99", "hip:99"] {
        let error = open(name, &options()).err().expect("nobody has a hundred GPUs").to_string();
        assert!(error.contains(name) && error.contains("hipgauge devices"), "{error}");
    }
}
