//! The tiny models of `fixtures/models`, and what transformers says with them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hipgauge::backend::{Device, OpenOptions, open};
use safetensors::SafeTensors;

/// Directories, then GGUF files: of each architecture a tied and an untied one, and every storage type.
pub const MODELS: [&str; 18] = [
    "llama",
    "llama-tied-llama3-rope",
    "mistral",
    "mistral-tied-linear-rope",
    "qwen2",
    "qwen2-tied",
    "qwen3",
    "qwen3-tied",
    "llama-f32.gguf",
    "mistral-f16.gguf",
    "qwen2-f32.gguf",
    "qwen2-tied-bf16.gguf",
    "qwen3-f32.gguf",
    "llama-tied-q8_0.gguf",
    "qwen3-tied-q4_0.gguf",
    "llama-q4_k.gguf",
    "qwen2-tied-q5_k.gguf",
    "qwen3-q6_k.gguf",
];

pub fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models").join(name)
}

/// The device that `HIPGAUGE_TEST_DEVICE` names, such as cuda:0; the emulator without it.
pub fn device() -> Arc<dyn Device> {
    let name = std::env::var("HIPGAUGE_TEST_DEVICE").unwrap_or_else(|_| "host".to_string());
    open(&name, &OpenOptions::default()).unwrap_or_else(|error| panic!("HIPGAUGE_TEST_DEVICE: {error}")).device
}

/// A safetensors file of logits, tokens and continuations.
pub struct Expected(pub Vec<u8>);

impl Expected {
    pub fn open() -> Self {
        Self(fs::read(path("expected.safetensors")).expect("a fixture"))
    }

    pub fn words(&self, name: &str) -> Vec<u32> {
        let file = SafeTensors::deserialize(&self.0).expect("a safetensors file");
        let view = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        view.data().as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
    }

    pub fn logits(&self, model: &str) -> Vec<f32> {
        self.words(&format!("{model}.logits")).into_iter().map(f32::from_bits).collect()
    }
}

/// Of the position where it is worst: squared errors over squared expected values.
pub fn worst_nmse(ours: &[f32], expected: &[f32], vocab: usize) -> f64 {
    assert_eq!(ours.len(), expected.len());
    let of_row = |(ours, expected): (&[f32], &[f32])| {
        let square = |value: f64| value * value;
        let error: f64 = ours.iter().zip(expected).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
        error / expected.iter().map(|value| square(f64::from(*value))).sum::<f64>()
    };
    let rows = ours.chunks_exact(vocab).zip(expected.chunks_exact(vocab)).map(of_row);
    // A NaN must not hide behind `max`.
    rows.fold(0.0, |worst, nmse| if nmse <= worst { worst } else { nmse })
}
