//! Causal attention of a prompt's tokens over the cache of their sequence.

use rayon::prelude::*;

use crate::backend::{BackendKind, DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, LaunchPlan, NumericOutput, NumericReference, Operation,
    ParameterKind, ParameterSpec, ParameterValue, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole,
    TensorSpec,
};
use crate::tensor::{DType, HostTensor};

use super::decode::{SCALE, check_attention};
use super::shape::{HEADS, Heads, KV_HEADS, cache, count, laid_out, number};
use super::softmax::{CLASSES, Weights, attend, generate, rows, scale};

/// Of `kernels/attention/attention_prefill.hip`.
const THREADS: u32 = 256;
const TILE: usize = 64;

/// Of `kernels/include/prefill_fragments.h`.
const FRAGMENT_WAVES: u32 = 4;
const LONG_BLOCK_ROWS: usize = 128;

/// Measured on an H100, for 32 heads: docs/performance.md, the last table of changes.
const MOST_SHORT_KEYS: usize = 1024;

const PARAMETERS: &[ParameterSpec] = &[
    HEADS,
    KV_HEADS,
    count("capacity", 1, 1 << 30, 256, "positions of the sequence in the cache"),
    count("past", 0, 1 << 30, 0, "position of the first row"),
    SCALE,
    ParameterSpec {
        name: "short",
        kind: ParameterKind::Flag,
        default: ParameterValue::Flag(false),
        summary: "by the kernel for short prompts; f16 and bf16, heads of up to 128 elements",
    },
];

/// `y = softmax(Q K^T * scale) V`, where the token of row r sees positions 0 to past + r of the one sequence in the cache.
/// Columns are the elements of a head.
pub struct AttentionPrefill;

/// Whether weights become matrix fragments, of the storage type.
fn rounds_weights(problem: &Problem) -> bool {
    on_fragments(problem.dtype, problem.columns)
}

fn on_fragments(dtype: DType, head_dim: usize) -> bool {
    dtype.size() == 2 && head_dim <= 128
}

/// Whether a problem asks for the kernel for short prompts.
fn is_short(problem: &Problem) -> bool {
    problem.parameters.flag("short")
}

/// Whether the kernel for short prompts is the faster one on a device, of those that matrix cores run: where blocks of the other
/// would be alone on their multiprocessors, or leave some idle, and there are few keys that all rows of a block see.
pub fn is_short_prompt(
    device: &DeviceInfo,
    dtype: DType,
    (heads, head_dim): (usize, usize),
    tokens: usize,
    past: usize,
) -> bool {
    let long_blocks = tokens.div_ceil(LONG_BLOCK_ROWS) * heads;
    let alone = long_blocks <= device.multiprocessors as usize;
    on_fragments(dtype, head_dim) && alone && past + tokens <= MOST_SHORT_KEYS
}

/// Elements of a head for which the kernel of a problem is made.
fn made_for(problem: &Problem) -> usize {
    problem.columns.next_power_of_two().max(if rounds_weights(problem) { 64 } else { 128 })
}

/// Rows of a block.
fn block_rows(problem: &Problem, backend: BackendKind) -> usize {
    match (rounds_weights(problem), made_for(problem)) {
        // A wave of AMD's has 16 rows, others 32; 16 of a short prompt.
        (true, _) if backend == BackendKind::Hip || is_short(problem) => LONG_BLOCK_ROWS / 2,
        (true, _) => LONG_BLOCK_ROWS,
        (false, 128) => TILE,
        (false, _) => TILE / 2,
    }
}

/// Shared memory for a block of matrix fragments: keys, values and, where registers do not hold them, queries. As
/// `PrefillTile` has them with each architecture's constants.
fn fragment_bytes(problem: &Problem, device: &DeviceInfo) -> u32 {
    let (rows, made_for) = (block_rows(problem, device.backend), made_for(problem));
    let few_keys = made_for == 128 && device.compute_capability().is_none_or(|capability| capability < 80);
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
        if is_short(problem) && !rounds_weights(problem) {
            return Err(ContractError::OutOfRange {
                operation: self.name(),
                parameter: "short".to_string(),
                value: "true".to_string(),
                rule: format!("false for heads of {} {}", problem.columns, problem.dtype),
            });
        }
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
            let name = if is_short(problem) { "attention_prefill_short" } else { "attention_prefill_fragments" };
            (name, FRAGMENT_WAVES * device.wave_size, bytes)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::amd_device_on_paper;
    use crate::operation::{Layout, Parameters};

    fn problem(dtype: DType, columns: usize, short: bool) -> Problem {
        let given = [("short".to_string(), ParameterValue::Flag(short))];
        let parameters = Parameters::new("attention_prefill", PARAMETERS, &given).expect("a parameter of it");
        Problem { dtype, rows: 3, columns, parameters, layout: Layout::default() }
    }

    #[test]
    fn prompts_are_short_up_to_a_block_for_each_multiprocessor_and_a_thousand_keys() {
        let device = amd_device_on_paper("gfx942", 64);
        assert_eq!(device.multiprocessors, 128);
        let short = |dtype, heads, tokens, past| is_short_prompt(&device, dtype, heads, tokens, past);
        let of_32_heads = |tokens, past| short(DType::BF16, (32, 64), tokens, past);
        assert!(of_32_heads(1, 0) && of_32_heads(512, 0) && of_32_heads(512, 512));
        assert!(!of_32_heads(513, 0) && !of_32_heads(512, 513));
        assert!(short(DType::F16, (4, 128), 1024, 0) && !short(DType::F16, (4, 128), 1025, 0));
        assert!(!short(DType::F32, (32, 64), 1, 0) && !short(DType::BF16, (32, 136), 1, 0));
        let half = DeviceInfo { multiprocessors: 64, ..device.clone() };
        assert!(!is_short_prompt(&half, DType::BF16, (32, 64), 257, 0));
    }

    #[test]
    fn what_has_no_kernel_for_short_prompts_is_refused() {
        let accepts = |dtype, columns, short| AttentionPrefill.check(&problem(dtype, columns, short)).is_ok();
        assert!(accepts(DType::BF16, 128, true) && accepts(DType::F16, 8, true));
        for (dtype, columns) in [(DType::F32, 64), (DType::BF16, 136)] {
            assert!(accepts(dtype, columns, false));
            let refusal =
                AttentionPrefill.check(&problem(dtype, columns, true)).expect_err("no such kernel").to_string();
            assert!(refusal.contains("short") && refusal.contains("false for heads of"), "{refusal}");
        }
    }
}
