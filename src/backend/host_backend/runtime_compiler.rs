//! Compiles one module of a kernel directory to a shared object, with a cache on disk.

use std::env;
use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use libloading::Library;
use libloading::os::unix::{Library as UnixLibrary, RTLD_LOCAL, RTLD_NOW};
use sha2::{Digest, Sha256};

use super::callback_table::{CALLBACK_NAMES, callback_addresses};
use super::kernel_wrapper::{CHECKED_OPTIONS, CHECKED_OPTIONS_GNU, COMPILE_OPTIONS, Variant, wrapper_source};
use crate::backend::{KernelInclude, KernelModule};

/// Why there is no shared object; a compiler's log or a sentence.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{log}")]
pub(super) struct CompileFailure {
    pub log: String,
}

impl CompileFailure {
    fn new(action: &str, path: &Path, error: &io::Error) -> Self {
        Self {
            log: format!(
                "cannot {action} {}: {error}; set HIPGAUGE_CACHE_DIR to a directory that can be written",
                path.display()
            ),
        }
    }
}

/// A C++ compiler of this machine.
#[derive(Clone, Debug)]
pub(super) struct RuntimeCompiler {
    program: String,
    /// First line of `--version`.
    version: String,
}

impl RuntimeCompiler {
    /// `$CXX`, the compiler that built this program, or the system's; the first that answers.
    pub fn find() -> Result<Self, CompileFailure> {
        let wished = env::var("CXX").ok().filter(|program| !program.is_empty());
        let usual = [env!("HIPGAUGE_HOST_COMPILER"), "c++", "g++", "clang++"].map(str::to_string);
        let candidates: Vec<String> = wished.into_iter().chain(usual).collect();
        for program in &candidates {
            let Ok(output) = Command::new(program).arg("--version").output() else { continue };
            if output.status.success() {
                let version = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("").to_string();
                return Ok(Self { program: program.clone(), version });
            }
        }
        let log = format!(
            "no C++ compiler was found to compile the kernels of a directory (looked for {}); install g++ or set CXX",
            candidates.join(", ")
        );
        Err(CompileFailure { log })
    }

    /// Version and options, for provenance.
    pub fn describe(&self) -> String {
        format!("{} {}", self.version, COMPILE_OPTIONS.join(" "))
    }

    /// Loads the module's shared object, compiling it unless the cache has it.
    pub fn load(
        &self,
        module: &KernelModule,
        origin: &Path,
        includes: &[KernelInclude],
    ) -> Result<Arc<Library>, CompileFailure> {
        let unit = TranslationUnit { module, origin, includes };
        let directory = cache_directory().join("host").join(self.key(&unit));
        let object = directory.join("module.so");
        if !object.exists() {
            self.compile(&unit, &directory, &object)?;
        }
        open(&object)
    }

    fn key(&self, unit: &TranslationUnit<'_>) -> String {
        let mut hash = Sha256::new();
        let mut add = |text: &str| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        for text in [&self.program, &self.version, &self.describe(), &forwarding_source()] {
            add(text);
        }
        CHECKED_OPTIONS.iter().chain(CHECKED_OPTIONS_GNU).for_each(|option| add(option));
        Variant::ALL.iter().for_each(|variant| add(&wrapper_source(&unit.module.name, "", *variant)));
        add(&unit.text());
        for include in unit.includes {
            add(&include.name);
            add(&include.text);
        }
        hash.finalize().iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes all");
            hex
        })
    }

    fn compile(&self, unit: &TranslationUnit<'_>, directory: &Path, object: &Path) -> Result<(), CompileFailure> {
        fs::create_dir_all(directory).map_err(|error| CompileFailure::new("make", directory, &error))?;
        // Another process may compile the same module: each works in a directory of its own.
        let work = tempfile_directory(directory)?;
        let outcome = self.compile_in(unit, &work, object);
        let _ = fs::remove_dir_all(&work);
        outcome
    }

    fn compile_in(&self, unit: &TranslationUnit<'_>, work: &Path, object: &Path) -> Result<(), CompileFailure> {
        unit.write(work)?;
        let gnu = !self.version.contains("clang");
        let mut running = Vec::new();
        for name in ["plain", "checked", "forwarding"] {
            let mut command = self.command(work);
            command.args(COMPILE_OPTIONS).args(["-fvisibility=hidden", "-Iinclude", "-c", &format!("{name}.cpp")]);
            if name == "checked" {
                command.args(CHECKED_OPTIONS);
                if gnu {
                    command.args(CHECKED_OPTIONS_GNU);
                }
            }
            running
                .push(command.spawn().map_err(|error| CompileFailure::new("run", Path::new(&self.program), &error))?);
        }
        for child in running {
            finish(child)?;
        }
        let mut link = self.command(work);
        link.args(["-shared", "-o", "module.so", "plain.o", "checked.o", "forwarding.o"]);
        finish(link.spawn().map_err(|error| CompileFailure::new("run", Path::new(&self.program), &error))?)?;
        fs::rename(work.join("module.so"), object).map_err(|error| CompileFailure::new("write", object, &error))
    }

    fn command(&self, work: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(work).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

fn finish(child: std::process::Child) -> Result<(), CompileFailure> {
    let output = child.wait_with_output().map_err(|error| CompileFailure { log: format!("the compiler: {error}") })?;
    if output.status.success() {
        return Ok(());
    }
    Err(CompileFailure { log: String::from_utf8_lossy(&output.stderr).trim_end().to_string() })
}

/// A module and what it includes.
struct TranslationUnit<'a> {
    module: &'a KernelModule,
    /// Where the module's directory is, for the compiler's messages.
    origin: &'a Path,
    includes: &'a [KernelInclude],
}

impl TranslationUnit<'_> {
    /// The source, with the user's own path in the compiler's messages.
    fn text(&self) -> String {
        let path = self.origin.join(format!("{}.hip", self.module.name));
        format!("#line 1 {:?}\n{}", path.to_string_lossy(), self.module.source)
    }

    fn write(&self, directory: &Path) -> Result<(), CompileFailure> {
        let write = |name: &str, text: &str| {
            let path = directory.join(name);
            let parent = path.parent().expect("a file in the directory");
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, text))
                .map_err(|error| CompileFailure::new("write", &path, &error))
        };
        write("module.hip", &self.text())?;
        for variant in Variant::ALL {
            write(&format!("{}.cpp", variant.name()), &wrapper_source(&self.module.name, "module.hip", variant))?;
        }
        write("forwarding.cpp", &forwarding_source())?;
        self.includes.iter().try_for_each(|include| write(&format!("include/{}", include.name), &include.text))
    }
}

/// Defines the callbacks in the shared object, because a program does not export its own symbols to what it
/// loads: each jumps through a table that is filled after loading. All take and give words. Until then they do
/// nothing: the instrumentation's own initialiser has a basic block.
fn forwarding_source() -> String {
    let mut text = format!(
        "#include <cstdint>\ntypedef uint64_t w;\n\
         static w nothing(w, w, w, w, w) {{ return 0; }}\n\
         extern \"C\" {{\n__attribute__((visibility(\"default\"))) void* hipgauge_callbacks[{}] = {{{}}};\n\
         void __tsan_init() {{}}\n",
        CALLBACK_NAMES.len(),
        vec!["(void*)nothing"; CALLBACK_NAMES.len()].join(", ")
    );
    for (index, name) in CALLBACK_NAMES.iter().enumerate() {
        writeln!(
            text,
            "w {name}(w a, w b, w c, w d, w e) {{ return ((w (*)(w, w, w, w, w))hipgauge_callbacks[{index}])(a, b, c, d, e); }}"
        )
        .expect("a String takes all");
    }
    text.push_str("}\n");
    text
}

fn open(path: &Path) -> Result<Arc<Library>, CompileFailure> {
    static FILLING: Mutex<()> = Mutex::new(());
    let failure = |error: libloading::Error| CompileFailure {
        log: format!("cannot load {}: {error}; delete the file to have it compiled again", path.display()),
    };
    // SAFETY: the object was linked by `compile_in`; its initialisers, the instrumentation's, call only what does nothing yet.
    // Symbols are resolved now: one that is missing is an error here, not an abort at the first call.
    let library = unsafe { UnixLibrary::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(failure)?;
    let library = Library::from(library);
    let _alone = FILLING.lock().unwrap_or_else(PoisonError::into_inner);
    // SAFETY: the symbol is the table that `forwarding_source` declares, with one entry per callback. Nobody
    // runs its kernels before `open` has returned for the first time, and the table is written only then.
    unsafe {
        let table: *mut *const () = *library.get(b"hipgauge_callbacks\0").map_err(failure)?;
        let addresses = callback_addresses();
        if *table != addresses[0] {
            for (index, address) in addresses.into_iter().enumerate() {
                *table.add(index) = address;
            }
        }
    }
    Ok(Arc::new(library))
}

/// `$HIPGAUGE_CACHE_DIR`, or `hipgauge` in the user's cache directory, or in the temporary one.
fn cache_directory() -> PathBuf {
    let from = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    from("HIPGAUGE_CACHE_DIR")
        .or_else(|| from("XDG_CACHE_HOME").map(|path| path.join("hipgauge")))
        .or_else(|| from("HOME").map(|path| path.join(".cache/hipgauge")))
        .unwrap_or_else(|| env::temp_dir().join("hipgauge"))
}

/// A new directory under `parent`, named by process and a count.
fn tempfile_directory(parent: &Path) -> Result<PathBuf, CompileFailure> {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = parent.join(format!("work-{}-{count}", std::process::id()));
    fs::create_dir_all(&path).map_err(|error| CompileFailure::new("make", &path, &error))?;
    Ok(path)
}
