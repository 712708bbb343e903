//! Embeds `kernels/` in the program: as text, as host C++ for the emulator, and as AMD code objects where a HIP
//! compiler is found.

#[path = "build/amd_compiler.rs"]
mod amd_compiler;
#[path = "build/commit.rs"]
mod commit;
#[path = "build/host_compiler.rs"]
mod host_compiler;
#[path = "src/backend/kernel_scan.rs"]
mod kernel_scan;
#[path = "src/backend/host_backend/kernel_wrapper.rs"]
mod kernel_wrapper;
#[path = "build/modules.rs"]
mod modules;
#[path = "src/backend/code_object/offline_compiler.rs"]
mod offline_compiler;
#[path = "build/stamp.rs"]
mod stamp;

use std::env;
use std::path::PathBuf;

use amd_compiler::AmdCompiler;

fn main() {
    for path in ["build.rs", "build", "kernels", "src", "Cargo.toml"] {
        println!("cargo:rerun-if-changed={path}");
    }
    for variable in ["CXX", "HIPGAUGE_HIPCC", "HIPGAUGE_AMD_ARCHITECTURES"] {
        println!("cargo:rerun-if-env-changed={variable}");
    }
    commit::export();
    if let Err(message) = build() {
        // One clear message; a panic would add a backtrace hint that helps nobody.
        for line in message.lines() {
            println!("cargo:error={line}");
        }
        std::process::exit(1);
    }
}

fn build() -> Result<(), String> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let kernels = root.join("kernels");
    let sources = modules::Sources::read(&kernels)?;
    let compiler = host_compiler::compile(&sources, &kernels, &out)?;
    println!("cargo:rustc-env=HIPGAUGE_HOST_COMPILER={}", compiler.path);
    println!("cargo:rustc-env=HIPGAUGE_HOST_COMPILER_VERSION={}", compiler.version);
    let amd = AmdCompiler::find(&out)?;
    println!("cargo:rustc-env=HIPGAUGE_AMD_COMPILER={}", amd.as_ref().map_or(String::new(), AmdCompiler::describe));
    let code_objects = amd.map_or(Ok(Vec::new()), |compiler| compiler.compile(&sources, &kernels, &out))?;
    sources.write_table(&out.join("kernel_modules.rs"), &code_objects)
}
