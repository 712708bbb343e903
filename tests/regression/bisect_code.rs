//! `hipgauge bisect --arch`: the commit that made code larger, found by reading code objects with no GPU.
//!
//! Needs a clang with the AMDGPU target, 16 or newer. Where there is none the test says so and checks nothing;
//! HIPGAUGE_REQUIRE_AMD_COMPILER=1 makes that a failure.

use std::path::PathBuf;
use std::process::Command;

use crate::git_history::Repository;
use crate::git_history::slow_kernels::{CASE, Version, line};
use serde_json::Value;

fn cache() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bisect_code")
}

fn command(repository: &Repository, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["bisect", "--case", CASE, "--good", &repository.hashes[0], "--bad", "main", "--repo"]);
    command.arg(repository.path()).arg("--cache").arg(cache()).env("HIPGAUGE_CACHE_DIR", cache()).args(arguments);
    command
}

fn bisect(repository: &Repository, arguments: &[&str]) -> (i32, Value, String) {
    let output = command(repository, arguments).args(["--format", "json"]).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("no signal"), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), stderr)
}

fn culprit(result: &Value) -> &str {
    result["searches"][0]["conclusion"]["culprit"]["id"].as_str().unwrap_or("")
}

/// Ten commits: from 3 on more code, 4 does not compile, from 6 on more registers, from 8 on scratch memory. The loop of each
/// version stays as it is, so that the numbers change just there.
fn history() -> Repository {
    let version = |number: u32| Version { note: number, broken: number == 4, ..Version::default() };
    let mut plan = line(&(1..=10).map(version).collect::<Vec<_>>());
    for (number, commit) in (0u32..).zip(&mut plan).skip(3) {
        let mut more =
            String::from("if (columns == 77777) { for (int n = 0; n < 8; n++) y[n] = divide(gate[n], up[n]); }\n");
        if number >= 6 {
            more.push_str("#ifdef __AMDGCN__\nasm volatile(\"\" ::: \"v99\");\n#endif\n");
        }
        if number >= 8 {
            more.push_str("volatile float held[16]; held[columns % 16] = 1.0f;\n");
        }
        let text = version(number).text().replace("uint32_t spent", &format!("{more}uint32_t spent"));
        *commit = commit.clone().file("kernels/mlp/swiglu.hip", &text);
    }
    Repository::new(&plan)
}

fn has_compiler(repository: &Repository) -> bool {
    let output =
        command(repository, &["--arch", "gfx942", "--regress", "code-size", "--dry-run"]).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(3) && stderr.contains("no HIP compiler was found") {
        let required = std::env::var_os("HIPGAUGE_REQUIRE_AMD_COMPILER").is_some();
        assert!(!required, "HIPGAUGE_REQUIRE_AMD_COMPILER is set and there is no compiler: {stderr}");
        println!("skipped: no clang >= 16 with the AMDGPU target; install clang-19 to bisect code for AMD");
        return false;
    }
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && stdout.contains("beside its parent, on gfx942"), "{stdout}{stderr}");
    true
}

#[test]
fn code_registers_and_scratch_are_found_with_no_gpu() {
    let repository = history();
    if !has_compiler(&repository) {
        return;
    }
    repository.make_dirty();
    let before = repository.contents();
    for (regress, expected) in [("code-size", 3), ("registers", 6), ("spills", 8)] {
        let (code, result, stderr) = bisect(&repository, &["--arch", "gfx942", "--regress", regress, "--every"]);
        assert_eq!(code, 0, "{regress}: {stderr}");
        let found: Vec<&str> = result["searches"]
            .as_array()
            .expect("searches")
            .iter()
            .filter_map(|search| search["conclusion"]["culprit"]["id"].as_str())
            .collect();
        assert!(found.contains(&&*repository.hashes[expected]), "{regress}: {found:?}\n{stderr}");
        if regress != "code-size" {
            assert_eq!(found, [&*repository.hashes[expected]], "{regress} changed once\n{stderr}");
        }
        let facts = result["environment"]["facts"].as_array().expect("facts");
        assert!(facts.iter().any(|fact| fact[0] == "architecture" && fact[1] == "gfx942"), "{facts:?}");
    }
    assert!(before == repository.contents(), "the checkout was touched");
    // With waves of 32 the same, and the line that reproduces it says where.
    let (code, result, stderr) = bisect(&repository, &["--arch", "gfx1100", "--regress", "spills"]);
    assert_eq!((code, culprit(&result)), (0, &*repository.hashes[8]), "{stderr}");
    assert_eq!(result["question"]["device"], serde_json::json!(["--arch", "gfx1100"]));
    // Ends with the same code.
    let same = Repository::new(&line(&[Version { note: 1, ..Version::default() }]));
    let (code, result, stderr) = bisect(&same, &["--arch", "gfx942", "--regress", "registers"]);
    assert_eq!((code, &result["searches"][0]["conclusion"]["end"]), (3, &"not-reproducible".into()), "{stderr}");
}

#[test]
fn what_no_code_object_tells_is_refused() {
    let repository = Repository::new(&line(&[Version { extra: 1, ..Version::default() }]));
    let refused = |arguments: &[&str], said: &str| {
        let (code, _, stderr) = bisect(&repository, arguments);
        assert!(code == 64 && stderr.contains(said), "{arguments:?}: {code} {stderr}");
    };
    refused(&["--arch", "gfx942"], "give --regress spills, registers or code-size");
    refused(&["--arch", "gfx942", "--regress", "correctness"], "runs none");
    refused(&["--arch", "gfx9999", "--regress", "spills"], "`gfx9999` is no AMD architecture");
    refused(&["--arch", "gfx942", "--regress", "spills", "--device", "host"], "cannot be used with");
    let mut command = command(&repository, &["--arch", "gfx942", "--regress", "spills"]);
    let output = command.env("HIPGAUGE_HIPCC", "/bin/false").output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(3) && stderr.contains("HIPGAUGE_HIPCC=/bin/false"), "{stderr}");
}
