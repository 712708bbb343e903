//! Model files that were cut, flipped or made to lie: each is read or refused with a message, and no length in a file is
//! believed before memory is taken for it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use hipgauge::engine::Capacity;
use hipgauge::engine::host_model::{HostModel, LogitRows};
use hipgauge::engine::model_file::{ModelFile, ModelFileError, dequantize};

/// Counts the bytes that a thread holds, and the most it held.
struct CountingAllocator;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; the counters are plain cells of the calling thread.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.set(HELD.get().saturating_add(layout.size()));
        PEAK.set(PEAK.get().max(HELD.get()));
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().saturating_sub(layout.size()));
        // SAFETY: the caller's promise about `pointer` and `layout` is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Names, shapes and values in memory are a few times their size in a file; paths and messages come on top.
const BYTES_PER_FILE_BYTE: usize = 8;
const SMALL_THINGS: usize = 64 << 10;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name)
}

/// Opens a model, finds all weights and reads one of them. `file_bytes` is what its files have together.
fn open(path: &Path, file_bytes: usize, what: &str) -> Result<(), ModelFileError> {
    let before = HELD.get();
    PEAK.set(before);
    let result = ModelFile::open(path).and_then(|model| {
        let norm = model.weights()?.output_norm;
        let mut values = vec![0.0; norm.elements()];
        dequantize(norm.tensor_type, norm.bytes, &mut values);
        Ok(())
    });
    let peak = PEAK.get() - before;
    let most = SMALL_THINGS + BYTES_PER_FILE_BYTE * file_bytes;
    assert!(peak <= most, "{what}: {peak} bytes of memory for {file_bytes} bytes of file");
    if let Err(error) = &result {
        assert!(error.to_string().contains(path.to_str().expect("UTF-8")), "{what}: names no file: {error}");
    }
    result
}

/// What is read must also compute, to numbers or to an error, whatever they are.
fn compute(path: &Path) {
    let file = ModelFile::open(path).expect("read before");
    let tokens = [1, 2, 1];
    let Ok(weights) = file.weights() else { return };
    let model = HostModel::new(file.config(), weights, Capacity::one(tokens.len()));
    if let Ok(logits) = model.and_then(|mut model| model.forward(&tokens, LogitRows::All)) {
        assert_eq!(logits.len(), tokens.len() * file.config().vocab);
    }
}

/// A model whose file `file` is spoilt; the others lie beside it as they are.
struct Victim {
    folder: tempfile::TempDir,
    opened: PathBuf,
    file: PathBuf,
    whole: Vec<u8>,
    other_bytes: usize,
    /// Where lengths, names and types are; the rest is weights.
    header: usize,
}

impl Victim {
    fn gguf(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let whole = fs::read(fixture(name)).expect("a fixture");
        let file = folder.path().join("model.gguf");
        let header = whole.windows(17).rposition(|bytes| bytes == b"output_norm.weigh").expect("the last name") + 64;
        Self { opened: file.clone(), folder, file, whole, other_bytes: 0, header }
    }

    fn directory(name: &str, file: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut other_bytes = 0;
        for entry in fs::read_dir(fixture(name)).expect("a fixture") {
            let path = entry.expect("readable").path();
            other_bytes += fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("copied");
        }
        let whole = fs::read(fixture(name).join(file)).expect("a fixture");
        let header = if file.ends_with(".json") {
            whole.len()
        } else {
            8 + u64::from_le_bytes(whole[..8].try_into().expect("8 bytes")) as usize
        };
        let opened = folder.path().to_path_buf();
        Self { opened, file: folder.path().join(file), folder, whole, other_bytes: other_bytes as usize, header }
    }

    fn open_with(&self, bytes: &[u8], what: &str) -> Result<(), ModelFileError> {
        fs::write(&self.file, bytes).expect("written");
        open(&self.opened, bytes.len() + self.other_bytes, what)
    }

    /// 200 cuts, half of them in the header. Nothing cut is whole but for the padding behind the last tensor.
    fn cut(&self) -> usize {
        let padding = 32;
        let last = self.whole.len().saturating_sub(padding);
        let places = (0..100).map(|n| n * self.header / 100).chain((0..100).map(|n| n * last / 100));
        let mut count = 0;
        for place in places {
            let what = format!("{} cut at {place}", self.file.display());
            self.open_with(&self.whole[..place], &what).expect_err(&what);
            count += 1;
        }
        count
    }

    fn mutate(&self, random: &mut Random, count: usize) -> (usize, usize) {
        let (mut read, mut refused) = (0, 0);
        for number in 0..count {
            let mut bytes = self.whole.clone();
            for _ in 0..=random.below(3) {
                let at = random.below(self.header);
                spoil(&mut bytes, at, random);
            }
            match self.open_with(&bytes, &format!("{} mutation {number}", self.file.display())) {
                Ok(()) => {
                    read += 1;
                    compute(&self.opened);
                }
                Err(_) => refused += 1,
            }
        }
        (read, refused)
    }
}

/// One mutation at `at`: a byte, an absurd length, another type, or a text number made long.
fn spoil(bytes: &mut [u8], at: usize, random: &mut Random) {
    let put = |bytes: &mut [u8], value: &[u8]| {
        let end = bytes.len().min(at + value.len());
        bytes[at..end].copy_from_slice(&value[..end - at]);
    };
    match random.below(5) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.next() as u8,
        2 => {
            let absurd =
                [u64::MAX, 1 << 63, 1 << 62, 1 << 40, (1 << 32) - 1, 1 << 31, 1 << 30, 1 << 24, bytes.len() as u64, 0];
            put(bytes, &absurd[random.below(absurd.len())].to_le_bytes());
        }
        3 => put(bytes, &(random.below(48) as u32).to_le_bytes()),
        _ => {
            let texts: [&[u8]; 6] = [b"99999999999", b"-1", b"[[[[[[", b"1e999", b"null", b"\"\"{"];
            put(bytes, texts[random.below(texts.len())]);
        }
    }
}

#[test]
fn cut_files_are_refused() {
    let victims = [
        Victim::gguf("llama-tied-q8_0.gguf"),
        Victim::directory("qwen2-tied", "model.safetensors"),
        Victim::directory("mistral", "model-00002-of-00002.safetensors"),
    ];
    for victim in victims {
        victim.open_with(&victim.whole, "whole").expect("a whole model");
        assert_eq!(victim.cut(), 200);
        drop(victim.folder);
    }
    for file in ["config.json", "model.safetensors.index.json"] {
        let victim = Victim::directory("mistral", file);
        assert_eq!(victim.cut(), 200);
    }
}

#[test]
fn spoilt_files_are_read_or_refused() {
    let mut random = Random(20_261_125);
    let victims = [
        (Victim::gguf("llama-tied-q8_0.gguf"), 2500),
        (Victim::gguf("llama-f32.gguf"), 1000),
        (Victim::directory("qwen2-tied", "model.safetensors"), 1000),
        (Victim::directory("mistral", "model.safetensors.index.json"), 750),
        (Victim::directory("qwen3", "config.json"), 750),
    ];
    let (mut all_read, mut all_refused) = (0, 0);
    for (victim, count) in &victims {
        let (read, refused) = victim.mutate(&mut random, *count);
        println!("{}: {read} read, {refused} refused", victim.file.display());
        assert!(refused > 0, "mutations must reach the header");
        all_read += read;
        all_refused += refused;
    }
    assert!(all_read > 0, "what is read must be computed with, too");
    assert_eq!(all_read + all_refused, 6000);
}
