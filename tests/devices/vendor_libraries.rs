//! Vendor libraries in every state in which users have them: without a device, too old, broken. Stand-ins built
//! here take their place in a child process; whatever they do, `devices` tells it in one line and exits 0, and a
//! command that needs the device ends in the documented code.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// `NotReproducible` of the table that `--help` ends with.
const NOT_TO_BE_HAD_HERE: i32 = 3;
const WRONG_RESULT: i32 = 2;

/// Builds one of `tests/fixtures/vendor` as a shared library. `defines` say how it behaves.
fn build(source: &str, library: &Path, defines: &[&str]) {
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "g++".to_owned());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/vendor").join(source);
    let mut command = Process::new(&compiler);
    command.args(["-shared", "-fPIC", "-O1", "-o"]).args([library, &source]).args(defines);
    assert!(command.status().expect("a C++ compiler, which the build needs too").success(), "{}", source.display());
}

/// A folder that stands for a ROCm root.
struct Rocm {
    root: TempDir,
}

impl Rocm {
    fn new(fill: impl FnOnce(&Path)) -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(root.path().join("lib")).expect("a new folder");
        fill(&root.path().join("lib/libamdhip64.so"));
        Self { root }
    }

    fn library(&self) -> PathBuf {
        self.root.path().join("lib/libamdhip64.so")
    }

    fn hipgauge(&self, arguments: &[&str]) -> Output {
        run(hipgauge(arguments).env("ROCM_PATH", self.root.path()))
    }
}

/// A folder on the loader's path with a CUDA driver, and an NVRTC beside it.
struct Cuda {
    folder: TempDir,
}

impl Cuda {
    fn new(fill: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fill(&folder.path().join("libcuda.so.1"));
        // The name that the bindings try first, so that a real one is not found instead.
        symlink("libcuda.so.1", folder.path().join("libcuda.so")).expect("a new link");
        build("nvrtc.cpp", &folder.path().join("libnvrtc.so"), &[]);
        Self { folder }
    }

    fn hipgauge(&self, arguments: &[&str]) -> Output {
        let folder = self.folder.path();
        run(hipgauge(arguments)
            .env("LD_LIBRARY_PATH", folder)
            .env("HIPGAUGE_NVRTC", folder.join("libnvrtc.so"))
            // What the stand-in compiled must not stay in the user's cache.
            .env("HIPGAUGE_CACHE_DIR", folder.join("cache")))
    }
}

fn hipgauge(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    for variable in ["ROCM_PATH", "HIP_PATH", "LD_LIBRARY_PATH", "HSA_OVERRIDE_GFX_VERSION"] {
        command.env_remove(variable);
    }
    command.args(arguments);
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

/// The one line that `devices` has on a backend without devices.
fn absence(output: &Output, backend: &str) -> String {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
    let lines: Vec<_> = stdout.lines().filter(|line| line.starts_with(backend)).collect();
    assert_eq!(lines.len(), 1, "{stdout}");
    lines[0].split_once("none: ").unwrap_or_else(|| panic!("{stdout}")).1.to_owned()
}

/// Asks for a device that is not there, and for what `devices` says; gives the reason that both name.
fn reason(hipgauge: impl Fn(&[&str]) -> Output, backend: &str) -> String {
    let reason = absence(&hipgauge(&["devices"]), backend);
    let device = format!("{backend}:0");
    let output = hipgauge(&["verify", "--op", "rms_norm", "--device", &device]);
    assert_eq!(output.status.code(), Some(NOT_TO_BE_HAD_HERE));
    assert_eq!(
        text(&output.stderr),
        format!(
            "error: device `{device}` is not available: {reason}; run `hipgauge devices` to see what was looked for\n"
        )
    );
    reason
}

fn hip_reason(rocm: &Rocm) -> String {
    let reason = reason(|arguments| rocm.hipgauge(arguments), "hip");
    assert!(reason.contains(rocm.library().to_str().expect("a plain path")), "names the library: {reason}");
    reason
}

fn cuda_reason(cuda: &Cuda) -> String {
    let reason = reason(|arguments| cuda.hipgauge(arguments), "cuda");
    assert!(reason.contains("libcuda.so.1"), "names the library: {reason}");
    reason
}

#[test]
fn a_hip_runtime_without_a_device_is_named() {
    let none = Rocm::new(|library| build("hip_runtime.cpp", library, &[]));
    assert!(hip_reason(&none).ends_with("hipGetDeviceCount said 0 devices; check /dev/kfd and its permissions"));
    let refused = Rocm::new(|library| build("hip_runtime.cpp", library, &["-DINIT_STATUS=100"]));
    let reason = hip_reason(&refused);
    assert!(reason.contains("hipInit said hipErrorNoDevice: no ROCm-capable device is detected; check"), "{reason}");
}

#[test]
fn a_hip_runtime_that_lacks_a_function_is_too_old() {
    let rocm = Rocm::new(|library| build("hip_runtime.cpp", library, &["-DTOO_OLD"]));
    let reason = hip_reason(&rocm);
    assert!(reason.ends_with("has no hipModuleLaunchKernel: the HIP runtime is too old, install ROCm 5 or newer"));
}

#[test]
fn a_file_that_is_no_library_is_said_to_be_there() {
    let rocm = Rocm::new(|library| fs::write(library, "no library, whatever its name says").expect("a new file"));
    let reason = hip_reason(&rocm);
    assert!(reason.contains("is there but does not load (") && reason.contains("install it again"), "{reason}");
    let cuda = Cuda::new(|library| fs::write(library, [b'x'; 4096]).expect("a new file"));
    let reason = cuda_reason(&cuda);
    assert!(reason.contains("invalid ELF header"), "{reason}");
}

#[test]
fn a_library_that_needs_another_one_names_it() {
    let rocm = Rocm::new(|library| {
        let folder = library.parent().expect("a folder");
        let needed = folder.join("libamd_comgr.so.9");
        build("nvrtc.cpp", &needed, &["-Wl,-soname,libamd_comgr.so.9"]);
        let needed_path = needed.to_str().expect("a plain path").to_owned();
        build("hip_runtime.cpp", library, &["-Wl,--no-as-needed", &needed_path]);
        fs::remove_file(needed).expect("the file just built");
    });
    let reason = hip_reason(&rocm);
    assert!(reason.contains("(libamd_comgr.so.9: cannot open shared object file"), "{reason}");
}

#[test]
fn a_hip_device_tells_where_it_is_and_what_overrides_its_architecture() {
    let rocm = Rocm::new(|library| build("hip_runtime.cpp", library, &["-DDEVICES=1"]));
    let mut command = hipgauge(&["devices", "--format", "json"]);
    let output = run(command.env("ROCM_PATH", rocm.root.path()).env("HSA_OVERRIDE_GFX_VERSION", "9.4.2"));
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let hip: Value = serde_json::from_str(text(&output.stdout).lines().next().expect("a line")).expect("JSON");
    let device = &hip["devices"][0];
    assert_eq!((&device["architecture"], &device["last_level_bytes"]), (&"gfx942".into(), &(256 << 20).into()));
    let expected = serde_json::json!([
        ["HSA_OVERRIDE_GFX_VERSION", "9.4.2"],
        ["gcn_arch_name", "gfx942:sramecc+:xnack-"],
        ["pci", "0000:c1:00.0"],
    ]);
    assert_eq!(device["details"], expected);
}

#[test]
fn a_device_that_cannot_be_described_does_not_hide_the_others() {
    let rocm = Rocm::new(|library| build("hip_runtime.cpp", library, &["-DDEVICES=2"]));
    let output = rocm.hipgauge(&["devices"]);
    let stdout = text(&output.stdout);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    assert!(stdout.starts_with("hip   not all: hip:1 does not tell its architecture: update ROCm\n"), "{stdout}");
    assert!(stdout.contains("\n  hip:0  AMD Instinct MI300X\n"), "{stdout}");
}

#[test]
fn a_cuda_driver_that_is_too_old_or_has_no_device_is_named() {
    let old = Cuda::new(|library| build("cuda_driver.cpp", library, &["-DVERSION=11000", "-DDEVICES=1"]));
    let reason = cuda_reason(&old);
    assert!(reason.ends_with("is too old: it knows CUDA 11.0, install one for 11.4 or newer"), "{reason}");
    let none = Cuda::new(|library| build("cuda_driver.cpp", library, &[]));
    let reason = cuda_reason(&none);
    assert!(reason.ends_with("reports 0 devices; check nvidia-smi and CUDA_VISIBLE_DEVICES"), "{reason}");
    let broken = Cuda::new(|library| build("cuda_driver.cpp", library, &["-DINIT_STATUS=999"]));
    let reason = cuda_reason(&broken);
    assert!(reason.contains("cuInit failed: 999 (CUDA_ERROR_UNKNOWN: unknown error); check nvidia-smi"), "{reason}");
}

#[test]
fn after_a_kernel_that_stopped_the_device_every_case_says_that_it_is_lost() {
    let cuda = Cuda::new(|library| build("cuda_driver.cpp", library, &["-DDEVICES=1"]));
    let arguments =
        ["verify", "--op", "rms_norm", "--dtype", "f32", "--device", "cuda:0", "--jobs", "1", "--format", "json"];
    let output = cuda.hipgauge(&arguments);
    assert_eq!(output.status.code(), Some(WRONG_RESULT), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let mut lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let summary = lines.pop().expect("a summary");
    assert_eq!((&summary["failed"], &summary["device_choice"]["requested"]), (&1.into(), &"cuda:0".into()));
    let first = lines.remove(0);
    assert_eq!(first["status"], "failed", "{first}");
    let reason = first["reason"].as_str().expect("a text");
    assert!(reason.starts_with("mlp/rms_norm:rms_norm"), "names the kernel: {reason}");
    assert!(reason.contains("cuda:0 stopped: cuStreamQuery said 700 (CUDA_ERROR_ILLEGAL_ADDRESS"), "{reason}");
    assert!(lines.len() > 1, "{stdout}");
    for later in lines {
        let reason = later["reason"].as_str().expect("a text");
        assert_eq!(later["status"], "errored", "{later}");
        assert!(reason.starts_with("cuda:0 is lost to this process: mlp/rms_norm:rms_norm"), "{reason}");
    }
}

#[test]
fn auto_says_what_it_chose_and_why_the_others_were_not_there() {
    let rocm = Rocm::new(|library| build("hip_runtime.cpp", library, &[]));
    let driver = Cuda::new(|library| build("cuda_driver.cpp", library, &["-DVERSION=11000"]));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("run");
    let mut command = hipgauge(&["run", "--case", "rms_norm/f32/1x1/normal", "--format", "json", "--out"]);
    command.arg(&out).env("ROCM_PATH", rocm.root.path()).env("LD_LIBRARY_PATH", driver.folder.path());
    let output = run(&mut command);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let said: Vec<_> = stderr.lines().filter(|line| line.starts_with("device ")).collect();
    assert_eq!(said.len(), 1, "{stderr}");
    let (hip, cuda) = said[0]
        .strip_prefix("device host, chosen by --device auto; no hip: ")
        .and_then(|reasons| reasons.split_once("; no cuda: "))
        .unwrap_or_else(|| panic!("{stderr}"));
    assert!(hip.contains("said 0 devices") && cuda.contains("is too old"), "{stderr}");

    let summary: Value = serde_json::from_str(stdout.lines().last().expect("a summary")).expect("JSON");
    let record = fs::read_to_string(out.join("run.json")).expect("the run's record");
    let record: Value = serde_json::from_str(&record).expect("JSON");
    for choice in [&summary["device_choice"], &record["device_choice"]] {
        assert_eq!(choice["requested"], "auto");
        let expected = serde_json::json!([{ "backend": "hip", "reason": hip }, { "backend": "cuda", "reason": cuda }]);
        assert_eq!(choice["passed_over"], expected);
    }
}

/// The attributes that `inspect` prints for each kernel, by its name.
fn inspected(output: &Output) -> Vec<(String, Value)> {
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let lines = text(&output.stdout);
    let kernels = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    kernels.map(|kernel| (kernel["kernel"].to_string(), kernel["attributes"].clone())).collect()
}

#[test]
fn a_cuda_driver_tells_attributes_and_occupancy_and_what_it_does_not_say_stays_empty() {
    let cuda = Cuda::new(|library| build("cuda_driver.cpp", library, &["-DDEVICES=1"]));
    let arguments = ["inspect", "--device", "cuda:0", "--op", "swiglu", "--threads", "500", "--format", "json"];
    let kernels = inspected(&cuda.hipgauge(&arguments));
    assert_eq!(kernels.len(), 3, "one kernel for each storage type: {kernels:?}");
    // 1536 / 500 = 3 blocks of 16 warps: 1536 of 2048 threads. What NVRTC's stand-in makes is no ELF file.
    let expected = serde_json::json!({
        "registers": 40, "scalar_registers": null, "accumulation_registers": null, "shared_bytes": 640,
        "scratch_bytes": 24, "spilled_registers": null, "code_bytes": null, "most_threads_per_block": 1024,
        "blocks_per_multiprocessor": 3, "occupancy": 0.75
    });
    assert!(kernels.iter().all(|(_, attributes)| *attributes == expected), "{kernels:?}");
}

#[test]
fn a_hip_runtime_and_the_code_object_together_tell_all_attributes() {
    let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/code_objects/gfx942.hsaco");
    let rocm = |define: &str| {
        Rocm::new(|library| {
            build("hip_runtime.cpp", library, &["-DDEVICES=1", define]);
            let code_object = format!("-DCODE_OBJECT=\"{}\"", object.display());
            build("hiprtc.cpp", &library.with_file_name("libhiprtc.so"), &[&code_object]);
        })
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let kernels = folder.path().join("kernels");
    fs::create_dir(&kernels).expect("a new folder");
    fs::write(kernels.join("m.hip"), "HG_KERNEL(spilling, 1024, (float* x)) {}\n").expect("a new file");
    let inspect = |rocm: &Rocm| {
        let mut command = hipgauge(&["inspect", "--device", "hip:0", "--format", "json", "--kernels"]);
        command.arg(&kernels).env("ROCM_PATH", rocm.root.path());
        command.env("HIPGAUGE_CACHE_DIR", folder.path().join("cache"));
        inspected(&run(&mut command)).remove(0).1
    };
    // The driver's registers, shared memory, scratch and threads; the rest is the code object's.
    let mut expected = serde_json::json!({
        "registers": 33, "scalar_registers": 10, "accumulation_registers": 0, "shared_bytes": 2048,
        "scratch_bytes": 16, "spilled_registers": 8, "code_bytes": 2476, "most_threads_per_block": 512,
        "blocks_per_multiprocessor": 2, "occupancy": 0.5
    });
    assert_eq!(inspect(&rocm("-DRUNTIME")), expected);
    // A runtime from before the call existed.
    expected["blocks_per_multiprocessor"] = Value::Null;
    expected["occupancy"] = Value::Null;
    assert_eq!(inspect(&rocm("-DNO_OCCUPANCY")), expected);
}
