//! Models as Hugging Face and the `gguf` package wrote them (`fixtures/models/make_models.py`), and blocks of weights with
//! their values by the `gguf` package (`fixtures/quants/make_quants.py`).

use std::fs;
use std::path::{Path, PathBuf};

use hipgauge::engine::model_file::{
    Architecture, Container, ModelFile, ModelFileError, RopePairing, RopeScaling, TensorType, dequantize,
};
use safetensors::SafeTensors;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn model(name: &str) -> ModelFile {
    ModelFile::open(&fixtures().join("models").join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A copy of a model's directory, to be spoilt.
fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for entry in fs::read_dir(fixtures().join("models").join(name)).expect("a fixture") {
        let path = entry.expect("readable").path();
        fs::copy(&path, folder.path().join(path.file_name().expect("a name"))).expect("copied");
    }
    folder
}

fn replace(folder: &Path, file: &str, from: &str, to: &str) {
    let path = folder.join(file);
    let text = fs::read_to_string(&path).expect("text");
    assert!(text.contains(from), "{file} has no {from}");
    fs::write(path, text.replace(from, to)).expect("written");
}

#[test]
fn blocks_are_what_the_gguf_package_says() {
    let bytes = fs::read(fixtures().join("quants/quants.safetensors")).expect("a fixture");
    let golden = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    for tensor_type in TensorType::ALL {
        let stored = golden.tensor(&format!("{tensor_type}.bytes")).expect("bytes of every type");
        let values = golden.tensor(&format!("{tensor_type}.values")).expect("values of every type");
        let values: Vec<u32> =
            values.data().as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect();
        let mut ours = vec![f32::NAN; values.len()];
        dequantize(tensor_type, stored.data(), &mut ours);
        // Bit for bit: both multiply and subtract in f32, in the same order.
        let ours: Vec<u32> = ours.into_iter().map(f32::to_bits).collect();
        assert_eq!(ours, values, "{tensor_type}");
        // Containers promise no alignment of single elements.
        let shifted = [&[0], stored.data()].concat();
        let mut again = vec![f32::NAN; values.len()];
        dequantize(tensor_type, &shifted[1..], &mut again);
        assert_eq!(again.into_iter().map(f32::to_bits).collect::<Vec<_>>(), values, "{tensor_type}, shifted");
    }
}

#[test]
fn directories_say_what_transformers_was_told() {
    let mistral = model("mistral");
    let config = mistral.config();
    assert_eq!(config.architecture, Architecture::Mistral);
    assert_eq!((config.layers, config.hidden, config.heads, config.kv_heads, config.head_dim), (2, 32, 4, 2, 16));
    assert_eq!((config.intermediate, config.vocab, config.context_length), (48, 96, 512));
    assert_eq!((config.norm_epsilon, config.rope.base, config.eos.as_slice()), (1e-5, 1e6, &[2][..]));
    assert_eq!((config.rope.pairing, config.tied_head, config.qkv_bias), (RopePairing::HalfSplit, false, false));
    let weights = mistral.weights().expect("all weights, from two files");
    assert_eq!(weights.layers[1].query.shape, [64, 32]);
    assert_ne!(weights.head.name, weights.token_embedding.name);

    let llama3 = model("llama-tied-llama3-rope");
    assert!(matches!(llama3.config().rope.scaling, RopeScaling::Llama3 { original_context: 32.0, .. }));
    let weights = llama3.weights().expect("all weights");
    assert_eq!((weights.layers.len(), weights.head.name), (4, weights.token_embedding.name));

    let window = model("mistral-tied-linear-rope");
    assert_eq!(window.config().context_length, 256, "no more than the sliding window");
    assert_eq!(window.config().rope.scaling, RopeScaling::Linear { factor: 4.0 });
    assert_eq!(window.weights().expect("all weights").token_embedding.tensor_type, TensorType::F16);

    let qwen2 = model("qwen2-tied");
    assert!(qwen2.config().qkv_bias && !qwen2.config().qk_norm);
    assert!(qwen2.weights().expect("all weights").layers.iter().all(|layer| layer.value_bias.is_some()));
    let qwen3 = model("qwen3");
    assert!(!qwen3.config().qkv_bias && qwen3.config().qk_norm);
    assert!(qwen3.weights().expect("all weights").layers.iter().all(|layer| layer.query_norm.is_some()));
    assert!(matches!(qwen3.container(), Container::HuggingFace(directory) if directory.tokenizer_path().is_none()));
}

#[test]
fn gguf_files_say_the_same() {
    let llama = model("llama-f32.gguf");
    let config = llama.config();
    assert_eq!((config.architecture, config.rope.pairing), (Architecture::Llama, RopePairing::Interleaved));
    assert_eq!((config.layers, config.hidden, config.heads, config.kv_heads, config.head_dim), (2, 32, 4, 2, 8));
    assert_eq!((config.vocab, config.context_length, config.eos.as_slice()), (96, 512, &[2][..]));
    assert!(matches!(&config.rope.scaling, RopeScaling::FrequencyFactors(factors) if factors.len() == 4));
    let mistral = model("mistral-f16.gguf");
    assert_eq!(mistral.config().rope.scaling, RopeScaling::Linear { factor: 4.0 });
    for (name, tensor_type) in [
        ("llama-tied-q8_0.gguf", TensorType::Q8_0),
        ("qwen3-tied-q4_0.gguf", TensorType::Q4_0),
        ("llama-q4_k.gguf", TensorType::Q4K),
        ("qwen2-tied-q5_k.gguf", TensorType::Q5K),
        ("qwen3-q6_k.gguf", TensorType::Q6K),
        ("qwen2-tied-bf16.gguf", TensorType::BF16),
    ] {
        let model = model(name);
        let weights = model.weights().unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(weights.layers[0].down.tensor_type, tensor_type, "{name}");
        assert_eq!(model.config().tied_head, name.contains("tied"), "{name}");
    }
}

/// Both containers hold the same Qwen2 model, made from one seed.
#[test]
fn both_containers_give_one_configuration() {
    let (directory, gguf) = (model("qwen2"), model("qwen2-f32.gguf"));
    assert_eq!(directory.config(), gguf.config());
    let (one, other) = (directory.weights().expect("weights"), gguf.weights().expect("weights"));
    assert_eq!(one.layers[1].down.bytes, other.layers[1].down.bytes);
    assert_eq!(one.head.bytes, other.head.bytes);
}

#[test]
fn what_is_not_supported_is_named_with_what_is() {
    let refusal = |file: &str, from: &str, to: &str| {
        let folder = copy("llama");
        replace(folder.path(), file, from, to);
        let opened = ModelFile::open(folder.path()).and_then(|model| model.weights().map(|_| ()));
        opened.expect_err(to).to_string()
    };
    let config = |from: &str, to: &str| refusal("config.json", from, to);
    let cases = [
        (config(r#""model_type": "llama""#, r#""model_type": "gemma2""#), "`gemma2`; supported: llama, mistral, qwen2"),
        (config(r#""silu""#, r#""gelu""#), "`hidden_act` is `gelu`; supported: silu"),
        (config(r#""default""#, r#""yarn""#), "`rope_type` is `yarn`; supported: default, linear, llama3"),
        (config(r#""attention_bias": false"#, r#""attention_bias": true"#), "`attention_bias` is true"),
        (config(r#""vocab_size": 96"#, r#""vocab_size": "96""#), "`vocab_size` is a string, not a whole number"),
        (config(r#""vocab_size": 96"#, r#""vocab_size": 97"#), "[96, 32], but the configuration asks for [97, 32]"),
        (config(r#""num_hidden_layers": 2"#, r#""num_hidden_layers": 3"#), "model.layers.2."),
        (config(r#""num_hidden_layers": 2"#, r#""num_hidden_layers": 1"#), "`model.layers.1."),
        (config(r#""num_attention_heads": 4"#, r#""num_attention_heads": 0"#), "the attention heads is 0"),
        (config(r#""num_key_value_heads": 2"#, r#""num_key_value_heads": 3"#), "cannot share 3 key-value heads"),
        (config(r#""vocab_size": 96"#, r#""vocab": 96"#), "`vocab_size` is missing"),
        (config(r#""use_cache": true"#, r#""quantization_config": {}"#), "`quantization_config` is there"),
        (config(r#""model_type": "llama""#, r#""model_type": "qwen3""#), "q_norm.weight` is missing"),
    ];
    for (message, expected) in cases {
        assert!(message.contains(expected), "{message}, not {expected}");
    }
}

#[test]
fn an_index_cannot_lead_elsewhere_or_promise_what_is_not_there() {
    let index = "model.safetensors.index.json";
    let first = "model-00001-of-00002.safetensors";
    for (to, expected) in [
        ("../model.safetensors", "supported: names of files in the same directory"),
        ("/etc/passwd", "supported: names of files in the same directory"),
        ("model-00009-of-00002.safetensors", "cannot read"),
        ("model-00002-of-00002.safetensors", "is missing"),
    ] {
        let folder = copy("mistral");
        replace(folder.path(), index, first, to);
        let message = ModelFile::open(folder.path()).expect_err(to).to_string();
        assert!(message.contains(expected), "{message}, not {expected}");
    }
    let folder = copy("mistral");
    fs::copy(folder.path().join(first), folder.path().join("model-00002-of-00002.safetensors")).expect("copied");
    let twice = ModelFile::open(folder.path()).expect_err("the same tensors twice");
    assert!(matches!(twice, ModelFileError::Inconsistent { .. }), "{twice}");
    let none = ModelFile::open(tempfile::tempdir().expect("a folder").path()).expect_err("an empty folder");
    assert!(none.to_string().contains("config.json"), "{none}");
}
