//! What the fuzz targets share. The readers are compiled from the program's own files, without the rest of it: kernels and
//! GPU libraries would only make an instrumented build long.

#![allow(dead_code, unused_imports)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

#[path = "../../src/tensor/mod.rs"]
pub mod tensor;

pub mod engine;

use engine::model_file::{ModelFile, ModelFileError, dequantize};

/// A folder in memory for this process, for the readers map files.
pub fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let shared_memory = Path::new("/dev/shm");
        let parent = if shared_memory.is_dir() { shared_memory.to_path_buf() } else { std::env::temp_dir() };
        let folder = parent.join(format!("hipgauge-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the input");
        folder
    })
}

/// Writes an input as a file of that folder.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder().join(name);
    fs::write(&path, bytes).expect("room for the input");
    path
}

/// Opens a model as the program does, finds all weights, and widens the first row of each.
pub fn read_model(path: &Path) -> Result<(), ModelFileError> {
    let model = ModelFile::open(path)?;
    let weights = model.weights()?;
    let mut tensors = vec![weights.token_embedding, weights.output_norm, weights.head];
    for layer in &weights.layers {
        tensors.extend([layer.attention_norm, layer.query, layer.key, layer.value, layer.attention_output]);
        tensors.extend([layer.mlp_norm, layer.gate, layer.up, layer.down]);
        tensors.extend([layer.query_bias, layer.key_bias, layer.value_bias].into_iter().flatten());
        tensors.extend([layer.query_norm, layer.key_norm].into_iter().flatten());
    }
    for tensor in tensors {
        let columns = *tensor.shape.last().expect("a dimension");
        let mut row = vec![0.0; columns];
        let bytes = tensor.tensor_type.bytes_of(columns).expect("whole blocks");
        dequantize(tensor.tensor_type, &tensor.bytes[..bytes], &mut row);
    }
    let config = model.config();
    let frequencies = config.rope.frequencies(config.head_dim);
    assert_eq!(frequencies.len(), config.head_dim / 2, "a frequency for each pair");
    Ok(())
}
