//! The list of tensors, and where each one lies.

use std::ops::Range;

use super::super::TensorType;
use super::cursor::{Cursor, Flaw};

/// A name's length, one letter, the number of dimensions, one dimension, the type and the offset.
pub const LEAST_TENSOR_BYTES: usize = 8 + 1 + 4 + 8 + 4 + 8;

/// ggml's `GGML_MAX_DIMS`.
const MOST_DIMENSIONS: u32 = 4;

/// A tensor of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorEntry {
    pub name: String,
    pub tensor_type: TensorType,
    /// Outermost dimension first; the file has the innermost first.
    pub shape: Vec<usize>,
    /// Bytes from the start of the data section, until `place_tensors` makes it bytes of the file.
    pub bytes: Range<usize>,
}

/// Why a list of tensors is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TensorFlaw {
    Damaged(Flaw),
    UnsupportedType { tensor: String, found: String },
}

impl From<Flaw> for TensorFlaw {
    fn from(flaw: Flaw) -> Self {
        TensorFlaw::Damaged(flaw)
    }
}

/// Reads `count` tensor descriptions.
pub fn parse_tensors(cursor: &mut Cursor<'_>, count: usize) -> Result<Vec<TensorEntry>, TensorFlaw> {
    (0..count).map(|_| parse_tensor(cursor)).collect()
}

fn parse_tensor(cursor: &mut Cursor<'_>) -> Result<TensorEntry, TensorFlaw> {
    let name = cursor.string()?;
    let flaw_at = cursor.offset();
    let flaw = |problem: String| Flaw { offset: flaw_at, problem: format!("tensor `{name}`: {problem}") };
    let dimensions = cursor.u32()?;
    if !(1..=MOST_DIMENSIONS).contains(&dimensions) {
        return Err(flaw(format!("{dimensions} dimensions, not 1 to {MOST_DIMENSIONS}")).into());
    }
    let mut shape = Vec::with_capacity(dimensions as usize);
    let mut elements = 1usize;
    for _ in 0..dimensions {
        let stored = cursor.u64()?;
        let dimension = usize::try_from(stored).ok().filter(|dimension| *dimension > 0);
        let product = dimension.and_then(|dimension| elements.checked_mul(dimension));
        let (Some(dimension), Some(product)) = (dimension, product) else {
            return Err(flaw(format!("a dimension of {stored} elements")).into());
        };
        shape.push(dimension);
        elements = product;
    }
    let tensor_type = TensorType::from_ggml_id(cursor.u32()?)
        .map_err(|found| TensorFlaw::UnsupportedType { tensor: name.to_string(), found })?;
    let offset = cursor.u64()?;
    let row = shape[0];
    if !row.is_multiple_of(tensor_type.block_elements()) {
        let block = tensor_type.block_elements();
        return Err(flaw(format!("rows of {row} elements are no whole blocks of {block} ({tensor_type})")).into());
    }
    shape.reverse();
    let bytes = tensor_type.bytes_of(elements).and_then(|length| {
        let start = usize::try_from(offset).ok()?;
        Some(start..start.checked_add(length)?)
    });
    let Some(bytes) = bytes else {
        return Err(flaw(format!("{elements} elements of {tensor_type} from byte {offset} are too many")).into());
    };
    Ok(TensorEntry { name: name.to_string(), tensor_type, shape, bytes })
}

/// Turns offsets into places of the file: the data section starts at the next multiple of `alignment` after the header.
/// Refuses what lies outside the file, unaligned, over another tensor, or under a name that came before.
pub fn place_tensors(
    entries: &mut [TensorEntry],
    header_end: usize,
    alignment: usize,
    file_bytes: usize,
) -> Result<(), Flaw> {
    for entry in entries.iter_mut() {
        let flaw =
            |problem: String| Flaw { offset: header_end, problem: format!("tensor `{}`: {problem}", entry.name) };
        if !entry.bytes.start.is_multiple_of(alignment) {
            return Err(flaw(format!("offset {} is no multiple of {alignment}", entry.bytes.start)));
        }
        let data_start = header_end.checked_next_multiple_of(alignment);
        let end = data_start.and_then(|start| start.checked_add(entry.bytes.end));
        let (Some(data_start), Some(end)) = (data_start, end.filter(|end| *end <= file_bytes)) else {
            let Range { start, end } = &entry.bytes;
            return Err(flaw(format!("its data, bytes {start} to {end}, ends after the file's {file_bytes} bytes")));
        };
        entry.bytes = data_start + entry.bytes.start..end;
    }
    let mut order: Vec<&TensorEntry> = entries.iter().collect();
    order.sort_by_key(|entry| entry.bytes.start);
    for pair in order.windows(2) {
        if pair[1].bytes.start < pair[0].bytes.end {
            let problem = format!("tensors `{}` and `{}` overlap", pair[0].name, pair[1].name);
            return Err(Flaw { offset: pair[1].bytes.start, problem });
        }
    }
    Ok(())
}
