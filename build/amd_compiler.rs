//! Compiles every kernel for AMD GPUs where a HIP compiler is found.

use std::env;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::modules::{CodeObject, Module, Sources};
use super::offline_compiler::OfflineCompiler;
use super::stamp::Stamp;

const DEFAULT_ARCHITECTURES: &str = "gfx90a,gfx942,gfx1030,gfx1100,gfx1201";

/// A compiler and what it is to compile for.
pub struct AmdCompiler {
    compiler: OfflineCompiler,
    architectures: Vec<String>,
}

impl AmdCompiler {
    /// The compiler that `OfflineCompiler` finds. `None` if there is none, or if `HIPGAUGE_AMD_ARCHITECTURES` is
    /// `none`.
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
        let found = OfflineCompiler::find(&architectures[0], out).map_err(|error| error.to_string())?;
        Ok(found.map(|compiler| Self { compiler, architectures }))
    }

    /// The compiler's version and options, for provenance.
    pub fn describe(&self) -> String {
        self.compiler.describe()
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
            let compiled = self.compiler.compile(&module.path, &kernels.join("include"), architecture, &path);
            compiled.map_err(|error| error.to_string())?;
            stamp.write(&path)?;
        }
        Ok(CodeObject { module: module.name.clone(), architecture: architecture.to_string(), path })
    }
}
