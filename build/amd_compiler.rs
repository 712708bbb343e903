//! Compiles every kernel for AMD GPUs where a HIP compiler is there. Plain clang is one: no ROCm is needed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::modules::{CodeObject, Module, Sources};
use super::stamp::Stamp;

const DEFAULT_ARCHITECTURES: &str = "gfx90a,gfx942,gfx1030,gfx1100,gfx1201";

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

/// A compiler and what it is to compile for.
pub struct AmdCompiler {
    program: String,
    /// First line of `--version`.
    version: String,
    architectures: Vec<String>,
}

impl AmdCompiler {
    /// `$HIPGAUGE_HIPCC`, hipcc, or the newest clang that can make code for AMD GPUs. `None` if there is none,
    /// or if `HIPGAUGE_AMD_ARCHITECTURES` is `none`.
    pub fn find(out: &Path) -> Result<Option<Self>, String> {
        let architectures = env::var("HIPGAUGE_AMD_ARCHITECTURES").unwrap_or(DEFAULT_ARCHITECTURES.to_string());
        if architectures == "none" {
            return Ok(None);
        }
        let architectures: Vec<String> = architectures.split(',').map(|name| name.trim().to_string()).collect();
        if let Some(wrong) = architectures.iter().find(|name| !name.starts_with("gfx")) {
            return Err(format!(
                "HIPGAUGE_AMD_ARCHITECTURES has `{wrong}`: give gfx names separated by commas, or `none`"
            ));
        }
        let with = |program: String| -> Result<Self, String> {
            let version = version_of(&program)?;
            let compiler = Self { program, version, architectures: architectures.clone() };
            compiler.probe(out).map(|()| compiler)
        };
        if let Ok(program) = env::var("HIPGAUGE_HIPCC") {
            return with(program.clone())
                .map(Some)
                .map_err(|problem| format!("HIPGAUGE_HIPCC={program} cannot compile a kernel:\n{problem}"));
        }
        let clangs =
            CLANG_VERSIONS.rev().flat_map(|version| [format!("clang++-{version}"), format!("clang-{version}")]);
        let mut candidates = std::iter::once("hipcc".to_string()).chain(clangs);
        Ok(candidates.find_map(|program| with(program).ok()))
    }

    /// The compiler's version and options, for provenance.
    pub fn describe(&self) -> String {
        format!("{} {}", self.version, OPTIONS.join(" "))
    }

    /// Compiles every module for every architecture.
    pub fn compile(&self, sources: &Sources, kernels: &Path, out: &Path) -> Result<Vec<CodeObject>, String> {
        let jobs: Vec<(&Module, &String)> = sources
            .modules
            .iter()
            .flat_map(|module| self.architectures.iter().map(move |name| (module, name)))
            .collect();
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::new());
        let workers = env::var("NUM_JOBS").ok().and_then(|count| count.parse().ok()).unwrap_or(1).max(1);
        thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    while let Some((module, architecture)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let object = self.compile_one(sources, module, architecture, kernels, out);
                        done.lock().expect("no worker panics").push(object);
                    }
                });
            }
        });
        let mut objects =
            done.into_inner().expect("no worker panics").into_iter().collect::<Result<Vec<_>, String>>()?;
        objects.sort_by(|a, b| (&a.module, &a.architecture).cmp(&(&b.module, &b.architecture)));
        Ok(objects)
    }

    fn compile_one(
        &self,
        sources: &Sources,
        module: &Module,
        architecture: &str,
        kernels: &Path,
        out: &Path,
    ) -> Result<CodeObject, String> {
        let path = out.join(format!("{}_{architecture}.hsaco", module.name.replace('/', "_")));
        let mut stamp = Stamp::default();
        stamp.add(&self.describe());
        stamp.add_file(&module.path)?;
        sources.includes.iter().try_for_each(|include| stamp.add_file(include))?;
        if !stamp.matches(&path) {
            self.run(&module.path, architecture, &kernels.join("include"), &path)
                .map_err(|log| format!("{} did not compile for {architecture}:\n{log}", module.path.display()))?;
            stamp.write(&path)?;
        }
        Ok(CodeObject { module: module.name.clone(), architecture: architecture.to_string(), path })
    }

    /// Whether the compiler, with its linker, makes a code object at all.
    fn probe(&self, out: &Path) -> Result<(), String> {
        let source = out.join("probe.hip");
        let text = "extern \"C\" __attribute__((global)) void probe(float* x) { *x = 1.0f; }\n";
        std::fs::write(&source, text).map_err(|error| format!("cannot write {}: {error}", source.display()))?;
        self.run(&source, &self.architectures[0], out, &out.join("probe.hsaco"))
    }

    /// `Err` is the compiler's log.
    fn run(&self, source: &Path, architecture: &str, includes: &Path, object: &PathBuf) -> Result<(), String> {
        let mut command = Command::new(&self.program);
        command.args(OPTIONS).arg(format!("--offload-arch={architecture}"));
        command.arg("-I").arg(includes).arg("-c").arg(source).arg("-o").arg(object);
        let output = command.output().map_err(|error| format!("{}: {error}", self.program))?;
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}

fn version_of(program: &str) -> Result<String, String> {
    let output = Command::new(program).arg("--version").output().map_err(|error| format!("{program}: {error}"))?;
    Ok(String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("unknown").to_string())
}
