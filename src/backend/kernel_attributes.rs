//! What a compiled kernel needs of a multiprocessor.

use serde::{Deserialize, Serialize};

/// What the driver or the code object says of a compiled kernel; `None` where it does not say.
///
/// These are facts about code, not measurements: the same code object gives the same numbers on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelAttributes {
    /// Vector registers (VGPRs) per thread, 32 bits each. Where AMD's accumulation registers lie in the same file
    /// (gfx90a and later CDNA), they are counted in.
    pub registers: Option<u32>,
    /// Scalar registers (SGPRs) per wave; AMD only.
    pub scalar_registers: Option<u32>,
    /// Accumulation registers (AGPRs) per thread; CDNA only.
    pub accumulation_registers: Option<u32>,
    /// Shared memory (LDS) per block, bytes: what the code declares, and for a launch its dynamic part too.
    pub shared_bytes: Option<u32>,
    /// Scratch (local) memory per thread, bytes: spills and indexed arrays.
    pub scratch_bytes: Option<u32>,
    /// Vector and scalar registers that the compiler moved to memory; NVIDIA's driver does not say.
    pub spilled_registers: Option<u32>,
    /// Machine code, bytes.
    pub code_bytes: Option<u64>,
    /// Most threads that a block of this kernel may have.
    pub most_threads_per_block: Option<u32>,
    /// Blocks of one launch that a multiprocessor holds at a time.
    pub blocks_per_multiprocessor: Option<u32>,
    /// Threads of one launch that a multiprocessor holds at a time, over those that it has room for: 0 to 1.
    pub occupancy: Option<f64>,
}

impl KernelAttributes {
    /// These attributes, with what they do not say taken from `other`.
    pub fn or(self, other: Self) -> Self {
        Self {
            registers: self.registers.or(other.registers),
            scalar_registers: self.scalar_registers.or(other.scalar_registers),
            accumulation_registers: self.accumulation_registers.or(other.accumulation_registers),
            shared_bytes: self.shared_bytes.or(other.shared_bytes),
            scratch_bytes: self.scratch_bytes.or(other.scratch_bytes),
            spilled_registers: self.spilled_registers.or(other.spilled_registers),
            code_bytes: self.code_bytes.or(other.code_bytes),
            most_threads_per_block: self.most_threads_per_block.or(other.most_threads_per_block),
            blocks_per_multiprocessor: self.blocks_per_multiprocessor.or(other.blocks_per_multiprocessor),
            occupancy: self.occupancy.or(other.occupancy),
        }
    }

    /// What several kernels need: the most registers and memory of any, the code of all, the least room for threads.
    /// What one of them does not say is not known of all.
    pub fn combined(self, other: Self) -> Self {
        fn both<T>(left: Option<T>, right: Option<T>, choose: impl Fn(T, T) -> T) -> Option<T> {
            left.zip(right).map(|(left, right)| choose(left, right))
        }
        Self {
            registers: both(self.registers, other.registers, u32::max),
            scalar_registers: both(self.scalar_registers, other.scalar_registers, u32::max),
            accumulation_registers: both(self.accumulation_registers, other.accumulation_registers, u32::max),
            shared_bytes: both(self.shared_bytes, other.shared_bytes, u32::max),
            scratch_bytes: both(self.scratch_bytes, other.scratch_bytes, u32::max),
            spilled_registers: both(self.spilled_registers, other.spilled_registers, u32::max),
            code_bytes: both(self.code_bytes, other.code_bytes, u64::saturating_add),
            most_threads_per_block: both(self.most_threads_per_block, other.most_threads_per_block, u32::min),
            blocks_per_multiprocessor: both(self.blocks_per_multiprocessor, other.blocks_per_multiprocessor, u32::min),
            occupancy: both(self.occupancy, other.occupancy, f64::min),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_together_need_the_most_of_each_and_all_their_code() {
        let first = KernelAttributes {
            registers: Some(40),
            spilled_registers: Some(0),
            code_bytes: Some(1000),
            occupancy: Some(0.75),
            ..KernelAttributes::default()
        };
        let second = KernelAttributes {
            registers: Some(24),
            scalar_registers: Some(16),
            spilled_registers: Some(3),
            code_bytes: Some(500),
            occupancy: Some(1.0),
            ..KernelAttributes::default()
        };
        let both = first.combined(second);
        assert_eq!((both.registers, both.spilled_registers, both.code_bytes), (Some(40), Some(3), Some(1500)));
        assert_eq!((both.occupancy, both.scalar_registers), (Some(0.75), None), "unknown of one is unknown of both");
        assert_eq!(first.or(second).scalar_registers, Some(16));
        assert_eq!(first.or(second).registers, Some(40));
    }
}
