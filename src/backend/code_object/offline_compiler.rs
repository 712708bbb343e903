//! Compiles kernels for AMD GPUs where a HIP compiler is there. Plain clang is one: neither ROCm nor a GPU is needed.
//! Shared by build.rs and the program.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A compiler that could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum OfflineCompilerError {
    #[error("HIPGAUGE_HIPCC={program} cannot compile a kernel: {problem}\nset it to hipcc or to clang++ 16 or newer")]
    Wished { program: String, problem: String },

    #[error("cannot start {program}: {error}; install it again or set HIPGAUGE_HIPCC")]
    NotStarted { program: String, error: io::Error },

    #[error("{} did not compile for {architecture} with {program}:\n{log}\nfix the source, or choose another compiler with HIPGAUGE_HIPCC", source_file.display())]
    Refused { program: String, source_file: PathBuf, architecture: String, log: String },

    #[error("cannot use {}: {error}; make sure that it can be read and written", path.display())]
    File { path: PathBuf, error: io::Error },
}

/// Clang versions that compile HIP without ROCm's own headers; older ones lack `--no-gpu-bundle-output`.
const CLANG_VERSIONS: std::ops::RangeInclusive<u32> = 16..=24;

const OPTIONS: &[&str] = &[
    "-x",
    "hip",
    "--cuda-device-only",
    "--no-gpu-bundle-output",
    "-nogpuinc",
    "-nogpulib",
    "-std=c++17",
    "-O3",
    "-ffp-contract=off",
];

/// A compiler that has shown that it can make a code object.
#[derive(Clone, Debug)]
pub struct OfflineCompiler {
    program: String,
    /// First line of `--version`.
    version: String,
}

impl OfflineCompiler {
    /// `$HIPGAUGE_HIPCC`, hipcc, or the newest clang that can make code for AMD GPUs. `None` if there is none. Each
    /// candidate proves itself on a small kernel in `folder`.
    pub fn find(architecture: &str, folder: &Path) -> Result<Option<Self>, OfflineCompilerError> {
        if let Some(program) = std::env::var("HIPGAUGE_HIPCC").ok().filter(|program| !program.is_empty()) {
            let wished = |problem: OfflineCompilerError| OfflineCompilerError::Wished {
                program: program.clone(),
                problem: problem.to_string(),
            };
            return Self::proven(&program, architecture, folder).map(Some).map_err(wished);
        }
        let clangs =
            CLANG_VERSIONS.rev().flat_map(|version| [format!("clang++-{version}"), format!("clang-{version}")]);
        let mut candidates = std::iter::once("hipcc".to_string()).chain(clangs);
        Ok(candidates.find_map(|program| Self::proven(&program, architecture, folder).ok()))
    }

    fn proven(program: &str, architecture: &str, folder: &Path) -> Result<Self, OfflineCompilerError> {
        let output = Command::new(program).arg("--version").output();
        let output =
            output.map_err(|error| OfflineCompilerError::NotStarted { program: program.to_string(), error })?;
        let version = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("unknown").to_string();
        let compiler = Self { program: program.to_string(), version };
        let source = folder.join("probe.hip");
        let text = "extern \"C\" __attribute__((global)) void probe(float* x) { *x = 1.0f; }\n";
        std::fs::write(&source, text).map_err(|error| OfflineCompilerError::File { path: source.clone(), error })?;
        compiler.compile(&source, folder, architecture, &folder.join("probe.hsaco"))?;
        Ok(compiler)
    }

    /// The compiler's version and options, for provenance.
    pub fn describe(&self) -> String {
        format!("{} {}", self.version, OPTIONS.join(" "))
    }

    /// Compiles one file with the headers in `includes` to a code object.
    pub fn compile(
        &self,
        source: &Path,
        includes: &Path,
        architecture: &str,
        object: &Path,
    ) -> Result<(), OfflineCompilerError> {
        let mut command = Command::new(&self.program);
        command.args(OPTIONS).arg(format!("--offload-arch={architecture}"));
        command.arg("-I").arg(includes).arg("-c").arg(source).arg("-o").arg(object);
        let program = self.program.clone();
        let output =
            command.output().map_err(|error| OfflineCompilerError::NotStarted { program: program.clone(), error })?;
        if output.status.success() {
            return Ok(());
        }
        let log = String::from_utf8_lossy(&output.stderr).trim_end().to_string();
        let (source_file, architecture) = (source.to_path_buf(), architecture.to_string());
        Err(OfflineCompilerError::Refused { program, source_file, architecture, log })
    }
}
