//! Which model a command runs, and where.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use hipgauge::backend::Device;
use hipgauge::engine::device_model::{DeviceModel, ProductChoice, Settings};
use hipgauge::engine::host_model::HostModel;
use hipgauge::engine::model_file::ModelFile;
use hipgauge::engine::synthetic::{SyntheticError, SyntheticModel};
use hipgauge::engine::tokenizer::Tokenizer;
use hipgauge::engine::{Capacity, Engine, EngineError, ModelSource};
use hipgauge::tensor::DType;
use hipgauge::ttft::{Stage, StageTimes};

use super::arguments::{DeviceArguments, Switch};
use super::engine_failure::engine_failure;
use super::exit_code::Exit;
use super::failure::{Failure, OrExit};

#[derive(Args, Clone, Debug)]
pub struct ModelArguments {
    /// A .gguf file (any part of several), or a directory with config.json and safetensors
    #[arg(long, value_name = "PATH", conflicts_with = "synthetic")]
    pub model: Option<PathBuf>,

    /// Made-up weights of a published shape, so that no download is needed: llama-3.2-1b, llama-3.2-3b, llama-3-8b,
    /// mistral-7b, qwen2.5-0.5b, qwen2.5-7b, qwen3-0.6b, qwen3-8b or tiny
    #[arg(long, value_name = "NAME")]
    pub synthetic: Option<String>,

    /// Type of activations on a GPU, and of synthetic weights: f32, f16 or bf16. The host computes in f32, and takes no other
    /// type with --model [default: bf16]
    #[arg(long, value_name = "TYPE")]
    pub dtype: Option<DType>,
}

/// A model with what it took to open it.
pub struct OpenedModel {
    pub source: ModelSource,
    /// None for a synthetic model, and for files without one.
    pub tokenizer: Option<Tokenizer>,
    /// Why files have no tokenizer.
    pub no_tokenizer: Option<String>,
    pub stages: StageTimes,
}

impl ModelArguments {
    pub fn dtype(&self) -> DType {
        self.dtype.unwrap_or(DType::BF16)
    }

    /// The type that the model computes in at `place`. The host knows f32 only, so another type is refused there, unless it
    /// is that of synthetic weights.
    pub fn compute_type(&self, place: &Place) -> Result<DType, Failure> {
        match (place, self.dtype) {
            (Place::Device(_), _) => Ok(self.dtype()),
            (Place::Native, Some(dtype)) if dtype != DType::F32 && self.synthetic.is_none() => {
                Err(Failure::usage(format!(
                    "--dtype {dtype} is for GPUs, and host computes in f32; leave it out, or add --device hip:0 or cuda:0"
                )))
            }
            (Place::Native, _) => Ok(DType::F32),
        }
    }

    /// Opens the files, or makes the weights with `seed`.
    pub fn open(&self, seed: u64) -> Result<OpenedModel, Failure> {
        let begun = Instant::now();
        let mut stages = StageTimes::default();
        if let Some(name) = &self.synthetic {
            let model = SyntheticModel::new(name, self.dtype(), seed).map_err(|error| {
                let exit = match &error {
                    SyntheticError::NoSuchPreset { .. } | SyntheticError::DType { .. } => Exit::Usage,
                    SyntheticError::Memory { .. } => Exit::NotReproducible,
                };
                Failure::new(exit, error)
            })?;
            stages.set(Stage::WeightsMade, begun.elapsed());
            return Ok(OpenedModel {
                source: ModelSource::Synthetic(model),
                tokenizer: None,
                no_tokenizer: None,
                stages,
            });
        }
        let Some(path) = &self.model else {
            return Err(Failure::usage("there is no model; give --model PATH or --synthetic NAME"));
        };
        let source = ModelSource::File(ModelFile::open(path).or_exit(Exit::Usage)?);
        let (tokenizer, no_tokenizer) = match Tokenizer::open(path) {
            Ok(tokenizer) => (Some(tokenizer), None),
            Err(error) => (None, Some(error.to_string())),
        };
        stages.set(Stage::FileOpen, begun.elapsed());
        Ok(OpenedModel { source, tokenizer, no_tokenizer, stages })
    }

    /// The name of the file, the directory, or the preset.
    pub fn name(&self) -> String {
        match (&self.model, &self.synthetic) {
            (Some(path), _) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            (None, Some(name)) => name.clone(),
            (None, None) => String::new(),
        }
    }
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Device")]
pub struct PlaceArguments {
    /// Where the model runs: auto (hip, then cuda, then host), host (Rust on the CPU, not the emulator), hip:N or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub device: String,

    /// Take kernels from this folder instead of those built in
    #[arg(long, value_name = "DIR")]
    pub kernels: Option<PathBuf>,
}

/// Where a model runs.
pub enum Place {
    /// Rust on the CPU, in f32.
    Native,
    Device(Arc<dyn Device>),
}

impl PlaceArguments {
    fn as_device(&self) -> DeviceArguments {
        DeviceArguments {
            device: self.device.clone(),
            wave: None,
            schedule: None,
            memory_check: None,
            kernels: self.kernels.clone(),
        }
    }

    pub fn library(&self) -> Result<hipgauge::backend::KernelLibrary, Failure> {
        self.as_device().library()
    }

    /// Opens the device; `stages` gets what that took. The host computes natively: the emulator is for checks.
    pub fn open(&self, stages: &mut StageTimes) -> Result<Place, Failure> {
        if self.device == "host" {
            return Ok(Place::Native);
        }
        let begun = Instant::now();
        let device = self.as_device().open(Switch::Off)?.device;
        if device.info().emulated {
            return Ok(Place::Native);
        }
        stages.set(Stage::DeviceInit, begun.elapsed());
        Ok(Place::Device(device))
    }
}

/// A model ready to run at `place`; `stages` gets what that took.
pub fn open_engine<'a>(
    place: &Place,
    source: &'a ModelSource,
    compute: DType,
    capacity: Capacity,
    products: ProductChoice,
    stages: &mut StageTimes,
) -> Result<Box<dyn Engine + 'a>, Failure> {
    let begun = Instant::now();
    let weights = source.weights().or_exit(Exit::Usage)?;
    let engine: Box<dyn Engine + 'a> = match place {
        Place::Native => {
            let model = HostModel::new(source.config(), weights, capacity).map_err(EngineError::from);
            Box::new(model.map_err(engine_failure)?)
        }
        Place::Device(device) => {
            let settings = Settings { products, ..Settings::new(compute, capacity) };
            let model = DeviceModel::new(device.clone(), source.config(), &weights, &settings);
            let model = model.map_err(EngineError::from).map_err(engine_failure)?;
            stages.set(Stage::ModuleLoad, model.module_load());
            Box::new(model)
        }
    };
    let modules = stages.get(Stage::ModuleLoad).unwrap_or(0.0);
    stages.set_seconds(Stage::WeightsToDevice, begun.elapsed().as_secs_f64() - modules);
    Ok(engine)
}
