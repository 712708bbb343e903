//! Pages, figures and traces of made-up TTFT runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::backend::KernelLibrary;
use crate::report::{Build, ReportError, RunStatus};
use crate::ttft::{
    DecodeRow, Floors, OperationRow, Phase, Plan, RequestFacts, Stage, StageTimes, TtftMode, TtftRow, Validity, fits,
    summarise,
};

use super::{EngineRecord, ModelRecord, TtftDirectory, TtftRecord, draw_ttft_overlay, draw_ttft_report};

const LENGTHS: [u32; 5] = [32, 128, 512, 2048, 8192];
const LAYERS: u32 = 4;

fn record(device: &str) -> TtftRecord {
    let model = ModelRecord {
        name: "llama-3.2-1b".to_string(),
        identity: "synthetic:llama-3.2-1b:bf16:0".to_string(),
        architecture: "llama".to_string(),
        parameters: 1_235_814_400,
        context_length: 131_072,
        tokenizer: false,
    };
    let engine = EngineRecord {
        device: device.to_string(),
        path: "device".to_string(),
        compute: "bf16".to_string(),
        matrix_library: "cuBLASLt 13.0".to_string(),
        weight_bytes: 2_471_628_800,
        cache_bytes: 268_435_456,
    };
    let modes = vec![TtftMode::Warm, TtftMode::Steady];
    let plan = Plan { modes, lengths: vec![32], batches: vec![1], repeats: 5, decode: 8, seed: 0, warm_up: 1 };
    let build = Build::new("0.1.0", "0123456789abcdef", false, &KernelLibrary::embedded());
    TtftRecord::begin(vec!["hipgauge".to_string(), "ttft".to_string()], build, None, model, engine, plan)
}

/// Milliseconds of a prefill of so many tokens.
fn prefill_ms(tokens: u32) -> f64 {
    0.9 + 0.004 * f64::from(tokens) + 1.5e-7 * f64::from(tokens).powi(2)
}

fn request(mode: TtftMode, tokens: u32, repetition: u32, factor: f64) -> TtftRow {
    let slow = if mode == TtftMode::Warm { 3.0 } else { 1.0 } * factor * (1.0 + 0.004 * f64::from(repetition));
    let stages = [
        (Stage::PromptToDevice, 0.01),
        (Stage::Prefill, prefill_ms(tokens)),
        (Stage::LmHead, 0.2),
        (Stage::Sample, 0.03),
        (Stage::TokenToHost, 0.012),
    ];
    let mut times = StageTimes::default();
    stages.iter().for_each(|(stage, ms)| times.set_seconds(*stage, ms * slow / 1e3));
    let total = stages.iter().map(|(_, ms)| ms * slow).sum::<f64>() + 0.02;
    let facts = RequestFacts {
        mode,
        prompt_tokens: tokens,
        batch: 1,
        repetition,
        validity: Validity::Valid,
        prompt_sha256: format!("{tokens:08x}{repetition:08x}"),
        first_tokens: vec![17],
    };
    TtftRow::new(&facts, total / 1e3, total / 1e3, &times, &[0.002, 0.0015, 0.0014])
}

fn steps() -> Vec<DecodeRow> {
    let step = |tokens: u32, token| {
        let step_ms = 1.4 + 1e-5 * f64::from(tokens) + 0.01 * f64::from(token);
        DecodeRow { mode: TtftMode::Steady, prompt_tokens: tokens, batch: 1, repetition: 0, token, step_ms }
    };
    LENGTHS.iter().flat_map(|tokens| (2..10).map(move |token| step(*tokens, token))).collect()
}

fn operations() -> Vec<OperationRow> {
    const EACH: [(&str, f64); 8] = [
        ("rms_norm", 0.02),
        ("matrix_product", 0.4),
        ("rope_cache", 0.03),
        ("attention_prefill", 0.3),
        ("swiglu", 0.05),
        ("embedding", 0.01),
        ("fused_sampler", 0.02),
        ("dequantise", 0.005),
    ];
    let mut rows = Vec::new();
    for tokens in LENGTHS {
        let total: f64 = EACH.iter().map(|(_, ms)| ms).sum::<f64>() * f64::from(LAYERS);
        let mut start_ms = 0.0;
        for layer in 0..LAYERS {
            for (operation, duration_ms) in EACH {
                let (phase, batch, operation) = (Phase::Prefill, 1, operation.to_string());
                let (layer, share) = (Some(layer), duration_ms / total);
                rows.push(OperationRow {
                    phase,
                    prompt_tokens: tokens,
                    batch,
                    layer,
                    operation,
                    start_ms,
                    duration_ms,
                    share,
                });
                start_ms += duration_ms + 0.002;
            }
        }
    }
    rows
}

/// A whole run in `folder`, its times multiplied by `factor`.
fn write_run(folder: &Path, device: &str, factor: f64) {
    let floors = Floors {
        parameters: 1_235_814_400,
        weight_bytes: 2_471_628_800,
        matrix_flops_per_second: Some(7e14),
        matrix_shape: Some([2048, 2048, 8192]),
        read_bytes_per_second: Some(4.2e12),
    };
    let mut directory = TtftDirectory::create(folder, record(device)).expect("an empty folder");
    directory.record.floors = floors.clone();
    let mut requests = Vec::new();
    for mode in [TtftMode::Warm, TtftMode::Steady] {
        for tokens in LENGTHS {
            requests.extend((0..5).map(|repetition| request(mode, tokens, repetition, factor)));
        }
    }
    requests.iter().for_each(|row| directory.request(row, &[]).expect("the disk has room"));
    let summaries = summarise(&requests, &steps(), &floors);
    let fitted = fits(&summaries);
    directory.finish(RunStatus::Complete, &summaries, &fitted, &operations()).expect("the disk has room");
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(path).expect("a file was written")
}

#[test]
fn a_run_has_a_page_figures_a_summary_and_a_trace() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("run");
    write_run(&path, "NVIDIA H200", 1.0);
    let report = draw_ttft_report(&path).expect("drawn").expect("a TTFT run");
    assert!(report.good && report.headline.contains("50 requests measured"), "{}", report.headline);
    let page = read(path.join("index.html"));
    for part in ["Time to first token", "Stages", "Tokens after the first", "Operations", "Requests", "Provenance"] {
        assert!(page.contains(&format!(">{part}</h2>")), "no section {part}");
    }
    assert!(page.contains("cuBLASLt 13.0") && !page.contains("NaN"), "odd page");
    for stem in ["ttft-by-length-batch-1", "decode-by-length-batch-1", "ttft-stages", "ttft-prefill-operations"] {
        let svg = read(path.join("plots").join(format!("{stem}.svg")));
        assert!(svg.starts_with("<svg ") && !svg.contains("NaN") && !svg.contains("2147483647"), "{stem}");
        assert!(path.join("plots").join(format!("{stem}.png")).exists(), "{stem}");
        assert!(page.contains(&format!("id=\"figure-{stem}\"")), "{stem} is not on the page");
    }
    let markdown = read(path.join("summary.md"));
    assert_eq!(markdown.lines().filter(|line| line.starts_with("| steady |")).count(), LENGTHS.len());
    assert!(!markdown.contains("Not to be trusted"));
}

#[test]
fn the_trace_has_every_request_stage_and_operation_once() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("run");
    write_run(&path, "NVIDIA H200", 1.0);
    let run = draw_ttft_report(&path).expect("drawn").expect("a TTFT run").run;
    let trace: Value = serde_json::from_str(&read(path.join("trace.json"))).expect("JSON");
    let events = trace["traceEvents"].as_array().expect("events");
    let named = |name: &str| events.iter().filter(|event| event["ph"] == "X" && event["name"] == name).count();
    assert_eq!(named("prefill"), run.requests.len());
    assert_eq!(named("unattributed"), run.requests.len());
    assert_eq!(named("attention_prefill"), LENGTHS.len() * LAYERS as usize);
    assert_eq!(named("layer 3"), LENGTHS.len());
    // Stages of a request and its rest are as long as the request itself.
    let spans = |track: u64| {
        events.iter().filter(move |event| event["ph"] == "X" && event["pid"] == 1 && event["tid"] == track)
    };
    let total = |track| spans(track).map(|event| event["dur"].as_f64().expect("a length")).sum::<f64>();
    assert!((total(1) / total(2) - 1.0).abs() < 1e-9, "{} {}", total(1), total(2));
}

#[test]
fn wrong_tokens_and_unexplained_time_are_said_first() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("run");
    let mut directory = TtftDirectory::create(&path, record("NVIDIA H200")).expect("an empty folder");
    directory.record.notes.push("a note of the run".to_string());
    directory.write_record().expect("written");
    let mut wrong = request(TtftMode::Steady, 32, 0, 1.0);
    wrong.validity = Validity::Invalid;
    directory.request(&wrong, &[]).expect("kept");
    directory.finish(RunStatus::Complete, &summarise(&[wrong], &[], &Floors::default()), &[], &[]).expect("written");
    let report = draw_ttft_report(&path).expect("drawn").expect("a TTFT run");
    assert!(!report.good && report.headline.starts_with("INVALID"), "{}", report.headline);
    assert!(read(path.join("index.html")).contains("a note of the run"));
    assert!(read(path.join("summary.md")).contains("Not to be trusted"));

    let path = folder.path().join("unexplained");
    let mut directory = TtftDirectory::create(&path, record("NVIDIA H200")).expect("an empty folder");
    let mut row = request(TtftMode::Steady, 32, 0, 1.0);
    row.total_ms *= 2.0;
    row.unattributed_ms = row.total_ms - row.stages_ms();
    directory.request(&row, &[]).expect("kept");
    directory.finish(RunStatus::Complete, &summarise(&[row], &[], &Floors::default()), &[], &[]).expect("written");
    let report = draw_ttft_report(&path).expect("drawn").expect("a TTFT run");
    assert!(!report.good);
    assert!(read(path.join("index.html")).contains("stages miss something"));
}

#[test]
fn a_run_without_a_request_is_drawn_and_is_not_good() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("run");
    let directory = TtftDirectory::create(&path, record("NVIDIA H200")).expect("an empty folder");
    directory.finish(RunStatus::Partial, &[], &[], &[]).expect("written");
    let report = draw_ttft_report(&path).expect("drawn").expect("a TTFT run");
    assert!(!report.good && report.headline.contains("no request was measured"));
    assert!(read(path.join("index.html")).contains("partial run"));
}

#[test]
fn a_run_that_was_killed_is_drawn_from_its_requests() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("run");
    let mut directory = TtftDirectory::create(&path, record("NVIDIA H200")).expect("an empty folder");
    for tokens in LENGTHS {
        directory.request(&request(TtftMode::Steady, tokens, 0, 1.0), &[]).expect("kept");
    }
    drop(directory);
    let run = draw_ttft_report(&path).expect("drawn").expect("a TTFT run").run;
    assert_eq!((run.summaries.len(), run.fits.len()), (LENGTHS.len(), 1));
    assert!(path.join("plots/ttft-by-length-batch-1.svg").exists());
    assert!(read(path.join("index.html")).contains("partial run"));
}

#[test]
fn runs_lie_over_each_other_with_what_differs() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let paths: Vec<PathBuf> = ["one", "two"].iter().map(|name| folder.path().join(name)).collect();
    write_run(&paths[0], "NVIDIA H200", 1.0);
    write_run(&paths[1], "AMD Instinct MI300X", 1.25);
    let both = folder.path().join("both");
    let overlay = draw_ttft_overlay(&paths, &both).expect("drawn");
    assert_eq!(overlay.runs.len(), 2);
    let page = read(both.join("index.html"));
    assert!(page.contains("A: llama-3.2-1b on NVIDIA H200") && page.contains("B: llama-3.2-1b on AMD Instinct MI300X"));
    assert!(read(both.join("plots/ttft-by-length-batch-1.svg")).contains("MI300X, steady"));
    let again = draw_ttft_overlay(&paths, &both).expect_err("not empty");
    assert!(matches!(again, ReportError::NotEmpty { .. }));
}

#[test]
fn runs_of_another_kind_are_refused_or_left_to_others() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (kernels, own) = (folder.path().join("kernels"), folder.path().join("own"));
    crate::report::realistic::write_run(&kernels, 1.0);
    write_run(&own, "NVIDIA H200", 1.0);
    assert!(draw_ttft_report(&kernels).expect("readable").is_none());
    let error = draw_ttft_overlay(&[own, kernels], &folder.path().join("both")).expect_err("two kinds");
    assert!(error.to_string().contains("runs of one kind"), "{error}");
}
