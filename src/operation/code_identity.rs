//! Whether two builds would run the same code with the same arguments.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::backend::{Device, DeviceInfo, KernelLibrary, KernelModule};

use super::{BindError, Case, ContractError, LaunchPlan};

/// SHA-256 over everything that a case runs on a device: the code of its modules, launches with their arguments, and
/// how tensors lie in memory. The code is the embedded code object where the device loads one; else the module's text
/// with the headers that it includes, comments and blank lines left out, and the compiler with its options. Of a product by a
/// matrix library, the library's name and version stand for its code.
///
/// Equal identities mean equal work, but for the values in the tensors, which the case's id and seed decide. Different
/// ones need not mean different code.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodeIdentity(String);

impl CodeIdentity {
    /// The identity of a case on a device that loads its kernels from `library`. Launches nothing.
    pub fn of(case: &Case, library: &KernelLibrary, device: &dyn Device) -> Result<Self, BindError> {
        let plan = case.operation.plan(device.info(), &case.problem)?;
        let products = match plan.needs_matrix_library() {
            true => {
                let library = device.matrix_library();
                let library = library.map_err(|error| BindError::from(error).of_operation(case.operation.name()))?;
                Some(format!("{} {}", library.name(), library.version()))
            }
            false => None,
        };
        Ok(Self::on_paper(case, library, device.info(), products.as_deref())?)
    }

    /// The same where there need be no device; `products` is the name and version of its matrix library.
    fn on_paper(
        case: &Case,
        library: &KernelLibrary,
        device: &DeviceInfo,
        products: Option<&str>,
    ) -> Result<Self, ContractError> {
        let plan = case.operation.plan(device, &case.problem)?;
        let mut digest = LengthFirst(Sha256::new());
        digest.add(device.architecture.as_bytes());
        digest.add(&device.wave_size.to_le_bytes());
        // Launches and tensors in the form that is meant for reading: it names every field.
        digest.add(format!("{plan:?}").as_bytes());
        digest.add(format!("{:?}", case.operation.tensors(&case.problem)).as_bytes());
        if let Some(products) = products {
            digest.add(products.as_bytes());
        }
        for name in modules_of(&plan) {
            digest.add(name.as_bytes());
            if let Some(module) = library.module(name) {
                add_code(&mut digest, module, library, device);
            }
        }
        Ok(Self(digest.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CodeIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

/// A digest of texts, each preceded by its length, so that no two lists of texts digest alike.
struct LengthFirst(Sha256);

impl LengthFirst {
    fn add(&mut self, text: &[u8]) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }
}

fn modules_of(plan: &LaunchPlan) -> BTreeSet<&str> {
    plan.launches().map(|launch| launch.kernel.module.as_str()).collect()
}

fn add_code(digest: &mut LengthFirst, module: &KernelModule, library: &KernelLibrary, device: &DeviceInfo) {
    let embedded = module.amd_code_objects.iter().find(|(architecture, _)| *architecture == device.architecture);
    if let Some((_, object)) = embedded {
        digest.add(b"code object");
        digest.add(object);
        return;
    }
    digest.add(b"source");
    digest.add(device.compiler.as_bytes());
    digest.add(without_comments(&module.source).as_bytes());
    for (name, text) in includes_of(&module.source, library) {
        digest.add(name.as_bytes());
        digest.add(without_comments(text).as_bytes());
    }
}

/// The headers that a text includes by name, and those that they include, by name. Conditions are not looked at: a
/// header that only another compiler would include counts too.
fn includes_of<'a>(source: &str, library: &'a KernelLibrary) -> Vec<(&'a str, &'a str)> {
    let mut found: Vec<(&'a str, &'a str)> = Vec::new();
    let mut left = vec![source];
    while let Some(text) = left.pop() {
        for name in text.lines().filter_map(included_name) {
            let include = library.includes().iter().find(|include| include.name == name);
            if let Some(include) = include.filter(|include| found.iter().all(|(known, _)| *known != include.name)) {
                found.push((&include.name, &include.text));
                left.push(&include.text);
            }
        }
    }
    found.sort_unstable();
    found
}

fn included_name(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix('#')?.trim_start().strip_prefix("include")?.split('"').nth(1)
}

/// C++ text without comments, blank lines, and spaces at the ends of a line or beside others. What stands in quotes stays as it is. A text that asks
/// for its own line numbers is returned whole.
fn without_comments(source: &str) -> String {
    if source.contains("__LINE__") {
        return source.to_string();
    }
    let mut code = String::with_capacity(source.len());
    let mut rest = source.chars().peekable();
    let mut quote = None;
    while let Some(letter) = rest.next() {
        match (quote, letter, rest.peek()) {
            (Some(_), '\\', Some(&next)) => {
                code.extend([letter, next]);
                rest.next();
                continue;
            }
            (Some(open), _, _) if letter == open => quote = None,
            // A ' inside a number separates its digits.
            (None, '\'', _) if code.ends_with(|last: char| last.is_ascii_alphanumeric()) => {}
            (None, '"' | '\'', _) => quote = Some(letter),
            (None, '/', Some('/')) => {
                while rest.peek().is_some_and(|next| *next != '\n') {
                    rest.next();
                }
                continue;
            }
            (None, '/', Some('*')) => {
                rest.next();
                let mut last = ' ';
                while let Some(next) = rest.next().filter(|next| (last, *next) != ('*', '/')) {
                    last = next;
                }
                add_space(&mut code);
                continue;
            }
            (None, ' ' | '\t', _) => {
                add_space(&mut code);
                continue;
            }
            _ => {}
        }
        code.push(letter);
    }
    let lines = code.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// A space, unless there is one or the line begins.
fn add_space(code: &mut String) {
    if !code.is_empty() && !code.ends_with([' ', '\n']) {
        code.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::backend::{BackendKind, KernelId, LaunchDimensions};
    use crate::operation::{
        Cost, InputClass, Layout, NumericReference, Operation, ParameterSpec, Parameters, PlannedLaunch, Problem,
        Reference, TensorRole, TensorSpec,
    };
    use crate::tensor::{DType, HostTensor};

    fn device() -> DeviceInfo {
        DeviceInfo {
            id: "cuda:0".to_string(),
            backend: BackendKind::Cuda,
            name: "made up".to_string(),
            architecture: "sm_90".to_string(),
            wave_size: 32,
            multiprocessors: 132,
            l2_bytes: 50 << 20,
            last_level_bytes: 0,
            memory_bytes: 80 << 30,
            shared_bytes_per_block: 48 << 10,
            max_threads_per_block: 1024,
            driver_version: String::new(),
            runtime_version: String::new(),
            compiler: "NVRTC 13.0 -O3".to_string(),
            emulated: false,
            details: Vec::new(),
        }
    }

    /// An operation with one launch of one module.
    struct Scale;

    impl Operation for Scale {
        fn name(&self) -> &'static str {
            "scale"
        }

        fn summary(&self) -> &'static str {
            "for tests of identities"
        }

        fn parameters(&self) -> &'static [ParameterSpec] {
            &[]
        }

        fn input_classes(&self) -> &'static [InputClass] {
            &[InputClass::Normal]
        }

        fn check(&self, _problem: &Problem) -> Result<(), ContractError> {
            Ok(())
        }

        fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
            vec![TensorSpec::new("x", TensorRole::Input, problem.dtype, problem.rows, problem.columns)]
        }

        fn generate(&self, _: &Problem, _: InputClass, _: u64) -> Vec<HostTensor> {
            Vec::new()
        }

        fn reference(&self, _: &Problem, _: &[HostTensor]) -> Box<dyn Reference> {
            Box::new(NumericReference::new(Vec::new()))
        }

        fn plan(&self, _: &DeviceInfo, problem: &Problem) -> Result<LaunchPlan, ContractError> {
            let dimensions =
                LaunchDimensions { grid: [problem.rows as u32, 1, 1], block: [64, 1, 1], dynamic_shared_bytes: 0 };
            let kernel = KernelId::new("mlp/scale", "scale_f32");
            let launch = PlannedLaunch { kernel, dimensions, arguments: Vec::new() };
            Ok(LaunchPlan::of_launches(0, vec![launch]))
        }

        fn cost(&self, _: &Problem) -> Cost {
            Cost { bytes_read: 0, bytes_written: 0, flops: 0, emulated_visits: 0 }
        }

        fn describe_element(&self, _: &Problem, _: &[HostTensor], _: usize, _: usize, _: usize) -> String {
            String::new()
        }
    }

    fn case(rows: usize) -> Case {
        let parameters = Parameters::new("scale", &[], &[]).expect("none");
        let problem = Problem { dtype: DType::F32, rows, columns: 64, parameters, layout: Layout::default() };
        Case { operation: &Scale, problem, class: InputClass::Normal, seed: 0 }
    }

    /// A library with one kernel that includes `used.h`, and with `other.h`, which nothing includes.
    fn library(folder: &Path, kernel: &str, used: &str, other: &str) -> KernelLibrary {
        fs::create_dir_all(folder.join("mlp")).unwrap();
        fs::create_dir_all(folder.join("include")).unwrap();
        fs::write(folder.join("mlp/scale.hip"), kernel).unwrap();
        fs::write(folder.join("include/used.h"), used).unwrap();
        fs::write(folder.join("include/other.h"), other).unwrap();
        KernelLibrary::from_directory(folder).unwrap()
    }

    const KERNEL: &str = "#include \"used.h\"\nHG_KERNEL(scale_f32, 64, (float* x)) { *x *= 2.0f; }\n";

    #[test]
    fn an_identity_follows_code_headers_compiler_and_launch_and_no_comment() {
        let folder = tempfile::tempdir().unwrap();
        let of = |kernel: &str, used: &str, other: &str, device: &DeviceInfo, rows: usize| {
            CodeIdentity::on_paper(&case(rows), &library(folder.path(), kernel, used, other), device, None).unwrap()
        };
        let original = of(KERNEL, "#define A 1\n", "#define B 1\n", &device(), 4);
        assert_eq!(original.as_str().len(), 64);
        assert_eq!(
            of(KERNEL, "#define A 1\n", "#define B 2\n", &device(), 4),
            original,
            "a header that is not included"
        );
        let noted = KERNEL.replace("\nHG", "\n// a note\n\nHG");
        assert_eq!(of(&noted, "#define A 1 // one\n", "", &device(), 4), original, "comments and blank lines");
        assert_ne!(of(&KERNEL.replace("2.0f", "3.0f"), "#define A 1\n", "", &device(), 4), original);
        assert_ne!(of(KERNEL, "#define A 2\n", "", &device(), 4), original, "an included header");
        assert_ne!(of(KERNEL, "#define A 1\n", "", &device(), 5), original, "a grid");
        let compiler = DeviceInfo { compiler: "NVRTC 13.1 -O3".to_string(), ..device() };
        assert_ne!(of(KERNEL, "#define A 1\n", "", &compiler, 4), original);
        let architecture = DeviceInfo { architecture: "sm_100".to_string(), ..device() };
        assert_ne!(of(KERNEL, "#define A 1\n", "", &architecture, 4), original);
        let library = library(folder.path(), KERNEL, "#define A 1\n", "");
        let products = |products| CodeIdentity::on_paper(&case(4), &library, &device(), products).unwrap();
        assert_eq!(products(None), original);
        assert_ne!(products(Some("cuBLASLt 12.8.4")), products(Some("cuBLASLt 12.8.5")));
    }

    #[test]
    fn comments_go_and_what_is_quoted_stays() {
        let code = |text: &str| without_comments(text);
        assert_eq!(code("a; // b\n\n  \nc; /* d\n e */ f;\n"), "a;\nc; f;\n");
        assert_eq!(code("x = \"// no\"; y = '\"'; // yes"), "x = \"// no\"; y = '\"';\n");
        assert_eq!(code("x = \"\\\"/*\"; /**/ z"), "x = \"\\\"/*\"; z\n");
        assert_eq!(code("n = 1'000; // rest\nm = 2;"), "n = 1'000;\nm = 2;\n");
        assert_eq!(code("a / b"), "a / b\n");
        assert_eq!(code("  f(\ta,  \"  b\" );"), "f( a, \"  b\" );\n");
        assert_eq!(code("/* never closed"), "");
        assert_eq!(code("__LINE__ // a"), "__LINE__ // a");
    }
}
