//! Kernels made slower on purpose, by a known amount: what a comparison has to find.

mod amount;
mod folder;
mod transform;

pub use amount::AmountSearch;
pub use folder::{KernelFolder, KernelFolderError};
pub use transform::{InjectionError, inject};
