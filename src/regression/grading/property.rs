//! The number of compiled kernels that a search is about.

use crate::backend::KernelAttributes;
use crate::regression::bisect::Regress;

/// `None` where neither driver nor code object says it, and for what is not a number of the code.
pub(super) fn property(regress: Regress, attributes: &KernelAttributes) -> Option<f64> {
    match regress {
        Regress::Registers => attributes.registers.map(f64::from),
        Regress::Spills => attributes.scratch_bytes.map(f64::from),
        Regress::CodeSize => attributes.code_bytes.map(|bytes| bytes as f64),
        Regress::Perf | Regress::Correctness => None,
    }
}
