//! The grader that reads AMD code objects: it runs nothing, and no GPU is needed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::backend::{
    AmdCodeObjects, AmdKernel, CodeObjectError, DeviceInfo, KernelAttributes, KernelLibrary, amd_device_on_paper,
    amd_wave_size,
};
use crate::operation::Case;
use crate::regression::bisect::{Commit, Effort, Grader, GraderError, Observation, Regress};
use crate::regression::repository::snapshot;

use super::property::property;
use super::source::Source;

/// Compiles commits' kernels for one architecture and reads what the compiler says of them.
pub struct CodeGrader<'a> {
    source: Source,
    objects: AmdCodeObjects,
    device: DeviceInfo,
    regress: Regress,
    cases: Vec<Case>,
    stop: &'a AtomicBool,
}

impl<'a> CodeGrader<'a> {
    /// `objects` are those of `architecture`; `regress` is a number of the code.
    pub fn new(
        source: Source,
        (architecture, objects): (String, AmdCodeObjects),
        regress: Regress,
        cases: Vec<Case>,
        stop: &'a AtomicBool,
    ) -> Self {
        let device = amd_device_on_paper(&architecture, amd_wave_size(&architecture));
        Self { source, objects, device, regress, cases, stop }
    }

    /// The largest number of any case; of kernels that a case launches together, what they need together. `Err` inside says
    /// in a sentence why there is none.
    fn value(&self, commit: &Commit, library: &KernelLibrary) -> Result<Result<f64, String>, GraderError> {
        let mut modules: HashMap<String, Vec<AmdKernel>> = HashMap::new();
        let mut largest: Option<f64> = None;
        for case in &self.cases {
            self.heed_stop()?;
            let together = match self.attributes(commit, library, case, &mut modules)? {
                Ok(together) => together,
                Err(why) => return Ok(Err(why)),
            };
            let Some(value) = together.and_then(|attributes| property(self.regress, &attributes)) else {
                let name = self.regress.name();
                return Ok(Err(format!("{}: the code object does not say its {name}", case.id())));
            };
            largest = Some(largest.map_or(value, |largest| largest.max(value)));
        }
        Ok(largest.ok_or_else(|| "there is no case".to_string()))
    }

    /// What all kernels of a case need; `None` if it launches none.
    fn attributes(
        &self,
        commit: &Commit,
        library: &KernelLibrary,
        case: &Case,
        modules: &mut HashMap<String, Vec<AmdKernel>>,
    ) -> Result<Result<Option<KernelAttributes>, String>, GraderError> {
        let plan = match case.operation.plan(&self.device, &case.problem) {
            Ok(plan) => plan,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let mut together: Option<KernelAttributes> = None;
        for launch in plan.launches() {
            let Some(module) = library.find(&launch.kernel) else {
                return Ok(Err(format!("it has no kernel {}", launch.kernel)));
            };
            let name = launch.kernel.module.to_string();
            if !modules.contains_key(&name) {
                match self.objects.kernels(library.source_of(&launch.kernel), module) {
                    Ok(kernels) => _ = modules.insert(name.clone(), kernels),
                    Err(error) => return self.refused(commit, &error).map(Err),
                }
            }
            let Some(kernel) = modules[&name].iter().find(|kernel| kernel.name == launch.kernel.function) else {
                return Ok(Err(format!("the code object of {name} has no kernel {}", launch.kernel.function)));
            };
            together = Some(together.map_or(kernel.attributes, |others| others.combined(kernel.attributes)));
        }
        Ok(Ok(together))
    }

    /// Why a module has no code object: its source does not compile, or, with nobody to blame, the compiler is gone. A
    /// compiler that Ctrl-C ended says nothing about the source.
    fn refused(&self, commit: &Commit, error: &CodeObjectError) -> Result<String, GraderError> {
        self.heed_stop()?;
        let text = error.to_string();
        match error {
            CodeObjectError::Compiler(_) => {
                let log = self.source.keep_log(commit, &text);
                let place =
                    log.map(|path| format!("; the compiler's words are in {}", path.display())).unwrap_or_default();
                Ok(format!("{}{place}", text.lines().next().unwrap_or("it does not compile")))
            }
            CodeObjectError::Unreadable { .. } | CodeObjectError::OtherArchitecture { .. } => Ok(text),
            CodeObjectError::NoCompiler { .. }
            | CodeObjectError::NoFolder(_)
            | CodeObjectError::UnknownArchitecture { .. } => Err(GraderError::Trouble(text)),
        }
    }

    fn heed_stop(&self) -> Result<(), GraderError> {
        if self.stop.load(Ordering::Relaxed) { Err(GraderError::Interrupted) } else { Ok(()) }
    }
}

impl Grader for CodeGrader<'_> {
    fn observe(&mut self, _base: &Commit, candidate: &Commit, _effort: Effort) -> Result<Observation, GraderError> {
        self.heed_stop()?;
        let Some(measured) = &candidate.measured else {
            return Ok(Observation::Nothing { reason: format!("it has no folder {}", self.source.kernels) });
        };
        let trouble = |error: &dyn std::fmt::Display| GraderError::Trouble(error.to_string());
        let folder = snapshot(&self.source.git, &self.source.cache, measured).map_err(|error| trouble(&error))?;
        let library = match KernelLibrary::from_directory(&folder) {
            Ok(library) => library,
            Err(error) => return Ok(Observation::Nothing { reason: error.to_string() }),
        };
        Ok(match self.value(candidate, &library)? {
            Ok(value) => Observation::Property { value },
            Err(reason) => Observation::Nothing { reason },
        })
    }
}
