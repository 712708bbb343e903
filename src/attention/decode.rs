//! Attention of one token per sequence over its cache.

use rayon::prelude::*;

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterKind, ParameterSpec, ParameterValue, PlanArgument, PlannedLaunch, Problem, Reference,
    TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

use super::shape::{HEADS, Heads, KV_HEADS, cache, check_heads, count, laid_out, number};
use super::softmax::{CLASSES, Weights, attend, generate, rows, scale};

/// Of `kernels/attention/attention_decode.hip`.
const THREADS: usize = 128;
const KEYS_PER_LANE: usize = 2;
const MOST_HEAD_DIM: usize = 256;

/// Query heads that a block takes at once, where a group has more than one.
const HEADS_PER_BLOCK: usize = 4;

/// Blocks that a multiprocessor holds together, as the kernel is compiled: no more of them share a head than run at once. With
/// more, 8192 positions take a second round, and a step of a 1B model 6 % longer.
const BLOCKS_PER_MULTIPROCESSOR: usize = 3;

/// Steps that one block takes alone, and the least that it takes where several share a head: the kernel decides by the
/// length, so more blocks than the capacity needs would never have work.
const SINGLE_STEPS: usize = 4;
const LEAST_STEPS: usize = 2;

const MOST_SPLITS: usize = 64;

/// Floats of a part beside its elements: the largest score, the sum, and two that bring the next part to 16 bytes.
const PART_FLOATS: usize = 4;

pub(super) const SCALE: ParameterSpec = ParameterSpec {
    name: "scale",
    kind: ParameterKind::Float { least: 0.0, most: 1e3 },
    default: ParameterValue::Float(0.0),
    summary: "factor of the scores; 0 for 1 / sqrt(head_dim)",
};

const PARAMETERS: &[ParameterSpec] = &[
    HEADS,
    KV_HEADS,
    count("capacity", 1, 1 << 30, 256, "positions of each sequence in the cache"),
    count("length", 0, 1 << 30, 0, "positions in use; 0 for a different number in each sequence, from 1 to capacity"),
    SCALE,
];

/// `y = softmax(q . K * scale) V` for each sequence's query over positions 0 to length - 1 of its cache. Columns are the
/// elements of a head. A length beyond the capacity counts as the capacity; of 0 it gives NaN.
pub struct AttentionDecode;

fn lengths(problem: &Problem, seed: u64) -> HostTensor {
    let (rows, capacity) = (problem.rows, number(problem, "capacity"));
    let mut lengths = HostTensor::zeros(DType::U32, rows, 1);
    InputGenerator::new(InputClass::Normal, seed).fill_below(&mut lengths, 3, capacity as u64);
    for row in 0..rows {
        let length = match (number(problem, "length"), row) {
            (0, 0) => capacity,
            (0, 1) => 1,
            (0, row) => lengths.row_u32(row)[0] as usize + 1,
            (length, _) => length,
        };
        lengths.set(row, 0, length as f64);
    }
    lengths
}

/// Query heads of one block, and blocks that share a head of keys and values.
fn head_tiles(heads: Heads) -> (usize, usize) {
    let per_block = if heads.group() == 1 { 1 } else { HEADS_PER_BLOCK };
    (per_block, heads.group().div_ceil(per_block))
}

/// Blocks that share the positions of a head.
fn splits(device: &DeviceInfo, problem: &Problem) -> usize {
    let heads = Heads::of(problem);
    let lanes = (heads.dim / 8).next_power_of_two().clamp(8, 32);
    let steps = number(problem, "capacity").div_ceil(THREADS / lanes * KEYS_PER_LANE);
    if steps <= SINGLE_STEPS {
        return 1;
    }
    let blocks = problem.rows * heads.kv * head_tiles(heads).1;
    let wanted = BLOCKS_PER_MULTIPROCESSOR * device.multiprocessors as usize / blocks;
    wanted.min(steps.div_ceil(LEAST_STEPS)).clamp(1, MOST_SPLITS)
}

impl Operation for AttentionDecode {
    fn name(&self) -> &'static str {
        "attention_decode"
    }

    fn summary(&self) -> &'static str {
        "softmax(q . K * scale) V of one query per sequence over its cache, grouped heads"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        check_attention(self.name(), problem)?;
        let (length, capacity) = (number(problem, "length"), number(problem, "capacity"));
        if length > capacity {
            return Err(ContractError::OutOfRange {
                operation: self.name(),
                parameter: "length".to_string(),
                value: length.to_string(),
                rule: format!("at most the capacity, {capacity}"),
            });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let (heads, rows) = (Heads::of(problem), problem.rows);
        vec![
            laid_out("q", TensorRole::Input, problem, rows, heads.query * heads.dim),
            cache("k_cache", TensorRole::Input, problem, rows),
            cache("v_cache", TensorRole::Input, problem, rows),
            TensorSpec::new("lengths", TensorRole::Input, DType::U32, rows, 1),
            laid_out("y", TensorRole::Output, problem, rows, heads.query * heads.dim),
        ]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let lengths = lengths(problem, seed);
        let used: Vec<_> = (0..problem.rows).map(|row| lengths.row_u32(row)[0] as usize).collect();
        let mut inputs = generate(&self.tensors(problem), problem, class, seed, &used);
        inputs.push(lengths);
        inputs
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let (heads, capacity) = (Heads::of(problem), number(problem, "capacity"));
        let scale = f64::from(scale(problem));
        let outputs = (0..problem.rows * heads.kv).into_par_iter().flat_map_iter(|run| {
            let row = run / heads.kv;
            let length = (inputs[3].row_u32(row)[0] as usize).min(capacity);
            let keys = rows(&inputs[1], run * capacity, length);
            let values = rows(&inputs[2], run * capacity, length);
            let queries = inputs[0].row_f64(row);
            let first = run % heads.kv * heads.group() * heads.dim;
            let queries = queries[first..first + heads.group() * heads.dim].to_vec();
            let heads: Vec<_> =
                queries.chunks(heads.dim).map(|query| attend(query, &keys, &values, scale, Weights::F32)).collect();
            heads
        });
        let (values, tolerances): (Vec<_>, Vec<_>) = outputs.collect::<Vec<_>>().into_iter().unzip();
        let Problem { dtype, rows, .. } = *problem;
        let gate = ElementGate::toleranced(dtype);
        let output = NumericOutput::new("y", dtype, rows, heads.query * heads.dim, gate, values.concat());
        Box::new(NumericReference::new(vec![output.within(tolerances.concat())]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let (heads, Problem { dtype, rows, .. }) = (Heads::of(problem), problem);
        if *rows == 0 {
            return Ok(LaunchPlan::default());
        }
        let splits = splits(device, problem);
        let (per_block, tiles) = head_tiles(heads);
        let tiles = rows * heads.kv * tiles;
        let part_bytes = splits * (heads.dim + PART_FLOATS) * DType::F32.size();
        let (shared, workspace_bytes, counters) = match splits {
            1 => ([PlanArgument::Null; 2], 0, 0),
            _ => ([PlanArgument::Workspace(0), PlanArgument::Counters], rows * heads.query * part_bytes, tiles),
        };
        let sizes = [heads.query, heads.kv, heads.dim, number(problem, "capacity"), splits];
        let mut scalars: Vec<_> = sizes.map(|size| PlanArgument::U32(size as u32)).into();
        scalars.push(PlanArgument::F32(scale(problem)));
        let specs = self.tensors(problem);
        let strided = (0..specs.len()).filter(|slot| specs[*slot].dtype != DType::U32);
        scalars.extend(strided.map(PlanArgument::RowStride));
        let mut arguments: Vec<_> = (0..specs.len()).map(PlanArgument::Tensor).collect();
        arguments.extend(shared);
        arguments.extend(scalars);
        let launch = PlannedLaunch {
            kernel: KernelId::new("attention/attention_decode", format!("attention_decode_{dtype}_heads{per_block}")),
            dimensions: LaunchDimensions {
                grid: [tiles as u32, splits as u32, 1],
                block: [THREADS as u32, 1, 1],
                dynamic_shared_bytes: 0,
            },
            arguments,
        };
        Ok(LaunchPlan::of_launches(workspace_bytes, vec![launch]).with_counters(counters).overlapping_ahead(&[1, 2, 3]))
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let heads = Heads::of(problem);
        let length = match number(problem, "length") {
            0 => number(problem, "capacity"),
            length => length,
        };
        let queries = problem.rows * heads.query * heads.dim;
        let keys = problem.rows * heads.kv * length * heads.dim;
        Cost {
            bytes_read: ((queries + 2 * keys) * problem.dtype.size()) as u64,
            bytes_written: (queries * problem.dtype.size()) as u64,
            // Two products and two sums for each query head, key and element.
            flops: (4 * queries * length) as u64,
            emulated_visits: (queries * length) as u64,
        }
    }

    fn describe_element(
        &self,
        problem: &Problem,
        inputs: &[HostTensor],
        _output: usize,
        row: usize,
        column: usize,
    ) -> String {
        let (heads, length) = (Heads::of(problem), inputs[3].row_u32(row)[0]);
        let head = column / heads.dim;
        let kv_head = head / heads.group();
        format!("head {head} on kv head {kv_head}, element {}; {length} positions in use", column % heads.dim)
    }
}

/// Refuses what no attention kernel takes.
pub(super) fn check_attention(operation: &'static str, problem: &Problem) -> Result<(), ContractError> {
    check_heads(operation, problem, MOST_HEAD_DIM)?;
    let Problem { rows, columns, layout, .. } = *problem;
    let refused = |rule: String| Err(ContractError::Shape { operation, rows, columns, rule });
    if !columns.is_multiple_of(8) {
        return refused(format!("a head has 8 to {MOST_HEAD_DIM} elements (the columns), a multiple of 8"));
    }
    if rows * number(problem, "heads") > 1 << 24 {
        return refused("rows times heads is at most 2^24".to_string());
    }
    if layout.in_place {
        let (layout, rule) = ("in_place".to_string(), "queries are read until the end".to_string());
        return Err(ContractError::Layout { operation, layout, rule });
    }
    Ok(())
}
