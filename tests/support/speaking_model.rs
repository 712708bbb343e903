//! A tiny model with a tokenizer, so that it can be talked to.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// The model of that name with a tokenizer: id n is the character n + 32, and the last id a line feed.
pub fn speaking_model(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in fs::read_dir(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models")).join(name))
        .expect("a fixture")
    {
        let entry = entry.expect("a file");
        fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("copied");
    }
    let letter = |id: u32| match id {
        // GPT-2's letters for a space and a line feed.
        0 => "\u{120}".to_string(),
        95 => "\u{10a}".to_string(),
        id => char::from_u32(id + 32).expect("ASCII").to_string(),
    };
    let vocabulary: serde_json::Map<String, Value> = (0..96).map(|id| (letter(id), id.into())).collect();
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": level, "post_processor": null, "decoder": level,
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
    });
    fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).expect("written");
    folder
}
