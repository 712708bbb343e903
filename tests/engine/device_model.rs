//! The model on a device against Hugging Face transformers (`fixtures/models/make_models.py`): every architecture, both
//! containers, every storage type, every compute type. On the emulator, or on the device that `HIPGAUGE_TEST_DEVICE` names.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use assert_cmd::Command;
use hipgauge::backend::Device;
use hipgauge::engine::device_model::{DeviceModel, DeviceModelError, ProductChoice, Settings};
use hipgauge::engine::host_model::HostModel;
use hipgauge::engine::model_file::{
    LayerWeights, ModelConfig, ModelFile, ModelWeights, StoredTensor, TensorType, dequantize,
};
use hipgauge::engine::{Capacity, Engine, EngineError, EnginePath, Sampling};
use hipgauge::tensor::{DType, HostTensor};

use crate::counting_device::CountingDevice;
use crate::host_matrix_library::HostLibrary;
use crate::model_fixtures::{Expected, MODELS, device, path, worst_nmse};

/// What rounding may add up to in a few layers: of f32, and of 16-bit activations.
const MOST_NMSE: [(DType, f64); 3] = [(DType::F32, 1e-10), (DType::F16, 1e-3), (DType::BF16, 1e-3)];

fn model(device: &Arc<dyn Device>, name: &str, settings: &Settings) -> DeviceModel {
    let file = ModelFile::open(&path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let weights = file.weights().expect("weights");
    DeviceModel::new(device.clone(), file.config(), &weights, settings)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn room(sequences: usize, positions: usize) -> Settings {
    Settings::new(DType::F32, Capacity { sequences, positions })
}

/// A stored tensor rounded to `dtype`.
fn rounded(tensor: StoredTensor<'_>, dtype: DType) -> StoredTensor<'static> {
    let mut values = vec![0.0; tensor.elements()];
    dequantize(tensor.tensor_type, tensor.bytes, &mut values);
    let values: Vec<f64> = values.into_iter().map(f64::from).collect();
    let bytes = HostTensor::from_f64(dtype, 1, values.len(), &values).bytes().to_vec();
    let tensor_type = match dtype {
        DType::F16 => TensorType::F16,
        DType::BF16 => TensorType::BF16,
        DType::F32 | DType::U32 => TensorType::F32,
    };
    // A few kilobytes for the rest of the test.
    StoredTensor { name: "rounded", tensor_type, shape: tensor.shape.to_vec().leak(), bytes: bytes.leak() }
}

/// What the native path, which is held against transformers itself, says in f32 with the weights that the device has: numbers
/// in the compute type, blocks as they are.
fn native_logits(file: &ModelFile, dtype: DType, tokens: &[u32]) -> Vec<f32> {
    let stored = file.weights().expect("weights");
    let number = |tensor| rounded(tensor, dtype);
    let kept = |tensor: StoredTensor<'_>| match tensor.tensor_type {
        TensorType::F32 | TensorType::F16 | TensorType::BF16 => rounded(tensor, dtype),
        kind => {
            let (shape, bytes) = (tensor.shape.to_vec().leak(), tensor.bytes.to_vec().leak());
            StoredTensor { name: "kept", tensor_type: kind, shape, bytes }
        }
    };
    let layers = stored.layers.iter().map(|layer| LayerWeights {
        attention_norm: number(layer.attention_norm),
        query: kept(layer.query),
        key: kept(layer.key),
        value: kept(layer.value),
        query_bias: layer.query_bias.map(number),
        key_bias: layer.key_bias.map(number),
        value_bias: layer.value_bias.map(number),
        query_norm: layer.query_norm.map(number),
        key_norm: layer.key_norm.map(number),
        attention_output: kept(layer.attention_output),
        mlp_norm: number(layer.mlp_norm),
        gate: kept(layer.gate),
        up: kept(layer.up),
        down: kept(layer.down),
    });
    let weights = ModelWeights {
        token_embedding: number(stored.token_embedding),
        layers: layers.collect(),
        output_norm: number(stored.output_norm),
        head: kept(stored.head),
    };
    let mut model = HostModel::new(file.config(), weights, Capacity::one(tokens.len())).expect("room");
    model.logits(tokens).expect("logits")
}

/// f32: every position, against transformers. 16 bits: all positions together, against the same weights in f32. In bf16
/// a single position may be further off than 1e-3: rounding of queries and keys moves scores that are sharp in models as
/// small as these. f16 rounds 8 times finer and must be that much nearer at every position.
#[test]
fn logits_are_those_of_transformers_in_every_type() {
    let (device, expected) = (device(), Expected::open());
    let tokens = expected.words("tokens");
    // The library's workspace is the device's, and stays with it.
    let _ = device.matrix_library();
    let before = device.ledger().live_bytes();
    let mut wrong = Vec::new();
    for (compute, most) in MOST_NMSE {
        for name in MODELS {
            let file = ModelFile::open(&path(name)).expect("a model");
            let mut model = model(&device, name, &Settings { compute, ..room(1, tokens.len()) });
            let logits = model.logits(&tokens).unwrap_or_else(|error| panic!("{name}: {error}"));
            let (vocab, theirs) = (file.config().vocab, expected.logits(name));
            let ours = native_logits(&file, compute, &tokens);
            let [worst, worst_of_same] = [&theirs, &ours].map(|other| worst_nmse(&logits, other, vocab));
            let [all, all_of_same] = [&theirs, &ours].map(|other| worst_nmse(&logits, other, other.len()));
            println!(
                "{name:28} {compute:4} NMSE {all:.2e}, worst position {worst:.2e}; of the same weights in f32 \
                 {all_of_same:.2e}, worst position {worst_of_same:.2e}"
            );
            let held = match compute {
                DType::F32 => [(worst, most), (worst, most)],
                DType::F16 => [(all_of_same, most), (worst_of_same, most / 8.0)],
                DType::BF16 | DType::U32 => [(all_of_same, most), (all_of_same, most)],
            };
            if held.iter().any(|(nmse, most)| nmse.is_nan() || nmse > most) {
                wrong.push(format!("{name} in {compute}: {held:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    assert_eq!(device.ledger().live_bytes(), before, "a model frees what it takes");
}

/// One token at a time, with positions in device memory, after a prompt: what transformers continues with.
#[test]
fn greedy_continuations_are_those_of_transformers() {
    const TOKENS: usize = 64;
    let (device, expected) = (device(), Expected::open());
    let prompt = expected.words("tokens");
    for name in MODELS {
        let mut model = model(&device, name, &room(1, prompt.len() + TOKENS - 1));
        let mut continuation = model.prefill(&[&prompt]).expect("a token").tokens;
        while continuation.len() < TOKENS {
            continuation.extend(model.decode().unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        assert_eq!(continuation, expected.words(&format!("{name}.greedy")), "{name}");
        let beyond = model.decode().expect_err("the cache is full").to_string();
        assert!(beyond.contains("beyond the 87"), "{beyond}");
    }
}

/// The batches that products with vectors take, and those beyond.
#[test]
fn sequences_of_a_batch_do_not_see_each_other() {
    let device = device();
    let prompts: Vec<Vec<u32>> =
        (0..6).map(|sequence| (0..9).map(|at| (at * 31 + sequence * 7) % 96).collect()).collect();
    for name in ["qwen2", "qwen3-tied-q4_0.gguf"] {
        let mut alone = model(&device, name, &room(1, 13));
        let mut continue_alone = |prompt: &Vec<u32>| {
            let mut tokens = alone.prefill(&[prompt]).expect("a token").tokens;
            (0..4).for_each(|_| tokens.extend(alone.decode().expect("a token")));
            tokens
        };
        let expected: Vec<Vec<u32>> = prompts.iter().map(&mut continue_alone).collect();
        let mut together = model(&device, name, &room(6, 13));
        for batch in [2, 6] {
            let prompts: Vec<&[u32]> = prompts[..batch].iter().map(Vec::as_slice).collect();
            let mut tokens = vec![together.prefill(&prompts).expect("tokens").tokens];
            (0..4).for_each(|_| tokens.push(together.decode().expect("tokens")));
            for (sequence, expected) in expected[..batch].iter().enumerate() {
                let ours: Vec<u32> = tokens.iter().map(|step| step[sequence]).collect();
                assert_eq!(&ours, expected, "{name}: sequence {sequence} of {batch}");
            }
        }
    }
}

#[test]
fn a_prompt_in_pieces_is_the_prompt() {
    let device = device();
    let tokens: Vec<u32> = (0..23).map(|at| at * 31 % 96).collect();
    for name in ["llama", "qwen3"] {
        let mut whole = model(&device, name, &room(1, 27));
        let logits = whole.logits(&tokens).expect("logits");
        let first = whole.prefill(&[&tokens]).expect("a token").tokens;
        let next: Vec<u32> = (0..4).flat_map(|_| whole.decode().expect("a token")).collect();
        // Pieces of 7 rows are a matrix product, of 3 are vectors; the last piece is smaller.
        for most_rows in [7, 3] {
            let mut pieces = model(&device, name, &Settings { most_rows, ..room(1, 27) });
            let nmse = worst_nmse(&pieces.logits(&tokens).expect("logits"), &logits, 96);
            assert!(nmse < 1e-11, "{name} in pieces of {most_rows}: {nmse:e}");
            assert_eq!(pieces.prefill(&[&tokens]).expect("a token").tokens, first);
            let ours: Vec<u32> = (0..4).flat_map(|_| pieces.decode().expect("a token")).collect();
            assert_eq!(ours, next, "{name} in pieces of {most_rows}");
        }
        // Two sequences whose pieces lie between each other.
        let mut both = model(&device, name, &Settings { most_rows: 8, ..room(2, 27) });
        assert_eq!(both.prefill(&[&tokens, &tokens]).expect("tokens").tokens, [first[0]; 2]);
    }
}

/// Biases behind products, sums onto the stream, widened weights, heads with norms.
#[test]
fn a_vendors_products_give_the_same_as_our_own() {
    let (device, expected) = (device(), Expected::open());
    let tokens = expected.words("tokens");
    let library = Arc::new(HostLibrary::new(device.clone()));
    let with_library: Arc<dyn Device> = Arc::new(CountingDevice::with_library(device, library.clone()));
    let choices = [ProductChoice::Ranked, ProductChoice::Timed];
    for (name, products) in
        ["qwen2", "qwen3", "llama-q4_k.gguf"].into_iter().flat_map(|name| choices.map(|choice| (name, choice)))
    {
        let settings = Settings { most_rows: 22, products, ..room(2, tokens.len() + 8) };
        let before = library.timed.load(Ordering::Relaxed);
        let mut model = model(&with_library, name, &settings);
        let timed = products == ProductChoice::Timed;
        let suffix = if timed { " (warmed shapes: algorithms by time)" } else { "" };
        assert_eq!(model.describe().matrix_library, format!("stand-in 1.0{suffix}"));
        let nmse = worst_nmse(&model.logits(&tokens).expect("logits"), &expected.logits(name), 96);
        assert!(nmse <= MOST_NMSE[0].1, "{name}: {nmse:e}");
        let mut steps = vec![model.prefill(&[&tokens, &tokens]).expect("tokens").tokens];
        (0..8).for_each(|_| steps.push(model.decode().expect("tokens")));
        let greedy = expected.words(&format!("{name}.greedy"));
        for (step, tokens) in steps.iter().enumerate() {
            assert_eq!(tokens[..], [greedy[step]; 2], "{name}, step {step}");
        }
        assert_eq!(library.timed.load(Ordering::Relaxed) > before, timed, "{name}, {products:?}");
    }
}

/// The sampler on the device draws what the same numbers draw on the host, step by step and sequence by sequence.
#[test]
fn draws_are_those_of_the_host_and_follow_the_seed() {
    let device = device();
    let sampling = |seed| Sampling::Random { temperature: 0.8, top_k: 20, top_p: 0.95, min_p: 0.01, seed };
    let prompts: [&[u32]; 2] = [&[1, 17, 5], &[80, 3, 95]];
    let mut model = model(&device, "mistral", &room(2, 16));
    let mut run = |sampling: Sampling| {
        model.set_sampling(sampling);
        let mut steps = vec![model.prefill(&prompts).expect("tokens").tokens];
        (0..5).for_each(|_| steps.push(model.decode().expect("tokens")));
        steps
    };
    let (first, second, again) = (run(sampling(5)), run(sampling(6)), run(sampling(5)));
    assert_eq!(first, again);
    assert_ne!(first, second);
    for (sequence, prompt) in prompts.iter().enumerate() {
        let continuation: Vec<u32> = first.iter().map(|step| step[sequence]).collect();
        let all: Vec<u32> = prompt.iter().chain(&continuation).copied().collect();
        let logits = model.logits(&all).expect("logits");
        for (step, token) in continuation.iter().enumerate() {
            let row = &logits[(prompt.len() - 1 + step) * 96..][..96];
            assert_eq!(sampling(5).draw(row, sequence, step as u64).expect("a token"), *token, "step {step}");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let device = device();
    let mut model = model(&device, "llama", &room(2, 4));
    let first = model.prefill(&[&[1, 2]]).expect("a token");
    let prompts: [(&[&[u32]], &str); 6] = [
        (&[], "0 prompts do not fit an engine for 1 to 2"),
        (&[&[1], &[1], &[1]], "3 prompts do not fit"),
        (&[&[]], "at least one token"),
        (&[&[1], &[1, 2]], "and the same number"),
        (&[&[1, 2, 3, 4, 5]], "position 5 is beyond the 4"),
        (&[&[1, 96]], "token 96 is not one of the 96"),
    ];
    for (prompts, message) in prompts {
        let error = model.prefill(prompts).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }
    let error = model.logits(&[]).expect_err("no tokens");
    assert!(matches!(error, EngineError::Device(DeviceModelError::NoTokens)), "{error}");
    model.set_sampling(Sampling::Random { temperature: -1.0, top_k: 0, top_p: 1.0, min_p: 0.0, seed: 0 });
    assert!(model.prefill(&[&[1]]).expect_err("a temperature").to_string().contains("temperature -1"));
    model.set_sampling(Sampling::Greedy);
    assert_eq!(model.prefill(&[&[1, 2]]).expect("a token").tokens, first.tokens);
    model.logits(&[1]).expect("logits");
    assert!(matches!(model.decode().expect_err("forgotten"), EngineError::NoPrompt));
}

#[test]
fn a_model_that_cannot_run_is_refused_before_anything_is_allocated() {
    let device = device();
    let file = ModelFile::open(&path("mistral")).expect("a model");
    let weights = file.weights().expect("weights");
    let refused = |settings: Settings, config: &ModelConfig| {
        let peak = device.ledger().peak_bytes();
        let error = DeviceModel::new(device.clone(), config, &weights, &settings).map(|_| ()).expect_err("refused");
        assert_eq!(device.ledger().peak_bytes(), peak, "{error}");
        error
    };
    let beyond = refused(room(1, 513), file.config());
    assert!(matches!(beyond, DeviceModelError::BeyondContext { positions: 513, context_length: 512 }), "{beyond}");
    assert!(matches!(refused(room(0, 4), file.config()), DeviceModelError::NoRoom));
    let whole = Settings { compute: DType::U32, ..room(1, 4) };
    assert!(matches!(refused(whole, file.config()), DeviceModelError::ComputeType(DType::U32)));
    let many = refused(room(1 << 20, 512), file.config());
    let DeviceModelError::Memory { needed, cache, weights: stored, total, .. } = many else { panic!("{many}") };
    assert!(needed > total && cache == 2 * 2 * (512 << 20) * 32 * 4 && stored > 0, "{needed} {cache} {stored}");
    let sequences = refused(room((1 << 20) + 1, 512), file.config());
    assert!(matches!(sequences, DeviceModelError::Contract(_)), "{sequences}");
    let mut odd = file.config().clone();
    odd.head_dim = 12;
    let heads = refused(room(1, 4), &odd).to_string();
    assert!(heads.contains("a multiple of 8"), "{heads}");
}

#[test]
fn what_ran_is_described_and_profiles_name_every_operation() {
    let device = device();
    let mut model = model(&device, "qwen2-tied-bf16.gguf", &Settings { compute: DType::BF16, ..room(1, 12) });
    let description = model.describe();
    assert_eq!((description.path, description.compute), (EnginePath::Device, DType::BF16));
    assert_eq!(description.device, device.info().id);
    let config = model.config().clone();
    assert_eq!(description.cache_bytes as usize, 2 * config.layers * 12 * config.kv_width() * 2);
    let spans = model.profile_prefill(&[&[1, 2, 3, 4, 5, 6]]).expect("spans").spans;
    let count = |name: &str, layer| spans.iter().filter(|span| span.operation == name && span.layer == layer).count();
    assert_eq!((count("embedding", None), count("fused_sampler", None)), (1, 1));
    for layer in 0..config.layers {
        let of_layer = ["rope_cache", "attention_prefill", "add_bias"].map(|name| count(name, Some(layer)));
        // Of which the device has one or the other.
        let activations = count("swiglu_packed", Some(layer)) + count("gate_up_swiglu", Some(layer));
        assert_eq!((of_layer, activations), ([1; 3], 1), "layer {layer}");
    }
    assert!(spans.is_sorted_by_key(|span| span.start));
    let after = model.decode().expect("a token");
    let expected = model.prefill(&[&[1, 2, 3, 4, 5, 6]]).and_then(|_| model.decode()).expect("a token");
    assert_eq!(after, expected, "a profiled prompt can be continued");
    let spans = model.profile_decode().expect("spans").spans;
    for name in
        ["fused_qkv", "attention_decode", "fused_gate_up", "matrix_vector", "advance_positions", "fused_sampler"]
    {
        assert!(spans.iter().any(|span| span.operation == name), "{name}");
    }
}

#[test]
fn the_command_runs_where_it_is_told_or_says_why_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("logits.safetensors");
    let run = |more: &[&str]| {
        let mut command = Command::cargo_bin("hipgauge").expect("the program");
        command.args(["logits", "--tokens", "1,2", "--model"]).arg(path("llama")).arg("--out").arg(&out).args(more);
        command.output().expect("it runs")
    };
    for (more, code, message) in [
        (&["--device", "gpu"][..], 64, "use auto, host, hip:N or cuda:N"),
        (&["--dtype", "bf16"], 64, "host computes in f32"),
        (&["--dtype", "q4"], 64, "unknown dtype `q4`"),
        (&["--device", "cuda:99"], 3, "`cuda:99` is not available"),
        (&["--device", "hip:99", "--dtype", "bf16"], 3, "`hip:99` is not available"),
    ] {
        let output = run(more);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{more:?}: {stderr}");
        assert!(stderr.contains(message), "{more:?}: {stderr}");
    }
    let named = device().info().id.clone();
    let output = run(&["--device", &named]);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && stdout.contains(&format!("computed in f32 on {named}, written to")), "{stdout}");
}
