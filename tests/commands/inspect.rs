//! `inspect` reads code objects on a machine that has neither a GPU nor a HIP compiler: a script stands for the
//! compiler and gives the fixtures of tests/fixtures/code_objects.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

const NOT_TO_BE_HAD_HERE: i32 = 3;
const USAGE: i32 = 64;
const UNBUILDABLE: i32 = 125;

/// Kernels named as in the fixtures, a compiler that gives one of these, and a cache of their own.
struct Setup {
    folder: TempDir,
}

impl Setup {
    fn new(fixture: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let kernels = folder.path().join("kernels/m");
        fs::create_dir_all(&kernels).expect("a new folder");
        let source = "HG_KERNEL(spilling, 1024, (float* x)) {}\nHG_KERNEL(plain, 256, (float* x)) {}\n";
        fs::write(kernels.join("fixture.hip"), source).expect("a new file");
        let object = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/code_objects").join(fixture);
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo stand-in 19; exit; }}\n\
             while [ \"$1\" != -o ]; do shift; done\ncp '{}' \"$2\"\n",
            object.display()
        );
        let compiler = folder.path().join("hipcc");
        fs::write(&compiler, script).expect("a new file");
        fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755)).expect("its owner's");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn inspect(&self, arguments: &[&str], compiler: Option<&Path>) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
        command.arg("inspect").arg("--kernels").arg(self.path("kernels")).args(arguments);
        command.env("HIPGAUGE_CACHE_DIR", self.path("cache")).env("PATH", "/bin:/usr/bin").env_remove("HIPGAUGE_HIPCC");
        match compiler {
            Some(compiler) => command.env("HIPGAUGE_HIPCC", compiler),
            None => command.env("PATH", self.path("nothing")),
        };
        command.output().expect("the program starts")
    }

    fn with_compiler(&self, arguments: &[&str]) -> Output {
        self.inspect(arguments, Some(&self.path("hipcc")))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("output is UTF-8")
}

fn kernels(output: &Output) -> Vec<Value> {
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn every_number_of_a_code_object_is_told_in_the_order_of_the_source() {
    let setup = Setup::new("gfx942.hsaco");
    let found = kernels(&setup.with_compiler(&["--format", "json"]));
    let expected = serde_json::json!([
        {
            "kernel": "m/fixture:spilling", "architecture": "gfx942", "wave_size": 64, "threads": 1024,
            "waves_per_simd": 8,
            "attributes": {
                "registers": 47, "scalar_registers": 10, "accumulation_registers": 0, "shared_bytes": 0,
                "scratch_bytes": 36, "spilled_registers": 8, "code_bytes": 2476, "most_threads_per_block": 1024,
                "blocks_per_multiprocessor": 2, "occupancy": 1.0
            }
        },
        {
            "kernel": "m/fixture:plain", "architecture": "gfx942", "wave_size": 64, "threads": 256,
            "waves_per_simd": 8,
            "attributes": {
                "registers": 3, "scalar_registers": 10, "accumulation_registers": 0, "shared_bytes": 1024,
                "scratch_bytes": 0, "spilled_registers": 0, "code_bytes": 72, "most_threads_per_block": 256,
                "blocks_per_multiprocessor": 8, "occupancy": 1.0
            }
        }
    ]);
    assert_eq!(Value::Array(found), expected);
}

#[test]
fn the_occupancy_is_for_the_threads_that_were_asked_for() {
    let setup = Setup::new("gfx942.hsaco");
    let found = kernels(&setup.with_compiler(&["--format", "json", "--threads", "192"]));
    // Three waves a block, 16 blocks at most: 30 of 32 waves, ten blocks.
    let attributes = &found[1]["attributes"];
    assert_eq!((&attributes["blocks_per_multiprocessor"], &attributes["occupancy"]), (&10.into(), &0.9375.into()));
    // `plain` allows 256 threads: a larger block has no occupancy, and no made-up one.
    let found = kernels(&setup.with_compiler(&["--format", "json", "--threads", "512"]));
    assert_eq!((&found[1]["attributes"]["occupancy"], &found[1]["waves_per_simd"]), (&Value::Null, &Value::Null));
    assert_eq!(found[0]["attributes"]["occupancy"], 1.0);
}

#[test]
fn the_table_says_what_is_not_said_and_counts_the_spills() {
    let setup = Setup::new("gfx1100.hsaco");
    let output = setup.with_compiler(&["--arch", "gfx1100"]);
    let stdout = text(&output.stdout);
    let row = stdout.lines().find(|line| line.contains("spilling")).expect("a row");
    let cells: Vec<_> = row.split(['│', '┆']).map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!(
        cells,
        ["m/fixture:spilling", "gfx1100", "32", "24", "4", "-", "0", "408", "109", "4208", "1024", "2", "16", "100 %"]
    );
    assert!(stdout.ends_with("2 kernels, 1 with spills; `-`: not said\n"), "{stdout}");
}

#[test]
fn a_code_object_for_something_else_is_not_passed_off() {
    let setup = Setup::new("gfx942.hsaco");
    let output = setup.with_compiler(&["--arch", "gfx1100"]);
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(text(&output.stderr).contains("is for gfx942, not for gfx1100"), "{}", text(&output.stderr));
}

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let setup = Setup::new("gfx942.hsaco");
    let output = setup.inspect(&[], None);
    let stderr = text(&output.stderr);
    assert_eq!((output.status.code(), text(&output.stdout).as_str()), (Some(NOT_TO_BE_HAD_HERE), ""));
    assert!(
        stderr.contains("no code object of m/fixture for gfx942") && stderr.contains("install clang-19"),
        "{stderr}"
    );

    let absent = setup.path("absent");
    let output = setup.inspect(&[], Some(&absent));
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(UNBUILDABLE));
    assert!(stderr.contains("absent cannot compile a kernel: cannot start"), "{stderr}");

    let output = setup.with_compiler(&["--arch", "gfx9999"]);
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(text(&output.stderr).contains("`gfx9999` is no AMD architecture"), "{}", text(&output.stderr));

    let output = setup.with_compiler(&["--op", "rms_nrom"]);
    assert_eq!(output.status.code(), Some(USAGE));
    assert!(text(&output.stderr).contains("did you mean `rms_norm`?"), "{}", text(&output.stderr));

    let output = setup.with_compiler(&["--device", "host"]);
    assert_eq!(output.status.code(), Some(NOT_TO_BE_HAD_HERE));
    assert!(text(&output.stderr).contains("the emulator runs machine code of the host"), "{}", text(&output.stderr));
}
