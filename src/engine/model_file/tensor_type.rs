//! How the elements of a stored tensor are coded.

use std::fmt;

use crate::tensor::QuantFormat;

/// Storage type of a weight. Quantised types keep blocks of consecutive elements of a row together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TensorType {
    F32,
    F16,
    BF16,
    Q8_0,
    Q4_0,
    Q4K,
    Q5K,
    Q6K,
}

/// Names of `enum ggml_type` that are not read, so that an error can say more than a number.
const OTHER_NAMES: [(u32, &str); 26] = [
    (3, "Q4_1"),
    (6, "Q5_0"),
    (7, "Q5_1"),
    (9, "Q8_1"),
    (10, "Q2_K"),
    (11, "Q3_K"),
    (15, "Q8_K"),
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
];

impl TensorType {
    pub const ALL: [TensorType; 8] = [
        TensorType::F32,
        TensorType::F16,
        TensorType::BF16,
        TensorType::Q8_0,
        TensorType::Q4_0,
        TensorType::Q4K,
        TensorType::Q5K,
        TensorType::Q6K,
    ];

    /// The name that ggml and Hugging Face use.
    pub const fn name(self) -> &'static str {
        match self {
            TensorType::F32 => "F32",
            TensorType::F16 => "F16",
            TensorType::BF16 => "BF16",
            TensorType::Q8_0 => "Q8_0",
            TensorType::Q4_0 => "Q4_0",
            TensorType::Q4K => "Q4_K",
            TensorType::Q5K => "Q5_K",
            TensorType::Q6K => "Q6_K",
        }
    }

    /// All names, for error messages.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The type's number in `enum ggml_type`.
    pub const fn ggml_id(self) -> u32 {
        match self {
            TensorType::F32 => 0,
            TensorType::F16 => 1,
            TensorType::BF16 => 30,
            TensorType::Q8_0 => 8,
            TensorType::Q4_0 => 2,
            TensorType::Q4K => 12,
            TensorType::Q5K => 13,
            TensorType::Q6K => 14,
        }
    }

    /// The type of that number, or the name (or number) of one that is not read.
    pub fn from_ggml_id(id: u32) -> Result<Self, String> {
        Self::ALL.into_iter().find(|known| known.ggml_id() == id).ok_or_else(|| {
            let name = OTHER_NAMES.iter().find(|(other, _)| *other == id).map(|(_, name)| *name);
            name.map_or_else(|| format!("ggml type {id}"), |name| format!("{name} (ggml type {id})"))
        })
    }

    /// The block format of a quantised type.
    pub const fn quant_format(self) -> Option<QuantFormat> {
        match self {
            TensorType::F32 | TensorType::F16 | TensorType::BF16 => None,
            TensorType::Q8_0 => Some(QuantFormat::Q8_0),
            TensorType::Q4_0 => Some(QuantFormat::Q4_0),
            TensorType::Q4K => Some(QuantFormat::Q4K),
            TensorType::Q5K => Some(QuantFormat::Q5K),
            TensorType::Q6K => Some(QuantFormat::Q6K),
        }
    }

    /// Elements per block; 1 where each is for itself.
    pub const fn block_elements(self) -> usize {
        match self.quant_format() {
            Some(format) => format.block_weights(),
            None => 1,
        }
    }

    /// Bytes per block.
    pub const fn block_bytes(self) -> usize {
        match self.quant_format() {
            Some(format) => format.block_bytes(),
            None if matches!(self, TensorType::F32) => 4,
            None => 2,
        }
    }

    /// Bytes of `elements` elements; `None` if they are no whole number of blocks, or too many to count.
    pub fn bytes_of(self, elements: usize) -> Option<usize> {
        if !elements.is_multiple_of(self.block_elements()) {
            return None;
        }
        (elements / self.block_elements()).checked_mul(self.block_bytes())
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_ggmls() {
        for known in TensorType::ALL {
            assert_eq!(TensorType::from_ggml_id(known.ggml_id()), Ok(known));
        }
        assert_eq!(TensorType::from_ggml_id(10), Err("Q2_K (ggml type 10)".to_string()));
        assert_eq!(TensorType::from_ggml_id(4_000_000_000), Err("ggml type 4000000000".to_string()));
    }

    #[test]
    fn sizes_are_whole_blocks_and_never_wrap() {
        assert_eq!(TensorType::Q4K.bytes_of(512), Some(288));
        assert_eq!(TensorType::Q4K.bytes_of(255), None);
        assert_eq!(TensorType::F32.bytes_of(usize::MAX), None);
    }
}
