//! AMD GPUs through the HIP runtime and hiprtc, both loaded at run time.

mod architecture;
mod code_objects;
mod driver;
mod hipblaslt;
mod library;
mod open;
mod properties;
mod table;

pub use code_objects::compile_with_hiprtc;
pub use hipblaslt::attempts as matrix_library_attempts;
pub use open::{open, survey};
