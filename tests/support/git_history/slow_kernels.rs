//! A small kernel whose cost, result and health are chosen, and histories of it.

use std::path::Path;

use super::Planned;

/// The case that the kernel serves.
pub const CASE: &str = "swiglu/f32/4x64/normal";

/// How a version of the kernel behaves. Versions that differ in `note` alone do the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// Turns of a loop that only computes, for every element.
    pub extra: u32,
    pub note: u32,
    pub broken: bool,
    pub wrong: bool,
    /// Wrong in every other process; the file is there or not by turns.
    pub flaky: Option<String>,
}

impl Version {
    pub fn text(&self) -> String {
        let Self { extra, note, .. } = self;
        let broken = if self.broken { "this does not compile" } else { "" };
        let factor = if self.wrong { "1.001f * " } else { "" };
        let (flaky, spoilt) = match &self.flaky {
            Some(path) => (flaky(path), "odd_process() ? 0.0f : "),
            None => (String::new(), ""),
        };
        format!(
            "// Note {note}.\n#include \"elementary.h\"\n#include \"storage.h\"\n{broken}\n{flaky}\n\
             HG_KERNEL(swiglu_f32, 1024, (const float* gate, const float* up, float* y, uint64_t rows, uint32_t columns, \
             int64_t gate_stride, int64_t up_stride, int64_t y_stride, uint32_t group, uint32_t blocks_per_row)) {{\n\
             const uint64_t step = uint64_t(gridDim.x) * blockDim.x;\n\
             uint32_t spent = group + blocks_per_row;\n\
             for (uint64_t n = uint64_t(blockIdx.x) * blockDim.x + threadIdx.x; n < rows * columns; n += step) {{\n\
             const int64_t row = int64_t(n / columns), column = int64_t(n % columns);\n\
             const float g = gate[row * gate_stride + column], u = {factor}up[row * up_stride + column];\n\
             y[row * y_stride + column] = {spoilt}divide(g, 1.0f + exp_float(-g)) * u;\n\
             for (uint32_t turn = 0; turn < {extra}; turn++) spent = spent * 1664525u + (spent >> 3 == 5 ? 1 : 3);\n\
             }}\n\
             if (spent == 0x12345678u && columns == 0) y[0] = 0.0f;\n}}\n"
        )
    }
}

/// A function that is true in every other process that calls it.
fn flaky(path: &str) -> String {
    format!(
        "extern \"C\" int unlink(const char*);\nextern \"C\" int creat(const char*, unsigned);\n\
         __attribute__((no_sanitize_thread, noinline)) static bool odd_process() {{\n\
         static int odd = -1;\n\
         if (odd < 0) {{ odd = unlink({path:?}) == 0; if (!odd) creat({path:?}, 0600); }}\n\
         return odd == 1;\n}}\n"
    )
}

/// The first commit: the headers that every kernel needs, and the kernel.
pub fn first(version: &Version) -> Planned {
    let mut commit = with(&[], "start", version).file("README", "start\n");
    let headers = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/include");
    let mut paths: Vec<_> = std::fs::read_dir(headers).expect("headers").map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).expect("text");
        commit = commit.file(&format!("kernels/include/{name}"), &text);
    }
    commit
}

/// A commit that has this version of the kernel.
pub fn with(parents: &[usize], message: &str, version: &Version) -> Planned {
    Planned::new(parents, message).file("kernels/mlp/swiglu.hip", &version.text())
}

/// A line of commits after the first one, one for each version.
pub fn line(versions: &[Version]) -> Vec<Planned> {
    let mut plan = vec![first(&Version::default())];
    for (number, version) in versions.iter().enumerate() {
        plan.push(with(&[number], &format!("commit {}", number + 1), version));
    }
    plan
}
