//! A model in a device's memory, ready for prompts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::{Device, Event};
use crate::engine::Sampling;
use crate::engine::model_file::{ModelConfig, ModelWeights};
use crate::tensor::DType;

use super::DeviceModelError;
use super::composer::{Bench, Composer};
use super::device_memory::DeviceMemory;
use super::device_weights::{DeviceWeights, weight_bytes};
use super::passes::{PromptPrograms, is_greedy, next_token};
use super::products::Products;
use super::program::Program;
use super::requirements;
use super::settings::{ProductChoice, Settings};
use super::steps::StepUnderWay;

/// Sequences under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub sequences: usize,
    /// Positions that are in the cache.
    pub filled: usize,
    /// Tokens that each sequence has got.
    pub steps: u64,
}

/// A model on a device, with room for some positions of some sequences. All memory is taken when it is made.
pub struct DeviceModel {
    pub(super) bench: Bench,
    pub(super) sampling: Sampling,
    pub(super) running: Option<Running>,
    /// Steps that somebody will ask for.
    pub(super) expected: usize,
    /// The step behind the one that was handed over last.
    pub(super) under_way: Option<StepUnderWay>,
    /// Of the shapes that were asked for last, the latest at the end.
    pub(super) prompts: Vec<PromptPrograms>,
    /// The decoding step by the number of sequences.
    pub(super) next: BTreeMap<usize, Program>,
    /// The sampler by the number of sequences.
    pub(super) samplers: BTreeMap<usize, Program>,
    /// The shape of the prompts whose places are in device memory.
    pub(super) placed: Option<(usize, usize)>,
    /// Before the layers, after them, after the head, after the sampler.
    pub(super) stages: [Box<dyn Event>; 4],
    /// For `profile`, made when they are needed.
    pub(super) events: Vec<Box<dyn Event>>,
    pub(super) weight_bytes: u64,
    module_load: Duration,
}

impl DeviceModel {
    /// Copies the weights to the device; nothing borrows from them afterwards. Fails before it allocates anything if the
    /// model does not fit, or no kernel takes its shapes.
    pub fn new(
        device: Arc<dyn Device>,
        config: &ModelConfig,
        weights: &ModelWeights<'_>,
        settings: &Settings,
    ) -> Result<Self, DeviceModelError> {
        let sizes = requirements::sizes(&*device, config, weights, settings)?;
        let memory = DeviceMemory::allocate(&*device, config, sizes)?;
        let uploaded = DeviceWeights::upload(&*device, config, weights, settings.compute)?;
        let event = || device.create_event();
        let stages = [event()?, event()?, event()?, event()?];
        device.synchronize()?;
        let mut model = Self {
            bench: Bench {
                // Loading looks at the longest piece of a prompt, which nobody may ask for: not worth timing.
                products: Products::of(&*device, ProductChoice::Ranked)?,
                device,
                config: config.clone(),
                weights: uploaded,
                memory,
            },
            sampling: Sampling::Greedy,
            running: None,
            expected: 0,
            under_way: None,
            prompts: Vec::new(),
            next: BTreeMap::new(),
            samplers: BTreeMap::new(),
            placed: None,
            stages,
            events: Vec::new(),
            weight_bytes: weight_bytes(config, weights, settings.compute),
            module_load: Duration::ZERO,
        };
        let begun = Instant::now();
        model.load_kernels()?;
        model.module_load = begun.elapsed();
        if settings.products != ProductChoice::Ranked {
            model.bench.products = Products::of(&*model.bench.device, settings.products)?;
        }
        Ok(model)
    }

    /// Loads what a prompt and a step launch, so that no request waits for a compiler.
    fn load_kernels(&self) -> Result<(), DeviceModelError> {
        let sizes = self.bench.memory.sizes;
        PromptPrograms::new(&self.bench, 1, sizes.positions.min(sizes.rows))?;
        next_token(&self.bench, sizes.sequences, &Sampling::Greedy)?;
        Ok(())
    }

    /// What loading the kernels took when it was made.
    pub fn module_load(&self) -> Duration {
        self.module_load
    }

    /// The type that it computes in.
    pub fn compute(&self) -> DType {
        self.bench.memory.sizes.dtype
    }

    /// The MLP of a layer as decoding runs it, over the model's own memory: norm, gate and up, SwiGLU, down and the residual.
    pub fn mlp(&self, layer: usize, sequences: usize) -> Result<Program, DeviceModelError> {
        let mut composer = Composer::new(&self.bench);
        composer.layer = Some(layer);
        composer.mlp_swiglu(&self.bench.weights.layers[layer], sequences)?;
        Ok(Program::new(composer.steps))
    }

    /// A decoding step has the sampler in it where that is the same in every step; a draw's filters choose its kernels.
    pub(super) fn change_sampling(&mut self, sampling: Sampling) {
        self.forget_steps();
        if is_greedy(&sampling) != is_greedy(&self.sampling) {
            self.next.clear();
        }
        if sampling != self.sampling {
            self.samplers.clear();
        }
        self.sampling = sampling;
    }
}
