//! How a kernel file becomes host C++. Shared by build.rs and the run-time compiler, so that embedded kernels
//! and those of a directory are compiled alike.

/// The two host copies of every kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    Plain,
    /// With thread-sanitizer instrumentation, whose callbacks the emulator defines.
    Checked,
}

impl Variant {
    pub const ALL: [Variant; 2] = [Variant::Plain, Variant::Checked];

    pub const fn name(self) -> &'static str {
        match self {
            Variant::Plain => "plain",
            Variant::Checked => "checked",
        }
    }
}

/// Options of both copies. Contraction to fused multiply-adds stays off, as on the GPU: kernels ask for them.
pub const COMPILE_OPTIONS: &[&str] =
    &["-std=c++17", "-O2", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti", "-fPIC", "-Wall", "-Wextra"];

/// Options of the checked copy, besides those of both: a callback before every access, and one in every basic block.
pub const CHECKED_OPTIONS: &[&str] = &["-fsanitize=thread", "-fsanitize-coverage=trace-pc"];

/// The same, for g++ only: entries and exits of functions tell the emulator nothing.
pub const CHECKED_OPTIONS_GNU: &[&str] = &["--param=tsan-instrument-func-entry-exit=0"];

/// The identifier under which a module's symbols are found: `mlp/rms_norm` gives `mlp_rms_norm`.
pub fn module_identifier(module: &str) -> String {
    module.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect()
}

/// The symbol of a kernel's entry (`what` is `entry`) or of its signature (`signature`).
pub fn symbol(module: &str, variant: Variant, what: &str, kernel: &str) -> String {
    format!("hipgauge_host_{}_{what}_{}_{kernel}", variant.name(), module_identifier(module))
}

/// A translation unit that compiles one copy of the module whose file is at `path`.
///
/// Each copy lives in a namespace of its own. Otherwise the linker would merge a template or an inline
/// function of the two copies into one, and accesses in it would silently go unchecked, or be checked in
/// the plain copy.
pub fn wrapper_source(module: &str, path: &str, variant: Variant) -> String {
    let checked = u8::from(variant == Variant::Checked);
    let entry = symbol(module, variant, "entry", "##kernel");
    let signature = symbol(module, variant, "signature", "##kernel");
    let namespace = format!("hipgauge_host_{}_{}", variant.name(), module_identifier(module));
    format!(
        "#define HIPGAUGE_HOST_CHECKED {checked}\n\
         #define HIPGAUGE_HOST_ENTRY(kernel) {entry}\n\
         #define HIPGAUGE_HOST_SIGNATURE(kernel) {signature}\n\
         #include \"portability.h\"\n\
         namespace {namespace} {{\n\
         #include \"{}\"\n\
         }}\n",
        path.replace('\\', "/"),
    )
}
