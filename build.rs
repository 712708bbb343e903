//! Embeds `kernels/` in the program.

#[path = "src/backend/kernel_scan.rs"]
mod kernel_scan;
#[path = "build/modules.rs"]
mod modules;

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=kernels");
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
    let sources = modules::Sources::read(&root.join("kernels"))?;
    sources.write_table(&out.join("kernel_modules.rs"), &[])
}
