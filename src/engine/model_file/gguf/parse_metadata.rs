//! Metadata keys and values from bytes.

use std::collections::BTreeMap;

use super::cursor::{Cursor, Flaw};
use super::metadata_value::{MetadataArray, MetadataValue};

/// A key's length, one letter, the type, and a value of one byte.
pub const LEAST_ENTRY_BYTES: usize = 8 + 1 + 4 + 1;

/// Arrays of arrays of arrays: nothing real is deeper than 2.
const MOST_NESTING: usize = 64;

/// Reads `count` keys with their values. A key that comes twice is refused: readers would differ on which one counts.
pub fn parse_metadata(cursor: &mut Cursor<'_>, count: usize) -> Result<BTreeMap<String, MetadataValue>, Flaw> {
    let mut entries = BTreeMap::new();
    for _ in 0..count {
        let flaw_at = cursor.offset();
        let key = cursor.string()?;
        if key.is_empty() {
            return Err(Flaw { offset: flaw_at, problem: "a metadata key is empty".to_string() });
        }
        let value = cursor
            .u32()
            .and_then(|kind| value(cursor, kind))
            .map_err(|flaw| Flaw { problem: format!("value of `{key}`: {}", flaw.problem), ..flaw })?;
        if entries.insert(key.to_string(), value).is_some() {
            return Err(Flaw { offset: flaw_at, problem: format!("metadata key `{key}` comes twice") });
        }
    }
    Ok(entries)
}

/// Value types in the order of `enum gguf_metadata_value_type`.
fn value(cursor: &mut Cursor<'_>, kind: u32) -> Result<MetadataValue, Flaw> {
    Ok(match kind {
        0 => MetadataValue::U8(u8::from_le_bytes(cursor.array()?)),
        1 => MetadataValue::I8(i8::from_le_bytes(cursor.array()?)),
        2 => MetadataValue::U16(u16::from_le_bytes(cursor.array()?)),
        3 => MetadataValue::I16(i16::from_le_bytes(cursor.array()?)),
        4 => MetadataValue::U32(cursor.u32()?),
        5 => MetadataValue::I32(i32::from_le_bytes(cursor.array()?)),
        6 => MetadataValue::F32(f32::from_le_bytes(cursor.array()?)),
        7 => MetadataValue::Bool(boolean(cursor)?),
        8 => MetadataValue::String(cursor.string()?.to_string()),
        9 => MetadataValue::Array(array(cursor, 1)?),
        10 => MetadataValue::U64(cursor.u64()?),
        11 => MetadataValue::I64(i64::from_le_bytes(cursor.array()?)),
        12 => MetadataValue::F64(f64::from_le_bytes(cursor.array()?)),
        other => return Err(cursor.flaw(format!("{other} is no metadata type"))),
    })
}

fn boolean(cursor: &mut Cursor<'_>) -> Result<bool, Flaw> {
    match cursor.array()? {
        [0] => Ok(false),
        [1] => Ok(true),
        [other] => Err(cursor.flaw(format!("{other} is no bool"))),
    }
}

/// `count` numbers of `N` bytes each.
fn numbers<T, const N: usize>(cursor: &mut Cursor<'_>, read: fn([u8; N]) -> T) -> Result<Vec<T>, Flaw> {
    let count = cursor.count("array elements", N)?;
    // No overflow: `count` elements of N bytes fit into the rest of the file.
    let bytes = cursor.take(count * N)?;
    Ok(bytes.chunks_exact(N).map(|element| read(element.try_into().expect("N bytes"))).collect())
}

fn array(cursor: &mut Cursor<'_>, depth: usize) -> Result<MetadataArray, Flaw> {
    if depth > MOST_NESTING {
        return Err(cursor.flaw(format!("arrays are nested more than {MOST_NESTING} deep")));
    }
    Ok(match cursor.u32()? {
        0 => MetadataArray::U8(numbers(cursor, u8::from_le_bytes)?),
        1 => MetadataArray::I8(numbers(cursor, i8::from_le_bytes)?),
        2 => MetadataArray::U16(numbers(cursor, u16::from_le_bytes)?),
        3 => MetadataArray::I16(numbers(cursor, i16::from_le_bytes)?),
        4 => MetadataArray::U32(numbers(cursor, u32::from_le_bytes)?),
        5 => MetadataArray::I32(numbers(cursor, i32::from_le_bytes)?),
        6 => MetadataArray::F32(numbers(cursor, f32::from_le_bytes)?),
        7 => {
            let count = cursor.count("array elements", 1)?;
            MetadataArray::Bool((0..count).map(|_| boolean(cursor)).collect::<Result<_, _>>()?)
        }
        8 => {
            let count = cursor.count("strings", 8)?;
            MetadataArray::String((0..count).map(|_| cursor.string().map(str::to_string)).collect::<Result<_, _>>()?)
        }
        9 => {
            // Collecting a Result grows the vector as elements come, so that nested counts cannot add up to more
            // memory than the file has elements.
            let count = cursor.count("arrays", 4 + 8)?;
            MetadataArray::Array((0..count).map(|_| array(cursor, depth + 1)).collect::<Result<_, _>>()?)
        }
        10 => MetadataArray::U64(numbers(cursor, u64::from_le_bytes)?),
        11 => MetadataArray::I64(numbers(cursor, i64::from_le_bytes)?),
        12 => MetadataArray::F64(numbers(cursor, f64::from_le_bytes)?),
        other => return Err(cursor.flaw(format!("{other} is no metadata type"))),
    })
}
