//! The seeds of the fuzz targets (`fuzz/make_corpus.py`): each is a whole model or tokenizer, or fuzzing would only see refusals.

use std::fs;
use std::path::{Path, PathBuf};

use hipgauge::engine::model_file::ModelFile;
use hipgauge::engine::tokenizer::{EncodeOptions, SpecialText, Tokenizer};

fn seeds(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).expect("a corpus").map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{target} has no seeds");
    paths
}

fn read_whole(path: &Path, seed: &Path) {
    let model = ModelFile::open(path).unwrap_or_else(|error| panic!("{}: {error}", seed.display()));
    model.weights().unwrap_or_else(|error| panic!("{}: {error}", seed.display()));
}

#[test]
fn model_seeds_are_whole_models() {
    for seed in seeds("gguf") {
        read_whole(&seed, &seed);
    }
    for seed in seeds("hugging_face") {
        let bytes = fs::read(&seed).expect("a seed");
        let (length, rest) = bytes.split_first_chunk::<2>().expect("a length");
        let (config, weights) = rest.split_at(usize::from(u16::from_le_bytes(*length)));
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.json"), config).expect("written");
        fs::write(folder.path().join("model.safetensors"), weights).expect("written");
        read_whole(folder.path(), &seed);
    }
}

#[test]
fn tokenizer_seeds_encode_and_decode() {
    for seed in seeds("gguf_tokenizer") {
        let tokenizer = Tokenizer::open(&seed).unwrap_or_else(|error| panic!("{}: {error}", seed.display()));
        let ids: Vec<u32> =
            tokenizer.encode(b"hello world", EncodeOptions::PLAIN).expect("ids").iter().map(|token| token.id).collect();
        assert!(ids.len() < 11, "{}: merges do something: {ids:?}", seed.display());
        assert_eq!(tokenizer.decode(&ids, SpecialText::Show).expect("text"), b"hello world", "{}", seed.display());
        tokenizer.chat_template().expect("a template");
    }
}

/// The targets compile the readers' files by themselves, with dependencies of their own.
#[test]
fn the_fuzz_targets_have_the_crates_that_the_readers_use() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).expect("a manifest");
    let mut folders =
        ["tensor", "engine/model_file", "engine/tokenizer"].map(|name| root.join("src").join(name)).to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("readable").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = fs::read_to_string(&path).expect("text");
            for name in text.lines().filter_map(|line| line.strip_prefix("use ")?.split("::").next()) {
                let known = ["std", "super", "crate"].contains(&name)
                    || [name.to_string(), name.replace('_', "-")]
                        .iter()
                        .any(|name| manifest.contains(&format!("\n{name} = ")));
                assert!(known, "{} uses {name}, which fuzz/Cargo.toml does not have", path.display());
            }
        }
    }
}
