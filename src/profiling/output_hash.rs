//! Hashes of outputs, made and compared on the device. kernels/profiling/output_hash.hip says how.

use std::sync::Arc;

use crate::backend::{Argument, BackendError, Buffer, Device, Kernel, KernelId, LaunchDimensions};
use crate::operation::{BoundProblem, TensorSpec};

use super::CheckedLaunch;

/// The module with the checking kernels.
const CHECKS: &str = "profiling/output_hash";

const THREADS: u32 = 256;

/// Words that each thread hashes before a device gets more blocks.
const PAIRS_PER_THREAD: u64 = 4;

/// Blocks per multiprocessor that keep its loads in flight.
const BLOCKS_PER_MULTIPROCESSOR: u64 = 8;

/// The most that a grid may have along y, on every device.
const MOST_ROWS_OF_BLOCKS: u64 = 0xFFFF;

/// 64-bit words of the buffer that `compare_hashes` writes to.
const FINDINGS: usize = 3;

/// Outputs up to this many bytes are poisoned whole where caches must be left as they are, larger ones in
/// every `POISON_PERIOD`.
const LEAST_SPARSE_POISON: u64 = 1 << 16;

/// Bytes of an output of which the first 32 are poisoned.
const POISON_PERIOD: u64 = 4096;

/// What comparing found since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Findings {
    pub compared: u64,
    pub differing: u64,
    /// The one with the least ordinal, and of that sample the one over the first copy.
    pub first: Option<CheckedLaunch>,
}

/// A sum per copy of the buffers, the verified hash of each input set, and what differed.
pub(super) struct OutputHash {
    device: Arc<dyn Device>,
    hash: Kernel,
    compare: Kernel,
    poison: Kernel,
    sums: Buffer,
    verified: Buffer,
    findings: Buffer,
    sets: u32,
}

/// A tensor's rows as bytes; rows without padding between them are one row.
struct Rows {
    offset: usize,
    rows: u64,
    row_bytes: u64,
    stride_bytes: u64,
}

impl Rows {
    fn new(spec: &TensorSpec) -> Self {
        let size = spec.dtype.size();
        let offset = spec.base_offset * size;
        let (rows, row_bytes) = (spec.rows as u64, (spec.columns * size) as u64);
        if spec.row_stride == spec.columns {
            let bytes = rows * row_bytes;
            return Self { offset, rows: bytes.min(1), row_bytes: bytes, stride_bytes: bytes };
        }
        Self { offset, rows: rows * row_bytes.min(1), row_bytes, stride_bytes: (spec.row_stride * size) as u64 }
    }
}

impl OutputHash {
    pub fn new(device: &Arc<dyn Device>, copies: usize, sets: usize) -> Result<Self, BackendError> {
        let load = |function| device.load(&KernelId::new(CHECKS, function));
        let words = |count: usize, label| {
            let buffer = device.allocate(8 * count, label)?;
            device.fill(&buffer, 0, buffer.bytes(), 0)?;
            Ok::<_, BackendError>(buffer)
        };
        Ok(Self {
            device: device.clone(),
            hash: load("hash_rows")?,
            compare: load("compare_hashes")?,
            poison: load("poison_rows")?,
            sums: words(copies, "profiling.hash.sums")?,
            verified: words(sets, "profiling.hash.verified")?,
            findings: words(FINDINGS, "profiling.hash.findings")?,
            sets: sets as u32,
        })
    }

    /// The same kernels and verified hashes, with sums for other copies.
    pub fn renewed(&self, copies: usize) -> Result<Self, BackendError> {
        let sums = self.device.allocate(8 * copies, "profiling.hash.sums")?;
        self.device.fill(&sums, 0, sums.bytes(), 0)?;
        let (hash, compare, poison) = (self.hash.clone(), self.compare.clone(), self.poison.clone());
        let (verified, findings) = (self.verified.clone(), self.findings.clone());
        Ok(Self { device: self.device.clone(), hash, compare, poison, sums, verified, findings, sets: self.sets })
    }

    /// Adds the outputs of one copy to its sum, on the stream.
    pub fn add(&self, outputs: &BoundProblem, copy: usize) -> Result<(), BackendError> {
        for (salt, (spec, buffer)) in (1u64..).zip(outputs.outputs()) {
            let rows = Rows::new(spec);
            if rows.rows == 0 {
                continue;
            }
            let arguments = [
                Argument::Buffer { buffer, offset: rows.offset },
                Argument::U64(rows.rows),
                Argument::U64(rows.row_bytes),
                Argument::U64(rows.stride_bytes),
                // Far apart, so that no two outputs share a place.
                Argument::U64(salt << 56),
                Argument::Buffer { buffer: &self.sums, offset: 8 * copy },
            ];
            let dimensions = self.grid(rows.row_bytes.div_ceil(16), rows.rows);
            self.device.launch(&self.hash, dimensions, &arguments)?;
        }
        Ok(())
    }

    /// Hashes what one copy's outputs hold and takes it for the hash of input set `set` from here on. Waits.
    pub fn accept(&self, outputs: &BoundProblem, copy: usize, set: usize) -> Result<u64, BackendError> {
        self.device.fill(&self.sums, 8 * copy, 8, 0)?;
        self.add(outputs, copy)?;
        let mut word = [0; 8];
        self.device.download(&self.sums, 8 * copy, &mut word)?;
        self.device.upload(&self.verified, 8 * set, &word)?;
        self.device.fill(&self.sums, 8 * copy, 8, 0)?;
        Ok(u64::from_le_bytes(word))
    }

    /// Compares the sums of `count` copies from `first` on with the verified hashes, on the stream. Copy i holds
    /// outputs of input set (i + `phase`) % sets.
    pub fn compare(&self, first: usize, count: usize, phase: usize, ordinal: u32) -> Result<(), BackendError> {
        let whole = |buffer| Argument::Buffer { buffer, offset: 0 };
        let arguments = [
            whole(&self.sums),
            whole(&self.verified),
            whole(&self.findings),
            Argument::U32(first as u32),
            Argument::U32(count as u32),
            Argument::U32((phase % self.sets as usize) as u32),
            Argument::U32(self.sets),
            Argument::U64(u64::from(ordinal)),
        ];
        let block = [self.wave().max(1), 1, 1];
        let dimensions = LaunchDimensions { grid: [1; 3], block, dynamic_shared_bytes: 0 };
        self.device.launch(&self.compare, dimensions, &arguments)
    }

    /// Waits, gives what was found, and forgets it.
    pub fn take_findings(&self) -> Result<Findings, BackendError> {
        let mut bytes = [0; 8 * FINDINGS];
        self.device.download(&self.findings, 0, &mut bytes)?;
        self.device.fill(&self.findings, 0, bytes.len(), 0)?;
        let word = |place: usize| u64::from_le_bytes(std::array::from_fn(|byte| bytes[8 * place + byte]));
        let (compared, differing, first) = (word(0), word(1), !word(2));
        let launch = CheckedLaunch { ordinal: (first >> 16) as u32, copy: (first & 0xFFFF) as u32 };
        Ok(Findings { compared, differing, first: (differing > 0).then_some(launch) })
    }

    /// Poisons so much of the outputs that a launch which leaves 4 KiB or more unwritten is seen, and so little
    /// that the caches hardly change. On the stream.
    pub fn poison_sparsely(&self, outputs: &BoundProblem) -> Result<(), BackendError> {
        for (spec, buffer) in outputs.outputs() {
            let rows = Rows::new(spec);
            if rows.rows == 0 {
                continue;
            }
            let small = rows.rows * rows.row_bytes <= LEAST_SPARSE_POISON;
            let period = if small { 32 } else { POISON_PERIOD };
            let arguments = [
                Argument::Buffer { buffer, offset: rows.offset },
                Argument::U64(rows.rows),
                Argument::U64(rows.row_bytes),
                Argument::U64(rows.stride_bytes),
                Argument::U64(period),
            ];
            // A thread per byte.
            let dimensions = self.grid(rows.row_bytes.div_ceil(period) * 32, rows.rows);
            self.device.launch(&self.poison, dimensions, &arguments)?;
        }
        Ok(())
    }

    fn wave(&self) -> u32 {
        self.device.info().wave_size
    }

    /// Blocks for `items` along each of `rows` rows. The emulator gets waves, which it runs without a barrier.
    fn grid(&self, items: u64, rows: u64) -> LaunchDimensions {
        let info = self.device.info();
        let threads = if info.emulated { info.wave_size } else { THREADS };
        let most = u64::from(info.multiprocessors.max(1)) * BLOCKS_PER_MULTIPROCESSOR;
        let along = items.div_ceil(u64::from(threads) * PAIRS_PER_THREAD).clamp(1, most);
        let across = rows.min(most / along).clamp(1, MOST_ROWS_OF_BLOCKS);
        LaunchDimensions { grid: [along as u32, across as u32, 1], block: [threads, 1, 1], dynamic_shared_bytes: 0 }
    }
}
