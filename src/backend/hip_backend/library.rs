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
        let (library, attempts) = search_plan("libamdhip64").load(missing);
        (library.and_then(HipTable::new).map(Arc::new), attempts)
    })
}

/// hiprtc, which is needed only where no embedded code object fits the device. Works without a GPU.
pub fn load_compiler() -> &'static Found<RuntimeCompiler> {
    static COMPILER: OnceLock<Found<RuntimeCompiler>> = OnceLock::new();
    COMPILER.get_or_init(|| {
        let missing = "libhiprtc.so was not found: install ROCm's hiprtc or set ROCM_PATH";
        let (library, attempts) = search_plan("libhiprtc").load(missing);
        let compiler = library.and_then(|library| RuntimeCompiler::new(library, Spelling::HIPRTC));
        (compiler.map(Arc::new), attempts)
    })
}

/// ROCM_PATH and HIP_PATH first, because who sets them means them; then the loader's own path; then where
/// ROCm installs itself. A runtime-only ROCm has no `.so` without a version.
fn search_plan(stem: &str) -> SearchPlan {
    let names = ["", ".7", ".6", ".5"].map(|version| format!("{stem}.so{version}"));
    let names = names.each_ref().map(String::as_str);
    let mut plan = SearchPlan::default();
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
