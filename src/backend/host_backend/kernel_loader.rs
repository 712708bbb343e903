//! Finds or compiles the host copies of a library's kernels.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use libloading::Library;

use super::kernel_table::{HostKernel, KernelEntry, KernelSignature};
use super::kernel_wrapper::{COMPILE_OPTIONS, Variant, symbol};
use super::runtime_compiler::{CompileFailure, RuntimeCompiler};
use crate::backend::{BackendError, KernelId, KernelLibrary, KernelModule, KernelOrigin};

type CompiledModule = Result<Arc<Library>, CompileFailure>;

/// Loads kernels of one library. A module of a directory is compiled when its first kernel is loaded.
pub(super) struct KernelLoader {
    library: Arc<KernelLibrary>,
    /// Present for a directory.
    compiler: Option<RuntimeCompiler>,
    description: String,
    modules: Mutex<HashMap<String, Arc<OnceLock<CompiledModule>>>>,
}

impl KernelLoader {
    pub fn new(library: Arc<KernelLibrary>) -> Result<Self, BackendError> {
        let (compiler, description) = match library.origin() {
            KernelOrigin::Embedded => {
                let version = env!("HIPGAUGE_HOST_COMPILER_VERSION");
                (None, format!("{version} {}", COMPILE_OPTIONS.join(" ")))
            }
            KernelOrigin::Directory(_) => {
                let compiler = RuntimeCompiler::find().map_err(|failure| BackendError::NoSuchDevice {
                    requested: "host".to_string(),
                    reason: failure.log,
                })?;
                let description = compiler.describe();
                (Some(compiler), description)
            }
        };
        Ok(Self { library, compiler, description, modules: Mutex::default() })
    }

    /// Version and options of the compiler that made, or will make, the kernels.
    pub fn compiler(&self) -> &str {
        &self.description
    }

    pub fn load(&self, id: &KernelId) -> Result<Arc<HostKernel>, BackendError> {
        let unknown = || BackendError::UnknownKernel {
            kernel: id.clone(),
            device: "host".to_string(),
            known: self.library.known_instead(id),
        };
        let module = self.library.find(id).ok_or_else(unknown)?;
        let kernel = match (&self.compiler, self.library.source_of(id).origin()) {
            (Some(compiler), KernelOrigin::Directory(origin)) => self.load_compiled(id, module, compiler, origin)?,
            _ => HostKernel::embedded(id).ok_or_else(unknown)?,
        };
        Ok(Arc::new(kernel))
    }

    fn load_compiled(
        &self,
        id: &KernelId,
        module: &KernelModule,
        compiler: &RuntimeCompiler,
        origin: &Path,
    ) -> Result<HostKernel, BackendError> {
        let place = {
            let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
            modules.entry(id.module.clone()).or_default().clone()
        };
        let library = place.get_or_init(|| compiler.load(module, origin, self.library.includes()));
        let kernel = library.as_ref().map_err(CompileFailure::clone).and_then(|library| find_kernel(id, library));
        kernel.map_err(|failure| BackendError::Compile {
            kernel: id.to_string(),
            architecture: "host".to_string(),
            compiler: compiler.describe(),
            log: failure.log,
        })
    }
}

fn find_kernel(id: &KernelId, library: &Arc<Library>) -> Result<HostKernel, CompileFailure> {
    let name = |variant, what| symbol(&id.module, variant, what, &id.function);
    let missing = |error: libloading::Error| CompileFailure { log: error.to_string() };
    // SAFETY: HG_KERNEL defines these symbols with these types, and the kernel keeps the library.
    unsafe {
        let entry = |variant| library.get::<KernelEntry>(name(variant, "entry")).map(|symbol| *symbol);
        let plain = entry(Variant::Plain).map_err(missing)?;
        let checked = entry(Variant::Checked).map_err(missing)?;
        let signature = *library.get::<KernelSignature>(name(Variant::Plain, "signature")).map_err(missing)?;
        Ok(HostKernel::new(id.clone(), plain, checked, signature, Some(library.clone())))
    }
}
