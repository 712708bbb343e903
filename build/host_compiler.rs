//! Compiles every kernel as host C++, twice, and writes the table of entry points.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use super::kernel_wrapper::{CHECKED_OPTIONS, CHECKED_OPTIONS_GNU, COMPILE_OPTIONS, Variant, symbol, wrapper_source};
use super::modules::Sources;
use super::stamp::Stamp;

const NO_COMPILER: &str = "\
hipgauge needs a C++17 compiler to build its GPU emulator, and none works here.
Install one: `apt install g++`, `dnf install gcc-c++` or `apk add g++`,
or set CXX to the path of g++ or clang++, and build again.";

/// What compiled the kernels.
pub struct HostCompiler {
    pub path: String,
    /// First line of `--version`.
    pub version: String,
}

/// Compiles all modules into two static libraries and writes `host_kernels.rs`.
pub fn compile(sources: &Sources, kernels: &Path, out: &Path) -> Result<HostCompiler, String> {
    let compiler = find_compiler()?;
    for variant in Variant::ALL {
        let mut build = base_build();
        build.include(kernels.join("include"));
        COMPILE_OPTIONS.iter().for_each(|option| _ = build.flag(option));
        if variant == Variant::Checked {
            CHECKED_OPTIONS.iter().for_each(|option| _ = build.flag(option));
            CHECKED_OPTIONS_GNU.iter().for_each(|option| _ = build.flag_if_supported(option));
        }
        let mut stamp = Stamp::default();
        stamp.add(&compiler.version);
        sources.includes.iter().try_for_each(|include| stamp.add_file(include))?;
        COMPILE_OPTIONS.iter().chain(CHECKED_OPTIONS).chain(CHECKED_OPTIONS_GNU).for_each(|option| stamp.add(option));
        for module in &sources.modules {
            let wrapper = out.join(format!("{}_{}.cpp", variant.name(), module.name.replace('/', "_")));
            let text = wrapper_source(&module.name, &module.path.to_string_lossy(), variant);
            write_if_changed(&wrapper, &text)?;
            stamp.add(&text);
            stamp.add_file(&module.path)?;
            build.file(wrapper);
        }
        if !sources.modules.is_empty() {
            let library = format!("hipgauge_kernels_{}", variant.name());
            let archive = out.join(format!("lib{library}.a"));
            if !stamp.matches(&archive) {
                build.try_compile(&library).map_err(|error| format!("kernels did not compile as host C++: {error}"))?;
                stamp.write(&archive)?;
            }
            println!("cargo:rustc-link-search=native={}", out.display());
            println!("cargo:rustc-link-lib=static={library}");
        }
    }
    write_table(sources, &out.join("host_kernels.rs"))?;
    Ok(compiler)
}

fn base_build() -> cc::Build {
    let mut build = cc::Build::new();
    // Kernels need nothing of the C++ library at run time.
    build.cpp(true).cpp_link_stdlib(None).cargo_metadata(false);
    build.warnings(false).opt_level(2).debug(false);
    build
}

fn find_compiler() -> Result<HostCompiler, String> {
    let tool = base_build().try_get_compiler().map_err(|error| format!("{NO_COMPILER}\n({error})"))?;
    let output = tool.to_command().arg("--version").output();
    let output = output.map_err(|error| format!("{NO_COMPILER}\n({}: {error})", tool.path().display()))?;
    let version = String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or("unknown").to_string();
    Ok(HostCompiler { path: tool.path().to_string_lossy().into_owned(), version })
}

fn write_table(sources: &Sources, destination: &Path) -> Result<(), String> {
    let mut declarations = String::from("unsafe extern \"C\" {\n");
    let mut rows = String::from("const EMBEDDED_KERNELS: &[EmbeddedKernel] = &[\n");
    for module in &sources.modules {
        for function in &module.functions {
            let of = |variant, what| symbol(&module.name, variant, what, function);
            let (plain, checked) = (of(Variant::Plain, "entry"), of(Variant::Checked, "entry"));
            let signature = of(Variant::Plain, "signature");
            write!(
                declarations,
                "    fn {plain}(arguments: *const u64);\n    fn {checked}(arguments: *const u64);\n    \
                 fn {signature}(sizes: *mut u8, capacity: u32) -> u32;\n"
            )
            .expect("a String takes all");
            writeln!(
                rows,
                "    EmbeddedKernel {{ module: {:?}, function: {function:?}, plain: {plain}, checked: {checked}, \
                 signature: {signature} }},",
                module.name
            )
            .expect("a String takes all");
        }
    }
    write_if_changed(destination, &format!("{declarations}}}\n\n{rows}];\n"))
}

/// Keeps the time stamp of a file whose text stays, so that nothing is compiled again for it.
fn write_if_changed(path: &Path, text: &str) -> Result<(), String> {
    if fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
