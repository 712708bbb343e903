//! Finds cuBLASLt.

use std::sync::{Arc, OnceLock};

use crate::backend::Attempt;
use crate::backend::matrix_library::{Dialect, MatrixFunctions, NoMatrixFunctions};

use super::toolkit::{majors_for, search_plan};

/// Environment variable with the full path of a cuBLASLt, tried first.
const OVERRIDE: &str = "HIPGAUGE_CUBLASLT";

/// The folder of the Python package `nvidia-cublas` before CUDA 13.
const PYTHON_PACKAGE: &str = "cublas";

/// What was found, and all places tried.
pub type Found = (Result<Arc<MatrixFunctions>, NoMatrixFunctions>, Vec<Attempt>);

static FOUND: OnceLock<Found> = OnceLock::new();

/// Where it was looked for, if it was.
pub fn attempts() -> &'static [Attempt] {
    FOUND.get().map_or(&[], |(_, attempts)| attempts)
}

/// Looks for the library and loads it, once.
pub fn load(driver_major: u32) -> &'static Found {
    FOUND.get_or_init(|| {
        let missing = format!(
            "cuBLASLt was not found: install the CUDA toolkit or `pip install nvidia-cublas`, \
             or set {OVERRIDE} to the full path of libcublasLt.so"
        );
        let versions = majors_for(driver_major).into_iter().map(|major| format!("libcublasLt.so.{major}"));
        let names: Vec<String> = versions.chain(["libcublasLt.so".to_owned()]).collect();
        let (library, attempts) = search_plan(OVERRIDE, &names, PYTHON_PACKAGE).load(&missing);
        (MatrixFunctions::found(library, &missing, &Dialect::CUBLASLT), attempts)
    })
}
