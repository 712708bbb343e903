//! Ten thousand cases in little memory: nothing that a case leaves behind may be kept until the end.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use hipgauge::report::RunData;

const CASES: usize = 10_000;

/// The most that `verify`, `sweep` and `report` may ever hold, in bytes.
const MOST_BYTES: u64 = 1 << 30;

/// A suite of the smallest cases there are, of which every one leaves a verdict, samples and a row.
fn suite(folder: &Path) -> PathBuf {
    let operations = ["rms_norm", "rms_norm_residual", "swiglu", "swiglu_packed", "top_k"];
    let seeds: Vec<String> = (0..CASES / operations.len() / 2).map(|seed| seed.to_string()).collect();
    let mut text = String::from("description = \"ten thousand small cases\"\n");
    for operation in operations {
        let parameters = if operation == "top_k" { "parameters = { k = 2 }\n" } else { "" };
        let seeds = seeds.join(", ");
        let group = "[[group]]\ndtypes = [\"f32\", \"bf16\"]\nshapes = \"1x8\"\n";
        write!(text, "{group}operation = \"{operation}\"\nseeds = [{seeds}]\n{parameters}").expect("a string");
    }
    let file = folder.join("large.toml");
    fs::write(&file, text).expect("a temporary directory");
    file
}

/// Runs the program to a good end and gives the most bytes that it had in memory at any time.
#[expect(clippy::zombie_processes, reason = "wait4 waits for it, and alone tells this child's memory from another's")]
fn peak_bytes(arguments: &[&str], folder: &Path) -> u64 {
    let log = fs::File::create(folder.with_extension("log")).expect("a temporary directory");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    let child = command.args(arguments).arg(folder).stdout(Stdio::null()).stderr(log).spawn().expect("it starts");
    let mut status = 0;
    // SAFETY: all bytes of `rusage` may be zero.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the child has not been waited for, and both places outlive the call.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, &mut usage) };
    assert_eq!(waited, child.id() as i32);
    let said = fs::read_to_string(folder.with_extension("log")).expect("written");
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0, "{arguments:?}: {said}");
    usage.ru_maxrss as u64 * 1024
}

fn check(what: &str, peak: u64) {
    // The figure is what this test is for: `cargo test --test commands large_suite -- --nocapture` shows it.
    println!("{what}: at most {} MiB in memory", peak >> 20);
    assert!(peak < MOST_BYTES, "{what} held {} MiB", peak >> 20);
}

#[test]
fn ten_thousand_cases_are_verified_measured_and_reported_in_a_gibibyte() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let suite = suite(folder.path());
    let suite = suite.to_str().expect("a temporary directory's name is text");
    let run = folder.path().join("sweep");
    let host = ["--suite", suite, "--device", "host"];
    let limits = ["--mode", "cold", "--time-limit", "0.0001", "--out"];
    check("sweep", peak_bytes(&[&["sweep"], &host[..], &limits].concat(), &run));
    let read = RunData::load(&run).expect("a complete run");
    assert_eq!((read.verdicts.len(), read.measurements.len()), (CASES, CASES));
    assert!(read.problems.is_empty() && read.samples.len() >= CASES as u64);

    // A GPU takes far more samples than the emulator: two modes of a hundred each.
    let mut samples = fs::OpenOptions::new().append(true).open(run.join("samples.csv")).expect("written");
    for measurement in &read.measurements {
        let mut rows = String::new();
        for ordinal in 0..200 {
            let mode = ["cold", "hot"][ordinal / 100];
            writeln!(rows, "{},{mode},{},0,0,1.25,1,", measurement.case, ordinal % 100).expect("a string");
        }
        samples.write_all(rows.as_bytes()).expect("the disk has room");
    }
    check("report of two million samples", peak_bytes(&["report"], &run));

    let run = folder.path().join("verify");
    check("verify", peak_bytes(&[&["verify"], &host[..], &["--out"]].concat(), &run));
}
