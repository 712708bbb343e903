//! Groups of arguments that several commands share; each is flattened into a command with `#[command(flatten)]`.

mod commits;
mod device;
mod limits;
mod measurement;
mod output;
mod selection;
mod threshold;

pub use commits::CommitArguments;
pub use device::{DeviceArguments, Switch};
pub use limits::{LimitArguments, seconds};
pub use measurement::{MeasurementArguments, ModeName};
pub use output::{ComparisonFormat, OutputArguments, OutputFormat};
pub use selection::SelectionArguments;
pub use threshold::{CALIBRATIONS, CalibrationArguments, DEFAULT_LEAST_EFFECT, ThresholdArguments, share};
