//! Finds hipBLASLt.

use std::sync::{Arc, OnceLock};

use crate::backend::Attempt;
use crate::backend::matrix_library::{Dialect, MatrixFunctions, NoMatrixFunctions};

use super::library::search_plan;

/// Environment variable with the full path of a hipBLASLt, tried first.
const OVERRIDE: &str = "HIPGAUGE_HIPBLASLT";

/// What was found, and all places tried.
pub type Found = (Result<Arc<MatrixFunctions>, NoMatrixFunctions>, Vec<Attempt>);

static FOUND: OnceLock<Found> = OnceLock::new();

/// Where it was looked for, if it was.
pub fn attempts() -> &'static [Attempt] {
    FOUND.get().map_or(&[], |(_, attempts)| attempts)
}

/// Looks for the library and loads it, once. ROCm 7 calls it `.so.1`, ROCm 6 `.so.0`.
pub fn load() -> &'static Found {
    FOUND.get_or_init(|| {
        let missing = format!(
            "hipBLASLt was not found: install ROCm's hipblaslt, set ROCM_PATH, or set {OVERRIDE} to the full path of \
             libhipblaslt.so"
        );
        let (library, attempts) = search_plan("libhipblaslt", &["", ".1", ".0"], Some(OVERRIDE)).load(&missing);
        (MatrixFunctions::found(library, &missing, &Dialect::HIPBLASLT), attempts)
    })
}
