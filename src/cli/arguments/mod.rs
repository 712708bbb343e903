//! Groups of arguments that several commands share; each is flattened into a command with `#[command(flatten)]`.

mod device;
mod limits;
mod output;

pub use device::DeviceArguments;
pub use limits::LimitArguments;
pub use output::{OutputArguments, OutputFormat};
