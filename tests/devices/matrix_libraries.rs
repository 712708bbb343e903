//! The vendors' matrix libraries, without a GPU: stand-ins of the drivers and of cuBLASLt and hipBLASLt over host memory,
//! which multiply as they are told and end the process at what the real ones would not forgive. Drivers and libraries are
//! found by the loader, so all of it happens in child processes: hipgauge's own, and this test program's.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use hipgauge::backend::{
    BackendError, Buffer, Device, MatrixElement, MatrixLibrary, MatrixOperand, MatrixProductShape, OpenOptions, open,
};
use tempfile::TempDir;

const NOTHING_RAN: i32 = 4;
const NOT_TO_BE_HAD_HERE: i32 = 3;
const WRONG_RESULT: i32 = 2;

/// One vendor's stand-ins in a folder of their own.
struct Vendor {
    folder: TempDir,
    device: &'static str,
    library: &'static str,
}

fn build(source: &str, library: &Path, defines: &[&str]) {
    let compiler = env::var("CXX").unwrap_or_else(|_| "g++".to_owned());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vendor").join(source);
    let mut command = Command::new(&compiler);
    command.args(["-shared", "-fPIC", "-O1", "-o"]).args([library, &source]).args(defines);
    assert!(command.status().expect("a C++ compiler, which the build needs too").success(), "{}", source.display());
}

impl Vendor {
    fn cuda() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        build("cuda_driver.cpp", &folder.path().join("libcuda.so.1"), &["-DDEVICES=1"]);
        symlink("libcuda.so.1", folder.path().join("libcuda.so")).expect("a new link");
        build("nvrtc.cpp", &folder.path().join("libnvrtc.so"), &[]);
        build("matrix_library.cpp", &folder.path().join("libcublasLt.so.12"), &[]);
        Self { folder, device: "cuda:0", library: "libcublasLt.so.12" }
    }

    fn hip() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("lib")).expect("a new folder");
        build("hip_runtime.cpp", &folder.path().join("lib/libamdhip64.so"), &["-DDEVICES=1"]);
        build("matrix_library.cpp", &folder.path().join("lib/libhipblaslt.so"), &["-DHIP"]);
        Self { folder, device: "hip:0", library: "lib/libhipblaslt.so" }
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("calls")
    }

    /// A process that finds the stand-ins and nothing else. `wishes` are environment variables for the stand-in library.
    fn process(&self, program: OsString, wishes: &[(&str, &str)]) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(program);
        for variable in ["HIP_PATH", "HSA_OVERRIDE_GFX_VERSION", "CUDA_PATH", "CUDA_HOME", "HIPGAUGE_HIPBLASLT"] {
            command.env_remove(variable);
        }
        let cublaslt = folder.join("libcublasLt.so.12");
        command
            .env("LD_LIBRARY_PATH", folder)
            .env("ROCM_PATH", folder)
            .env("HIPGAUGE_NVRTC", folder.join("libnvrtc.so"))
            .env("HIPGAUGE_CUBLASLT", cublaslt)
            .env("HIPGAUGE_CACHE_DIR", folder.join("cache"))
            .env("STAND_IN_LOG", self.log())
            .envs(wishes.iter().copied());
        command
    }

    fn hipgauge(&self, arguments: &[&str], wishes: &[(&str, &str)]) -> Output {
        let _ = fs::remove_file(self.log());
        let mut command = self.process(env!("CARGO_BIN_EXE_hipgauge").into(), wishes);
        command.args(arguments).output().expect("the program starts")
    }

    fn verify(&self, selection: &[&str], wishes: &[(&str, &str)]) -> Output {
        let arguments = [&["verify", "--device", self.device, "--jobs", "1"], selection].concat();
        self.hipgauge(&arguments, wishes)
    }

    /// Runs one test of this program as a process that finds the stand-ins.
    fn child(&self, test: &str, wishes: &[(&str, &str)]) {
        let _ = fs::remove_file(self.log());
        let program = env::current_exe().expect("this program");
        let path = match module_path!().split_once("::") {
            Some((_, modules)) => format!("{modules}::{test}"),
            None => test.to_owned(),
        };
        let mut command = self.process(program.into(), wishes);
        let output = command.args(["--exact", &path, "--nocapture"]).env(CHILD, self.device).output();
        let output = output.expect("this program starts");
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success() && stdout.contains("1 passed"), "{}: {stdout}{stderr}", self.device);
    }

    fn calls(&self) -> Vec<String> {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn count(calls: &[String], call: &str) -> usize {
    calls.iter().filter(|made| *made == call).count()
}

/// Everything that was made is freed, and the handle last of all.
fn everything_was_freed(calls: &[String]) {
    for kind in ["handle", "operation", "layout", "preference"] {
        let (made, freed) = (count(calls, &format!("make {kind}")), count(calls, &format!("free {kind}")));
        assert_eq!(made, freed, "{kind}: {calls:?}");
    }
    assert_eq!(calls.last().map(String::as_str), Some("free handle"), "{calls:?}");
}

#[test]
fn products_of_both_libraries_pass_the_cases_of_the_ci_suite() {
    for vendor in [Vendor::cuda(), Vendor::hip()] {
        let output = vendor.verify(&["--suite", "ci", "--op", "vendor_matrix_product"], &[]);
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{}: {stdout}{stderr}", vendor.device);
        let calls = vendor.calls();
        everything_was_freed(&calls);
        assert_eq!(count(&calls, "make handle"), 1, "one for the device, however many cases");
        let products = count(&calls, "multiply with 2");
        // Two launches of each case that has rows; those of the first group without rows launch nothing.
        assert_eq!(products, 2 * count(&calls, "make operation"), "{}", vendor.device);
        assert!(products > 200 && count(&calls, "multiply with 3") == 0, "{products}");
    }
}

#[test]
fn a_library_that_computes_something_else_is_found_out() {
    for vendor in [Vendor::cuda(), Vendor::hip()] {
        for case in ["vendor_matrix_product/bf16/5x64/normal", "vendor_matrix_product/f32/5x64/normal"] {
            let output = vendor.verify(&["--case", case], &[("STAND_IN_WRONG", "1")]);
            assert_eq!(output.status.code(), Some(WRONG_RESULT), "{case}: {}", text(&output.stderr));
            assert!(text(&output.stdout).contains("the sum is"), "{}", text(&output.stdout));
        }
    }
}

#[test]
fn each_call_that_fails_is_named_with_its_status_and_its_shape() {
    let calls = [
        "Create",
        "MatmulDescCreate",
        "MatmulDescSetAttribute",
        "MatrixLayoutCreate",
        "MatmulPreferenceCreate",
        "MatmulPreferenceSetAttribute",
        "MatmulAlgoGetHeuristic",
        "Matmul",
    ];
    for (vendor, prefix, status) in [
        (Vendor::cuda(), "cublasLt", "15 (CUBLAS_STATUS_NOT_SUPPORTED)"),
        (Vendor::hip(), "hipblasLt", "7 (HIPBLAS_STATUS_NOT_SUPPORTED)"),
    ] {
        let version = if prefix == "cublasLt" { "GetProperty" } else { "GetVersion" };
        for call in calls.into_iter().chain([version]) {
            let name = format!("{prefix}{call}");
            let case = "vendor_matrix_product/f16/5x64/outputs=3/normal";
            let output = vendor.verify(&["--case", case, "--format", "json"], &[("STAND_IN_FAIL", &name)]);
            let stdout = text(&output.stdout);
            assert_eq!(output.status.code(), Some(NOT_TO_BE_HAD_HERE), "{name}: {stdout}{}", text(&output.stderr));
            let expected = format!("{name} failed on {}: {status}; arguments: ", vendor.device);
            assert!(stdout.contains(&expected), "{expected}: {stdout}");
            if !["Create", version].contains(&call) {
                assert!(stdout.contains("f16 [5, 64] x [3, 64]^T"), "{name}: {stdout}");
            }
            if call != "Create" {
                everything_was_freed(&vendor.calls());
            }
        }
    }
}

#[test]
fn a_heuristic_without_a_usable_algorithm_is_an_error_and_not_a_guess() {
    let vendor = Vendor::cuda();
    for offers in ["0", "2"] {
        let case = "vendor_matrix_product/bf16/5x64/normal";
        let output = vendor.verify(&["--case", case, "--format", "json"], &[("STAND_IN_OFFERS", offers)]);
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(NOT_TO_BE_HAD_HERE), "{stdout}");
        let expected = format!(
            "cuBLASLt 12.8.4 on cuda:0 has no algorithm for bf16 [5, 64] x [64, 64]^T, row strides 64, 64, 64, aligned to \
             256 bytes with 33554432 bytes of workspace ({offers} offered, none usable)"
        );
        assert!(stdout.contains(&expected), "{stdout}");
        everything_was_freed(&vendor.calls());
    }
}

#[test]
fn a_device_without_a_library_skips_its_product_and_says_why() {
    for vendor in [Vendor::cuda(), Vendor::hip()] {
        fs::remove_file(vendor.folder.path().join(vendor.library)).expect("the stand-in");
        let case = "vendor_matrix_product/bf16/5x64/normal";
        let output = vendor.verify(&["--case", case, "--format", "json"], &[]);
        let stdout = text(&output.stdout);
        if !stdout.contains("there is none") {
            // This machine has a real one.
            continue;
        }
        assert_eq!(output.status.code(), Some(NOTHING_RAN), "{stdout}{}", text(&output.stderr));
        assert!(stdout.contains("\"skipped\""), "{stdout}");
        let output = vendor.hipgauge(&["devices", "--verbose"], &[]);
        let stdout = text(&output.stdout);
        assert!(stdout.contains("  no matrix library: "), "{stdout}");
        let file = Path::new(vendor.library).file_name().expect("a name").to_string_lossy().into_owned();
        assert!(stdout.contains(&format!("{file}: ")), "every place is listed: {stdout}");
    }
    let mut host = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    host.args(["verify", "--device", "host", "--case", "vendor_matrix_product/bf16/5x64/normal"]);
    let output = host.output().expect("the program starts");
    assert_eq!(output.status.code(), Some(NOTHING_RAN), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("no vendor makes one for it"), "{}", text(&output.stdout));
}

#[test]
fn a_library_that_is_there_but_no_use_is_an_error() {
    for vendor in [Vendor::cuda(), Vendor::hip()] {
        let case = ["--case", "vendor_matrix_product/bf16/5x64/normal", "--format", "json"];
        let output = vendor.verify(&case, &[("STAND_IN_OLD", "1")]);
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(NOT_TO_BE_HAD_HERE), "{stdout}");
        assert!(stdout.contains("has a matrix library that is no use") && stdout.contains("older than"), "{stdout}");
        everything_was_freed(&vendor.calls());

        fs::write(vendor.folder.path().join(vendor.library), "no library, whatever its name says").expect("a file");
        let output = vendor.verify(&case, &[]);
        let stdout = text(&output.stdout);
        assert_eq!(output.status.code(), Some(NOT_TO_BE_HAD_HERE), "{stdout}");
        assert!(stdout.contains("is there but does not load"), "{stdout}");
    }
}

#[test]
fn devices_tells_name_version_and_place() {
    for (vendor, expected) in [(Vendor::cuda(), "cuBLASLt 12.8.4 ("), (Vendor::hip(), "hipBLASLt 1.1.2 (")] {
        let output = vendor.hipgauge(&["devices"], &[]);
        let stdout = text(&output.stdout);
        assert!(stdout.contains(&format!("  matrix products by {expected}")), "{stdout}");
        assert!(stdout.contains(vendor.library), "{stdout}");
        everything_was_freed(&vendor.calls());
    }
}

/// Set in this program's children, to the device that they have.
const CHILD: &str = "HIPGAUGE_TEST_STAND_IN_DEVICE";

struct Matrices {
    device: Arc<dyn Device>,
    library: Arc<dyn MatrixLibrary>,
    x: Buffer,
    weight: Buffer,
    y: Buffer,
}

/// 2 x 3 times (2 x 3)^T in f32; the products are 14, 32, 32 and 77.
const SHAPE: (usize, usize, usize) = (2, 2, 3);
const NUMBERS: [f32; 6] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
const PRODUCTS: [f32; 4] = [14.0, 32.0, 32.0, 77.0];

fn operand(buffer: &Buffer) -> MatrixOperand<'_> {
    MatrixOperand { buffer, offset: 0 }
}

impl Matrices {
    fn new(device: &str) -> Self {
        let device = open(device, &OpenOptions::default()).expect("a stand-in").device;
        let library = device.matrix_library().expect("a stand-in");
        let make = |label: &str, numbers: &[f32]| {
            let buffer = device.allocate(size_of_val(numbers), label).expect("memory");
            device.upload(&buffer, 0, bytemuck::cast_slice(numbers)).expect("room");
            buffer
        };
        let (x, weight, y) = (make("x", &NUMBERS), make("weight", &NUMBERS), make("y", &[1.0; 4]));
        Self { device, library, x, weight, y }
    }

    fn shape() -> MatrixProductShape {
        MatrixProductShape::contiguous(MatrixElement::F32, SHAPE.0, SHAPE.1, SHAPE.2)
    }

    fn result(&self) -> Vec<f32> {
        let mut numbers = vec![0.0_f32; 4];
        self.device.download(&self.y, 0, bytemuck::cast_slice_mut(&mut numbers)).expect("four numbers");
        numbers
    }
}

#[test]
fn in_a_child_products_are_captured_and_timed() {
    let Ok(name) = env::var(CHILD) else { return };
    let all = Matrices::new(&name);
    let (x, weight, y) = (operand(&all.x), operand(&all.weight), operand(&all.y));
    assert_eq!(
        (all.library.name().len(), all.library.version().is_empty()),
        (if name == "cuda:0" { 8 } else { 9 }, false)
    );

    let product = all.library.prepare(&Matrices::shape()).expect("an algorithm");
    assert_eq!((product.algorithm_rank(), *product.shape()), (2, Matrices::shape()));
    product.enqueue(x, weight, y).expect("a product");
    assert_eq!(all.result(), PRODUCTS);

    // Nothing is allocated by a product, captured or not.
    let live = all.device.ledger().live_bytes();
    let graph = all.device.capture(&mut || product.enqueue(x, weight, y)).expect("a capture");
    assert_eq!((graph.is_some(), all.device.ledger().live_bytes()), (name == "cuda:0", live));

    // The stand-in HIP runtime's intervals become shorter, CUDA's are all equal.
    let timed = all.library.prepare_timed(&Matrices::shape(), x, weight, y).expect("an algorithm");
    assert_eq!(timed.algorithm_rank(), if name == "cuda:0" { 2 } else { 3 });
    // The library and the device go before the graph and the products.
    drop(all);
    drop(product);
    drop(timed);
    drop(graph);
}

#[test]
fn in_a_child_what_does_not_fit_is_refused_before_the_library_sees_it() {
    let Ok(name) = env::var(CHILD) else { return };
    let all = Matrices::new(&name);
    let (x, weight, y) = (operand(&all.x), operand(&all.weight), operand(&all.y));
    let product = all.library.prepare(&Matrices::shape()).expect("an algorithm");
    let refused = |x, weight, y, expected: &str| match product.enqueue(x, weight, y) {
        Err(BackendError::InvalidUse { problem, .. }) => assert!(problem.contains(expected), "{problem}"),
        other => panic!("{expected}: {other:?}"),
    };
    refused(MatrixOperand { offset: 4, ..x }, weight, y, "x: 24 bytes at offset 4 do not fit");
    refused(x, weight, MatrixOperand { buffer: &all.x, offset: 8 }, "y at 0x");
    let other = open(&name, &OpenOptions::default()).expect("a stand-in").device;
    let foreign = other.allocate(24, "foreign").expect("memory");
    refused(x, operand(&foreign), y, "is not a buffer of");
    let wrong = MatrixProductShape { x_stride: 2, ..Matrices::shape() };
    assert!(matches!(all.library.prepare(&wrong), Err(BackendError::InvalidUse { .. })));
    let capturing = other.capture(&mut || other.matrix_library().map(drop));
    assert!(name != "cuda:0" || matches!(capturing, Err(BackendError::InvalidUse { .. })));
}

#[test]
fn a_graph_keeps_its_library_and_nothing_is_freed_twice() {
    for (vendor, products) in [(Vendor::cuda(), 26), (Vendor::hip(), 25)] {
        vendor.child("in_a_child_products_are_captured_and_timed", &[]);
        let calls = vendor.calls();
        everything_was_freed(&calls);
        let multiplied = calls.iter().filter(|call| call.starts_with("multiply")).count();
        // One, one captured where there are graphs, and twelve runs of each of two algorithms.
        assert_eq!(multiplied, products, "{calls:?}");
    }
}

#[test]
fn a_product_refuses_what_does_not_fit_its_shape() {
    for vendor in [Vendor::cuda(), Vendor::hip()] {
        vendor.child("in_a_child_what_does_not_fit_is_refused_before_the_library_sees_it", &[]);
        assert!(!vendor.calls().iter().any(|call| call.starts_with("multiply")), "{:?}", vendor.calls());
    }
}
