//! Chooses a code object: embedded for the exact architecture, else compiled by hiprtc.

use std::borrow::Cow;

use crate::backend::gpu::CodeObjectSource;
use crate::backend::kernel_cache::KernelCache;
use crate::backend::module_compiler::ModuleCompiler;
use crate::backend::{BackendError, KernelLibrary, KernelModule};

use super::architecture::base;
use super::library::load_compiler;

/// The code objects of one HIP device.
pub struct HipCodeObjects {
    device: String,
    /// `gfx942`
    architecture: String,
    compiler: Result<ModuleCompiler, String>,
}

impl HipCodeObjects {
    pub fn new(device: &str, full_architecture: &str) -> Self {
        let compiler = hiprtc(full_architecture, KernelCache::from_environment());
        Self { device: device.to_owned(), architecture: base(full_architecture).to_owned(), compiler }
    }

    /// What compiles, or compiled, the kernels.
    pub fn describe(&self, library: &KernelLibrary) -> String {
        let embedded = library.modules().iter().any(|module| self.embedded(module).is_some());
        match (&self.compiler, embedded) {
            (_, true) => format!("embedded code objects for {}", self.architecture),
            (Ok(compiler), false) => compiler.describe(),
            (Err(reason), false) => reason.clone(),
        }
    }

    fn embedded(&self, module: &KernelModule) -> Option<&'static [u8]> {
        let objects = module.amd_code_objects.iter();
        objects.copied().find(|(architecture, _)| *architecture == self.architecture).map(|(_, object)| object)
    }
}

/// hiprtc for an architecture with its features.
fn hiprtc(full_architecture: &str, cache: KernelCache) -> Result<ModuleCompiler, String> {
    let compiler = load_compiler().0.clone()?;
    // Kernels say fused_multiply_add where they mean it, so that every device rounds alike.
    let options = ["-std=c++17", "-O3", "-ffp-contract=off"].map(str::to_owned);
    let options = [format!("--offload-arch={full_architecture}")].into_iter().chain(options).collect();
    Ok(ModuleCompiler { compiler, architecture: full_architecture.to_owned(), options, cache })
}

/// Compiles one module for an AMD architecture with hiprtc, which needs no GPU, past the cache. `Err` is one
/// line if there is no hiprtc, `Ok(Err)` is the compiler's answer.
pub fn compile_with_hiprtc(
    library: &KernelLibrary,
    module: &KernelModule,
    full_architecture: &str,
) -> Result<Result<Vec<u8>, BackendError>, String> {
    Ok(hiprtc(full_architecture, KernelCache::none())?.compile(library, module))
}

impl CodeObjectSource for HipCodeObjects {
    fn code_object(&self, library: &KernelLibrary, module: &KernelModule) -> Result<Cow<'static, [u8]>, BackendError> {
        if let Some(object) = self.embedded(module) {
            return Ok(Cow::Borrowed(object));
        }
        match &self.compiler {
            Ok(compiler) => compiler.compile(library, module).map(Cow::Owned),
            Err(reason) => {
                let embedded: Vec<_> = module.amd_code_objects.iter().map(|(architecture, _)| *architecture).collect();
                Err(BackendError::Compile {
                    kernel: module.name.to_string(),
                    architecture: self.architecture.clone(),
                    compiler: "hiprtc".to_owned(),
                    log: format!(
                        "{} needs {}; embedded are [{}]; {reason}",
                        self.device,
                        self.architecture,
                        embedded.join(", ")
                    ),
                })
            }
        }
    }
}
