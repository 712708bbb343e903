//! Prompts: checked, copied to the device, run to their first tokens.

use std::time::{Duration, Instant};

use crate::backend::Event;
use crate::engine::{EngineError, RequestStages, check_prompts};

use super::DeviceModelError;
use super::attention_block::Rows;
use super::model::{DeviceModel, Running};
use super::passes::{PromptPrograms, prompt_pieces};
use super::program::{Program, span};

/// Shapes of prompts whose programs are kept; the one that was used longest ago goes.
const MOST_SHAPES: usize = 16;

impl DeviceModel {
    pub(super) fn check_tokens(&self, tokens: &[u32]) -> Result<(), DeviceModelError> {
        let (vocab, positions) = (self.bench.config.vocab, self.bench.memory.sizes.positions);
        if tokens.is_empty() {
            return Err(DeviceModelError::NoTokens);
        }
        if tokens.len() > positions {
            return Err(DeviceModelError::TooLong { wanted: tokens.len(), positions });
        }
        match tokens.iter().find(|token| **token as usize >= vocab) {
            Some(&token) => Err(DeviceModelError::NoSuchToken { token, vocab }),
            None => Ok(()),
        }
    }

    /// Checks prompts, makes their programs ready, and copies them to the device. Gives the length, the place of the
    /// programs, and how long the copy took.
    pub(super) fn take_prompts(&mut self, prompts: &[&[u32]]) -> Result<(usize, usize, Duration), EngineError> {
        self.sampling.check()?;
        let sequences = prompts.len();
        let tokens = check_prompts(prompts, self.bench.memory.sizes.sequences)?;
        for prompt in prompts {
            self.check_tokens(prompt)?;
        }
        self.forget_steps();
        self.running = None;
        let programs = self.programs_for(sequences, tokens)?;
        self.ready_sampler(sequences)?;
        let begun = Instant::now();
        self.upload(prompts)?;
        Ok((tokens, programs, begun.elapsed()))
    }

    /// Where the programs of a shape are; they are made if they are not there.
    fn programs_for(&mut self, sequences: usize, tokens: usize) -> Result<usize, DeviceModelError> {
        let known = self.prompts.iter().position(|known| (known.sequences, known.tokens) == (sequences, tokens));
        let programs = match known {
            Some(place) => self.prompts.remove(place),
            None => PromptPrograms::new(&self.bench, sequences, tokens)?,
        };
        if self.prompts.len() == MOST_SHAPES {
            self.prompts.remove(0);
        }
        self.prompts.push(programs);
        Ok(self.prompts.len() - 1)
    }

    /// Rows go piece after piece, in a piece sequence after sequence. Places depend on the shape alone.
    pub(super) fn upload(&mut self, prompts: &[&[u32]]) -> Result<(), DeviceModelError> {
        let (sequences, tokens) = (prompts.len(), prompts[0].len());
        let pieces = prompt_pieces(&self.bench, sequences, tokens);
        let rows: Vec<(u32, u32)> = pieces.iter().flat_map(|piece| piece.positions_and_sequences()).collect();
        let ids: Vec<u32> =
            rows.iter().map(|(position, sequence)| prompts[*sequence as usize][*position as usize]).collect();
        let (device, memory) = (&*self.bench.device, &self.bench.memory);
        if self.placed != Some((sequences, tokens)) {
            self.placed = None;
            memory.upload_places(device, &rows)?;
            self.placed = Some((sequences, tokens));
        }
        memory.upload_prompts(device, tokens, &ids)
    }

    /// Runs prompts that were taken, and gives their first tokens with what the device took for each stage.
    pub(super) fn run_prompts(
        &mut self,
        sequences: usize,
        tokens: usize,
        programs: usize,
    ) -> Result<(Vec<u32>, RequestStages), EngineError> {
        let device = self.bench.device.clone();
        let record = |stage: &dyn Event| device.record(stage).map_err(DeviceModelError::from);
        let failed = DeviceModelError::from;
        record(&*self.stages[0])?;
        let programs = &mut self.prompts[programs];
        programs.layers.run(&*device).map_err(failed)?;
        record(&*self.stages[1])?;
        programs.head.run(&*device).map_err(failed)?;
        record(&*self.stages[2])?;
        self.run_sampler(sequences, 0)?;
        record(&*self.stages[3])?;
        let mut stages = RequestStages::default();
        let between = |start: usize| {
            let (start, stop) = (&self.stages[start], &self.stages[start + 1]);
            device.elapsed_seconds(&**start, &**stop).map(span).map_err(failed)
        };
        // The last one first: it waits.
        stages.sample = between(2)?;
        (stages.prefill, stages.lm_head) = (between(0)?, between(1)?);
        let done = Instant::now();
        let first = self.bench.memory.send_tokens(&*device, sequences)?;
        let first = self.receive(first, 0)?;
        stages.token_to_host = done.elapsed();
        self.begin(sequences, tokens);
        Ok((first, stages))
    }

    /// Sequences of that many tokens have got their first ones.
    pub(super) fn begin(&mut self, sequences: usize, tokens: usize) {
        self.running = Some(Running { sequences, filled: tokens, steps: 1 });
    }

    /// The programs of a prompt, in the order they run.
    pub(super) fn prompt_programs(&self, programs: usize) -> Vec<&Program> {
        let PromptPrograms { sequences, layers, head, .. } = &self.prompts[programs];
        [layers, head].into_iter().chain(self.samplers.get(sequences)).collect()
    }
}

impl Rows {
    /// Position and sequence of each row of a piece of prompts.
    fn positions_and_sequences(&self) -> Vec<(u32, u32)> {
        let Rows::Prompt { sequences, tokens, past, .. } = *self else { return Vec::new() };
        let of_sequence = |sequence| (past..past + tokens).map(move |position| (position as u32, sequence as u32));
        (0..sequences).flat_map(of_sequence).collect()
    }
}
