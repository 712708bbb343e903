//! Compiles kernels for one device, through the disk cache.

use std::sync::Arc;

use super::kernel_cache::{CacheKey, KernelCache};
use super::runtime_compiler::RuntimeCompiler;
use super::{BackendError, KernelLibrary, KernelModule};

/// A compiler with the architecture and options of one device.
pub struct ModuleCompiler {
    pub compiler: Arc<RuntimeCompiler>,
    pub architecture: String,
    pub options: Vec<String>,
    pub cache: KernelCache,
}

impl ModuleCompiler {
    /// The module's code object, from the cache if it was compiled before.
    pub fn compile(&self, library: &KernelLibrary, module: &KernelModule) -> Result<Vec<u8>, BackendError> {
        let includes = library.includes();
        let key = CacheKey::new(module, includes, &self.architecture, self.compiler.version(), &self.options);
        if let Some(code_object) = self.cache.get(&key) {
            return Ok(code_object);
        }
        let compiled = self.compiler.compile(module, includes, &self.options);
        let code_object = compiled.map_err(|failure| BackendError::Compile {
            kernel: module.name.to_string(),
            architecture: self.architecture.clone(),
            compiler: self.describe(),
            log: failure.log,
        })?;
        self.cache.put(&key, &code_object);
        Ok(code_object)
    }

    /// Version and options, for messages and provenance.
    pub fn describe(&self) -> String {
        format!("{} {}", self.compiler.version(), self.options.join(" "))
    }
}
