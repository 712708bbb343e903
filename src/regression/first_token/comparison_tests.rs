//! Comparisons of made-up TTFT runs whose changes are known.

use crate::backend::KernelLibrary;
use crate::regression::comparison::Conclusion;
use crate::regression::decision::Verdict;
use crate::report::Build;
use crate::report::ttft::{EngineRecord, ModelRecord, TtftRecord, TtftRun};
use crate::ttft::{
    Floors, OperationRow, Phase, Plan, RequestFacts, Stage, StageTimes, TtftMode, TtftRow, Validity, summarise,
};

use super::{
    FirstTokenComparison, FirstTokenError, FirstTokenOptions, Origin, compare_first_tokens, first_token_csv,
    first_token_markdown,
};

const LAYERS: u32 = 8;
const OPTIONS: FirstTokenOptions = FirstTokenOptions { least_effect: 0.01, noise: Some(0.005), force: false };

/// Milliseconds of one call in each layer.
const EACH: [(&str, f64); 4] =
    [("attention_prefill", 0.4), ("matrix_product", 1.0), ("rms_norm", 0.05), ("swiglu", 0.1)];

fn record() -> TtftRecord {
    let model = ModelRecord {
        name: "tiny".to_string(),
        identity: "synthetic:tiny:f32:0".to_string(),
        architecture: "llama".to_string(),
        parameters: 9,
        context_length: 4096,
        tokenizer: false,
    };
    let engine = EngineRecord {
        device: "a GPU".to_string(),
        path: "device".to_string(),
        compute: "bf16".to_string(),
        matrix_library: "own".to_string(),
        weight_bytes: 36,
        cache_bytes: 8,
    };
    let modes = vec![TtftMode::Steady];
    let plan = Plan { modes, lengths: vec![512], batches: vec![1], repeats: 30, decode: 3, seed: 0, warm_up: 1 };
    let build = Build::new("0.1.0", "", false, &KernelLibrary::embedded());
    TtftRecord::begin(vec!["hipgauge".to_string()], build, None, model, engine, plan)
}

/// A run whose calls of `slowed` take `factor` times as long, and whose uploads take `upload_ms`.
fn run(slowed: &str, factor: f64, upload_ms: f64) -> TtftRun {
    let each = |name: &str, ms: f64| if name == slowed { ms * factor } else { ms };
    let mut operations = Vec::new();
    let mut start_ms = 0.0;
    for layer in 0..LAYERS {
        for (name, ms) in EACH {
            // Calls that scatter by a thousandth have an error.
            let duration_ms = each(name, ms) * (1.0 + 0.001 * f64::from(layer % 2));
            operations.push(OperationRow {
                phase: Phase::Prefill,
                prompt_tokens: 512,
                batch: 1,
                layer: Some(layer),
                operation: name.to_string(),
                start_ms,
                duration_ms,
                share: 0.0,
            });
            start_ms += duration_ms;
        }
    }
    let request = |repetition: u32| {
        let scatter = 1.0 + 1e-4 * f64::from(repetition * 7 % 30);
        let mut stages = StageTimes::default();
        stages.set_seconds(Stage::PromptToDevice, upload_ms / 1e3);
        stages.set_seconds(Stage::Prefill, start_ms * scatter / 1e3);
        let total = (upload_ms + start_ms * scatter + 0.05) / 1e3;
        let facts = RequestFacts {
            mode: TtftMode::Steady,
            prompt_tokens: 512,
            batch: 1,
            repetition,
            validity: Validity::Valid,
            prompt_sha256: format!("{repetition:016x}"),
            first_tokens: vec![1],
        };
        TtftRow::new(&facts, total, total, &stages, &[])
    };
    let requests: Vec<TtftRow> = (0..30).map(request).collect();
    let summaries = summarise(&requests, &[], &Floors::default());
    let (decode, fits, warnings) = (Vec::new(), Vec::new(), Vec::new());
    TtftRun { record: record(), requests, decode, summaries, fits, operations, warnings }
}

fn compare(base: &TtftRun, candidate: &TtftRun) -> FirstTokenComparison {
    compare_first_tokens(base, candidate, &OPTIONS).expect("the same conditions")
}

#[test]
fn the_slowed_operation_explains_the_change() {
    let comparison = compare(&run("", 1.0, 0.02), &run("attention_prefill", 1.5, 0.02));
    let [one] = &comparison.compared[..] else { panic!("one kind") };
    assert_eq!(one.decision.verdict, Verdict::Slower);
    assert_eq!(comparison.conclusion(false), Conclusion::Slower);
    let attribution = one.attribution.as_ref().expect("both have profiles");
    let first = &attribution.shares[0];
    assert_eq!((first.name.as_str(), first.origin, first.calls), ("attention_prefill", Origin::Operation, [8, 8]));
    // Eight layers, each 0.2 ms longer, and their scatter of a thousandth.
    assert!((first.change_ms - 1.6).abs() < 0.01, "{first:?}");
    assert!((first.share.expect("a change") - 1.0).abs() < 0.02, "{first:?}");
    assert!(first.error_ms.expect("eight calls") < 0.01);
    assert!(attribution.shares[1..].iter().all(|part| part.change_ms == 0.0));
    assert!(attribution.rest_ms.abs() < 0.02, "{attribution:?}");
}

#[test]
fn a_stage_outside_of_the_operations_explains_itself() {
    let comparison = compare(&run("", 1.0, 0.02), &run("", 1.0, 2.02));
    let attribution = comparison.compared[0].attribution.as_ref().expect("both have profiles");
    let first = &attribution.shares[0];
    assert_eq!((first.name.as_str(), first.origin), ("prompt_to_device", Origin::Stage));
    assert!((first.change_ms - 2.0).abs() < 1e-6 && (first.share.unwrap() - 1.0).abs() < 1e-6, "{first:?}");
}

#[test]
fn parts_and_rest_add_up_to_the_change() {
    let (base, mut candidate) = (run("swiglu", 1.0, 0.02), run("swiglu", 3.0, 0.5));
    // A gap between launches that no operation has.
    for request in &mut candidate.requests {
        request.ttft_ms += 0.7;
    }
    candidate.summaries = summarise(&candidate.requests, &[], &Floors::default());
    let comparison = compare(&base, &candidate);
    let attribution = comparison.compared[0].attribution.as_ref().expect("both have profiles");
    let parts: f64 = attribution.shares.iter().map(|part| part.change_ms).sum();
    assert!((parts + attribution.rest_ms - attribution.change_ms).abs() < 1e-9);
    assert!((attribution.rest_ms - 0.7).abs() < 0.02, "{attribution:?}");
}

#[test]
fn an_unchanged_run_is_the_same_and_a_missing_profile_explains_nothing() {
    let (base, mut candidate) = (run("", 1.0, 0.02), run("", 1.0, 0.02));
    assert_eq!(compare(&base, &candidate).conclusion(true), Conclusion::Good);
    candidate.operations.clear();
    let comparison = compare(&base, &candidate);
    assert_eq!(comparison.compared[0].attribution, None);
    assert_eq!(comparison.count(Verdict::Same), 1);
}

#[test]
fn wrong_tokens_are_no_times() {
    let (base, mut candidate) = (run("", 1.0, 0.02), run("", 0.5, 0.02));
    candidate.requests[3].validity = Validity::Invalid;
    let comparison = compare(&base, &candidate);
    assert_eq!(comparison.conclusion(false), Conclusion::Wrong);
    assert!(!comparison.compared[0].decision.verdict.is_decided(), "no verdict on times of wrong tokens");
    assert!(first_token_markdown(&comparison).contains("candidate INVALID"));
    assert!(comparison.headline().contains("1 with wrong tokens"));
}

#[test]
fn other_conditions_are_refused_by_name_unless_forced() {
    let (base, mut candidate) = (run("", 1.0, 0.02), run("", 1.0, 0.02));
    candidate.record.comparability.insert("matrix_library".to_string(), "cuBLASLt".to_string());
    let error = compare_first_tokens(&base, &candidate, &OPTIONS).expect_err("another library");
    let FirstTokenError::NotComparable { differences } = &error;
    assert_eq!(differences, &["matrix_library: own against cuBLASLt"]);
    let forced = FirstTokenOptions { force: true, ..OPTIONS };
    let comparison = compare_first_tokens(&base, &candidate, &forced).expect("forced");
    assert_eq!(comparison.forced, *differences);
    assert!(first_token_markdown(&comparison).contains("Forced"));
}

#[test]
fn what_only_one_run_measured_is_named() {
    let (base, mut candidate) = (run("", 1.0, 0.02), run("", 1.0, 0.02));
    for row in &mut candidate.requests {
        row.prompt_tokens = 128;
    }
    candidate.summaries = summarise(&candidate.requests, &[], &Floors::default());
    let comparison = compare(&base, &candidate);
    assert_eq!(comparison.conclusion(false), Conclusion::NothingComparable);
    assert_eq!(comparison.only_base, ["steady, 512 tokens x 1"]);
    assert_eq!(comparison.only_candidate, ["steady, 128 tokens x 1"]);
}

#[test]
fn csv_has_the_whole_every_part_and_the_rest() {
    let comparison = compare(&run("", 1.0, 0.02), &run("matrix_product", 1.1, 0.02));
    let text = first_token_csv(&comparison);
    let parts: Vec<&str> = text.lines().skip(1).map(|line| line.split(',').nth(9).expect("a part")).collect();
    assert_eq!((parts[0], parts[1], parts[parts.len() - 1]), ("ttft", "matrix_product", "rest"));
    let width = text.lines().next().expect("a header").split(',').count();
    assert!(text.lines().all(|line| line.split(',').count() == width), "{text}");
}
