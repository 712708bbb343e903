//! Causal attention of a prompt's tokens over the cache of their sequence.

use rayon::prelude::*;

use crate::backend::{BackendKind, DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, LaunchPlan, NumericOutput, NumericReference, Operation,
    ParameterSpec, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole, TensorSpec,
};
use crate::tensor::HostTensor;

use super::decode::{SCALE, check_attention};
use super::shape::{HEADS, Heads, KV_HEADS, cache, count, laid_out, number};
use super::softmax::{CLASSES, Weights, attend, generate, rows, scale};

/// Of `kernels/attention/attention_prefill.hip`.
const THREADS: u32 = 256;
const TILE: usize = 64;

/// Of `kernels/include/prefill_fragments.h`.
const FRAGMENT_WAVES: u32 = 4;

const PARAMETERS: &[ParameterSpec] = &[
    HEADS,
    KV_HEADS,
    count("capacity", 1, 1 << 30, 256, "positions of the sequence in the cache"),
    count("past", 0, 1 << 30, 0, "position of the first row"),
    SCALE,
];

/// `y = softmax(Q K^T * scale) V`, where the token of row r sees positions 0 to past + r of the one sequence in the cache.
/// Columns are the elements of a head.
pub struct AttentionPrefill;

/// Whether weights become matrix fragments, of the storage type.
fn rounds_weights(problem: &Problem) -> bool {
    problem.dtype.size() == 2 && problem.columns <= 128
}

/// Elements of a head for which the kernel of a problem is made.
fn made_for(problem: &Problem) -> usize {
    problem.columns.next_power_of_two().max(if rounds_weights(problem) { 64 } else { 128 })
}

/// Rows of a block.
fn block_rows(problem: &Problem, backend: BackendKind) -> usize {
    match (rounds_weights(problem), made_for(problem)) {
        // A wave of AMD's has 16 rows, others 32.
        (true, _) => FRAGMENT_WAVES as usize * if backend == BackendKind::Hip { 16 } else { 32 },
        (false, 128) => TILE,
        (false, _) => TILE / 2,
    }
}

/// Shared memory for a block of matrix fragments: keys, values and, where registers do not hold them, queries. As
/// `PrefillTile` has them with each architecture's constants.
fn fragment_bytes(problem: &Problem, device: &DeviceInfo) -> u32 {
    let (rows, made_for) = (block_rows(problem, device.backend), made_for(problem));
    let capability = device.architecture.strip_prefix("sm_").and_then(|number| number.parse::<u32>().ok());
    let few_keys = made_for == 128 && capability.is_none_or(|capability| capability < 80);
    let keys = if few_keys { TILE / 2 } else { TILE };
    let queries_stay = made_for == 128 && device.backend != BackendKind::Hip;
    let staged = if queries_stay { rows + 2 * keys } else { rows.max(2 * keys) };
    // Rows are padded by one vector of 16 bytes.
    (staged * (made_for * problem.dtype.size() + 16)) as u32
}

impl Operation for AttentionPrefill {
    fn name(&self) -> &'static str {
        "attention_prefill"
    }

    fn summary(&self) -> &'static str {
        "causal softmax(Q K^T * scale) V of a prompt's tokens over the cache, grouped heads"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        check_attention(self.name(), problem)?;
        let (past, capacity) = (number(problem, "past"), number(problem, "capacity"));
        if past + problem.rows > capacity {
            return Err(ContractError::OutOfRange {
                operation: self.name(),
                parameter: "capacity".to_string(),
                value: capacity.to_string(),
                rule: format!("at least the {past} positions before the {} rows, and these", problem.rows),
            });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let (heads, rows) = (Heads::of(problem), problem.rows);
        vec![
            laid_out("q", TensorRole::Input, problem, rows, heads.query * heads.dim),
            cache("k_cache", TensorRole::Input, problem, 1),
            cache("v_cache", TensorRole::Input, problem, 1),
            laid_out("y", TensorRole::Output, problem, rows, heads.query * heads.dim),
        ]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        generate(&self.tensors(problem), problem, class, seed, &[number(problem, "past") + problem.rows])
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let (heads, capacity, past) = (Heads::of(problem), number(problem, "capacity"), number(problem, "past"));
        let scale = f64::from(scale(problem));
        let of_head = |tensor: &HostTensor| -> Vec<Vec<f64>> {
            (0..heads.kv).map(|head| rows(tensor, head * capacity, past + problem.rows)).collect()
        };
        let (keys, values) = (of_head(&inputs[1]), of_head(&inputs[2]));
        let weights = if rounds_weights(problem) { Weights::Rounded(problem.dtype) } else { Weights::F32 };
        let outputs = (0..problem.rows * heads.query).into_par_iter().map(|place| {
            let (row, head) = (place / heads.query, place % heads.query);
            let (kv_head, seen) = (head / heads.group(), (past + row + 1) * heads.dim);
            let query = &inputs[0].row_f64(row)[head * heads.dim..(head + 1) * heads.dim];
            attend(query, &keys[kv_head][..seen], &values[kv_head][..seen], scale, weights)
        });
        let (values, tolerances): (Vec<_>, Vec<_>) = outputs.collect::<Vec<_>>().into_iter().unzip();
        let Problem { dtype, rows, .. } = *problem;
        let gate = ElementGate::toleranced(dtype);
        let output = NumericOutput::new("y", dtype, rows, heads.query * heads.dim, gate, values.concat());
        Box::new(NumericReference::new(vec![output.within(tolerances.concat())]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let (heads, rows) = (Heads::of(problem), problem.rows);
        if rows == 0 {
            return Ok(LaunchPlan::default());
        }
        let specs = self.tensors(problem);
        let mut arguments: Vec<_> = (0..specs.len()).map(PlanArgument::Tensor).collect();
        let sizes = [rows, heads.query, heads.kv, heads.dim, number(problem, "past")];
        arguments.extend(sizes.map(|size| PlanArgument::U32(size as u32)));
        arguments.push(PlanArgument::U64(number(problem, "capacity") as u64));
        arguments.push(PlanArgument::F32(scale(problem)));
        arguments.extend((0..specs.len()).map(PlanArgument::RowStride));
        let (name, threads, dynamic_shared_bytes) = if rounds_weights(problem) {
            let bytes = fragment_bytes(problem, device);
            ("attention_prefill_fragments", FRAGMENT_WAVES * device.wave_size, bytes)
        } else {
            ("attention_prefill", THREADS, 0)
        };
        let function = format!("{name}_{}_{}", problem.dtype, made_for(problem));
        let blocks = rows.div_ceil(block_rows(problem, device.backend)) * heads.query;
        let launch = PlannedLaunch {
            kernel: KernelId::new(format!("attention/{name}"), function),
            dimensions: LaunchDimensions { grid: [blocks as u32, 1, 1], block: [threads, 1, 1], dynamic_shared_bytes },
            arguments,
        };
        Ok(LaunchPlan::of_launches(0, vec![launch]).overlapping())
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let (heads, past, rows) = (Heads::of(problem), number(problem, "past"), problem.rows);
        let queries = rows * heads.query * heads.dim;
        let keys = (past + rows) * heads.kv * heads.dim;
        // Keys that the rows see together.
        let seen = rows * past + rows * (rows + 1) / 2;
        let tiled =
            rows.next_multiple_of(block_rows(problem, BackendKind::Host)) * (past + rows).next_multiple_of(TILE);
        Cost {
            bytes_read: ((queries + 2 * keys) * problem.dtype.size()) as u64,
            bytes_written: (queries * problem.dtype.size()) as u64,
            // Two products and two sums for each query head, pair of tokens and element.
            flops: (4 * seen * heads.query * heads.dim) as u64,
            emulated_visits: (tiled * heads.query * heads.dim) as u64,
        }
    }

    fn on_matrix_cores(&self, problem: &Problem) -> bool {
        rounds_weights(problem)
    }

    fn describe_element(
        &self,
        problem: &Problem,
        _inputs: &[HostTensor],
        _output: usize,
        row: usize,
        column: usize,
    ) -> String {
        let (heads, seen) = (Heads::of(problem), number(problem, "past") + row + 1);
        let head = column / heads.dim;
        let kv_head = head / heads.group();
        format!("head {head} on kv head {kv_head}, element {}; it sees {seen} positions", column % heads.dim)
    }
}
