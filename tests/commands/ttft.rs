//! `hipgauge ttft` on tiny models: requests, files, checks, bad input.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use assert_cmd::Command;
use hipgauge::report::RunStatus;
use hipgauge::report::ttft::{TtftRun, read_ttft_run};
use hipgauge::ttft::{Phase, TtftMode, Validity};

use crate::interrupt::{heed_interrupts, signal};
use crate::speaking_model::speaking_model;

fn ttft(out: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["ttft", "--device", "host", "--out"]).arg(out).args(arguments);
    command
}

/// Runs it. How much of a tiny model's time is in no stage depends on the machine's other work, so 125 is as good as 0.
fn measured(out: &Path, arguments: &[&str]) -> (TtftRun, String) {
    let Output { status, stdout, stderr } = ttft(out, arguments).output().expect("run");
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(matches!(status.code(), Some(0 | 125)), "{status}: {stderr}");
    let run = read_ttft_run(out).expect("readable").expect("a TTFT run");
    (run, String::from_utf8(stdout).expect("text"))
}

#[test]
fn every_mode_has_its_requests_stages_and_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let (run, text) = measured(
        &out,
        &[
            "--synthetic",
            "tiny",
            "--dtype",
            "f32",
            "--prompt-len",
            "4,8,16,32",
            "--batch",
            "1,2",
            "--repeats",
            "2",
            "--decode",
            "3",
            "--mode",
            "cold,warm,steady",
            "--check",
        ],
    );
    assert_eq!((run.record.status, run.warnings.len()), (RunStatus::Complete, 0));
    assert_eq!(run.requests.len(), 3 * 2 * 4 * 2);
    assert_eq!(run.decode.len(), run.requests.len() * 3);
    let digests: HashSet<_> = run.requests.iter().map(|row| &row.prompt_sha256).collect();
    assert_eq!(digests.len(), run.requests.len(), "every request has prompts of its own");
    for row in &run.requests {
        let stages = [
            row.process_start_ms,
            row.device_init_ms,
            row.module_load_ms,
            row.file_open_ms,
            row.weights_made_ms,
            row.weights_to_device_ms,
            row.tokenize_ms,
            row.prompt_to_device_ms,
            row.prefill_ms,
            row.lm_head_ms,
            row.sample_ms,
            row.token_to_host_ms,
            row.detokenize_ms,
        ];
        let sum: f64 = stages.iter().flatten().sum();
        assert!((row.total_ms - sum - row.unattributed_ms).abs() < 1e-9 * row.total_ms, "{row:?}");
        assert!(row.ttft_ms > 0.0 && row.ttft_ms <= row.total_ms, "{row:?}");
        assert_eq!(row.validity, Validity::Valid);
        assert_eq!(row.first_tokens.split(' ').count(), row.batch as usize);
        let cold = row.mode == TtftMode::Cold;
        assert_eq!((row.process_start_ms.is_some(), row.weights_made_ms.is_some()), (cold, cold), "{row:?}");
        assert_eq!(row.file_open_ms, None, "there are no files");
        assert_eq!((row.tokenize_ms, row.detokenize_ms), (None, None), "there is no tokenizer");
        assert!(row.prefill_ms.is_some() && row.second_token_ms.is_some() && row.decode_step_median_ms.is_some());
    }
    assert_eq!((run.summaries.len(), run.fits.len()), (3 * 2 * 4, 3 * 2));
    assert!(run.summaries.iter().all(|row| row.requests == 2 && row.flop_floor_ms.is_some()));
    let check = run.record.check.expect("--check");
    // Eight tokens of the first and the last sequence: one of batch 1, two of batch 2, at four lengths.
    assert_eq!((check.outcome.tokens, check.passed), (8 * 3 * 4, true));
    for phase in [Phase::Prefill, Phase::Decode] {
        let of_shape = run.operations.iter().filter(|row| (row.phase, row.prompt_tokens, row.batch) == (phase, 8, 2));
        assert!((of_shape.map(|row| row.share).sum::<f64>() - 1.0).abs() < 1e-9);
    }
    assert!(run.operations.iter().any(|row| row.operation == "attention_decode" && row.layer == Some(1)));
    assert_eq!(run.record.model.identity, "synthetic:tiny/f32/seed 0");
    for part in ["cold", "warm", "steady", "unattributed", "FLOP floor", "fit, batch 2", "checked:", "decode step of"] {
        assert!(text.contains(part), "no {part}: {text}");
    }
}

#[test]
fn a_model_with_a_tokenizer_has_its_stages() {
    let model = speaking_model("llama");
    let folder = tempfile::tempdir().expect("a folder");
    let path = model.path().to_str().expect("UTF-8");
    let arguments = ["--model", path, "--prompt-len", "8", "--repeats", "1", "--mode", "cold,steady", "--decode", "2"];
    let (run, text) = measured(&folder.path().join("run"), &arguments);
    assert_eq!(run.requests.len(), 2);
    assert!(run.requests.iter().all(|row| row.tokenize_ms.is_some() && row.detokenize_ms.is_some()));
    let cold = run.requests.iter().find(|row| row.mode == TtftMode::Cold).expect("asked for");
    assert!(cold.file_open_ms.is_some() && cold.weights_to_device_ms.is_some() && cold.weights_made_ms.is_none());
    assert_eq!(run.requests[0].validity, Validity::Unchecked);
    assert!(run.record.model.identity.starts_with("sha256:") && run.record.model.tokenizer);
    assert!(text.contains("not checked") && text.contains("for their hash"), "{text}");
    assert_eq!(run.record.comparability["model"], run.record.model.identity);
}

#[test]
fn what_follows_a_prompt_that_fills_the_model_is_left_out_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments =
        ["--synthetic", "tiny", "--prompt-len", "2048", "--repeats", "1", "--decode", "2", "--warm-up", "0"];
    let (run, text) = measured(&folder.path().join("run"), &arguments);
    assert_eq!((run.requests[0].decode_tokens, run.requests[0].second_token_ms, run.decode.len()), (0, None, 0));
    assert!(text.contains("no positions for 2 tokens after prompts of 2048"), "{text}");
    assert!(run.operations.iter().all(|row| row.phase == Phase::Prefill));
}

#[test]
fn bad_input_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let refused = |arguments: &[&str], message: &str| {
        let output = ttft(&out, arguments).assert().code(64).get_output().clone();
        let error = String::from_utf8(output.stderr).expect("text");
        assert!(error.contains(message), "{error}");
        assert!(!out.exists(), "nothing was begun");
    };
    refused(&[], "--model");
    refused(&["--synthetic", "llama-9-1t"], "there is no synthetic model `llama-9-1t`; there are llama-3.2-1b");
    refused(&["--synthetic", "tiny", "--dtype", "u32"], "u32");
    let model = speaking_model("llama");
    let model = model.path().to_str().expect("UTF-8");
    refused(&["--model", model, "--dtype", "bf16"], "--dtype bf16 is for GPUs, and host computes in f32");
    refused(&["--synthetic", "tiny", "--prompt-len", "0"], "--prompt-len 0");
    refused(
        &["--synthetic", "tiny", "--prompt-len", "2049"],
        "--prompt-len 2049 does not fit a model of 2048 positions",
    );
    refused(&["--synthetic", "tiny", "--batch", "0"], "--batch 0");
    refused(&["--synthetic", "tiny", "--repeats", "0"], "--repeats 0");
    refused(&["--synthetic", "tiny", "--check", "--check-tokens", "0"], "--check-tokens 0");
    refused(&["--model", "/no/such/model"], "cannot read /no/such/model");
    fs::create_dir(&out).expect("made");
    fs::write(out.join("mine"), "").expect("written");
    let output = ttft(&out, &["--synthetic", "tiny", "--prompt-len", "4"]).assert().code(64).get_output().clone();
    assert!(String::from_utf8_lossy(&output.stderr).contains("not empty"));
}

#[test]
fn a_time_limit_ends_the_run_and_keeps_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let arguments = ["--synthetic", "tiny", "--prompt-len", "4", "--repeats", "1000000", "--time-limit", "1ms"];
    ttft(&out, &arguments).assert().code(3);
    let run = read_ttft_run(&out).expect("readable").expect("a TTFT run");
    assert_eq!((run.record.status, run.requests.len()), (RunStatus::Partial, 0));
}

#[test]
fn ctrl_c_keeps_what_was_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["ttft", "--device", "host", "--synthetic", "tiny", "--prompt-len", "4", "--repeats", "1000000"]);
    command.args(["--decode", "1", "--out"]).arg(&out).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = heed_interrupts(&mut command).spawn().expect("started");
    let rows = || fs::read_to_string(out.join("ttft.csv")).map_or(0, |text| text.lines().count());
    while rows() < 5 {
        assert!(child.try_wait().expect("a child").is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    signal(&child, libc::SIGINT);
    let output = child.wait_with_output().expect("it ends");
    assert!(matches!(output.status.code(), Some(130 | 125)), "{}", output.status);
    let run = read_ttft_run(&out).expect("readable").expect("a TTFT run");
    assert_eq!(run.record.status, RunStatus::Partial);
    assert!(run.requests.len() >= 4 && run.summaries[0].requests as usize == run.requests.len());
    assert!(String::from_utf8_lossy(&output.stdout).contains("partial: stopped by Ctrl-C"));
}

#[test]
fn methodology_describes_every_file_and_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    measured(&out, &["--synthetic", "tiny", "--prompt-len", "4", "--repeats", "1", "--decode", "1"]);
    let book =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/methodology.md")).expect("in the checkout");
    let (_, files) = book.split_once("\n## Files of a TTFT run\n").expect("the section of files");
    for entry in fs::read_dir(&out).expect("a run") {
        let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
        let (_, section) =
            files.split_once(&format!("\n### `{name}`")).unwrap_or_else(|| panic!("no section for {name}"));
        let section = section.split("\n#").next().expect("split gives one part at least");
        if name.ends_with(".csv") {
            let text = fs::read_to_string(out.join(&name)).expect("listed");
            let header = text.lines().next().expect("a header");
            let missing: Vec<_> =
                header.split(',').filter(|column| !section.contains(&format!("`{column}`"))).collect();
            assert!(missing.is_empty(), "{name}: docs/methodology.md does not explain {missing:?}");
        }
    }
}
