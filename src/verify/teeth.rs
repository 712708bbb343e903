//! Shows that a gate has teeth: outputs that are plainly wrong must be rejected.
//!
//! Each output in turn is replaced by zeros, by a constant, by itself shifted by one row (by one column where
//! all rows are one), by a buffer that was never written, and by one whose last element was never written; the
//! others stay what the reference expects. How far a corruption is from the expected values is counted here,
//! without the judge: it must be rejected if some element is wrong by at least `LEAST_*` units in the last
//! place. Those limits lie above every element gate of DESIGN §7 (f32: 4 ULP plus 22 of summation at 2^18
//! columns; f16 and bf16: 1) and far below any real defect. Integers must be exact. A value that is subnormal in
//! f32 may be flushed to zero, so that it never counts.

use crate::operation::Reference;
use crate::tensor::{DType, HostTensor, is_subnormal, ulp_distance};

const LEAST_F32: u64 = 32;
const LEAST_HALF: u64 = 2;
const LEAST_INTEGER: u64 = 1;

/// Memory that nothing wrote: what `BoundProblem::poison` leaves.
const UNWRITTEN: u8 = 0xFF;

/// A way for an output to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corruption {
    Zeros,
    Constant,
    Shifted,
    Stale,
    StaleLast,
}

impl Corruption {
    pub const ALL: [Corruption; 5] =
        [Corruption::Zeros, Corruption::Constant, Corruption::Shifted, Corruption::Stale, Corruption::StaleLast];

    const fn description(self) -> &'static str {
        match self {
            Corruption::Zeros => "all zeros",
            Corruption::Constant => "its first element everywhere",
            Corruption::Shifted => "its rows (or, in a single row, its columns) shifted by one",
            Corruption::Stale => "memory that was never written",
            Corruption::StaleLast => "its last element never written",
        }
    }

    /// `expected`, corrupted. Rows that repeat stay repeated, so that a tall tensor costs no memory.
    fn apply(self, expected: &HostTensor) -> HostTensor {
        let (rows, columns) = (expected.rows(), expected.columns());
        let same = |rows_stored| HostTensor::with_layout(expected.dtype(), rows, columns, columns, rows_stored);
        match self {
            Corruption::Zeros => same(1),
            Corruption::Constant => {
                let mut corrupted = same(1);
                let size = expected.dtype().size();
                let first = expected.row_bytes(0)[..size].to_vec();
                corrupted.row_bytes_mut(0).chunks_exact_mut(size).for_each(|element| element.copy_from_slice(&first));
                corrupted
            }
            Corruption::Shifted => {
                let stored = expected.distinct_rows();
                let mut corrupted = same(stored);
                for row in 0..stored {
                    corrupted.row_bytes_mut(row).copy_from_slice(expected.row_bytes((row + 1) % stored));
                }
                if stored == 1 {
                    corrupted.row_bytes_mut(0).rotate_left(expected.dtype().size());
                }
                corrupted
            }
            Corruption::Stale => {
                let mut corrupted = same(1);
                corrupted.bytes_mut().fill(UNWRITTEN);
                corrupted
            }
            Corruption::StaleLast => {
                let mut corrupted = expected.clone();
                let last = rows - 1;
                let size = expected.dtype().size();
                corrupted.row_bytes_mut(last)[(columns - 1) * size..].fill(UNWRITTEN);
                corrupted
            }
        }
    }
}

/// One sentence for each corruption that the reference's judge lets through although it is wrong.
pub fn toothless(reference: &dyn Reference) -> Vec<String> {
    let expected = reference.expected();
    let mut outputs = expected.clone();
    let mut sentences = Vec::new();
    for position in 0..expected.len() {
        if expected[position].rows() == 0 || expected[position].columns() == 0 {
            continue;
        }
        for corruption in Corruption::ALL {
            let corrupted = corruption.apply(&expected[position]);
            let Some((row, column)) = first_wrong(&expected[position], &corrupted) else { continue };
            let (wanted, given) = (expected[position].get(row, column), corrupted.get(row, column));
            outputs[position] = corrupted;
            let judgements = reference.judge(&outputs);
            outputs[position] = expected[position].clone();
            if judgements.iter().all(|judgement| judgement.passed()) {
                let name = judgements.get(position).map_or("output", |judgement| judgement.output.as_str());
                sentences.push(format!(
                    "a gate without teeth: {name} replaced by {} passes, although [{row}, {column}] is then {given} and not {wanted}",
                    corruption.description()
                ));
            }
        }
    }
    sentences
}

/// The first element that no correct kernel may give.
fn first_wrong(expected: &HostTensor, corrupted: &HostTensor) -> Option<(usize, usize)> {
    let dtype = expected.dtype();
    let size = dtype.size();
    let least = match dtype {
        DType::F32 => LEAST_F32,
        DType::F16 | DType::BF16 => LEAST_HALF,
        DType::U32 => LEAST_INTEGER,
    };
    let wrong = |wanted: f64, given: f64| {
        let flushed = dtype != DType::U32 && small(wanted) && small(given);
        !flushed && ulp_distance(dtype, wanted, given) >= least
    };
    // Rows repeat with a period that both tensors share; the last row differs where only its end is stale.
    let period = expected.distinct_rows().max(corrupted.distinct_rows());
    (0..period).find_map(|row| {
        let elements = expected.row_bytes(row).chunks_exact(size).zip(corrupted.row_bytes(row).chunks_exact(size));
        let mut elements = elements.map(|(wanted, given)| (wanted, given, dtype));
        let column = elements
            .position(|(wanted, given, dtype)| wanted != given && wrong(dtype.decode(wanted), dtype.decode(given)));
        column.map(|column| (row, column))
    })
}

fn small(value: f64) -> bool {
    value == 0.0 || is_subnormal(value)
}
