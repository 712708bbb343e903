//! Where kernels come from: the sources embedded by build.rs, or a directory laid out like `kernels/`.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::KernelId;
use super::kernel_scan::{ScanError, kernel_names};

include!(concat!(env!("OUT_DIR"), "/kernel_modules.rs"));

/// A directory that does not hold usable kernels.
#[derive(Debug, thiserror::Error)]
pub enum KernelLibraryError {
    #[error("cannot read kernels from {}: {error}; give --kernels a directory laid out like `kernels/`", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },

    #[error("no kernels in {}: it needs .hip files that define kernels with HG_KERNEL", path.display())]
    Empty { path: PathBuf },

    #[error("{}: {error}", path.display())]
    Scan { path: PathBuf, error: ScanError },
}

/// One file of a kernel directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelModule {
    /// Path under the directory without the extension: `mlp/rms_norm`.
    pub name: Cow<'static, str>,
    pub source: Cow<'static, str>,
    /// The kernels that the file defines with `HG_KERNEL`.
    pub functions: Vec<Cow<'static, str>>,
    /// Code objects compiled by build.rs: (architecture, ELF). Empty where no HIP compiler was found, and for
    /// modules of a directory.
    pub amd_code_objects: &'static [(&'static str, &'static [u8])],
}

/// What a kernel calls that waits for the launches before its own: all are in `portability.h`.
const WAITS: [&str; 3] = ["begin_overlapped();", "let_next_kernel_begin();", "wait_for_previous_kernels();"];

/// What the names of the headers begin with that define these calls.
const DEFINES_WAITS: &str = "portability";

/// Names of the headers that a text includes.
fn included(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.trim_start().strip_prefix("#include \"")?.split('"').next())
}

/// A header that modules include by this name: `portability.h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelInclude {
    pub name: Cow<'static, str>,
    pub text: Cow<'static, str>,
}

/// Which sources a library holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelOrigin {
    /// The repository's own, compiled into this program.
    Embedded,
    /// Another version of them, a mutation or a user's candidate, compiled when a device loads it.
    Directory(PathBuf),
}

/// The folder of the kernels that measure and check others. They always are this program's own: what is measured
/// must not bring its own yardstick, and an older copy of `kernels/` may lack one.
const INSTRUMENTS: &str = "profiling/";

static EMBEDDED: LazyLock<KernelLibrary> = LazyLock::new(KernelLibrary::embedded);

/// All kernels that a device can load, as text; devices compile what they load.
#[derive(Clone, Debug)]
pub struct KernelLibrary {
    origin: KernelOrigin,
    modules: Vec<KernelModule>,
    includes: Vec<KernelInclude>,
}

impl KernelLibrary {
    /// The kernels embedded in this program.
    pub fn embedded() -> Self {
        let modules = EMBEDDED_MODULES.iter().map(EmbeddedModule::to_module).collect();
        let includes = EMBEDDED_INCLUDES
            .iter()
            .map(|(name, text)| KernelInclude { name: Cow::Borrowed(name), text: Cow::Borrowed(text) })
            .collect();
        Self { origin: KernelOrigin::Embedded, modules, includes }
    }

    /// The kernels under `directory`: `**/*.hip`, with headers in its `include/`. A header that is not there
    /// is taken from the embedded ones, so that a directory may hold a single changed file. Its `profiling/` is
    /// not used: see `source_of`.
    pub fn from_directory(directory: &Path) -> Result<Self, KernelLibraryError> {
        let mut files = Vec::new();
        list_files(directory, &mut files)?;
        files.sort();
        let mut library = Self {
            origin: KernelOrigin::Directory(directory.to_path_buf()),
            modules: Vec::new(),
            includes: Self::embedded().includes,
        };
        for path in files {
            let relative = path.strip_prefix(directory).expect("listed under the directory");
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("hip") => library.modules.push(read_module(&path, relative)?),
                Some("h") => library.replace_include(&path, relative)?,
                _ => {}
            }
        }
        if library.modules.iter().all(|module| module.functions.is_empty()) {
            return Err(KernelLibraryError::Empty { path: directory.to_path_buf() });
        }
        Ok(library)
    }

    fn replace_include(&mut self, path: &Path, relative: &Path) -> Result<(), KernelLibraryError> {
        let Ok(name) = relative.strip_prefix("include") else { return Ok(()) };
        let name = unix_path(name);
        let text = read_text(path)?;
        self.includes.retain(|include| include.name != name);
        self.includes.push(KernelInclude { name: name.into(), text: text.into() });
        Ok(())
    }

    pub fn origin(&self) -> &KernelOrigin {
        &self.origin
    }

    pub fn modules(&self) -> &[KernelModule] {
        &self.modules
    }

    pub fn includes(&self) -> &[KernelInclude] {
        &self.includes
    }

    /// The module of that name.
    pub fn module(&self, name: &str) -> Option<&KernelModule> {
        self.modules.iter().find(|module| module.name == name)
    }

    /// The library that `kernel` is taken from: the embedded one for those under `profiling/`, which measure and
    /// check the others, else this one.
    pub fn source_of(&self, kernel: &KernelId) -> &KernelLibrary {
        if kernel.module.starts_with(INSTRUMENTS) { &EMBEDDED } else { self }
    }

    /// The module that defines `kernel`, or `None` if there is no such module or no such function in it.
    pub fn find(&self, kernel: &KernelId) -> Option<&KernelModule> {
        self.source_of(kernel)
            .module(&kernel.module)
            .filter(|module| module.functions.contains(&Cow::Borrowed(&kernel.function)))
    }

    /// Whether the kernels of a module wait for earlier launches themselves, in its file or in headers, so that they may be
    /// launched before those are done. A module that says so nowhere, an older one say, was written for launches that follow
    /// each other.
    pub fn waits_by_itself(&self, module: &KernelModule) -> bool {
        let mut texts = vec![&module.source];
        let mut seen = 0;
        while let Some(text) = texts.get(seen).copied() {
            if WAITS.iter().any(|wait| text.contains(wait)) {
                return true;
            }
            let headers = included(text).filter(|name| !name.starts_with(DEFINES_WAITS));
            let headers = headers.filter_map(|name| self.includes.iter().find(|include| include.name == name));
            let new: Vec<_> = headers.map(|include| &include.text).filter(|text| !texts.contains(text)).collect();
            texts.extend(new);
            seen += 1;
        }
        false
    }

    /// What there is instead of a kernel that `find` does not find: the others of its file, or the other files. For messages.
    pub fn known_instead(&self, kernel: &KernelId) -> String {
        let library = self.source_of(kernel);
        if let Some(module) = library.module(&kernel.module) {
            return format!("{}.hip defines {}", module.name, module.functions.join(", "));
        }
        let files: Vec<_> = library.modules.iter().map(|module| module.name.as_ref()).collect();
        format!("there is no {}.hip, but {}", kernel.module, files.join(", "))
    }
}

/// A row of the table that build.rs writes.
struct EmbeddedModule {
    name: &'static str,
    source: &'static str,
    functions: &'static [&'static str],
    amd_code_objects: &'static [(&'static str, &'static [u8])],
}

impl EmbeddedModule {
    fn to_module(&self) -> KernelModule {
        KernelModule {
            name: Cow::Borrowed(self.name),
            source: Cow::Borrowed(self.source),
            functions: self.functions.iter().map(|function| Cow::Borrowed(*function)).collect(),
            amd_code_objects: self.amd_code_objects,
        }
    }
}

fn list_files(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), KernelLibraryError> {
    let unreadable = |error| KernelLibraryError::Unreadable { path: directory.to_path_buf(), error };
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            list_files(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn read_module(path: &Path, relative: &Path) -> Result<KernelModule, KernelLibraryError> {
    let source = read_text(path)?;
    let names = kernel_names(&source).map_err(|error| KernelLibraryError::Scan { path: path.to_path_buf(), error })?;
    let functions = names.into_iter().map(|name| Cow::Owned(name.to_string())).collect();
    let name = unix_path(&relative.with_extension(""));
    Ok(KernelModule { name: name.into(), source: source.into(), functions, amd_code_objects: &[] })
}

fn read_text(path: &Path) -> Result<String, KernelLibraryError> {
    fs::read_to_string(path).map_err(|error| KernelLibraryError::Unreadable { path: path.to_path_buf(), error })
}

/// Module and header names use `/` on every system.
fn unix_path(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_gives_modules_and_replaces_headers_by_name() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(directory.path().join("mlp")).unwrap();
        fs::create_dir_all(directory.path().join("include")).unwrap();
        fs::write(directory.path().join("mlp/norm.hip"), "HG_KERNEL(norm_f32, 64, (float* x)) {}").unwrap();
        fs::write(directory.path().join("include/portability.h"), "// mine").unwrap();
        let library = KernelLibrary::from_directory(directory.path()).unwrap();
        let instead = |module, function| library.known_instead(&KernelId::new(module, function));
        assert_eq!(instead("mlp/norm", "norm_f16"), "mlp/norm.hip defines norm_f32");
        assert_eq!(instead("mlp/scale", "scale"), "there is no mlp/scale.hip, but mlp/norm");
        assert!(library.find(&KernelId::new("mlp/norm", "norm_f32")).is_some());
        assert!(library.find(&KernelId::new("mlp/norm", "norm_f16")).is_none());
        let header = |name: &str| library.includes().iter().find(|include| include.name == name);
        assert_eq!(header("portability.h").unwrap().text, "// mine");
        assert!(header("portability_host.h").is_some(), "headers that are not replaced stay");
    }

    #[test]
    fn a_directory_does_not_bring_its_own_instruments() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(directory.path().join("profiling")).unwrap();
        let source = "HG_KERNEL(empty_kernel, 64, ()) {} HG_KERNEL(mine, 64, ()) {}";
        fs::write(directory.path().join("profiling/bandwidth.hip"), source.replace("} HG", "}\nHG")).unwrap();
        let library = KernelLibrary::from_directory(directory.path()).unwrap();
        let kernel = |function: &str| KernelId::new("profiling/bandwidth", function);
        let embedded = KernelLibrary::embedded();
        assert_eq!(library.find(&kernel("empty_kernel")), embedded.module("profiling/bandwidth"));
        assert_eq!(library.source_of(&kernel("empty_kernel")).origin(), &KernelOrigin::Embedded);
        assert_eq!(library.find(&kernel("mine")), None);
    }

    #[test]
    fn modules_that_wait_by_themselves_are_told_by_their_text_and_their_headers() {
        let embedded = KernelLibrary::embedded();
        let waits = |name: &str| embedded.waits_by_itself(embedded.module(name).expect("a module"));
        let in_files =
            ["mlp/rms_norm", "mlp/swiglu", "attention/rope", "attention/attention_decode", "matrix/matrix_vector"];
        let in_headers = [
            "attention/attention_prefill_fragments",
            "attention/attention_prefill_short",
            "matrix/matrix_product_tiles",
        ];
        for name in in_files.into_iter().chain(in_headers) {
            assert!(waits(name), "{name}");
        }
        for name in ["sampler/top_k", "profiling/bandwidth"] {
            assert!(!waits(name), "{name}");
        }
    }

    #[test]
    fn unusable_directories_are_refused_with_their_path() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let error = KernelLibrary::from_directory(directory.path()).unwrap_err().to_string();
        assert!(error.contains("no kernels in") && error.contains(&*directory.path().to_string_lossy()), "{error}");
        let error = KernelLibrary::from_directory(&directory.path().join("absent")).unwrap_err().to_string();
        assert!(error.contains("absent") && error.contains("--kernels"), "{error}");
    }
}
