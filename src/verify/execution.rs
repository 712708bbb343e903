//! The device's part of a case: two runs over dirty memory, and what they did that no judge of values sees.

use std::sync::Arc;

use crate::backend::{BackendError, Device};
use crate::operation::{BindError, BoundProblem, Case};
use crate::tensor::HostTensor;

/// What the workspace is filled with before each of the two runs: all ones (NaN, or the largest count), then
/// bytes that read as small numbers of every type. Zeros would hide a kernel that relies on them.
const DIRT: [u8; 2] = [0xFF, 0x3C];

/// Inputs larger than this many bytes together are not compared after the launch.
const LARGEST_COMPARED_INPUT: usize = 64 << 20;

/// The outputs of the first run, and one sentence for everything that is wrong whatever they hold.
pub struct Execution {
    pub outputs: Vec<HostTensor>,
    pub faults: Vec<String>,
}

/// Runs a case twice on a device.
pub fn execute(device: &Arc<dyn Device>, case: &Case, inputs: &[HostTensor]) -> Result<Execution, BindError> {
    let bound = BoundProblem::new(device, case.operation, &case.problem)?;
    let outputs = launch(&bound, inputs, DIRT[0])?;
    let mut faults = bound.stray_writes()?;
    faults.extend(bound.uncleared_counter()?);
    if inputs.iter().map(|input| input.bytes().len()).sum::<usize>() <= LARGEST_COMPARED_INPUT {
        faults.extend(bound.changed_inputs(inputs)?);
    }
    let again = launch(&bound, inputs, DIRT[1])?;
    let names = bound.specs().iter().filter(|spec| spec.is_output()).map(|spec| spec.name);
    for ((name, first), second) in names.zip(&outputs).zip(&again) {
        faults.extend(difference(name, first, second));
    }
    Ok(Execution { outputs, faults })
}

fn launch(bound: &BoundProblem, inputs: &[HostTensor], dirt: u8) -> Result<Vec<HostTensor>, BackendError> {
    bound.upload(inputs)?;
    bound.poison(dirt)?;
    bound.enqueue()?;
    bound.device().synchronize()?;
    bound.download()
}

fn difference(name: &str, first: &HostTensor, second: &HostTensor) -> Option<String> {
    if first.bytes() == second.bytes() {
        return None;
    }
    let row = (0..first.rows()).find(|&row| first.row_bytes(row) != second.row_bytes(row))?;
    let size = first.dtype().size();
    let elements = first.row_bytes(row).chunks(size).zip(second.row_bytes(row).chunks(size));
    let column = elements.into_iter().position(|(first, second)| first != second)?;
    Some(format!(
        "not deterministic: a second launch on the same inputs over a differently dirtied workspace gave {name}[{row}, {column}] = {} after {}",
        second.get(row, column),
        first.get(row, column)
    ))
}
