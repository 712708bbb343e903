//! Where the libraries of a CUDA toolkit lie. They come with it or inside Python packages, and are rarely on the loader's path.

use std::env;
use std::path::Path;

use crate::backend::shared_library::SearchPlan;

/// Major versions whose libraries work with these bindings, the driver's own first: newer ones may refuse the driver.
pub fn majors_for(driver_major: u32) -> Vec<u32> {
    let mut majors = vec![13, 12, 11];
    majors.sort_by_key(|major| (*major > driver_major, driver_major.abs_diff(*major)));
    majors
}

/// `variable` holds a full path, tried first. `package` is the folder that Python packages before CUDA 13 have under
/// `nvidia/`; later ones share `nvidia/cu13`.
pub fn search_plan(variable: &str, names: &[String], package: &str) -> SearchPlan {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut plan = SearchPlan::default();
    if let Some(file) = env::var_os(variable).filter(|file| !file.is_empty()) {
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
        for packages in ["site-packages", "dist-packages"] {
            for folder in ["nvidia/cu1*", &format!("nvidia/{package}"), "torch"] {
                plan.try_pattern(&format!("{root}/lib/python3*/{packages}/{folder}/lib"), &names);
            }
        }
    }
    plan
}
