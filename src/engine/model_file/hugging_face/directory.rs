//! All files of a model's directory.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::super::{ModelConfig, ModelFileError, StoredTensor};
use super::config::hugging_face_config;
use super::json_object::JsonObject;
use super::safetensors_file::SafetensorsFile;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// A model as Hugging Face keeps it, its weights mapped.
#[derive(Debug)]
pub struct HuggingFaceDirectory {
    path: PathBuf,
    config: ModelConfig,
    files: Vec<SafetensorsFile>,
    /// Tensor name to file.
    places: BTreeMap<String, usize>,
}

impl HuggingFaceDirectory {
    pub fn open(path: &Path) -> Result<Self, ModelFileError> {
        let config = hugging_face_config(path)?;
        let index = path.join(INDEX);
        // Where both are there, transformers takes the single file too.
        let weight_map = if index.is_file() && !path.join(SINGLE).is_file() {
            weight_map(&JsonObject::read(&index)?)?
        } else {
            BTreeMap::new()
        };
        let mut names: Vec<&str> = weight_map.values().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            names.push(SINGLE);
        }
        let mut files = Vec::with_capacity(names.len());
        let mut places = BTreeMap::new();
        for (number, name) in names.iter().enumerate() {
            let file = SafetensorsFile::open(&path.join(name))?;
            for tensor in file.tensors() {
                if places.insert(tensor.name.to_string(), number).is_some() {
                    let problem = format!("tensor `{}` is in two files", tensor.name);
                    return Err(ModelFileError::Inconsistent { path: path.join(name), problem });
                }
            }
            files.push(file);
        }
        for (tensor, file) in &weight_map {
            if places.get(tensor).map(|number| names[*number]) != Some(file) {
                let what = format!("tensor `{tensor}`, which {INDEX} says is there,");
                return Err(ModelFileError::Missing { path: path.join(file), what });
            }
        }
        Ok(Self { path: path.to_path_buf(), config, files, places })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where tokenizer.json is, if the directory has one.
    pub fn tokenizer_path(&self) -> Option<PathBuf> {
        Some(self.path.join("tokenizer.json")).filter(|path| path.is_file())
    }

    /// All tensors, file by file.
    pub fn tensors(&self) -> impl Iterator<Item = StoredTensor<'_>> {
        self.files.iter().flat_map(SafetensorsFile::tensors)
    }

    pub fn tensor(&self, name: &str) -> Option<StoredTensor<'_>> {
        self.files[*self.places.get(name)?].tensor(name)
    }
}

/// Tensor name to file name. A name that leads out of the directory is refused.
fn weight_map(index: &JsonObject) -> Result<BTreeMap<String, String>, ModelFileError> {
    let map = index.required("weight_map", index.object("weight_map")?)?;
    let mut files = BTreeMap::new();
    for (tensor, _) in map.iter() {
        let name = map.required(tensor, map.string(tensor)?)?;
        let mut parts = Path::new(name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            let supported = "names of files in the same directory";
            return Err(index.unsupported("weight_map", format!("`{name}`"), supported));
        }
        files.insert(tensor.to_string(), name.to_string());
    }
    index.required("weight_map", (!files.is_empty()).then_some(files))
}
