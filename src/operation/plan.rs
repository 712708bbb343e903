//! A launch plan: what an operation does on a device, as data.

use std::sync::Arc;

use crate::backend::{KernelId, LaunchDimensions, MatrixElement, MatrixProductShape};
use crate::tensor::DType;

/// Which way a tensor's data flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorRole {
    Input,
    /// Written whole by the kernels; poisoned before each launch.
    Output,
    /// An output that lies in the memory of the input in slot `input`.
    InPlace {
        input: usize,
    },
}

/// One tensor of a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    /// Its name in `exec` files and messages: `x`, `weight`, `indices`.
    pub name: &'static str,
    pub role: TensorRole,
    pub dtype: DType,
    pub rows: usize,
    pub columns: usize,
    /// In elements, at least `columns`.
    pub row_stride: usize,
    /// Elements between an aligned address and the first element.
    pub base_offset: usize,
    /// Stored rows in `HostTensor`'s sense; equal to `rows` unless the layout repeats rows.
    pub distinct_rows: usize,
}

impl TensorSpec {
    /// A contiguous, aligned tensor with every row stored.
    pub fn new(name: &'static str, role: TensorRole, dtype: DType, rows: usize, columns: usize) -> Self {
        Self { name, role, dtype, rows, columns, row_stride: columns, base_offset: 0, distinct_rows: rows }
    }

    /// Bytes from the first element to the end of the last row, padding of the last row left out.
    pub fn span_bytes(&self) -> usize {
        if self.rows == 0 || self.columns == 0 {
            return 0;
        }
        ((self.rows - 1) * self.row_stride + self.columns) * self.dtype.size()
    }

    pub fn is_output(&self) -> bool {
        self.role != TensorRole::Input
    }
}

/// A kernel argument by name of what it is, bound to addresses later.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PlanArgument {
    /// First element of the tensor in that slot.
    Tensor(usize),
    /// The 16-bit tensor in that slot as a matrix that a copy engine takes tiles of.
    TensorMap {
        slot: usize,
        rows: usize,
        columns: usize,
        tile_rows: usize,
        tile_columns: usize,
    },
    /// Elements between rows of the tensor in that slot.
    RowStride(usize),
    /// A byte offset into the plan's workspace.
    Workspace(usize),
    /// The first of the plan's counters.
    Counters,
    Null,
    U32(u32),
    I32(i32),
    U64(u64),
    I64(i64),
    F32(f32),
}

/// One launch of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct PlannedLaunch {
    pub kernel: KernelId,
    pub dimensions: LaunchDimensions,
    pub arguments: Vec<PlanArgument>,
}

/// One product by the device's matrix library, over the tensors in three slots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlannedProduct {
    pub shape: MatrixProductShape,
    pub x: usize,
    pub weight: usize,
    pub y: usize,
}

/// One thing that is enqueued.
#[derive(Clone, Debug, PartialEq)]
pub enum PlanStep {
    Launch(PlannedLaunch),
    Product(PlannedProduct),
}

/// Everything an operation does on a device, in order, on one stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LaunchPlan {
    /// Scratch memory; its contents are undefined (poisoned by `verify`) before each run of the plan.
    pub workspace_bytes: usize,
    /// Words that are zero before each run of the plan, and again after it.
    pub counters: usize,
    pub steps: Vec<PlanStep>,
    /// Where every kernel waits for those before it by itself, so that an engine may let it begin while they run: the slots
    /// of the tensors that kernels read before they wait. Only where all of these are constant or settled may they overlap.
    pub overlapping: Option<Arc<[usize]>>,
}

impl LaunchPlan {
    /// A plan that launches kernels and nothing else.
    pub fn of_launches(workspace_bytes: usize, launches: Vec<PlannedLaunch>) -> Self {
        Self { workspace_bytes, steps: launches.into_iter().map(PlanStep::Launch).collect(), ..Self::default() }
    }

    /// With that many words that its kernels find at zero and leave at zero.
    pub fn with_counters(self, counters: usize) -> Self {
        Self { counters, ..self }
    }

    /// Says that every kernel of the plan calls `wait_for_previous_kernels` before it touches a buffer.
    pub fn overlapping(self) -> Self {
        self.overlapping_ahead(&[])
    }

    /// Says so, but that kernels may read the tensors in these slots before they wait.
    pub fn overlapping_ahead(self, slots: &[usize]) -> Self {
        Self { overlapping: Some(slots.into()), ..self }
    }

    /// The kernel launches among the steps.
    pub fn launches(&self) -> impl DoubleEndedIterator<Item = &PlannedLaunch> {
        self.steps.iter().filter_map(|step| match step {
            PlanStep::Launch(launch) => Some(launch),
            PlanStep::Product(_) => None,
        })
    }

    /// Whether a part of the work is done by the device's matrix library.
    pub fn needs_matrix_library(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, PlanStep::Product(_)))
    }
}

/// What a matrix library calls a storage type; `None` for one that it does not multiply.
pub fn matrix_element(dtype: DType) -> Option<MatrixElement> {
    match dtype {
        DType::F32 => Some(MatrixElement::F32),
        DType::F16 => Some(MatrixElement::F16),
        DType::BF16 => Some(MatrixElement::Bf16),
        DType::U32 => None,
    }
}
