//! Code objects of a kernel library, embedded or made here, and what they say.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::backend::kernel_cache::{CacheKey, KernelCache};
use crate::backend::{KernelAttributes, KernelLibrary, KernelModule};

use super::amd_object::{AmdCodeObject, AmdKernel};
use super::elf_symbols::function_sizes;
use super::offline_compiler::{OfflineCompiler, OfflineCompilerError};
use super::{CodeObjectError, known_amd_architectures};

/// What a loaded image says of its kernels, by name: all of it for AMD's code objects, the size of the code for
/// NVIDIA's cubins, nothing for what is no ELF file.
pub fn attributes_in(image: &[u8]) -> HashMap<String, KernelAttributes> {
    if let Ok(object) = AmdCodeObject::parse(image) {
        return object.kernels.into_iter().map(|kernel| (kernel.name, kernel.attributes)).collect();
    }
    let sizes = function_sizes(image).into_iter();
    sizes.map(|(name, bytes)| (name, KernelAttributes { code_bytes: Some(bytes), ..Default::default() })).collect()
}

/// Reads the code objects of one architecture on a machine that need not have a GPU.
pub struct AmdCodeObjects {
    architecture: String,
    compiler: Option<OfflineCompiler>,
    /// Where sources are written for the compiler; removed when dropped.
    folder: tempfile::TempDir,
    cache: KernelCache,
}

impl AmdCodeObjects {
    /// Looks for a compiler, which is needed where no code object is embedded: kernels of a folder, or a program built
    /// without one.
    pub fn new(architecture: &str) -> Result<Self, CodeObjectError> {
        if !known_amd_architectures().contains(&architecture) {
            return Err(CodeObjectError::UnknownArchitecture {
                architecture: architecture.to_owned(),
                known: known_amd_architectures().join(", "),
            });
        }
        let folder = tempfile::tempdir()?;
        let compiler = OfflineCompiler::find(architecture, folder.path())?;
        Ok(Self { architecture: architecture.to_owned(), compiler, folder, cache: KernelCache::from_environment() })
    }

    /// The compiler that makes what is not embedded, with its options.
    pub fn compiler(&self) -> Option<String> {
        self.compiler.as_ref().map(OfflineCompiler::describe)
    }

    /// The kernels of a module as its code object describes them, in the order of the source.
    pub fn kernels(&self, library: &KernelLibrary, module: &KernelModule) -> Result<Vec<AmdKernel>, CodeObjectError> {
        let image = self.code_object(library, module)?;
        let unreadable = |problem| CodeObjectError::Unreadable { module: module.name.to_string(), problem };
        let object = AmdCodeObject::parse(&image).map_err(unreadable)?;
        if object.architecture != self.architecture {
            return Err(CodeObjectError::OtherArchitecture {
                module: module.name.to_string(),
                found: object.architecture,
                architecture: self.architecture.clone(),
            });
        }
        let mut kernels = object.kernels;
        let place = |name: &str| module.functions.iter().position(|function| function == name);
        kernels.sort_by_key(|kernel| place(&kernel.name));
        Ok(kernels)
    }

    /// The embedded code object, the one in the cache, or a new one.
    fn code_object(
        &self,
        library: &KernelLibrary,
        module: &KernelModule,
    ) -> Result<Cow<'static, [u8]>, CodeObjectError> {
        let mut embedded = module.amd_code_objects.iter().copied();
        if let Some((_, object)) = embedded.find(|(architecture, _)| *architecture == self.architecture) {
            return Ok(Cow::Borrowed(object));
        }
        let Some(compiler) = &self.compiler else {
            let embedded: Vec<_> = module.amd_code_objects.iter().map(|(architecture, _)| *architecture).collect();
            return Err(CodeObjectError::NoCompiler {
                module: module.name.to_string(),
                architecture: self.architecture.clone(),
                embedded: embedded.join(", "),
            });
        };
        let key = CacheKey::new(module, library.includes(), &self.architecture, &compiler.describe(), &[]);
        if let Some(image) = self.cache.get(&key) {
            return Ok(Cow::Owned(image));
        }
        let image = self.compile(compiler, library, module)?;
        self.cache.put(&key, &image);
        Ok(Cow::Owned(image))
    }

    fn compile(
        &self,
        compiler: &OfflineCompiler,
        library: &KernelLibrary,
        module: &KernelModule,
    ) -> Result<Vec<u8>, CodeObjectError> {
        // A folder of its own for each module, so that no header of another library is left in it.
        let work = tempfile::tempdir_in(self.folder.path())?;
        let includes = work.path().join("include");
        for include in library.includes() {
            write(&includes.join(&*include.name), &include.text)?;
        }
        let source = work.path().join(format!("{}.hip", module.name));
        write(&source, &module.source)?;
        let object = work.path().join("module.hsaco");
        compiler.compile(&source, &includes, &self.architecture, &object)?;
        Ok(fs::read(&object).map_err(|error| OfflineCompilerError::File { path: object, error })?)
    }
}

fn write(file: &Path, text: &str) -> Result<(), OfflineCompilerError> {
    let parent = file.parent().unwrap_or(file);
    fs::create_dir_all(parent)
        .and_then(|()| fs::write(file, text))
        .map_err(|error| OfflineCompilerError::File { path: file.to_path_buf(), error })
}
