//! RMSNorm, the projections to queries, keys and values, and RoPE into the cache, for one token, in one kernel.

use rayon::prelude::*;

use crate::backend::{DeviceInfo, KernelId};
use crate::matrix::{Bounded, EPSILON, MOST_ROWS, NormalisedVector, WaveShare};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, LaunchPlan, NumericOutput, NumericReference, Operation,
    ParameterKind, ParameterSpec, ParameterValue, PlanArgument, PlannedLaunch, Problem, Reference, TensorRole,
    TensorSpec,
};
use crate::tensor::{DType, HostTensor};

use super::rope::{INTERLEAVED, ROTARY, default_frequencies, rotary, turned};
use super::shape::{HEADS, Heads, KV_HEADS, cache, check_heads, count, filled, laid_out, number};

const PARAMETERS: &[ParameterSpec] = &[
    HEADS,
    KV_HEADS,
    count("hidden", 1, 1 << 30, 256, "elements of the vector"),
    ROTARY,
    INTERLEAVED,
    count("sequences", 1, 1 << 20, 2, "sequences in the cache"),
    count("capacity", 1, 1 << 30, 64, "positions of each sequence in the cache"),
    EPSILON,
    ParameterSpec {
        name: "bias",
        kind: ParameterKind::Flag,
        default: ParameterValue::Flag(false),
        summary: "adds a number of its own to each row of the projections",
    },
];

/// Two make a pair, which is a row to the waves that share it.
const MOST_PROJECTED: usize = 2 * MOST_ROWS;

/// Of the vector; weights, gain and bias are ordinary numbers. In NanFirst the token's sequence lies outside the cache, in
/// NanLast its position, and the vector has no NaN in either.
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
    InputClass::Dominant,
];

/// The projections of one token's normalised vector to queries, keys and values, in rows of one weight, with keys and
/// queries turned by the token's position (see `Rope`), and keys and values written to their slot of the cache. A token
/// whose position or sequence lies outside writes nothing there. Nothing between is rounded to storage.
pub struct FusedQkv;

/// Where tensors are among the inputs.
struct Slots {
    positions: usize,
    frequencies: usize,
    q_out: usize,
}

impl FusedQkv {
    fn slots(problem: &Problem) -> Slots {
        let positions = 3 + usize::from(problem.parameters.flag("bias"));
        Slots { positions, frequencies: positions + 2, q_out: positions + 3 }
    }

    /// All projections before the turn.
    fn projected(problem: &Problem, inputs: &[HostTensor]) -> Vec<Bounded> {
        let epsilon = problem.parameters.float("eps") as f32;
        let vector = NormalisedVector::new(&inputs[0].row_f64(0), &inputs[1].row_f64(0), epsilon);
        let bias = problem.parameters.flag("bias").then(|| inputs[3].row_f64(0));
        let rows = (0..inputs[2].rows()).into_par_iter();
        let products = rows.map(|row| {
            let product = vector.product(&inputs[2].row_f64(row));
            match &bias {
                Some(bias) => product.plus(bias[row]),
                None => product,
            }
        });
        products.collect()
    }

    /// The token's sequence and position, if they have a slot in the cache.
    fn slot(problem: &Problem, inputs: &[HostTensor]) -> Option<(usize, usize)> {
        let positions = Self::slots(problem).positions;
        let [position, sequence] = [0, 1].map(|slot| inputs[positions + slot].row_u32(0)[0] as usize);
        let inside = position < number(problem, "capacity") && sequence < number(problem, "sequences");
        inside.then_some((sequence, position))
    }
}

/// A turned head and its tolerances: what was uncertain of both elements before, and the turn's own.
fn turned_head(head: &[Bounded], position: u32, frequencies: &[f64], interleaved: bool) -> Vec<Bounded> {
    let of = |part: fn(&Bounded) -> f64| head.iter().map(part).collect::<Vec<_>>();
    let (values, tolerances) = turned(&of(|element| element.value), position, frequencies, interleaved);
    let pairs = frequencies.len();
    let partner = |n: usize| match interleaved {
        _ if n >= 2 * pairs => n,
        true => n ^ 1,
        false => (n + pairs) % (2 * pairs),
    };
    let uncertain = (0..head.len()).map(|n| match partner(n) {
        other if other == n => head[n].tolerance,
        other => head[n].tolerance + head[other].tolerance,
    });
    let both = values.into_iter().zip(tolerances).zip(uncertain);
    both.map(|((value, own), before)| Bounded { value, tolerance: own + before }).collect()
}

fn unzipped(elements: &[Bounded]) -> (Vec<f64>, Vec<f64>) {
    elements.iter().map(|element| (element.value, element.tolerance)).unzip()
}

impl Operation for FusedQkv {
    fn name(&self) -> &'static str {
        "fused_qkv"
    }

    fn summary(&self) -> &'static str {
        "queries, keys and values of rms_norm(x), turned, into the cache, for one token"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        check_heads(self.name(), problem, 1 << 16)?;
        let Problem { rows, columns, layout, .. } = *problem;
        if rows != 1 || !columns.is_multiple_of(2) {
            let rule = "one row, the token, and heads with an even number of elements (the columns)".to_string();
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        let heads = Heads::of(problem);
        if (heads.query + 2 * heads.kv) * heads.dim > MOST_PROJECTED {
            return Err(ContractError::OutOfRange {
                operation: self.name(),
                parameter: "heads".to_string(),
                value: heads.query.to_string(),
                rule: format!("at most {MOST_PROJECTED} elements of queries, keys and values together"),
            });
        }
        if layout.in_place {
            let (layout, rule) = ("in_place".to_string(), "every row of weights meets the whole vector".to_string());
            return Err(ContractError::Layout { operation: self.name(), layout, rule });
        }
        let turns = rotary(problem);
        if !turns.is_multiple_of(2) || turns > columns {
            return Err(ContractError::OutOfRange {
                operation: self.name(),
                parameter: "rotary".to_string(),
                value: turns.to_string(),
                rule: format!("even, and at most the {columns} elements of a head"),
            });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let (heads, hidden) = (Heads::of(problem), number(problem, "hidden"));
        let projected = (heads.query + 2 * heads.kv) * heads.dim;
        let vector = |name, role, length| TensorSpec {
            base_offset: problem.layout.base_offset,
            ..TensorSpec::new(name, role, problem.dtype, 1, length)
        };
        let index = |name| TensorSpec::new(name, TensorRole::Input, DType::U32, 1, 1);
        let mut specs = vec![
            vector("x", TensorRole::Input, hidden),
            vector("gain", TensorRole::Input, hidden),
            laid_out("weight", TensorRole::Input, problem, projected, hidden),
        ];
        if problem.parameters.flag("bias") {
            specs.push(vector("bias", TensorRole::Input, projected));
        }
        specs.extend([index("positions"), index("sequence_ids")]);
        specs.push(TensorSpec::new("inverse_frequencies", TensorRole::Input, DType::F32, 1, rotary(problem) / 2));
        specs.push(vector("q_out", TensorRole::Output, heads.query * heads.dim));
        let sequences = number(problem, "sequences");
        specs.extend(["k_cache", "v_cache"].map(|name| cache(name, TensorRole::Output, problem, sequences)));
        specs
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let (specs, slots) = (self.tensors(problem), Self::slots(problem));
        let [sequences, capacity, hidden] = ["sequences", "capacity", "hidden"].map(|name| number(problem, name));
        let [no_sequence, no_position] = [InputClass::NanFirst, InputClass::NanLast].map(|outside| outside == class);
        let of_vector = if no_sequence || no_position { InputClass::Normal } else { class };
        let weight_scale = (3.0 / hidden as f64).sqrt();
        let normal = InputClass::Normal;
        let mut inputs = vec![
            filled(&specs[0], of_vector, seed, 0, 1.0),
            filled(&specs[1], InputClass::Uniform, seed, 1, 1.0),
            filled(&specs[2], normal, seed, 2, weight_scale),
        ];
        if slots.positions > 3 {
            inputs.push(filled(&specs[3], normal, seed, 3, 1.0));
        }
        let place = seed as usize;
        let [position, sequence] = [(no_position, place, capacity), (no_sequence, place / 7, sequences)]
            .map(|(outside, place, bound)| if outside { bound } else { (place + bound / 2) % bound });
        inputs.extend([position, sequence].map(|number| HostTensor::from_f64(DType::U32, 1, 1, &[number as f64])));
        inputs.push(default_frequencies(rotary(problem) / 2));
        inputs
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let (heads, dtype, slots) = (Heads::of(problem), problem.dtype, Self::slots(problem));
        let (position, frequencies) = (inputs[slots.positions].row_u32(0)[0], inputs[slots.frequencies].row_f64(0));
        let interleaved = problem.parameters.flag("interleaved");
        let projected = Self::projected(problem, inputs);
        let (turning, values) = projected.split_at((heads.query + heads.kv) * heads.dim);
        let turning = turning.chunks(heads.dim);
        let turned: Vec<_> = turning.flat_map(|head| turned_head(head, position, &frequencies, interleaved)).collect();
        let (queries, keys) = turned.split_at(heads.query * heads.dim);

        let (capacity, gate) = (number(problem, "capacity"), ElementGate::toleranced(dtype));
        let cache_rows = number(problem, "sequences") * heads.kv * capacity;
        // Slots that no token names keep what `verify` fills outputs with: NaN.
        let cached = |name, elements: &[Bounded]| {
            let [mut all, mut tolerances] = [f64::NAN, 0.0].map(|empty| vec![empty; cache_rows * heads.dim]);
            if let Some((sequence, position)) = Self::slot(problem, inputs) {
                for (head, elements) in elements.chunks(heads.dim).enumerate() {
                    let start = ((sequence * heads.kv + head) * capacity + position) * heads.dim;
                    let (values, bounds) = unzipped(elements);
                    all[start..start + heads.dim].copy_from_slice(&values);
                    tolerances[start..start + heads.dim].copy_from_slice(&bounds);
                }
            }
            NumericOutput::new(name, dtype, cache_rows, heads.dim, gate, all).within(tolerances)
        };
        let (values_of_q, tolerances) = unzipped(queries);
        let q_out = NumericOutput::new("q_out", dtype, 1, queries.len(), gate, values_of_q).within(tolerances);
        Box::new(NumericReference::new(vec![q_out, cached("k_cache", keys), cached("v_cache", values)]))
    }

    fn plan(&self, device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let (heads, hidden, slots) = (Heads::of(problem), number(problem, "hidden"), Self::slots(problem));
        let pairs = (heads.query + 2 * heads.kv) * heads.dim / 2;
        let share = WaveShare::new(device, pairs, 2 * hidden);
        let bias = if slots.positions > 3 { PlanArgument::Tensor(3) } else { PlanArgument::Null };
        let mut arguments: Vec<_> = (0..3).map(PlanArgument::Tensor).collect();
        arguments.push(bias);
        arguments.extend((slots.positions..slots.q_out + 3).map(PlanArgument::Tensor));
        let interleaved = usize::from(problem.parameters.flag("interleaved"));
        let shape = [hidden, heads.query, heads.kv, heads.dim, rotary(problem), interleaved];
        arguments.extend(shape.map(|value| PlanArgument::U32(value as u32)));
        arguments.push(PlanArgument::F32(problem.parameters.float("eps") as f32));
        arguments.extend([2, slots.q_out + 1, slots.q_out + 2].map(PlanArgument::RowStride));
        let sizes = ["sequences", "capacity"].map(|name| PlanArgument::U32(number(problem, name) as u32));
        arguments.extend(sizes);
        arguments.push(PlanArgument::U32(share.waves_per_row));
        let launch = PlannedLaunch {
            kernel: KernelId::new("attention/fused_qkv", format!("fused_qkv_{}", problem.dtype)),
            dimensions: share.dimensions,
            arguments,
        };
        Ok(LaunchPlan::of_launches(0, vec![launch]).overlapping_ahead(&[1, 2, slots.frequencies]))
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let (heads, hidden) = (Heads::of(problem), number(problem, "hidden"));
        let projected = (heads.query + 2 * heads.kv) * heads.dim;
        let weights = projected * hidden;
        Cost {
            bytes_read: ((weights + 2 * hidden) * problem.dtype.size() + 8 + rotary(problem) * 2) as u64,
            bytes_written: (projected * problem.dtype.size()) as u64,
            // The products; the norm and the turn are few beside them.
            flops: (2 * weights) as u64,
            emulated_visits: (4 * weights) as u64,
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
        let (heads, positions) = (Heads::of(problem), Self::slots(problem).positions);
        let [position, sequence] = [0, 1].map(|slot| inputs[positions + slot].row_u32(0)[0]);
        let place = match output {
            0 => format!("query head {}, element {}", column / heads.dim, column % heads.dim),
            _ => {
                let capacity = number(problem, "capacity");
                let (of, head) = (row / capacity / heads.kv, row / capacity % heads.kv);
                format!("sequence {of}, kv head {head}, position {}, element {column}", row % capacity)
            }
        };
        format!("{place}; the token is at position {position} of sequence {sequence}")
    }
}
