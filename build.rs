use std::{env, fs, path::Path};
fn main() {
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(
        Path::new(&out).join("kernel_modules.rs"),
        "/// Headers by name.\npub const KERNEL_INCLUDES: &[(&str, &str)] = &[];\n/// All modules.\npub const KERNEL_MODULES: &[KernelModule] = &[];\n",
    )
    .expect("OUT_DIR is writable");
}
