//! Which kernels an operation launches, found by planning cases and launching none.

use hipgauge::backend::{KernelId, amd_device_on_paper};
use hipgauge::operation::Operation;
use hipgauge::registry::OPERATIONS;
use hipgauge::suite::Suite;

use super::exit_code::Exit;
use super::failure::{Failure, OrExit};

/// Suites whose cases between them take every path of a plan.
const SUITES: [&str; 2] = ["ci", "full"];

/// The kernels that cases of an operation launch on a GPU with waves of 32 or 64.
pub fn kernels_of(operation: &'static dyn Operation) -> Result<Vec<KernelId>, Failure> {
    let mut kernels = Vec::new();
    for name in SUITES {
        let suite = Suite::load(name, OPERATIONS).or_exit(Exit::HarnessFault)?;
        for entry in suite.cases.iter().filter(|entry| entry.case.operation.name() == operation.name()) {
            for wave_size in [32, 64] {
                let plan = operation
                    .plan(&amd_device_on_paper("", wave_size), &entry.case.problem)
                    .or_exit(Exit::HarnessFault)?;
                for launch in plan.launches() {
                    if !kernels.contains(&launch.kernel) {
                        kernels.push(launch.kernel.clone());
                    }
                }
            }
        }
    }
    Ok(kernels)
}
