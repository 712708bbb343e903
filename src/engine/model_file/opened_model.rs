//! A model, whatever container it came in.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::gguf::GgufFile;
use super::gguf_config::{ROPE_FACTORS, gguf_config};
use super::hugging_face::HuggingFaceDirectory;
use super::model_weights::{LayerWeights, ModelWeights};
use super::weight_role::{LayerRole, ModelRole, Naming};
use super::{ModelConfig, ModelFileError, StoredTensor};

/// A model's files, mapped, and what they say the model is.
#[derive(Debug)]
pub struct ModelFile {
    container: Container,
    config: ModelConfig,
}

/// The two ways models are kept.
#[derive(Debug)]
pub enum Container {
    Gguf(GgufFile),
    HuggingFace(HuggingFaceDirectory),
}

impl ModelFile {
    /// Opens a Hugging Face directory or a GGUF file. Weights come from disk when they are used.
    pub fn open(path: &Path) -> Result<Self, ModelFileError> {
        let (container, config) = if path.is_dir() {
            let directory = HuggingFaceDirectory::open(path)?;
            let config = directory.config().clone();
            (Container::HuggingFace(directory), config)
        } else {
            let file = GgufFile::open(path)?;
            let config = gguf_config(&file)?;
            (Container::Gguf(file), config)
        };
        Ok(Self { container, config })
    }

    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// Where the tokenizer is: the metadata of a GGUF file, or `tokenizer.json` of a directory.
    pub fn container(&self) -> &Container {
        &self.container
    }

    fn path(&self) -> &Path {
        match &self.container {
            Container::Gguf(file) => file.path(),
            Container::HuggingFace(directory) => directory.path(),
        }
    }

    fn naming(&self) -> Naming {
        match &self.container {
            Container::Gguf(_) => Naming::Gguf,
            Container::HuggingFace(_) => Naming::HuggingFace,
        }
    }

    fn stored(&self, name: &str) -> Option<StoredTensor<'_>> {
        match &self.container {
            Container::Gguf(file) => file.tensor(name),
            Container::HuggingFace(directory) => directory.tensor(name),
        }
    }

    fn names(&self) -> Vec<&str> {
        match &self.container {
            Container::Gguf(file) => file.tensors().map(|tensor| tensor.name).collect(),
            Container::HuggingFace(directory) => directory.tensors().map(|tensor| tensor.name).collect(),
        }
    }

    /// The weights by role. A tensor that is missing, of another shape, or without a place in the model is refused:
    /// a weight that is left out changes what the model says.
    pub fn weights(&self) -> Result<ModelWeights<'_>, ModelFileError> {
        let mut finder = Finder { model: self, found: HashSet::new() };
        let config = &self.config;
        let (hidden, vocab) = (config.hidden, config.vocab);
        let token_embedding = finder.model(ModelRole::TokenEmbedding, &[vocab, hidden])?;
        let head = if config.tied_head { token_embedding } else { finder.model(ModelRole::Head, &[vocab, hidden])? };
        let output_norm = finder.model(ModelRole::OutputNorm, &[hidden])?;
        // Collected without a size given ahead: the number of layers is not believed before their tensors are there.
        let layers = (0..config.layers).map(|layer| finder.layer_weights(layer)).collect::<Result<_, _>>()?;
        finder.refuse_others()?;
        Ok(ModelWeights { token_embedding, layers, output_norm, head })
    }
}

struct Finder<'a> {
    model: &'a ModelFile,
    found: HashSet<&'a str>,
}

impl<'a> Finder<'a> {
    fn tensor(&mut self, name: &str, wanted: &[usize]) -> Result<StoredTensor<'a>, ModelFileError> {
        let path = || self.model.path().to_path_buf();
        let tensor = self
            .model
            .stored(name)
            .ok_or_else(|| ModelFileError::Missing { path: path(), what: format!("tensor `{name}`") })?;
        if tensor.shape != wanted {
            let (found, wanted) = (tensor.shape.to_vec(), wanted.to_vec());
            return Err(ModelFileError::Shape { path: path(), tensor: name.to_string(), found, wanted });
        }
        self.found.insert(tensor.name);
        Ok(tensor)
    }

    fn model(&mut self, role: ModelRole, wanted: &[usize]) -> Result<StoredTensor<'a>, ModelFileError> {
        self.tensor(self.model.naming().model(role), wanted)
    }

    fn layer_weights(&mut self, layer: usize) -> Result<LayerWeights<'a>, ModelFileError> {
        let config = &self.model.config;
        let naming = self.model.naming();
        let (hidden, queries, keys) = (config.hidden, config.query_width(), config.kv_width());
        let (head, wide) = (config.head_dim, config.intermediate);
        let (bias, norm) = (config.qkv_bias, config.qk_norm);
        let mut get = |role, shape: &[usize]| self.tensor(&naming.layer(layer, role), shape);
        let mut get_if = |there: bool, role, shape: &[usize]| there.then(|| get(role, shape)).transpose();
        Ok(LayerWeights {
            query_bias: get_if(bias, LayerRole::QueryBias, &[queries])?,
            key_bias: get_if(bias, LayerRole::KeyBias, &[keys])?,
            value_bias: get_if(bias, LayerRole::ValueBias, &[keys])?,
            query_norm: get_if(norm, LayerRole::QueryNorm, &[head])?,
            key_norm: get_if(norm, LayerRole::KeyNorm, &[head])?,
            attention_norm: get(LayerRole::AttentionNorm, &[hidden])?,
            query: get(LayerRole::Query, &[queries, hidden])?,
            key: get(LayerRole::Key, &[keys, hidden])?,
            value: get(LayerRole::Value, &[keys, hidden])?,
            attention_output: get(LayerRole::AttentionOutput, &[hidden, queries])?,
            mlp_norm: get(LayerRole::MlpNorm, &[hidden])?,
            gate: get(LayerRole::Gate, &[wide, hidden])?,
            up: get(LayerRole::Up, &[wide, hidden])?,
            down: get(LayerRole::Down, &[hidden, wide])?,
        })
    }

    fn refuse_others(&self) -> Result<(), ModelFileError> {
        let naming = self.model.naming();
        let ignored = |name: &str| match naming {
            // Already in the configuration.
            Naming::Gguf => name == ROPE_FACTORS,
            // Old checkpoints store what follows from the configuration, and a tied head once more.
            Naming::HuggingFace => {
                name.ends_with(".rotary_emb.inv_freq")
                    || (self.model.config.tied_head && name == naming.model(ModelRole::Head))
            }
        };
        let other = self.model.names().into_iter().find(|name| !self.found.contains(name) && !ignored(name));
        other.map_or(Ok(()), |name| {
            Err(ModelFileError::Unsupported {
                path: PathBuf::from(self.model.path()),
                what: format!("a tensor of this {} model", self.model.config.architecture),
                found: format!("`{name}`"),
                supported: "tensors that a model of this architecture and configuration has".to_string(),
            })
        })
    }
}
