//! Embeds `kernels/` in the program.

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

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=kernels");
    println!("cargo:rerun-if-changed=src/backend/kernel_scan.rs");
    println!("cargo:rerun-if-changed=src/backend/host_backend/kernel_wrapper.rs");
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
    sources.write_table(&out.join("kernel_modules.rs"), &[])
}
