//! The kernel sources, embedded by build.rs, so that the binary needs no files at run time.

/// One file of `kernels/`.
#[derive(Clone, Copy, Debug)]
pub struct KernelModule {
    /// Path under `kernels/` without the extension: `mlp/rms_norm`.
    pub name: &'static str,
    pub source: &'static str,
    /// The kernels that the file defines with `HG_KERNEL`.
    pub functions: &'static [&'static str],
    /// Code objects compiled by build.rs: (architecture, ELF). Empty where no HIP compiler was found.
    pub amd_code_objects: &'static [(&'static str, &'static [u8])],
}

include!(concat!(env!("OUT_DIR"), "/kernel_modules.rs"));

/// The module of that name.
pub fn find_module(name: &str) -> Option<&'static KernelModule> {
    KERNEL_MODULES.iter().find(|module| module.name == name)
}
