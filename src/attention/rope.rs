//! Rotary position embedding (Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021).

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterKind, ParameterSpec, ParameterValue, PlanArgument, PlannedLaunch, Problem, Reference,
    TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

use super::shape::{HEADS, Heads, KV_HEADS, cache, check_heads, count, filled, laid_out, number};

const THREADS: usize = 256;

/// A thread takes several heads, for which it works out sines once, where so many threads are left.
const THREADS_PER_MULTIPROCESSOR: usize = 256;
const MOST_HEADS_PER_THREAD: usize = 8;

/// Blocks beyond this walk on in steps of the grid.
const MOST_BLOCKS: usize = 1 << 20;

/// Angles beyond this many radians give NaN; MOST_RADIANS of `kernels/include/trigonometry.h`.
const MOST_RADIANS: f32 = 6.5e6;

const PARAMETERS: &[ParameterSpec] = &[HEADS, KV_HEADS, ROTARY, INTERLEAVED];

const CACHE_PARAMETERS: &[ParameterSpec] = &[
    HEADS,
    KV_HEADS,
    ROTARY,
    INTERLEAVED,
    count("sequences", 1, 1 << 20, 2, "sequences in the cache"),
    count("capacity", 1, 1 << 30, 64, "positions of each sequence in the cache"),
];

pub(super) const ROTARY: ParameterSpec =
    count("rotary", 0, 1 << 16, 0, "elements of a head that turn, even; 0 for all of them");

pub(super) const INTERLEAVED: ParameterSpec = ParameterSpec {
    name: "interleaved",
    kind: ParameterKind::Flag,
    default: ParameterValue::Flag(false),
    summary: "pairs are (2i, 2i + 1), as in Llama's GGUF files, not (i, i + rotary / 2)",
};

/// LargestFinite has positions from the whole range of u32, whose largest angles are NaN by contract. In a class with a
/// NaN the token at that place has no slot in the cache.
const CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::Uniform,
    InputClass::AllEqual,
    InputClass::Infinities,
    InputClass::NanFirst,
    InputClass::NanMiddle,
    InputClass::NanLast,
    InputClass::Denormals,
    InputClass::LargestFinite,
    InputClass::SignedZeros,
];

/// Turns queries and keys by position * inverse frequency, an angle that is rounded to f32 as everywhere. The inverse
/// frequencies are an input, so that every scaling of them (linear, Llama 3) is the caller's. `rope_cache` writes
/// the turned keys, and the values as they are, to slot `position` of their sequence in the cache; a token whose
/// position or sequence lies outside writes nothing there.
pub struct Rope {
    into_cache: bool,
}

impl Rope {
    pub const PLAIN: Rope = Rope { into_cache: false };
    pub const INTO_CACHE: Rope = Rope { into_cache: true };

    /// Inputs in front of the positions: q, k and, for the cache, v.
    fn positions_slot(&self) -> usize {
        if self.into_cache { 3 } else { 2 }
    }

    /// Where a token's keys and values go: the first row of the cache that is its sequence's, and its position.
    fn slot(&self, problem: &Problem, inputs: &[HostTensor], row: usize) -> Option<(usize, usize)> {
        let position = inputs[self.positions_slot()].row_u32(row)[0] as usize;
        let sequence = inputs[self.positions_slot() + 1].row_u32(row)[0] as usize;
        let inside = position < number(problem, "capacity") && sequence < number(problem, "sequences");
        inside.then_some((sequence, position))
    }
}

/// How many elements of a head turn.
pub(super) fn rotary(problem: &Problem) -> usize {
    match number(problem, "rotary") {
        0 => problem.columns,
        rotary => rotary,
    }
}

/// The inverse frequencies of the paper, of a base of 10,000.
pub(super) fn default_frequencies(pairs: usize) -> HostTensor {
    let frequency = |pair: usize| 10_000f64.powf(-(pair as f64) / pairs as f64);
    HostTensor::from_f64(DType::F32, 1, pairs, &(0..pairs).map(frequency).collect::<Vec<_>>())
}

/// One turned head with the tolerance of each element.
pub(super) fn turned(head: &[f64], position: u32, frequencies: &[f64], interleaved: bool) -> (Vec<f64>, Vec<f64>) {
    // Products, sines (3 each) and the sum: 5 roundings of 2^-24, and two of subnormals.
    let bound = |a: f64, b: f64| 5.0 * 2f64.powi(-24) * (a.abs() + b.abs()) + 2f64.powi(-148);
    let (mut values, mut tolerances) = (head.to_vec(), vec![0.0; head.len()]);
    for (pair, frequency) in frequencies.iter().enumerate() {
        let (first, second) = if interleaved { (2 * pair, 2 * pair + 1) } else { (pair, pair + frequencies.len()) };
        let angle = position as f32 * *frequency as f32;
        let angle = if angle.abs() < MOST_RADIANS { f64::from(angle) } else { f64::NAN };
        let (a, b) = (head[first], head[second]);
        values[first] = a * angle.cos() - b * angle.sin();
        values[second] = b * angle.cos() + a * angle.sin();
        tolerances[first] = bound(a, b);
        tolerances[second] = bound(a, b);
    }
    (values, tolerances)
}

/// How a launch's threads share the tokens; as in `kernels/attention/rope.hip`.
struct TokenShare {
    /// Pieces of a head: a vector, or an element that is left beside those, to a thread.
    items: usize,
    /// Threads with the same piece of a token, that have its heads by turns.
    groups: usize,
    tokens_per_block: usize,
    blocks_per_token: usize,
}

impl TokenShare {
    fn new(device: &DeviceInfo, problem: &Problem, into_cache: bool) -> Self {
        let (heads, rotary, vector) = (Heads::of(problem), rotary(problem), 16 / problem.dtype.size());
        let pieces = |elements: usize| elements / vector + elements % vector;
        let items = pieces(rotary / 2) + pieces(heads.dim - rotary);
        let slots = heads.query + if into_cache { 2 } else { 1 } * heads.kv;
        let enough = device.multiprocessors as usize * THREADS_PER_MULTIPROCESSOR;
        let heads_per_thread = (problem.rows * items * slots / enough).clamp(1, MOST_HEADS_PER_THREAD);
        let groups = slots.div_ceil(heads_per_thread);
        let tokens_per_block = (THREADS / (items * groups)).max(1);
        Self { items, groups, tokens_per_block, blocks_per_token: (items * groups).div_ceil(THREADS) }
    }
}

impl Operation for Rope {
    fn name(&self) -> &'static str {
        if self.into_cache { "rope_cache" } else { "rope" }
    }

    fn summary(&self) -> &'static str {
        if self.into_cache {
            "rope, with keys and values written to their slots in the cache"
        } else {
            "queries and keys turned by their position (Su et al. 2021)"
        }
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        if self.into_cache { CACHE_PARAMETERS } else { PARAMETERS }
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        check_heads(self.name(), problem, 1 << 16)?;
        let out_of_range = |parameter: &str, rule: String| ContractError::OutOfRange {
            operation: self.name(),
            parameter: parameter.to_string(),
            value: number(problem, parameter).to_string(),
            rule,
        };
        let rotary = rotary(problem);
        if !rotary.is_multiple_of(2) || rotary > problem.columns {
            return Err(out_of_range(
                "rotary",
                format!("even, and at most the {} elements of a head", problem.columns),
            ));
        }
        if self.into_cache && problem.rows > number(problem, "sequences") * number(problem, "capacity") {
            return Err(out_of_range("capacity", format!("a slot for each of the {} tokens", problem.rows)));
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let (heads, rows) = (Heads::of(problem), problem.rows);
        let (q_columns, kv_columns) = (heads.query * heads.dim, heads.kv * heads.dim);
        let row = |name, role, columns| laid_out(name, role, problem, rows, columns);
        let output = |input| if problem.layout.in_place { TensorRole::InPlace { input } } else { TensorRole::Output };
        let index = |name| TensorSpec::new(name, TensorRole::Input, DType::U32, rows, 1);
        let frequencies = TensorSpec::new("inverse_frequencies", TensorRole::Input, DType::F32, 1, rotary(problem) / 2);
        let mut specs = vec![row("q", TensorRole::Input, q_columns), row("k", TensorRole::Input, kv_columns)];
        if self.into_cache {
            let sequences = number(problem, "sequences");
            specs.extend([row("v", TensorRole::Input, kv_columns), index("positions"), index("sequence_ids")]);
            specs.extend([frequencies, row("q_out", output(0), q_columns)]);
            specs.extend(["k_cache", "v_cache"].map(|name| cache(name, TensorRole::Output, problem, sequences)));
        } else {
            specs.extend([index("positions"), frequencies]);
            specs.extend([row("q_out", output(0), q_columns), row("k_out", output(1), kv_columns)]);
        }
        specs
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let rows = problem.rows;
        let outside = match class {
            InputClass::NanFirst => Some(0),
            InputClass::NanMiddle => Some(rows / 2),
            InputClass::NanLast => Some(rows.saturating_sub(1)),
            _ => None,
        };
        let values = if outside.is_some() && self.into_cache { InputClass::Normal } else { class };
        let specs = self.tensors(problem);
        let mut inputs: Vec<_> =
            (0..self.positions_slot()).map(|slot| filled(&specs[slot], values, seed, slot as u32, 1.0)).collect();
        let mut positions = HostTensor::zeros(DType::U32, rows, 1);
        if self.into_cache {
            // Consecutive slots from a random one on, so that no two tokens share one.
            let (sequences, capacity) = (number(problem, "sequences"), number(problem, "capacity"));
            let mut start = HostTensor::zeros(DType::U32, 1, 1);
            InputGenerator::new(class, seed).fill_below(&mut start, 3, (sequences * capacity) as u64);
            let start = start.row_u32(0)[0] as usize;
            let mut sequence_ids = HostTensor::zeros(DType::U32, rows, 1);
            for row in 0..rows {
                let slot = (start + row) % (sequences * capacity);
                positions.set(row, 0, (slot % capacity) as f64);
                sequence_ids.set(row, 0, (slot / capacity) as f64);
            }
            match outside.filter(|_| rows > 0) {
                Some(row) if class == InputClass::NanFirst => sequence_ids.set(row, 0, sequences as f64),
                Some(row) => positions.set(row, 0, capacity as f64),
                None => {}
            }
            inputs.extend([positions, sequence_ids]);
        } else {
            let bound = if class == InputClass::LargestFinite { 1 << 32 } else { 1 << 17 };
            InputGenerator::new(class, seed).fill_below(&mut positions, 3, bound);
            inputs.push(positions);
        }
        inputs.push(default_frequencies(rotary(problem) / 2));
        inputs
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let (heads, Problem { dtype, rows, .. }) = (Heads::of(problem), problem);
        let interleaved = problem.parameters.flag("interleaved");
        let frequencies = inputs.last().expect("the frequencies").row_f64(0);
        let rotated = |tensor: &HostTensor| -> (Vec<f64>, Vec<f64>) {
            let heads = (0..*rows).flat_map(|row| {
                let position = inputs[self.positions_slot()].row_u32(row)[0];
                let values = tensor.row_f64(row);
                let turn = |head: &[f64]| turned(head, position, &frequencies, interleaved);
                values.chunks(heads.dim).map(turn).collect::<Vec<_>>()
            });
            let (values, tolerances): (Vec<_>, Vec<_>) = heads.unzip();
            (values.concat(), tolerances.concat())
        };
        let gate = ElementGate::toleranced(*dtype);
        let output = |name, rows, columns, values, tolerances| {
            NumericOutput::new(name, *dtype, rows, columns, gate, values).within(tolerances)
        };
        let (queries, keys) = (rotated(&inputs[0]), rotated(&inputs[1]));
        let q_out = output("q_out", *rows, heads.query * heads.dim, queries.0, queries.1);
        if !self.into_cache {
            let k_out = output("k_out", *rows, heads.kv * heads.dim, keys.0, keys.1);
            return Box::new(NumericReference::new(vec![q_out, k_out]));
        }
        // Slots that no token names keep what `verify` fills outputs with: NaN.
        let (sequences, capacity) = (number(problem, "sequences"), number(problem, "capacity"));
        let cache_rows = sequences * heads.kv * capacity;
        let mut caches = [(); 3].map(|()| vec![f64::NAN; cache_rows * heads.dim]);
        for row in 0..*rows {
            let Some((sequence, position)) = self.slot(problem, inputs, row) else { continue };
            let values = inputs[2].row_f64(row);
            for head in 0..heads.kv {
                let slot = ((sequence * heads.kv + head) * capacity + position) * heads.dim;
                let (from, to) = (head * heads.dim..(head + 1) * heads.dim, slot..slot + heads.dim);
                let token = row * heads.kv * heads.dim;
                let of_keys = token + from.start..token + from.end;
                caches[0][to.clone()].copy_from_slice(&keys.0[of_keys.clone()]);
                caches[1][to.clone()].copy_from_slice(&keys.1[of_keys]);
                caches[2][to].copy_from_slice(&values[from]);
            }
        }
        let [k_values, k_tolerances, v_values] = caches;
        let k_cache = output("k_cache", cache_rows, heads.dim, k_values, k_tolerances);
        let v_cache = NumericOutput::new("v_cache", *dtype, cache_rows, heads.dim, ElementGate::EXACT, v_values);
        Box::new(NumericReference::new(vec![q_out, k_cache, v_cache]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let (heads, rotary) = (Heads::of(problem), rotary(problem));
        if problem.rows == 0 {
            return Ok(LaunchPlan::default());
        }
        let share = TokenShare::new(device, problem, self.into_cache);
        let specs = self.tensors(problem);
        let mut arguments: Vec<_> = (0..specs.len()).map(PlanArgument::Tensor).collect();
        arguments.push(PlanArgument::U64(problem.rows as u64));
        let interleaved = usize::from(problem.parameters.flag("interleaved"));
        let shape = [heads.query, heads.kv, heads.dim, rotary, interleaved];
        arguments.extend(shape.map(|value| PlanArgument::U32(value as u32)));
        let strided = |spec: &TensorSpec| spec.dtype == problem.dtype && spec.name != "inverse_frequencies";
        arguments.extend((0..specs.len()).filter(|slot| strided(&specs[*slot])).map(PlanArgument::RowStride));
        if self.into_cache {
            let sizes = ["sequences", "capacity"].map(|name| PlanArgument::U32(number(problem, name) as u32));
            arguments.extend(sizes);
        }
        let TokenShare { items, groups, tokens_per_block, blocks_per_token } = share;
        arguments.extend([items, groups].map(|count| PlanArgument::U32(count as u32)));
        let token_blocks = problem.rows.div_ceil(tokens_per_block).min((MOST_BLOCKS / blocks_per_token).max(1));
        let launch = PlannedLaunch {
            kernel: KernelId::new("attention/rope", format!("{}_{}", self.name(), problem.dtype)),
            dimensions: LaunchDimensions {
                grid: [(token_blocks * blocks_per_token) as u32, 1, 1],
                block: [THREADS as u32, 1, 1],
                dynamic_shared_bytes: 0,
            },
            arguments,
        };
        // Positions, sequences and frequencies.
        let ahead: Vec<_> =
            (self.positions_slot()..self.positions_slot() + if self.into_cache { 3 } else { 2 }).collect();
        Ok(LaunchPlan::of_launches(0, vec![launch]).overlapping_ahead(&ahead))
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let (heads, rotary) = (Heads::of(problem), rotary(problem));
        let turned = problem.rows * (heads.query + heads.kv);
        let moved = if self.into_cache { turned + problem.rows * heads.kv } else { turned };
        let bytes = (moved * heads.dim * problem.dtype.size()) as u64;
        Cost {
            bytes_read: bytes + (problem.rows * 4 + rotary * 2) as u64,
            bytes_written: bytes,
            // An angle, its sine and cosine (counted as one each), four products and two sums for each pair.
            flops: (turned * rotary / 2 * 9) as u64,
            emulated_visits: (moved * heads.dim * 2) as u64,
        }
    }

    fn describe_element(
        &self,
        problem: &Problem,
        inputs: &[HostTensor],
        output: usize,
        row: usize,
        column: usize,
    ) -> String {
        if self.into_cache && output > 0 {
            let (kv, capacity) = (Heads::of(problem).kv, number(problem, "capacity"));
            let (sequence, head, position) = (row / capacity / kv, row / capacity % kv, row % capacity);
            let token =
                (0..problem.rows).find(|&token| self.slot(problem, inputs, token) == Some((sequence, position)));
            let token = token.map_or("no token's".to_string(), |token| format!("token {token}'s"));
            return format!("sequence {sequence}, kv head {head}, position {position}: {token} slot");
        }
        let position = inputs[self.positions_slot()].row_u32(row)[0];
        format!("position {position}, x {:e}, element {}", inputs[output].get(row, column), column % problem.columns)
    }
}
