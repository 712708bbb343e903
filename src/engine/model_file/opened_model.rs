//! A model, whatever container it came in.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::assemble::assemble_weights;
use super::gguf::GgufFile;
use super::gguf_config::{ROPE_FACTORS, gguf_config};
use super::hugging_face::HuggingFaceDirectory;
use super::model_weights::ModelWeights;
use super::weight_role::{ModelRole, Naming};
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
        let weights = assemble_weights(&self.config, self.naming(), |name, shape| finder.tensor(name, shape))?;
        finder.refuse_others()?;
        Ok(weights)
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
