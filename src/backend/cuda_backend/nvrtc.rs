//! Finds NVRTC. It comes with a toolkit, or inside Python packages, and is rarely on the loader's path.

use std::path::Path;
use std::sync::Arc;

use crate::backend::Attempt;
use crate::backend::runtime_compiler::{RuntimeCompiler, Spelling};
use crate::backend::shared_library::LoadedLibrary;

use super::toolkit::{majors_for, search_plan};

/// Environment variable with the full path of an NVRTC library, tried first.
const OVERRIDE: &str = "HIPGAUGE_NVRTC";

/// The folder of the Python package `nvidia-cuda-nvrtc` before CUDA 13.
const PYTHON_PACKAGE: &str = "cuda_nvrtc";

/// Loads NVRTC, preferring the driver's own major version: newer code objects may not load.
pub fn load(driver_major: u32) -> (Result<Arc<RuntimeCompiler>, String>, Vec<Attempt>) {
    let versions = majors_for(driver_major).into_iter().map(|major| match major {
        11 => "libnvrtc.so.11.2".to_owned(),
        _ => format!("libnvrtc.so.{major}"),
    });
    let names: Vec<String> = versions.chain(["libnvrtc.so".to_owned()]).collect();
    let missing = format!(
        "NVRTC was not found: install the CUDA toolkit or `pip install nvidia-cuda-nvrtc`, \
         or set {OVERRIDE} to the full path of libnvrtc.so"
    );
    let (library, attempts) = search_plan(OVERRIDE, &names, PYTHON_PACKAGE).load(&missing);
    let compiler = library.and_then(|library| {
        load_builtins(&library);
        RuntimeCompiler::new(library, Spelling::NVRTC)
    });
    (compiler.map(Arc::new), attempts)
}

/// NVRTC opens its built-in headers by bare name. In a Python package they lie beside it, where the loader
/// does not look; once loaded from there, they are found by name.
fn load_builtins(nvrtc: &LoadedLibrary) {
    let Some(folder) = Path::new(&nvrtc.place).parent().filter(|folder| folder.is_absolute()) else { return };
    let pattern = format!("{}/libnvrtc-builtins.so*", folder.display());
    for path in glob::glob(&pattern).into_iter().flatten().flatten() {
        // SAFETY: NVIDIA's own library from the folder that NVRTC itself came from.
        if let Ok(library) = unsafe { libloading::Library::new(path) } {
            std::mem::forget(library);
        }
    }
}
