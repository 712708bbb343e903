//! The model on a device as an engine.

use super::model::DeviceModel;
use super::program::profile;
use crate::engine::model_file::ModelConfig;
use crate::engine::{
    Engine, EngineDescription, EngineError, EnginePath, FirstTokens, Profile, RequestStages, Sampling,
};
use crate::matrix::{MOST_TILED_ROWS, beats_library};

use super::DeviceModelError;

impl Engine for DeviceModel {
    fn config(&self) -> &ModelConfig {
        &self.bench.config
    }

    fn describe(&self) -> EngineDescription {
        let (device, config) = (self.bench.device.info(), self.config());
        let tiled = beats_library(device, self.bench.memory.sizes.dtype, MOST_TILED_ROWS, config.hidden);
        EngineDescription {
            device: device.id.clone(),
            path: EnginePath::Device,
            compute: self.compute(),
            matrix_library: self.bench.products.describe(tiled.then_some(MOST_TILED_ROWS)),
            weight_bytes: self.weight_bytes,
            cache_bytes: self.bench.memory.sizes.cache(&self.bench.config),
        }
    }

    fn set_sampling(&mut self, sampling: Sampling) {
        self.change_sampling(sampling);
    }

    fn prefill(&mut self, prompts: &[&[u32]]) -> Result<FirstTokens, EngineError> {
        let (tokens, programs, prompt_to_device) = self.take_prompts(prompts)?;
        let (tokens, stages) = self.run_prompts(prompts.len(), tokens, programs)?;
        Ok(FirstTokens { tokens, stages: RequestStages { prompt_to_device, ..stages } })
    }

    fn decode(&mut self) -> Result<Vec<u32>, EngineError> {
        self.step()
    }

    fn expect_steps(&mut self, steps: usize) {
        self.forget_steps();
        self.expected = steps;
    }

    fn profile_prefill(&mut self, prompts: &[&[u32]]) -> Result<Profile, EngineError> {
        let (tokens, programs, _) = self.take_prompts(prompts)?;
        let mut events = std::mem::take(&mut self.events);
        let profiled = profile(&*self.bench.device, &mut events, &self.prompt_programs(programs));
        self.events = events;
        let profiled = profiled.map_err(DeviceModelError::from)?;
        self.begin(prompts.len(), tokens);
        Ok(profiled)
    }

    fn profile_decode(&mut self) -> Result<Profile, EngineError> {
        self.forget_steps();
        let running = self.take_step()?;
        self.running = None;
        let mut events = std::mem::take(&mut self.events);
        let profiled = profile(&*self.bench.device, &mut events, &self.step_programs(running.sequences));
        self.events = events;
        let profiled = profiled.map_err(DeviceModelError::from)?;
        self.advance(running);
        Ok(profiled)
    }

    fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        Ok(self.all_logits(tokens)?)
    }
}
