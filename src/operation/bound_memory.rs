//! Where bound steps find the memory that they work on.

use crate::backend::{Argument, BackendError, Buffer, Device, MatrixOperand, MatrixTiles};

use super::bound_step::{BoundLaunch, BoundProduct, BoundStep};
use super::{Ahead, PlanArgument};

/// Where a plan's tensors and its workspace are.
pub(super) trait Memory {
    /// The buffer of the tensor in that slot, and the byte of its first element.
    fn tensor(&self, slot: usize) -> (&Buffer, usize);
    /// In elements.
    fn row_stride(&self, slot: usize) -> usize;
    fn workspace(&self) -> Option<&Buffer>;
    fn counters(&self) -> Option<&Buffer>;
    /// How much of the tensor in that slot may be read ahead.
    fn ahead(&self, _slot: usize) -> Ahead {
        Ahead::Nothing
    }
}

/// Enqueues each step once. Kernels of overlapping plans may begin before those ahead of them are done if the owner wants it: an
/// engine does. What is verified or measured is launched alone, so that kernels of commits that knew nothing of it run too.
pub(super) fn enqueue(
    device: &dyn Device,
    steps: &[BoundStep],
    memory: &dyn Memory,
    overlap: bool,
) -> Result<(), BackendError> {
    steps.iter().try_for_each(|step| match step {
        BoundStep::Launch(BoundLaunch { kernel, dimensions, arguments, overlapping }) => {
            let arguments = arguments.iter().map(|argument| bind(*argument, memory)).collect::<Result<Vec<_>, _>>()?;
            let ahead = overlapping.as_ref().filter(|_| overlap);
            match ahead.is_some_and(|slots| slots.iter().all(|slot| memory.ahead(*slot) != Ahead::Nothing)) {
                true => device.launch_overlapped(kernel, *dimensions, &arguments),
                false => device.launch(kernel, *dimensions, &arguments),
            }
        }
        BoundStep::Product(BoundProduct { product, x, weight, y }) => {
            product.enqueue(operand(*x, memory), operand(*weight, memory), operand(*y, memory))
        }
    })
}

fn operand(slot: usize, memory: &dyn Memory) -> MatrixOperand<'_> {
    let (buffer, offset) = memory.tensor(slot);
    MatrixOperand { buffer, offset }
}

fn bind(argument: PlanArgument, memory: &dyn Memory) -> Result<Argument<'_>, BackendError> {
    Ok(match argument {
        PlanArgument::Tensor(slot) => {
            let (buffer, offset) = memory.tensor(slot);
            match memory.ahead(slot) {
                Ahead::Everything => Argument::Constant { buffer, offset },
                Ahead::Settled => Argument::Settled { buffer, offset },
                Ahead::Nothing => Argument::Buffer { buffer, offset },
            }
        }
        PlanArgument::TensorMap { slot, rows, columns, tile_rows, tile_columns } => {
            let (buffer, offset) = memory.tensor(slot);
            let row_stride = memory.row_stride(slot);
            let tiles = MatrixTiles { rows, columns, row_stride, tile_rows, tile_columns };
            Argument::TensorMap { buffer, offset, tiles }
        }
        PlanArgument::RowStride(slot) => Argument::I64(memory.row_stride(slot) as i64),
        PlanArgument::Workspace(offset) => Argument::Buffer { buffer: there(memory.workspace(), "workspace")?, offset },
        PlanArgument::Counters => Argument::Buffer { buffer: there(memory.counters(), "counters")?, offset: 0 },
        PlanArgument::Null => Argument::Null,
        PlanArgument::U32(value) => Argument::U32(value),
        PlanArgument::I32(value) => Argument::I32(value),
        PlanArgument::U64(value) => Argument::U64(value),
        PlanArgument::I64(value) => Argument::I64(value),
        PlanArgument::F32(value) => Argument::F32(value),
    })
}

/// Memory that a launch names.
fn there<'a>(buffer: Option<&'a Buffer>, name: &str) -> Result<&'a Buffer, BackendError> {
    buffer.ok_or_else(|| BackendError::InvalidUse {
        call: "LaunchPlan",
        problem: format!("a launch names the {name} of a plan without any"),
    })
}
