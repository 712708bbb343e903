//! Which kernels an operation launches, found by planning cases and launching none.

use hipgauge::backend::{BackendKind, DeviceInfo, KernelId};
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
                let plan = operation.plan(&paper_gpu(wave_size), &entry.case.problem).or_exit(Exit::HarnessFault)?;
                for launch in plan.launches {
                    if !kernels.contains(&launch.kernel) {
                        kernels.push(launch.kernel);
                    }
                }
            }
        }
    }
    Ok(kernels)
}

/// A GPU to plan for. Its numbers decide how many blocks a launch has, which nobody sees here.
fn paper_gpu(wave_size: u32) -> DeviceInfo {
    DeviceInfo {
        id: "hip:0".to_string(),
        backend: BackendKind::Hip,
        name: "a GPU on paper".to_string(),
        architecture: String::new(),
        wave_size,
        multiprocessors: 128,
        l2_bytes: 4 << 20,
        last_level_bytes: 0,
        memory_bytes: 64 << 30,
        shared_bytes_per_block: 64 << 10,
        max_threads_per_block: 1024,
        driver_version: String::new(),
        runtime_version: String::new(),
        compiler: String::new(),
        emulated: false,
        details: Vec::new(),
    }
}
