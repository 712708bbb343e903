//! One value of a GGUF file's metadata, in the type it is stored in.

/// A metadata value.
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataValue {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    String(String),
    Array(MetadataArray),
    U64(u64),
    I64(i64),
    F64(f64),
}

/// An array: all elements are of one type.
#[derive(Clone, Debug, PartialEq)]
pub enum MetadataArray {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    F32(Vec<f32>),
    Bool(Vec<bool>),
    String(Vec<String>),
    Array(Vec<MetadataArray>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F64(Vec<f64>),
}

impl MetadataValue {
    /// What it is, for error messages.
    pub fn kind(&self) -> &'static str {
        match self {
            MetadataValue::U8(_) => "a u8",
            MetadataValue::I8(_) => "an i8",
            MetadataValue::U16(_) => "a u16",
            MetadataValue::I16(_) => "an i16",
            MetadataValue::U32(_) => "a u32",
            MetadataValue::I32(_) => "an i32",
            MetadataValue::F32(_) => "an f32",
            MetadataValue::Bool(_) => "a bool",
            MetadataValue::String(_) => "a string",
            MetadataValue::Array(_) => "an array",
            MetadataValue::U64(_) => "a u64",
            MetadataValue::I64(_) => "an i64",
            MetadataValue::F64(_) => "an f64",
        }
    }

    /// A whole number that is not negative, of any width.
    pub fn as_unsigned(&self) -> Option<u64> {
        match *self {
            MetadataValue::U8(value) => Some(value.into()),
            MetadataValue::U16(value) => Some(value.into()),
            MetadataValue::U32(value) => Some(value.into()),
            MetadataValue::U64(value) => Some(value),
            MetadataValue::I8(value) => value.try_into().ok(),
            MetadataValue::I16(value) => value.try_into().ok(),
            MetadataValue::I32(value) => value.try_into().ok(),
            MetadataValue::I64(value) => value.try_into().ok(),
            _ => None,
        }
    }

    /// A floating-point number of either width.
    pub fn as_float(&self) -> Option<f64> {
        match *self {
            MetadataValue::F32(value) => Some(value.into()),
            MetadataValue::F64(value) => Some(value),
            _ => None,
        }
    }
}
