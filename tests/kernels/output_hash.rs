//! The kernels that check timed launches, on every device of this machine: `host` always, with every access checked
//! and both wave sizes, GPUs where there are any.

use std::io::{Write, stderr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use hipgauge::backend::{Argument, Buffer, Device, HostOptions, KernelId, LaunchDimensions, OpenOptions, open, survey};
use hipgauge::profiling::{KernelTimer, Mode, Roofs, TimerSettings};

const MODULE: &str = "profiling/output_hash";
const FENCED: u8 = 0xEE;

/// Emulators of both wave sizes, and all GPUs.
fn devices() -> Vec<Arc<dyn Device>> {
    let names = survey().into_iter().flat_map(|backend| backend.devices).map(|device| device.id);
    let waves = |name: &str| if name == "host" { vec![32, 64] } else { vec![32] };
    let open_one = |name: &str, wave_size| {
        let host = HostOptions { wave_size, memory_check: true, ..HostOptions::default() };
        open(name, &OpenOptions { host, ..OpenOptions::default() }).expect("it was listed").device
    };
    let each = names.flat_map(|name| waves(&name).into_iter().map(move |wave| (name.clone(), wave)));
    each.map(|(name, wave)| open_one(&name, wave)).collect()
}

/// Rows of bytes somewhere in a buffer.
#[derive(Clone, Copy, Debug)]
struct Rows {
    offset: usize,
    rows: usize,
    row_bytes: usize,
    stride_bytes: usize,
}

impl Rows {
    fn span(&self) -> usize {
        self.offset + (self.rows - 1) * self.stride_bytes + self.row_bytes
    }
}

fn words(device: &dyn Device, values: &[u64]) -> Buffer {
    let buffer = device.allocate(8 * values.len(), "words").expect("memory");
    device.upload(&buffer, 0, bytemuck::cast_slice(values)).expect("it fits");
    buffer
}

fn read(device: &dyn Device, buffer: &Buffer) -> Vec<u64> {
    let mut values = vec![0; buffer.bytes() / 8];
    device.download(buffer, 0, bytemuck::cast_slice_mut(&mut values)).expect("it fits");
    values
}

fn launch(device: &dyn Device, function: &str, grid: [u32; 3], threads: u32, arguments: &[Argument<'_>]) {
    let kernel = device.load(&KernelId::new(MODULE, function)).expect("it compiles");
    let dimensions = LaunchDimensions { grid, block: [threads, 1, 1], dynamic_shared_bytes: 0 };
    device.launch(&kernel, dimensions, arguments).expect("it launches");
    device.synchronize().expect("it runs");
}

fn hash_on(device: &dyn Device, bytes: &[u8], shape: Rows, salt: u64, grid: [u32; 3], threads: u32) -> u64 {
    let data = device.allocate(bytes.len(), "data").expect("memory");
    device.upload(&data, 0, bytes).expect("it fits");
    let sum = words(device, &[0]);
    let arguments = [
        Argument::Buffer { buffer: &data, offset: shape.offset },
        Argument::U64(shape.rows as u64),
        Argument::U64(shape.row_bytes as u64),
        Argument::U64(shape.stride_bytes as u64),
        Argument::U64(salt),
        Argument::Buffer { buffer: &sum, offset: 0 },
    ];
    launch(device, "hash_rows", grid, threads, &arguments);
    read(device, &sum)[0]
}

/// The same hash, one word at a time.
fn expected_hash(bytes: &[u8], shape: Rows, salt: u64) -> u64 {
    let mix = |word: u64| {
        let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    };
    let (mut hash, mut place) = (0u64, 0u64);
    for row in 0..shape.rows {
        let start = shape.offset + row * shape.stride_bytes;
        for word in bytes[start..start + shape.row_bytes].chunks(8) {
            let mut padded = [0; 8];
            padded[..word.len()].copy_from_slice(word);
            let key = salt.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            hash = hash.wrapping_add(mix(u64::from_le_bytes(padded) ^ key));
            place += 1;
        }
    }
    hash
}

fn noise(bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|i| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8).collect()
}

/// Contiguous, padded, misaligned by 1, 2, 4 and 8 bytes, around the sizes of words and pairs of them.
fn shapes() -> Vec<Rows> {
    let one = [1, 2, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 4096, 5000];
    let mut shapes: Vec<Rows> =
        one.map(|row_bytes| Rows { offset: 0, rows: 1, row_bytes, stride_bytes: row_bytes }).to_vec();
    for offset in [0, 1, 2, 4, 8, 16] {
        shapes.push(Rows { offset, rows: 3, row_bytes: 130, stride_bytes: 130 + 16 });
        shapes.push(Rows { offset, rows: 5, row_bytes: 258, stride_bytes: 258 + 6 });
        shapes.push(Rows { offset, rows: 2, row_bytes: 4, stride_bytes: 12 });
    }
    shapes
}

#[test]
fn every_grid_and_device_gives_the_hash_of_a_plain_loop_whatever_lies_around_the_rows() {
    for device in devices() {
        let device = &*device;
        for shape in shapes() {
            // The buffer ends with the last row: a read behind it is found by the emulator's check.
            let mut bytes = noise(shape.span());
            let expected = expected_hash(&bytes, shape, 3 << 56);
            for (grid, threads) in [([1, 1, 1], 64), ([3, 2, 1], 64), ([2, 7, 1], 256)] {
                let hash = hash_on(device, &bytes, shape, 3 << 56, grid, threads);
                assert_eq!(hash, expected, "{}: {shape:?} by {grid:?} x {threads}", device.info().architecture);
            }
            for (place, byte) in bytes.iter_mut().enumerate() {
                let before = place < shape.offset;
                if before || (place - shape.offset) % shape.stride_bytes >= shape.row_bytes {
                    *byte = FENCED;
                }
            }
            assert_eq!(hash_on(device, &bytes, shape, 3 << 56, [1, 1, 1], 64), expected, "padding counts in {shape:?}");
        }
    }
}

#[test]
fn every_bit_and_every_place_counts() {
    let shape = Rows { offset: 0, rows: 2, row_bytes: 42, stride_bytes: 48 };
    let bytes = noise(shape.span());
    let hash = |bytes: &[u8], salt| expected_hash(bytes, shape, salt);
    let original = hash(&bytes, 0);
    assert_ne!(original, hash(&bytes, 1 << 56), "the same bytes in another output");
    for place in (0..42).chain(48..90) {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            assert_ne!(hash(&changed, 0), original, "bit {bit} of byte {place}");
        }
    }
    let mut swapped = bytes.clone();
    let (first, second) = swapped.split_at_mut(48);
    first[..42].swap_with_slice(&mut second[..42]);
    assert_ne!(hash(&swapped, 0), original, "rows in another order");
    let poisoned = hash(&vec![0xFF; bytes.len()], 0);
    let half = [&bytes[..42], &[0xFF; 48]].concat();
    assert_ne!((hash(&half, 0), poisoned), (original, original));
}

#[test]
fn comparing_finds_the_first_launch_that_differs_and_starts_the_sums_again() {
    for device in devices() {
        let device = &*device;
        // Copies 0 to 3 hold input sets 1, 0, 1, 0.
        let sums = words(device, &[20, 10, 20, 10]);
        let verified = words(device, &[10, 20]);
        let findings = words(device, &[0; 3]);
        let compare = |first, count, phase, ordinal| {
            let whole = |buffer| Argument::Buffer { buffer, offset: 0 };
            let [first, count, phase, sets] = [first, count, phase, 2].map(Argument::U32);
            let arguments = [whole(&sums), whole(&verified), whole(&findings), first, count, phase, sets];
            launch(device, "compare_hashes", [1; 3], 32, &[&arguments[..], &[Argument::U64(ordinal)]].concat());
            read(device, &findings)
        };
        assert_eq!(compare(0, 4, 1, 0), [4, 0, 0], "four launches, all as verified");
        assert_eq!(read(device, &sums), [0; 4]);
        // Nothing was hashed, so nothing is right; only copies 1 and 2 are looked at.
        assert_eq!(compare(1, 2, 1, 9), [6, 2, !(9 << 16 | 1)]);
        assert_eq!(compare(0, 1, 1, 70_000), [7, 3, !(9 << 16 | 1)], "an earlier sample stays the first");
        assert_eq!(compare(3, 1, 1, 2), [8, 4, !(2 << 16 | 3)]);
    }
}

#[test]
fn sparse_poison_touches_the_start_of_every_period_and_nothing_between_rows() {
    for device in devices() {
        let device = &*device;
        let shape = Rows { offset: 4, rows: 3, row_bytes: 150, stride_bytes: 170 };
        let data = device.allocate(shape.span(), "data").expect("memory");
        device.fill(&data, 0, data.bytes(), 0).expect("a fill");
        let arguments = [
            Argument::Buffer { buffer: &data, offset: shape.offset },
            Argument::U64(3),
            Argument::U64(150),
            Argument::U64(170),
            Argument::U64(64),
        ];
        launch(device, "poison_rows", [1, 2, 1], 64, &arguments);
        let mut bytes = vec![0; data.bytes()];
        device.download(&data, 0, &mut bytes).expect("a copy");
        for (place, byte) in bytes.into_iter().enumerate() {
            let column = place.wrapping_sub(4) % 170;
            let poisoned = place >= 4 && column < 150 && column % 64 < 32;
            assert_eq!(byte, if poisoned { 0xFF } else { 0 }, "byte {place}");
        }
    }
}

/// Says how fast a GPU hashes: figures for a reader, nothing to pass or fail.
#[test]
fn gpus_say_how_fast_they_hash() {
    for device in devices().into_iter().filter(|device| !device.info().emulated) {
        let settings =
            TimerSettings { time_limit: Duration::from_millis(300), ..TimerSettings::for_device(device.info()) };
        let timer = KernelTimer::new(&device, settings).expect("a timer");
        let roofs = Roofs::measure(&timer).expect("roofs").expect("a GPU");
        let bytes = 256 << 20;
        let data = device.allocate(bytes + 16, "data").expect("memory");
        device.fill(&data, 0, bytes + 16, 0x5A).expect("a fill");
        let sum = words(&*device, &[0]);
        let kernel = device.load(&KernelId::new(MODULE, "hash_rows")).expect("it compiles");
        let blocks = device.info().multiprocessors * 8;
        let dimensions = LaunchDimensions { grid: [blocks, 1, 1], block: [256, 1, 1], dynamic_shared_bytes: 0 };
        for offset in [0, 4, 2] {
            let mut work = || {
                let data = Argument::Buffer { buffer: &data, offset };
                let sum = Argument::Buffer { buffer: &sum, offset: 0 };
                let sizes = [Argument::U64(1), Argument::U64(bytes as u64), Argument::U64(bytes as u64)];
                let [rows, row_bytes, stride] = sizes;
                device.launch(&kernel, dimensions, &[data, rows, row_bytes, stride, Argument::U64(0), sum])
            };
            let keep_on = &mut |_: &_| ControlFlow::Continue(());
            let set = timer.measure(&mut work, Mode::Cold, None, keep_on).expect("samples");
            let mut seconds = set.seconds;
            seconds.sort_by(f64::total_cmp);
            let rate = bytes as f64 / seconds[seconds.len() / 2] / 1e9;
            let (id, read) = (&device.info().id, roofs.read_gbps);
            writeln!(stderr(), "output hash: {id} at offset {offset}: {rate:.0} GB/s, our read kernel {read:.0} GB/s")
                .expect("stderr is writable");
        }
    }
}
