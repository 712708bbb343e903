//! Where `bisect` looks at commits: on a device, or in the code of an architecture.

use hipgauge::backend::{AmdCodeObjects, CodeObjectError};
use hipgauge::profiling::ComparabilityKeys;
use hipgauge::regression::bisect::{Environment, Regress};
use hipgauge::regression::worker::Hello;

use super::arguments::DeviceArguments;
use super::exit_code::Exit;
use super::failure::Failure;
use super::live::greet;

/// See the module.
pub struct LookingPlace {
    /// `cuda:0`, `gfx942`
    pub name: String,
    /// Arguments that choose it again.
    pub words: Vec<String>,
    /// What stays the same over a whole search.
    pub environment: Environment,
    pub looks_at: LooksAt,
}

/// What is looked at there.
pub enum LooksAt {
    /// Commits run on the device with these keys.
    Device(ComparabilityKeys),
    /// Code that is compiled for the architecture, and runs nowhere.
    Code { architecture: String, objects: AmdCodeObjects },
}

impl LookingPlace {
    /// Finds the compiler of an architecture, or a device.
    pub fn find(architecture: Option<&str>, device: &DeviceArguments, regress: Regress) -> Result<Self, Failure> {
        match architecture {
            Some(architecture) => Self::of_code(architecture, regress),
            None => {
                let hello = greet(&device.for_worker())?;
                let mut device = device.clone();
                device.device.clone_from(&hello.device.id);
                let (name, environment) = (hello.device.id.clone(), of_device(&hello));
                Ok(Self { name, words: device.for_worker(), environment, looks_at: LooksAt::Device(hello.keys) })
            }
        }
    }

    fn of_code(architecture: &str, regress: Regress) -> Result<Self, Failure> {
        if matches!(regress, Regress::Perf | Regress::Correctness) {
            let name = regress.name();
            return Err(Failure::usage(format!(
                "--arch reads code and runs none: give --regress spills, registers or code-size with it, or leave it out to \
                 search for {name} on a device"
            )));
        }
        let objects = AmdCodeObjects::new(architecture).map_err(|error| {
            let unknown = matches!(error, CodeObjectError::UnknownArchitecture { .. });
            Failure::new(if unknown { Exit::Usage } else { Exit::NotReproducible }, error)
        })?;
        let Some(compiler) = objects.compiler() else {
            let error = anyhow::anyhow!(
                "the kernels of commits must be compiled for {architecture}, and no HIP compiler was found: install clang-19 \
                 (16 or newer, with lld; no ROCm is needed) or set HIPGAUGE_HIPCC"
            );
            return Err(Failure::new(Exit::NotReproducible, error));
        };
        let dirty = env!("HIPGAUGE_DIRTY") == "true";
        let program = program(env!("CARGO_PKG_VERSION"), env!("HIPGAUGE_COMMIT"), dirty);
        let facts = [("hipgauge", program), ("architecture", architecture.to_string()), ("compiler", compiler)];
        Ok(Self {
            name: architecture.to_string(),
            words: vec!["--arch".to_string(), architecture.to_string()],
            environment: environment(facts),
            looks_at: LooksAt::Code { architecture: architecture.to_string(), objects },
        })
    }
}

fn of_device(hello: &Hello) -> Environment {
    let (build, device) = (&hello.build, &hello.device);
    environment([
        ("hipgauge", program(&build.version, &build.commit, build.dirty)),
        ("device", format!("{} {}", device.id, device.name)),
        ("architecture", device.architecture.clone()),
        ("driver", device.driver_version.clone()),
        ("runtime", device.runtime_version.clone()),
        ("compiler", device.compiler.clone()),
    ])
}

fn program(version: &str, commit: &str, dirty: bool) -> String {
    format!("{version} {commit}{}", if dirty { " with uncommitted changes" } else { "" })
}

fn environment<const N: usize>(facts: [(&str, String); N]) -> Environment {
    Environment { facts: facts.into_iter().map(|(name, value)| (name.to_string(), value)).collect() }
}
