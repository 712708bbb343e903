//! The native model as an engine: the tokens of transformers, sequences side by side, random draws that can be repeated.

use std::fs;
use std::path::{Path, PathBuf};

use hipgauge::engine::host_model::HostModel;
use hipgauge::engine::model_file::ModelFile;
use hipgauge::engine::{Capacity, Engine, EngineError, EnginePath, Sampling};
use safetensors::SafeTensors;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name)
}

fn expected(name: &str) -> Vec<u32> {
    let bytes = fs::read(path("expected.safetensors")).expect("a fixture");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let view = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    view.data().as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

fn engine(file: &ModelFile, sequences: usize, positions: usize) -> HostModel<'_> {
    let weights = file.weights().expect("weights");
    HostModel::new(file.config(), weights, Capacity { sequences, positions }).expect("room")
}

/// The first tokens and `count - 1` more, per step the tokens of all sequences.
fn continuation(engine: &mut dyn Engine, prompts: &[&[u32]], count: usize) -> Vec<Vec<u32>> {
    let mut steps = vec![engine.prefill(prompts).expect("first tokens").tokens];
    while steps.len() < count {
        steps.push(engine.decode().expect("the next tokens"));
    }
    steps
}

#[test]
fn greedy_tokens_are_those_of_transformers_in_every_sequence() {
    let prompt = expected("tokens");
    let other: Vec<u32> = prompt.iter().map(|token| (token + 7) % 96).collect();
    for name in ["llama", "qwen2-tied", "qwen3-f32.gguf", "llama-q4_k.gguf"] {
        let file = ModelFile::open(&path(name)).expect("a model");
        let mut engine = engine(&file, 3, prompt.len() + 64);
        let together = continuation(&mut engine, &[&prompt, &other, &prompt], 64);
        let of = |sequence: usize| together.iter().map(|step| step[sequence]).collect::<Vec<u32>>();
        assert_eq!(of(0), expected(&format!("{name}.greedy")), "{name}");
        assert_eq!(of(2), of(0), "{name}: the same prompt in another sequence");
        let alone = continuation(&mut engine, &[&other], 64);
        assert_eq!(alone.concat(), of(1), "{name}: a prompt alone and among others");
    }
}

#[test]
fn random_tokens_follow_the_seed_and_the_sequence() {
    let file = ModelFile::open(&path("llama")).expect("a model");
    let prompt = expected("tokens");
    let mut engine = engine(&file, 2, prompt.len() + 16);
    let mut draw = |seed| {
        engine.set_sampling(Sampling::Random { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed });
        continuation(&mut engine, &[&prompt, &prompt], 16)
    };
    let once = draw(5);
    assert_eq!(draw(5), once);
    assert_ne!(draw(6), once);
    assert!(once.iter().any(|step| step[0] != step[1]), "two sequences draw from streams of their own");
}

#[test]
fn profiled_passes_name_every_operation_and_change_nothing() {
    let file = ModelFile::open(&path("qwen3")).expect("a model");
    let layers = file.config().layers;
    let prompt = expected("tokens");
    let mut engine = engine(&file, 1, prompt.len() + 8);
    let plain = continuation(&mut engine, &[&prompt], 3);
    let prefill = engine.profile_prefill(&[&prompt]).expect("spans");
    let decode = engine.profile_decode().expect("spans");
    assert_eq!(engine.decode().expect("the third token"), plain[2]);
    for (profile, attention) in [(&prefill, "attention_prefill"), (&decode, "attention_decode")] {
        let spans = &profile.spans;
        assert_eq!(profile.rejected, 0);
        let count = |name: &str| spans.iter().filter(|span| span.operation == name).count();
        assert_eq!((count(attention), count("embedding"), count("fused_sampler")), (layers, 1, 1));
        assert_eq!(count("rms_norm"), 2 * layers + 1);
        assert!(spans.iter().all(|span| span.layer.is_none_or(|layer| layer < layers)));
        let ordered = spans.windows(2).all(|pair| pair[0].start + pair[0].duration <= pair[1].start);
        assert!(ordered, "spans of one thread follow each other");
    }
}

#[test]
fn stages_are_measured_and_requests_that_cannot_run_are_refused() {
    let file = ModelFile::open(&path("mistral")).expect("a model");
    let mut engine = engine(&file, 2, 4);
    let first = engine.prefill(&[&[1, 2, 3], &[3, 2, 1]]).expect("first tokens");
    let stages = first.stages;
    for span in [stages.prefill, stages.lm_head, stages.sample] {
        assert!(span.is_some_and(|span| !span.is_zero()), "{stages:?}");
    }
    assert!(stages.prompt_to_device.is_zero() && stages.token_to_host.is_zero(), "the host copies nothing");
    let description = engine.describe();
    let config = file.config();
    assert_eq!(description.path, EnginePath::Native);
    assert_eq!(description.cache_bytes, (2 * 2 * config.layers * 4 * config.kv_width() * 4) as u64);
    assert_eq!(description.weight_bytes, file.weights().expect("weights").bytes());

    let message = |result: Result<_, EngineError>| result.map(|_: Vec<u32>| ()).expect_err("refused").to_string();
    let mut prefill = |prompts: &[&[u32]]| message(engine.prefill(prompts).map(|first| first.tokens));
    assert!(prefill(&[]).contains("0 prompts do not fit an engine for 1 to 2"));
    assert!(prefill(&[&[1], &[1], &[1]]).contains("3 prompts"));
    assert!(prefill(&[&[1, 2], &[1]]).contains("[2, 1] tokens do not run together"));
    assert!(prefill(&[&[], &[]]).contains("at least one token"));
    assert!(prefill(&[&[1, 96]]).contains("token 96 is not one of the 96"));
    assert!(prefill(&[&[1, 2, 3, 4, 5]]).contains("position 5 is beyond the 4"));
    assert!(message(engine.decode()).contains("there is nothing to continue"));
    engine.prefill(&[&[1, 2, 3, 4]]).expect("four positions");
    assert!(message(engine.decode()).contains("position 5 is beyond the 4"));
}
