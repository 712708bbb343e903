//! Decoding: the next token of each sequence.

use std::collections::btree_map::Entry;

use crate::backend::Download;
use crate::engine::EngineError;
use crate::sampler::FUSED_SAMPLER;

use super::DeviceModelError;
use super::composer::Shape;
use super::device_memory::DeviceMemory;
use super::model::{DeviceModel, Running};
use super::passes::{is_greedy, next_token, sampler, sampler_parameters};
use super::program::{Program, Work};

/// What a sampler gives for a row without a finite logit.
const NO_TOKEN: u32 = u32::MAX;

/// A step whose tokens are on their way.
pub(super) struct StepUnderWay {
    tokens: Box<dyn Download>,
    /// Counted as in `Running`.
    step: u64,
}

impl DeviceModel {
    /// Makes the sampler of that many sequences, unless it is there.
    pub(super) fn ready_sampler(&mut self, sequences: usize) -> Result<(), DeviceModelError> {
        if let Entry::Vacant(place) = self.samplers.entry(sequences) {
            place.insert(sampler(&self.bench, sequences, &self.sampling, 0)?);
        }
        Ok(())
    }

    /// Enqueues the sampler of token `step` of that many sequences, after `ready_sampler`.
    pub(super) fn run_sampler(&mut self, sequences: usize, step: u64) -> Result<(), DeviceModelError> {
        let program = self.samplers.get_mut(&sequences).expect("made ready before a prompt or a step runs");
        if is_greedy(&self.sampling) {
            return Ok(program.run(&*self.bench.device)?);
        }
        let operation = &FUSED_SAMPLER;
        let parameters = sampler_parameters(&self.sampling, step);
        let shape = Shape { parameters: &parameters, ..Shape::plain(sequences, self.bench.config.vocab) };
        let problem = shape.problem(operation, self.bench.memory.sizes.dtype)?;
        match &program.steps()[0].work {
            Work::Kernels(plan) => Ok(plan.with_scalars_of(operation, &problem)?.enqueue()?),
            Work::Library(_) => unreachable!("a sampler multiplies no matrices"),
        }
    }

    /// Waits for the tokens of a step and refuses those that no sampler drew.
    pub(super) fn receive(&self, tokens: Box<dyn Download>, step: u64) -> Result<Vec<u32>, EngineError> {
        let tokens = DeviceMemory::receive_tokens(tokens)?;
        match tokens.iter().position(|token| *token == NO_TOKEN) {
            Some(sequence) => Err(EngineError::BrokenLogits { sequence, step, found: "no finite number" }),
            None => Ok(tokens),
        }
    }

    /// What runs, if the next token of each sequence has a place.
    pub(super) fn take_step(&mut self) -> Result<Running, EngineError> {
        let running = self.running.ok_or(EngineError::NoPrompt)?;
        let (wanted, positions) = (running.filled + 1, self.bench.memory.sizes.positions);
        if wanted > positions {
            return Err(DeviceModelError::TooLong { wanted, positions }.into());
        }
        self.ready_sampler(running.sequences)?;
        if let Entry::Vacant(place) = self.next.entry(running.sequences) {
            place.insert(next_token(&self.bench, running.sequences, &self.sampling)?);
        }
        Ok(running)
    }

    /// Enqueues the next step, if it has a place.
    fn begin_step(&mut self) -> Result<StepUnderWay, EngineError> {
        let running = self.take_step()?;
        self.running = None;
        let device = self.bench.device.clone();
        let program = self.next.get_mut(&running.sequences).expect("made by take_step");
        program.run(&*device).map_err(DeviceModelError::from)?;
        if !is_greedy(&self.sampling) {
            self.run_sampler(running.sequences, running.steps)?;
        }
        let tokens = self.bench.memory.send_tokens(&*device, running.sequences)?;
        self.advance(running);
        Ok(StepUnderWay { tokens, step: running.steps })
    }

    /// The tokens of the next step. The one after it is enqueued before they are waited for, if somebody will ask for it: the
    /// device then has no pause in which the host looks at a token.
    pub(super) fn step(&mut self) -> Result<Vec<u32>, EngineError> {
        let step = match self.under_way.take() {
            Some(step) => step,
            None => self.begin_step()?,
        };
        self.expected = self.expected.saturating_sub(1);
        let has_place = self.running.is_some_and(|running| running.filled < self.bench.memory.sizes.positions);
        if self.expected > 0 && has_place {
            self.under_way = Some(self.begin_step()?);
        }
        let tokens = self.receive(step.tokens, step.step);
        if tokens.is_err() {
            self.forget_steps();
            self.running = None;
        }
        tokens
    }

    /// Nobody will ask for the step that was begun: without it the sequences cannot go on.
    pub(super) fn forget_steps(&mut self) {
        self.expected = 0;
        if self.under_way.take().is_some() {
            self.running = None;
        }
    }

    pub(super) fn advance(&mut self, running: Running) {
        self.running = Some(Running { filled: running.filled + 1, steps: running.steps + 1, ..running });
    }

    /// The programs of a step.
    pub(super) fn step_programs(&self, sequences: usize) -> Vec<&Program> {
        let sampler = self.samplers.get(&sequences).filter(|_| !is_greedy(&self.sampling));
        self.next.get(&sequences).into_iter().chain(sampler).collect()
    }
}
