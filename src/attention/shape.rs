//! What the operations of this family share: heads, tensors and refusals.

use crate::operation::{
    ContractError, InputClass, InputGenerator, ParameterKind, ParameterSpec, ParameterValue, Problem, TensorRole,
    TensorSpec,
};
use crate::tensor::HostTensor;

/// A parameter that counts something.
pub(super) const fn count(
    name: &'static str,
    least: i64,
    most: i64,
    default: i64,
    summary: &'static str,
) -> ParameterSpec {
    ParameterSpec {
        name,
        kind: ParameterKind::Integer { least, most },
        default: ParameterValue::Integer(default),
        summary,
    }
}

pub(super) const HEADS: ParameterSpec = count("heads", 1, 1 << 16, 8, "query heads, a multiple of kv_heads");
pub(super) const KV_HEADS: ParameterSpec = count("kv_heads", 1, 1 << 16, 2, "heads of keys and values");

/// A whole parameter of the problem, at least 0 by its specification.
pub(super) fn number(problem: &Problem, name: &str) -> usize {
    usize::try_from(problem.parameters.integer(name)).expect("specified as not negative")
}

/// Query heads and heads of keys and values; a row holds all heads of one token, head after head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heads {
    pub query: usize,
    pub kv: usize,
    pub dim: usize,
}

impl Heads {
    pub fn of(problem: &Problem) -> Self {
        Self { query: number(problem, "heads"), kv: number(problem, "kv_heads"), dim: problem.columns }
    }

    /// Query heads that share one head of keys and values.
    pub fn group(&self) -> usize {
        self.query / self.kv
    }
}

/// Refuses what no operation of this family takes.
pub(super) fn check_heads(operation: &'static str, problem: &Problem, most_dim: usize) -> Result<(), ContractError> {
    let (heads, Problem { rows, columns, layout, .. }) = (Heads::of(problem), problem);
    let (rows, columns) = (*rows, *columns);
    if heads.query % heads.kv != 0 {
        return Err(ContractError::OutOfRange {
            operation,
            parameter: "heads".to_string(),
            value: heads.query.to_string(),
            rule: format!("a multiple of the {} kv_heads", heads.kv),
        });
    }
    if columns == 0 || columns > most_dim || rows > 1 << 30 {
        let rule = format!("a head has 1 to {most_dim} elements (the columns), and there are up to 2^30 rows");
        return Err(ContractError::Shape { operation, rows, columns, rule });
    }
    if layout.distinct_rows != 0 {
        let (layout, rule) = ("distinct".to_string(), "every row has a place of its own".to_string());
        return Err(ContractError::Layout { operation, layout, rule });
    }
    Ok(())
}

/// A tensor in the problem's storage type and layout.
pub(super) fn laid_out(
    name: &'static str,
    role: TensorRole,
    problem: &Problem,
    rows: usize,
    columns: usize,
) -> TensorSpec {
    TensorSpec {
        row_stride: problem.row_stride(columns),
        base_offset: problem.layout.base_offset,
        ..TensorSpec::new(name, role, problem.dtype, rows, columns)
    }
}

/// Keys or values of `sequences` sequences.
pub(super) fn cache(name: &'static str, role: TensorRole, problem: &Problem, sequences: usize) -> TensorSpec {
    let heads = Heads::of(problem);
    laid_out(name, role, problem, sequences * heads.kv * number(problem, "capacity"), heads.dim)
}

/// A tensor of that shape, filled by class.
pub(super) fn filled(spec: &TensorSpec, class: InputClass, seed: u64, slot: u32, scale: f64) -> HostTensor {
    let mut tensor = HostTensor::zeros(spec.dtype, spec.rows, spec.columns);
    InputGenerator::new(class, seed).scale(scale).fill(&mut tensor, slot);
    tensor
}
