//! Kernels, their launch dimensions and their arguments.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Buffer, KernelAttributes};

/// Names one kernel: the source file under `kernels/` without `.hip`, and the function in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KernelId {
    /// `mlp/rms_norm`
    pub module: String,
    /// `rms_norm_bf16`
    pub function: String,
}

impl KernelId {
    pub fn new(module: impl Into<String>, function: impl Into<String>) -> Self {
        Self { module: module.into(), function: function.into() }
    }
}

impl fmt::Display for KernelId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.module, self.function)
    }
}

/// A kernel loaded on one device.
#[derive(Clone)]
pub struct Kernel {
    pub id: KernelId,
    /// As the driver and the code object know them before a launch.
    pub attributes: KernelAttributes,
    /// The backend's function handle.
    pub(super) handle: u64,
    /// The loaded module that `handle` points into.
    pub(super) _module: Arc<dyn Any + Send + Sync>,
}

#[cfg(test)]
impl Kernel {
    /// A kernel of a device that executes nothing.
    pub(crate) fn of_nothing(id: &KernelId) -> Self {
        Self { id: id.clone(), attributes: KernelAttributes::default(), handle: 0, _module: Arc::new(()) }
    }
}

impl Kernel {
    pub(super) fn new(
        id: KernelId,
        attributes: KernelAttributes,
        handle: u64,
        module: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        Self { id, attributes, handle, _module: module }
    }

    /// The loaded module, if it is of the type that one backend's modules have.
    pub(super) fn module<T: Any>(&self) -> Option<&T> {
        self._module.downcast_ref()
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Kernel({})", self.id)
    }
}

/// Grid and block of a launch, in blocks and threads, and dynamic shared memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchDimensions {
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub dynamic_shared_bytes: u32,
}

impl LaunchDimensions {
    pub fn blocks(&self) -> u64 {
        self.grid.iter().map(|&count| u64::from(count)).product()
    }

    pub fn threads_per_block(&self) -> u32 {
        self.block.iter().product()
    }
}

/// Tiles of a matrix of 16-bit numbers, as a copy engine brings them to shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatrixTiles {
    pub rows: usize,
    pub columns: usize,
    /// In elements: a multiple of 8, as is the matrix' first byte of 16.
    pub row_stride: usize,
    /// At most 256.
    pub tile_rows: usize,
    /// At most 64.
    pub tile_columns: usize,
}

/// One kernel argument.
#[derive(Clone, Copy, Debug)]
pub enum Argument<'a> {
    /// A pointer `offset` bytes into a buffer.
    Buffer {
        buffer: &'a Buffer,
        offset: usize,
    },
    /// Like `Buffer`, into memory that nothing enqueued writes while the kernel may run: an overlapped one may read it
    /// before it has waited for those ahead of it.
    Constant {
        buffer: &'a Buffer,
        offset: usize,
    },
    /// Like `Buffer`, into memory that kernels write in turn: an overlapped one may read ahead what none has written since all
    /// that was enqueued was last done, which is so at a copy, a fill, and a launch that is not overlapped.
    Settled {
        buffer: &'a Buffer,
        offset: usize,
    },
    /// A description of the matrix that begins `offset` bytes into a buffer, for a copy engine; a null pointer on devices without
    /// one.
    TensorMap {
        buffer: &'a Buffer,
        offset: usize,
        tiles: MatrixTiles,
    },
    /// A null pointer: an optional tensor that is not there.
    Null,
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
}

impl<'a> Argument<'a> {
    /// The buffer that the argument points into.
    pub fn buffer(&self) -> Option<&'a Buffer> {
        match self {
            Argument::Buffer { buffer, .. } | Argument::Constant { buffer, .. } | Argument::Settled { buffer, .. } => {
                Some(buffer)
            }
            Argument::TensorMap { buffer, .. } => Some(buffer),
            _ => None,
        }
    }

    /// The argument's value in the low bytes of a little-endian word; every kernel parameter is 4 or 8 bytes, but for what a copy
    /// engine's driver makes of a matrix' description.
    pub fn to_bits(self) -> u64 {
        match self {
            Argument::Buffer { buffer, offset }
            | Argument::Constant { buffer, offset }
            | Argument::Settled { buffer, offset } => buffer.address() + offset as u64,
            Argument::Null | Argument::TensorMap { .. } => 0,
            Argument::U32(value) => u64::from(value),
            Argument::I32(value) => u64::from(value as u32),
            Argument::U64(value) => value,
            Argument::I64(value) => value as u64,
            Argument::F32(value) => u64::from(value.to_bits()),
        }
    }
}
