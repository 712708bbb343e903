//! Times kernels: samples, stop rules, roofs, statistics. docs/methodology.md explains every number.

mod comparability;
mod conditions;
mod core_clock;
mod instruments;
mod launch_checks;
mod output_hash;
mod replica_plan;
mod roofs;
mod rotation;
mod sample;
mod settings;
mod short_block;
pub mod statistics;
mod stop_rule;
mod summary;
mod throttle;
mod timer;
mod warm_up;
mod workload;

#[cfg(test)]
mod mock_device;
#[cfg(test)]
mod mock_telemetry;
#[cfg(test)]
mod rotation_tests;
#[cfg(test)]
mod throttle_tests;
#[cfg(test)]
mod timer_tests;

pub use comparability::{ComparabilityKeys, Difference};
pub use conditions::Conditions;
pub use launch_checks::{CheckedLaunch, LaunchChecks};
pub use roofs::{Roof, Roofline, Roofs};
pub use rotation::Rotation;
pub use sample::{Looks, Mode, Rejection, Sample, SampleSet};
pub use settings::TimerSettings;
pub use short_block::{BlockPlan, BlockSamples};
pub use stop_rule::StopReason;
pub use summary::SampleSummary;
pub use throttle::{Throttle, throttled};
pub use timer::KernelTimer;
pub use warm_up::WarmUp;
pub use workload::{Interval, Workload};
