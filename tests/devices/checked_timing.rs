//! Kernels that are right when they are verified and cheat when they are timed: none of them may get a time.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use assert_cmd::Command;
use hipgauge::backend::{KernelLibrary, OpenOptions, open, survey};
use hipgauge::profiling::{KernelTimer, Mode, SampleSet, TimerSettings};
use hipgauge::registry::OPERATIONS;
use hipgauge::report::RunData;
use hipgauge::suite::parse_case_id;
use hipgauge::sweep::VerifiedCase;
use hipgauge::verify::Status;

const WRONG_RESULT: i32 = 2;
const CASE: &str = "swiglu/f32/2x64/normal";

/// Places in the kernel behind which a cheat goes: before the loop over rows, and inside it.
const BEFORE_ROWS: &str =
    "    const uint64_t first = uint64_t(blockIdx.x / blocks_per_row) * rows_per_block + threadIdx.x / group;\n";
const IN_ROW: &str = "        const int64_t r = int64_t(row);\n";

/// Counts launches. `verify` makes two, each input set one before timing, and one is the warm-up of a mode: from the
/// ninth on they are timed.
const COUNT: &str = "    static unsigned launches = 0;\n    if (blockIdx.x == 0 && threadIdx.x == 0) launches++;\n    \
                     const bool honest = launches <= 8;\n";

/// A folder with the swiglu kernels, `text` put behind `place`.
fn cheating_kernels(folder: &Path, place: &str, text: &str) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/mlp/swiglu.hip");
    let kernel = fs::read_to_string(source).expect("a kernel of ours");
    assert_eq!(kernel.matches(place).count(), 1, "`{place}` in swiglu.hip");
    fs::create_dir_all(folder.join("mlp")).expect("a temporary folder");
    fs::write(folder.join("mlp/swiglu.hip"), kernel.replacen(place, &format!("{place}{text}"), 1)).expect("a file");
}

/// Sweeps a case on those kernels; gives what was printed. The counters are no memory of the emulator's.
fn sweep_refuses(folder: &Path, case: &str, mode: &str) -> String {
    let run = folder.join("run");
    let mut command = Command::cargo_bin("hipgauge").expect("cargo builds the program for its tests");
    command.args(["sweep", "--device", "host", "--memory-check", "off", "--case", case, "--mode", mode]);
    command.args(["--time-limit", "0.5"]).arg("--kernels").arg(folder).arg("--out").arg(&run);
    command.env("HIPGAUGE_CACHE_DIR", folder.join("cache"));
    let assert = command.assert().code(WRONG_RESULT);
    let printed = String::from_utf8(assert.get_output().stdout.clone()).expect("UTF-8");
    let data = RunData::load(&run).expect("a complete run");
    assert!(data.measurements.is_empty(), "a time of a kernel that cheats: {printed}");
    assert_eq!(data.verdicts.len(), 1);
    assert_eq!(data.verdicts[0].status, Status::Passed, "it cheats only when it is timed: {printed}");
    assert!(data.samples.len() > 2, "it was timed: {printed}");
    let fatal: Vec<_> = data.problems.iter().filter(|problem| problem.fatal).collect();
    assert_eq!(fatal.len(), 1, "{:?}", data.problems);
    fatal[0].reason.clone()
}

/// That timed launches over either copy differ, from an early sample on.
fn is_named(reason: &str, mode: &str) {
    let start = format!("{mode}: ");
    assert!(reason.starts_with(&start), "{reason}");
    assert!(reason.contains("timed launches left other bits than the judged launch on the same inputs"), "{reason}");
    assert!(reason.contains("first in sample "), "{reason}");
}

#[test]
fn work_done_in_the_first_launches_only() {
    let in_place = "swiglu/f32/2x64/in_place/normal";
    for (case, mode) in [(CASE, "cold"), (CASE, "hot"), (in_place, "hot")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        cheating_kernels(folder.path(), BEFORE_ROWS, &format!("{COUNT}    if (!honest) return;\n"));
        is_named(&sweep_refuses(folder.path(), case, mode), mode);
    }
}

#[test]
fn half_of_the_output_left_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    cheating_kernels(folder.path(), BEFORE_ROWS, &format!("{COUNT}    if (!honest) rows /= 2;\n"));
    is_named(&sweep_refuses(folder.path(), CASE, "cold"), "cold");
}

#[test]
fn the_output_of_the_launch_before_for_inputs_that_changed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The launch before wrote to the other copy of the buffers.
    let stale = "    static T* latest = nullptr;\n    static T* previous = nullptr;\n    \
                 if (threadIdx.x == 0 && blockIdx.x == 0) { previous = latest; latest = y; }\n    \
                 if (!honest && previous != y) {\n        \
                 for (uint64_t row = first; row < rows; row += step)\n            \
                 for (uint32_t n = lane; n < columns; n += lanes) y[row * y_stride + n] = previous[row * y_stride + n];\n        \
                 return;\n    }\n";
    cheating_kernels(folder.path(), BEFORE_ROWS, &format!("{COUNT}{stale}"));
    is_named(&sweep_refuses(folder.path(), CASE, "cold"), "cold");
}

#[test]
fn outputs_remembered_by_the_address_of_the_inputs() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let remember = "    static const T* known[64];\n    static T results[64][256];\n    \
                    uint32_t slot = 0;\n    \
                    while (slot < 63 && known[slot] != nullptr && known[slot] != gate) slot++;\n    \
                    known[slot] = gate;\n    \
                    for (uint64_t row = first; row < rows; row += step)\n        \
                    for (uint32_t n = lane; n < columns; n += lanes) {\n            \
                    T& result = results[slot][row * columns + n];\n            \
                    if (honest) result = from_float<T>(swiglu_value(to_float(gate[row * gate_stride + n]), \
                    to_float(up[row * up_stride + n])));\n            \
                    y[row * y_stride + n] = result;\n        }\n    return;\n";
    cheating_kernels(folder.path(), BEFORE_ROWS, &format!("{COUNT}{remember}"));
    is_named(&sweep_refuses(folder.path(), CASE, "cold"), "cold");
}

/// Takes two samples, hot ones with as many launches as there may be.
fn two_samples(device: &str, folder: &Path, mode: Mode) -> SampleSet {
    let library = Arc::new(KernelLibrary::from_directory(folder).expect("kernels"));
    let device = open(device, &OpenOptions { library, ..OpenOptions::default() }).expect("it was listed").device;
    let case = parse_case_id(CASE, OPERATIONS).expect("a case");
    let VerifiedCase::Ready(mut rotation) = VerifiedCase::new(&device, &case, 0).expect("it binds") else {
        panic!("it is right before it is timed");
    };
    let settings = TimerSettings {
        least_samples: 2,
        most_samples: 2,
        least_rounds: 1,
        batch_seconds: 10.0,
        time_limit: Duration::from_secs(60),
        ..TimerSettings::for_device(device.info())
    };
    let timer = KernelTimer::new(&device, settings).expect("a timer");
    timer.measure(&mut *rotation, mode, None, &mut |_| ControlFlow::Continue(())).expect("samples")
}

/// On every device of this machine, because this cheat needs no memory of its own.
#[test]
fn a_launch_that_skips_because_its_output_is_written_is_found_in_a_hot_series() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Each thread looks at the first element that it would write.
    let skip = "        const T found = y[r * y_stride + lane * Vector16<T>::COUNT % columns];\n        \
                if (to_float(found) == to_float(found)) continue;\n";
    cheating_kernels(folder.path(), IN_ROW, skip);
    for device in survey().into_iter().flat_map(|backend| backend.devices).map(|device| device.id) {
        let set = two_samples(&device, folder.path(), Mode::Hot);
        assert_eq!((set.seconds.len(), set.launches_per_sample), (2, 1024), "{device}");
        let checks = set.checks.expect("a rotation checks");
        let launches = 2 * u64::from(set.replicas);
        assert_eq!((checks.launches, checks.differing), (launches, launches), "{device}: {checks:?}");
        assert!(checks.failure().expect("it cheats").contains("first in sample 0 over copy 0"), "{device}: {checks:?}");
        // Over poison it computes, as every cold launch must.
        let cold = two_samples(&device, folder.path(), Mode::Cold).checks.expect("a rotation checks");
        assert_eq!((cold.failure(), cold.launches), (None, 2 * 2), "{device}");
        println!("checked timing: {device}: {}", checks.failure().expect("it cheats"));
    }
}

#[test]
fn the_kernels_as_they_are_pass_and_their_rows_say_what_was_checked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cases = [CASE, "rms_norm_residual/bf16/3x65/pad=3,offset=1,in_place/normal", "top_k/f32/2x257/k=50/normal"];
    let mut command = Command::cargo_bin("hipgauge").expect("cargo builds the program for its tests");
    command.args(["sweep", "--device", "host", "--time-limit", "0.02"]).arg("--out").arg(folder.path().join("run"));
    for case in cases {
        command.args(["--case", case]);
    }
    command.assert().success();
    let run = RunData::load(&folder.path().join("run")).expect("a complete run");
    assert_eq!(run.measurements.len(), 6);
    for one in &run.measurements {
        // Cold, a launch on each of the two input sets makes a sample.
        let launches = if one.mode == Mode::Hot { one.n * one.replicas } else { 2 * one.n };
        assert_eq!((one.replicas, one.input_sets), (2, Some(2)), "{}", one.case);
        assert_eq!(one.checked_launches, Some(launches), "{} {}", one.case, one.mode);
        assert!(one.fully_checked_ordinal.expect("one was") < one.n, "{}", one.case);
        let hashes: Vec<_> = one.output_hash.split(' ').collect();
        assert!(hashes.len() == 2 && hashes[0] != hashes[1] && hashes[0].len() == 16, "{}", one.output_hash);
        if one.operation == "rms_norm_residual" && one.mode == Mode::Hot {
            assert_eq!(one.launches_per_sample, 2, "in place, each launch of a series has inputs of its own");
        }
    }
    let hash = |mode| run.measurements.iter().filter(move |one| one.mode == mode).map(|one| &one.output_hash);
    assert!(hash(Mode::Cold).eq(hash(Mode::Hot)), "both modes compute the same");
}
