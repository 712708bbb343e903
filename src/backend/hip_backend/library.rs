//! Finds the HIP runtime and hiprtc.

use std::env;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::backend::Attempt;
use crate::backend::runtime_compiler::{RuntimeCompiler, Spelling};
use crate::backend::shared_library::SearchPlan;

use super::table::HipTable;

/// A library that was looked for once, or one line that says why there is none; with all places tried.
type Found<T> = (Result<Arc<T>, String>, Vec<Attempt>);

/// The HIP runtime's functions.
pub fn load_runtime() -> &'static Found<HipTable> {
    static RUNTIME: OnceLock<Found<HipTable>> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let missing = "the HIP runtime libamdhip64.so was not found: install ROCm or set ROCM_PATH";
        let (library, attempts) = search_plan("libamdhip64", &HIP_VERSIONS, None).load(missing);
        (library.and_then(HipTable::new).map(Arc::new), attempts)
    })
}

/// hiprtc, which is needed only where no embedded code object fits the device. Works without a GPU.
pub fn load_compiler() -> &'static Found<RuntimeCompiler> {
    static COMPILER: OnceLock<Found<RuntimeCompiler>> = OnceLock::new();
    COMPILER.get_or_init(|| {
        let missing = "libhiprtc.so was not found: install ROCm's hiprtc or set ROCM_PATH";
        let (library, attempts) = search_plan("libhiprtc", &HIP_VERSIONS, None).load(missing);
        let compiler = library.and_then(|library| RuntimeCompiler::new(library, Spelling::HIPRTC));
        (compiler.map(Arc::new), attempts)
    })
}

/// What the runtime's and hiprtc's names end with. A runtime-only ROCm has no `.so` without a version.
const HIP_VERSIONS: [&str; 4] = ["", ".7", ".6", ".5"];

/// The file that a variable names; then ROCM_PATH and HIP_PATH, because who sets them means them; then the loader's own
/// path; then where ROCm installs itself.
pub fn search_plan(stem: &str, versions: &[&str], variable: Option<&str>) -> SearchPlan {
    let names: Vec<String> = versions.iter().map(|version| format!("{stem}.so{version}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut plan = SearchPlan::default();
    if let Some(file) = variable.and_then(env::var_os).filter(|file| !file.is_empty()) {
        plan.try_file(file);
    }
    for variable in ["ROCM_PATH", "HIP_PATH"] {
        if let Some(root) = env::var_os(variable).filter(|root| !root.is_empty()) {
            plan.try_folder(&Path::new(&root).join("lib"), &names);
        }
    }
    names.iter().for_each(|name| plan.try_file(name));
    plan.try_folder(Path::new("/opt/rocm/lib"), &names);
    plan.try_pattern("/opt/rocm-*/lib", &names);
    plan
}
