//! Matrix products by the vendor's own library, loaded at run time: cuBLASLt and hipBLASLt.
//!
//! The two agree call by call but for their enumerations, so the calls are written once (`gpu`), over a table of
//! functions and a dialect.

mod dialect;
mod functions;
mod library;
mod shape;

pub(super) use dialect::Dialect;
pub(super) use functions::{
    HEURISTIC_RESULT_WORDS, HeuristicResult, MatrixFunctions, NoMatrixFunctions, Pointer, Status,
};
pub use library::{MatrixLibrary, MatrixOperand, PreparedProduct};
pub use shape::{MatrixElement, MatrixProductShape};
