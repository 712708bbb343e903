//! Finds NVRTC. It comes with a toolkit, or inside Python packages, and is rarely on the loader's path.

use std::env;
use std::path::Path;
use std::sync::Arc;

use crate::backend::Attempt;
use crate::backend::runtime_compiler::{RuntimeCompiler, Spelling};
use crate::backend::shared_library::{LoadedLibrary, SearchPlan};

/// Environment variable with the full path of an NVRTC library, tried first.
const OVERRIDE: &str = "HIPGAUGE_NVRTC";

/// Where Python packages keep it: `nvidia-cuda-nvrtc` (CUDA 13: `nvidia/cu13`).
const PYTHON_FOLDERS: [&str; 6] = [
    "lib/python3*/site-packages/nvidia/cu1*/lib",
    "lib/python3*/site-packages/nvidia/cuda_nvrtc/lib",
    "lib/python3*/dist-packages/nvidia/cu1*/lib",
    "lib/python3*/dist-packages/nvidia/cuda_nvrtc/lib",
    "lib/python3*/site-packages/torch/lib",
    "lib/python3*/dist-packages/torch/lib",
];

/// Loads NVRTC, preferring the driver's own major version: newer code objects may not load.
pub fn load(driver_major: u32) -> (Result<Arc<RuntimeCompiler>, String>, Vec<Attempt>) {
    let mut majors: Vec<u32> = vec![13, 12, 11];
    majors.sort_by_key(|major| (*major > driver_major, driver_major.abs_diff(*major)));
    let versions = majors.iter().map(|major| match major {
        11 => "libnvrtc.so.11.2".to_owned(),
        _ => format!("libnvrtc.so.{major}"),
    });
    let names: Vec<String> = versions.chain(["libnvrtc.so".to_owned()]).collect();
    let missing = format!(
        "NVRTC was not found: install the CUDA toolkit or `pip install nvidia-cuda-nvrtc`, \
         or set {OVERRIDE} to the full path of libnvrtc.so"
    );
    let (library, attempts) = search_plan(&names).load(&missing);
    let compiler = library.and_then(|library| {
        load_builtins(&library);
        RuntimeCompiler::new(library, Spelling::NVRTC)
    });
    (compiler.map(Arc::new), attempts)
}

fn search_plan(names: &[String]) -> SearchPlan {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut plan = SearchPlan::default();
    if let Some(file) = env::var_os(OVERRIDE).filter(|file| !file.is_empty()) {
        plan.try_file(file);
    }
    names.iter().for_each(|name| plan.try_file(name));
    for variable in ["CUDA_PATH", "CUDA_HOME"] {
        if let Some(root) = env::var_os(variable).filter(|root| !root.is_empty()) {
            plan.try_folder(&Path::new(&root).join("lib64"), &names);
            plan.try_folder(&Path::new(&root).join("lib"), &names);
        }
    }
    plan.try_pattern("/usr/local/cuda*/lib64", &names);
    let environments = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(|name| env::var(name).ok());
    let homes = env::var("HOME").into_iter().map(|home| format!("{home}/.local"));
    let systems = ["/usr/local", "/usr", "/opt/*", "/opt"].map(str::to_owned);
    for root in environments.chain(homes).chain(systems) {
        PYTHON_FOLDERS.iter().for_each(|folder| plan.try_pattern(&format!("{root}/{folder}"), &names));
    }
    plan
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
