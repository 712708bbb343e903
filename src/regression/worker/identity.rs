//! Whether two workers would run the same code with the same arguments.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::backend::{DeviceInfo, KernelLibrary};
use crate::operation::{Case, ContractError, LaunchPlan};

/// SHA-256 over what a case's kernels are compiled from and launched with: the text of each module with the headers
/// that it includes, the compiler with its options, grids, blocks and arguments.
///
/// Equal identities mean equal code. Different ones need not mean different code: a comment counts too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeIdentity(String);

impl CodeIdentity {
    /// The identity of a case on a device that loads its kernels from `library`.
    pub fn of(case: &Case, library: &KernelLibrary, device: &DeviceInfo) -> Result<Self, ContractError> {
        let plan = case.operation.plan(device, &case.problem)?;
        let mut hash = Sha256::new();
        // Each text is preceded by its length, so that no two lists of texts hash alike.
        let mut add = |text: &[u8]| {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        };
        add(device.architecture.as_bytes());
        add(device.compiler.as_bytes());
        // What a launch is given, in the form that is meant for reading.
        add(format!("{plan:?}").as_bytes());
        for name in modules_of(&plan) {
            add(name.as_bytes());
            let Some(module) = library.module(name) else { continue };
            add(module.source.as_bytes());
            let compiled =
                module.amd_code_objects.iter().find(|(architecture, _)| *architecture == device.architecture);
            add(compiled.map_or(&[], |(_, code)| code));
            for (name, text) in includes_of(&module.source, library) {
                add(name.as_bytes());
                add(text.as_bytes());
            }
        }
        Ok(Self(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn modules_of(plan: &LaunchPlan) -> BTreeSet<&str> {
    plan.launches.iter().map(|launch| launch.kernel.module.as_str()).collect()
}

/// The headers that a text includes by name, and those that they include. Conditions are not looked at: a header that
/// only another compiler would include counts too.
fn includes_of<'a>(source: &str, library: &'a KernelLibrary) -> Vec<(&'a str, &'a str)> {
    let mut names: BTreeSet<&str> = BTreeSet::new();
    let mut left: Vec<&str> = vec![source];
    while let Some(text) = left.pop() {
        for name in text.lines().filter_map(included_name) {
            let include = library.includes().iter().find(|include| include.name == name);
            if let Some(include) = include.filter(|include| names.insert(&include.name)) {
                left.push(&include.text);
            }
        }
    }
    let by_name = |name| library.includes().iter().find(|include| include.name == name);
    names.into_iter().filter_map(by_name).map(|include| (&*include.name, &*include.text)).collect()
}

fn included_name(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include")?.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::backend::{Device, HostDevice, HostOptions};
    use crate::registry::OPERATIONS;
    use crate::suite::parse_case_id;

    fn identity(case: &str, library: &KernelLibrary) -> CodeIdentity {
        let device = HostDevice::new(HostOptions::default(), std::sync::Arc::new(KernelLibrary::embedded())).unwrap();
        CodeIdentity::of(&parse_case_id(case, OPERATIONS).unwrap(), library, device.info()).unwrap()
    }

    fn write(library: &KernelLibrary, folder: &Path, change: impl Fn(&str, &str) -> String) {
        for module in library.modules() {
            let path = folder.join(format!("{}.hip", module.name));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, change(&module.name, &module.source)).unwrap();
        }
        for include in library.includes() {
            let path = folder.join("include").join(&*include.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, change(&include.name, &include.text)).unwrap();
        }
    }

    #[test]
    fn an_identity_changes_with_the_module_its_headers_and_the_launch_and_with_nothing_else() {
        let case = "swiglu/f32/4x64/normal";
        let embedded = KernelLibrary::embedded();
        let original = identity(case, &embedded);
        assert_eq!(original.as_str().len(), 64);
        assert_eq!(original, identity(case, &embedded));
        assert_eq!(original, identity("swiglu/f32/4x64/uniform", &embedded), "inputs are no part of the code");
        assert_ne!(original, identity("swiglu/f32/5x64/normal", &embedded));
        for (changed, expected_same) in [
            ("", true),
            ("mlp/rms_norm", true),
            ("philox.h", true),
            ("mlp/swiglu", false),
            ("storage.h", false),
            ("portability_host.h", false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let append = |name: &str, text: &str| {
                if name == changed { format!("{text}\n// changed\n") } else { text.to_string() }
            };
            write(&embedded, folder.path(), append);
            let library = KernelLibrary::from_directory(folder.path()).unwrap();
            assert_eq!(identity(case, &library) == original, expected_same, "after a change of `{changed}`");
        }
    }
}
