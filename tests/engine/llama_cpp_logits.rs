//! The forward pass on the host against llama.cpp (`fixtures/models/llama_cpp_logits.py`): another reader of GGUF files and
//! other kernels than those of the first witness, transformers.

use std::fs;
use std::path::{Path, PathBuf};

use hipgauge::engine::Capacity;
use hipgauge::engine::host_model::{HostModel, LogitRows};
use hipgauge::engine::model_file::ModelFile;
use safetensors::SafeTensors;

/// Against llama.cpp on weights that it has widened to f32 itself. The engine's promise is 1e-5 for f32 and 1e-3 for
/// quantised weights; rounding in f32 alone stays far below.
const MOST_NMSE: f64 = 1e-10;

/// How far the distance from llama.cpp's quantised arithmetic to us may be from that to its own f32 arithmetic, relative.
const MOST_DISTANCE_GAP: f64 = 1e-3;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name)
}

fn words(file: &str, tensor: &str) -> Vec<u32> {
    let bytes = fs::read(path(file)).expect("a fixture");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let view = file.tensor(tensor).unwrap_or_else(|error| panic!("{tensor}: {error}"));
    view.data().as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

fn logits_of(model: &str, kind: &str) -> Vec<f32> {
    words("llama_cpp.safetensors", &format!("{model}.{kind}")).into_iter().map(f32::from_bits).collect()
}

/// Squared errors over squared expected values, of every position.
fn nmse(ours: &[f32], expected: &[f32], vocab: usize) -> Vec<f64> {
    assert_eq!(ours.len(), expected.len());
    let energy = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>();
    let of_row = |(ours, expected): (&[f32], &[f32])| {
        let mut errors = ours.iter().zip(expected).map(|(a, b)| f64::from(*a) - f64::from(*b));
        energy(&mut errors) / energy(&mut expected.iter().map(|value| f64::from(*value)))
    };
    ours.chunks_exact(vocab).zip(expected.chunks_exact(vocab)).map(of_row).collect()
}

/// A NaN must not hide behind `max`.
fn worst(errors: &[f64]) -> f64 {
    errors.iter().fold(0.0, |worst, error| if *error <= worst { worst } else { *error })
}

#[test]
fn logits_are_those_of_llama_cpp_on_the_weights_that_it_reads() {
    let tokens = words("expected.safetensors", "tokens");
    let mut files: Vec<String> = fs::read_dir(path(""))
        .expect("the fixtures")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .filter(|name| name.ends_with(".gguf"))
        .collect();
    files.sort();
    assert_eq!(files.len(), 10, "four architectures, eight storage types");
    for name in files {
        let file = ModelFile::open(&path(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let vocab = file.config().vocab;
        let weights = file.weights().expect("weights");
        let mut model = HostModel::new(file.config(), weights, Capacity::one(tokens.len())).expect("room");
        let ours = model.forward(&tokens, LogitRows::All).expect("logits");
        let (widened, as_it_runs) = (logits_of(&name, "widened"), logits_of(&name, "logits"));
        let to_widened = worst(&nmse(&ours, &widened, vocab));
        let (from_us, from_itself) = (nmse(&ours, &as_it_runs, vocab), nmse(&widened, &as_it_runs, vocab));
        println!(
            "{name:24} worst position's NMSE: {to_widened:.1e} with weights widened by llama.cpp; {:.1e} as llama.cpp runs \
             it, whose own distance between the two is {:.1e}",
            worst(&from_us),
            worst(&from_itself)
        );
        assert!(to_widened <= MOST_NMSE, "{name}: {to_widened:e}");
        // What is left against its quantised arithmetic is its own rounding of activations, at every position.
        for (position, (from_us, from_itself)) in from_us.iter().zip(&from_itself).enumerate() {
            let allowed = from_itself * MOST_DISTANCE_GAP + MOST_NMSE;
            assert!((from_us - from_itself).abs() <= allowed, "{name}, {position}: {from_us:e}, not {from_itself:e}");
        }
    }
}
