//! Embedding lookup: one row of a table for each token id.

use crate::backend::{DeviceInfo, KernelId, LaunchDimensions};
use crate::operation::{
    ContractError, Cost, ElementGate, InputClass, InputGenerator, LaunchPlan, NumericOutput, NumericReference,
    Operation, ParameterKind, ParameterSpec, ParameterValue, PlanArgument, PlannedLaunch, Problem, Reference,
    TensorRole, TensorSpec,
};
use crate::tensor::{DType, HostTensor};

const THREADS: usize = 256;

/// Blocks beyond this walk on in steps of the grid.
const MOST_BLOCKS: usize = 1 << 20;

const PARAMETERS: &[ParameterSpec] = &[ParameterSpec {
    name: "vocab",
    kind: ParameterKind::Integer { least: 1, most: 1 << 30 },
    default: ParameterValue::Integer(1000),
    summary: "rows of the table",
}];

/// In a class with a NaN it is the id at that place that is no row of the table.
const CLASSES: &[InputClass] = &[
    InputClass::Normal,
    InputClass::Uniform,
    InputClass::Infinities,
    InputClass::NanFirst,
    InputClass::NanMiddle,
    InputClass::NanLast,
    InputClass::Denormals,
    InputClass::LargestFinite,
    InputClass::SignedZeros,
];

/// `y[token] = table[id[token]]`, bit for bit. An id of `vocab` or more gives a row of NaN and sets the token's flag; it reads
/// nothing. With `distinct_rows` it is the table's rows that repeat.
pub struct Embedding;

fn vocab(problem: &Problem) -> usize {
    usize::try_from(problem.parameters.integer("vocab")).expect("vocab is at least 1")
}

impl Operation for Embedding {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn summary(&self) -> &'static str {
        "y = table[id]: a row for each token; NaN and a flag for an id that is no row"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        PARAMETERS
    }

    fn input_classes(&self) -> &'static [InputClass] {
        CLASSES
    }

    fn check(&self, problem: &Problem) -> Result<(), ContractError> {
        let Problem { rows, columns, .. } = *problem;
        if columns == 0 || u32::try_from(columns).is_err() || u32::try_from(rows).is_err() {
            let rule = "a row has 1 to 4294967295 elements, and there are up to as many tokens".to_string();
            return Err(ContractError::Shape { operation: self.name(), rows, columns, rule });
        }
        if problem.layout.in_place {
            let (layout, rule) = ("in_place".to_string(), "the table is kept".to_string());
            return Err(ContractError::Layout { operation: self.name(), layout, rule });
        }
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let Problem { dtype, rows, columns, layout, .. } = *problem;
        let vocab = vocab(problem);
        let laid_out = |spec: TensorSpec| TensorSpec {
            row_stride: problem.row_stride(spec.columns),
            base_offset: layout.base_offset,
            ..spec
        };
        let mut table = laid_out(TensorSpec::new("table", TensorRole::Input, dtype, vocab, columns));
        if layout.distinct_rows != 0 {
            table.distinct_rows = layout.distinct_rows.min(vocab);
        }
        vec![
            TensorSpec::new("ids", TensorRole::Input, DType::U32, rows, 1),
            table,
            laid_out(TensorSpec::new("y", TensorRole::Output, dtype, rows, columns)),
            TensorSpec::new("flags", TensorRole::Output, DType::U32, rows, 1),
        ]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let (rows, vocab) = (problem.rows, vocab(problem));
        let specs = self.tensors(problem);
        let mut ids = HostTensor::zeros(DType::U32, rows, 1);
        let mut table =
            HostTensor::with_layout(problem.dtype, vocab, problem.columns, problem.columns, specs[1].distinct_rows);
        InputGenerator::new(class, seed).fill_below(&mut ids, 0, vocab as u64);
        // The least id that is no row, the largest, and one whose byte offset wraps to row 0 in 32 bits.
        let outside = match class {
            InputClass::NanFirst => Some((0, vocab as f64)),
            InputClass::NanMiddle => Some((rows / 2, f64::from(1u32 << 31))),
            InputClass::NanLast => Some((rows.saturating_sub(1), f64::from(u32::MAX))),
            _ => None,
        };
        let class = if outside.is_some() { InputClass::Normal } else { class };
        if let Some((row, id)) = outside.filter(|_| rows > 0) {
            ids.set(row, 0, id);
        }
        InputGenerator::new(class, seed).fill(&mut table, 1);
        vec![ids, table]
    }

    fn reference(&self, problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        let Problem { dtype, rows, columns, .. } = *problem;
        let (ids, table) = (&inputs[0], &inputs[1]);
        let (mut values, mut flags) = (Vec::with_capacity(rows * columns), Vec::with_capacity(rows));
        for row in 0..rows {
            let id = ids.row_u32(row)[0] as usize;
            flags.push(f64::from(u8::from(id >= table.rows())));
            match id < table.rows() {
                true => values.extend(table.row_f64(id)),
                false => values.extend(std::iter::repeat_n(f64::NAN, columns)),
            }
        }
        let exact = ElementGate::EXACT;
        Box::new(NumericReference::new(vec![
            NumericOutput::new("y", dtype, rows, columns, exact, values),
            NumericOutput::new("flags", DType::U32, rows, 1, exact, flags),
        ]))
    }

    fn plan(&self, _device: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let Problem { dtype, rows, columns, .. } = *problem;
        if rows == 0 {
            return Ok(LaunchPlan::default());
        }
        let blocks_per_row = columns.div_ceil(THREADS * 16 / dtype.size()).min(MOST_BLOCKS);
        let specs = self.tensors(problem);
        let mut arguments: Vec<_> = (0..specs.len()).map(PlanArgument::Tensor).collect();
        arguments.extend([
            PlanArgument::U64(rows as u64),
            PlanArgument::U32(columns as u32),
            PlanArgument::U32(vocab(problem) as u32),
            PlanArgument::RowStride(1),
            PlanArgument::RowStride(2),
            PlanArgument::U32(blocks_per_row as u32),
        ]);
        let launch = PlannedLaunch {
            kernel: KernelId::new("embedding/embedding", format!("embedding_{dtype}")),
            dimensions: LaunchDimensions {
                grid: [(rows.min(MOST_BLOCKS / blocks_per_row) * blocks_per_row) as u32, 1, 1],
                block: [THREADS as u32, 1, 1],
                dynamic_shared_bytes: 0,
            },
            arguments,
        };
        Ok(LaunchPlan::of_launches(0, vec![launch]).overlapping())
    }

    fn cost(&self, problem: &Problem) -> Cost {
        let elements = (problem.rows * problem.columns * problem.dtype.size()) as u64;
        let bytes = elements + (problem.rows * DType::U32.size()) as u64;
        Cost {
            bytes_read: bytes,
            bytes_written: bytes,
            flops: 0,
            emulated_visits: (problem.rows * problem.columns) as u64,
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
        let (id, vocab) = (inputs[0].row_u32(row)[0], vocab(problem));
        match (id as usize) < vocab && output == 0 {
            true => format!("id {id} of {vocab}, table {:e}", inputs[1].get(id as usize, column)),
            false => format!("id {id} of {vocab}"),
        }
    }
}
