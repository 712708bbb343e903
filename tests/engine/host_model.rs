//! The forward pass on the host against Hugging Face transformers (`fixtures/models/make_models.py`): every architecture,
//! both containers, every storage type.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use hipgauge::engine::Capacity;
use hipgauge::engine::host_model::{HostModel, HostModelError, LogitRows};
use hipgauge::engine::model_file::ModelFile;

use crate::model_fixtures::{Expected, MODELS, path, worst_nmse};

/// What rounding in f32 may add up to in a few layers. The engine's promise is 1e-5; a mistake is seen long before.
const MOST_NMSE: f64 = 1e-10;

const GREEDY: usize = 64;

fn host_model(file: &ModelFile, positions: usize) -> HostModel<'_> {
    let weights = file.weights().expect("weights");
    HostModel::new(file.config(), weights, Capacity::one(positions)).expect("room")
}

#[test]
fn logits_and_greedy_continuations_are_those_of_transformers() {
    let expected = Expected::open();
    let tokens = expected.words("tokens");
    for name in MODELS {
        let file = ModelFile::open(&path(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut model = host_model(&file, tokens.len() + GREEDY);
        let logits = model.forward(&tokens, LogitRows::All).expect("logits");
        let nmse = worst_nmse(&logits, &expected.logits(name), file.config().vocab);
        println!("{name:28} worst position's NMSE {nmse:.2e}");
        assert!(nmse <= MOST_NMSE, "{name}: {nmse:e}");
        let continuation = model.greedy(&tokens, GREEDY).expect("a continuation");
        assert_eq!(continuation, expected.words(&format!("{name}.greedy")), "{name}");
    }
}

/// One token at a time, some at a time and all at once, in one piece or beyond the 512 that go through together.
#[test]
fn the_cache_changes_nothing() {
    for name in ["llama", "qwen3-tied-q4_0.gguf"] {
        let file = ModelFile::open(&path(name)).expect("a model");
        let vocab = file.config().vocab;
        let tokens: Vec<u32> = (0..90).map(|at| at * 31 % 96).collect();
        let mut model = host_model(&file, 90);
        let at_once = model.forward(&tokens, LogitRows::All).expect("logits");
        for step in [1, 7, 64] {
            model.clear();
            let parts = tokens.chunks(step).map(|part| model.forward(part, LogitRows::All).expect("logits"));
            let parts: Vec<f32> = parts.flatten().collect();
            assert!(worst_nmse(&parts, &at_once, vocab) < 1e-11, "{name} in steps of {step}");
        }
        model.clear();
        let last = model.forward(&tokens, LogitRows::Last).expect("logits");
        assert!(worst_nmse(&last, &at_once[89 * vocab..], vocab) < 1e-11, "{name}: the last position alone");
        // What comes later cannot change what was said.
        let mut other = tokens.clone();
        other[89] = 5;
        model.clear();
        let changed = model.forward(&other, LogitRows::All).expect("logits");
        assert_eq!(changed[..89 * vocab], at_once[..89 * vocab], "{name}: a later token");
        assert_ne!(changed[89 * vocab..], at_once[89 * vocab..], "{name}: the token itself");
    }
}

#[test]
fn prompts_longer_than_a_pass_are_taken_in_passes() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["config.json", "model.safetensors"] {
        fs::copy(path("llama").join(file), folder.path().join(file)).expect("copied");
    }
    let config = folder.path().join("config.json");
    let text = fs::read_to_string(&config)
        .expect("text")
        .replace("\"max_position_embeddings\": 512", "\"max_position_embeddings\": 1100");
    fs::write(config, text).expect("written");
    let file = ModelFile::open(folder.path()).expect("a model");
    let vocab = file.config().vocab;
    let tokens: Vec<u32> = (0..1025).map(|at| at * 17 % 96).collect();
    let mut model = host_model(&file, tokens.len());
    let all = model.forward(&tokens, LogitRows::All).expect("logits");
    assert_eq!(all.len(), tokens.len() * vocab);
    model.clear();
    let last = model.forward(&tokens, LogitRows::Last).expect("logits");
    assert!(worst_nmse(&last, &all[1024 * vocab..], vocab) < 1e-11);
    model.clear();
    model.forward(&tokens[..1000], LogitRows::Last).expect("logits");
    let rest = model.forward(&tokens[1000..], LogitRows::All).expect("logits");
    assert!(worst_nmse(&rest, &all[1000 * vocab..], vocab) < 1e-11);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let file = ModelFile::open(&path("llama")).expect("a model");
    let vocab = file.config().vocab;
    let beyond = HostModel::new(file.config(), file.weights().expect("weights"), Capacity::one(513))
        .map(|_| ())
        .expect_err("512 positions");
    assert!(matches!(beyond, HostModelError::BeyondContext { positions: 513, context_length: 512 }), "{beyond}");
    let mut model = host_model(&file, 3);
    let first = model.forward(&[1, 2], LogitRows::Last).expect("logits");
    for (tokens, message) in [
        (&[1, 2][..], "position 4 is beyond the 3"),
        (&[96], "token 96 is not one of the 96"),
        (&[], "there are no tokens"),
    ] {
        let error = model.forward(tokens, LogitRows::All).expect_err(message).to_string();
        assert!(error.contains(message), "{error}");
    }
    assert_eq!(model.forward(&[3], LogitRows::All).expect("the third").len(), vocab);
    model.clear();
    assert_eq!(model.forward(&[1, 2], LogitRows::Last).expect("logits"), first);
}

#[test]
fn broken_weights_are_told_not_sampled() {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["config.json", "model.safetensors"] {
        fs::copy(path("llama").join(file), folder.path().join(file)).expect("copied");
    }
    let weights = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&weights).expect("a file");
    let end = bytes.len();
    // The last tensor by name is the output norm.
    bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&weights, bytes).expect("written");
    let file = ModelFile::open(folder.path()).expect("a model");
    let error = host_model(&file, 8).greedy(&[1, 2], 4).expect_err("NaN");
    assert!(matches!(error, HostModelError::NotFinite { position: 1, .. }), "{error}");
    let out = folder.path().join("out.safetensors");
    let run = logits_command(folder.path(), "1,2", &out).assert().code(2);
    assert!(String::from_utf8_lossy(&run.get_output().stderr).contains("a logit of position 0 is NaN"));
}

fn logits_command(model: &Path, tokens: &str, out: &Path) -> Command {
    let mut command = Command::cargo_bin("hipgauge").expect("the program");
    command.args(["logits", "--tokens", tokens, "--model"]).arg(model).arg("--out").arg(out);
    command
}

#[test]
fn the_command_writes_logits_of_every_position() {
    let expected = Expected::open();
    let tokens = expected.words("tokens");
    let text = tokens.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("logits.safetensors");
    for name in ["mistral", "llama-q4_k.gguf"] {
        let run = logits_command(&path(name), &text, &out).assert().code(0);
        assert!(
            String::from_utf8_lossy(&run.get_output().stdout)
                .contains("logits f32 [24, 96], computed in f32 on host, written to")
        );
        let written = Expected(fs::read(&out).expect("the file"));
        assert_eq!(written.words("tokens"), tokens);
        let logits: Vec<f32> = written.words("logits").into_iter().map(f32::from_bits).collect();
        assert!(worst_nmse(&logits, &expected.logits(name), 96) <= MOST_NMSE);
    }
    for (model, tokens, message) in [
        ("nowhere", "1", "cannot read"),
        ("expected.safetensors", "1", "is no GGUF file"),
        ("llama", "1,96", "token 96 is not one of the 96"),
        ("llama", "1,x", "invalid value 'x'"),
        ("llama", &vec!["1"; 513].join(","), "the model has 512 positions, not 513"),
    ] {
        let run = logits_command(&path(model), tokens, &out).assert().code(64);
        let stderr = String::from_utf8_lossy(&run.get_output().stderr).into_owned();
        assert!(stderr.contains(message), "{stderr}, not {message}");
    }
    let nowhere = folder.path().join("none").join("logits.safetensors");
    logits_command(&path("llama"), "1", &nowhere).assert().code(64);
}
