//! Logits of every position, to hold against another engine.

use crate::operation::Place;

use super::DeviceModelError;
use super::composer::Composer;
use super::model::DeviceModel;
use super::passes::{layers, logits, prompt_pieces};
use super::program::Program;
use super::upload::widen;

impl DeviceModel {
    /// Logits of every position of one sequence, `[tokens, vocab]`.
    pub(super) fn all_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, DeviceModelError> {
        self.check_tokens(tokens)?;
        self.forget_steps();
        self.running = None;
        self.upload(&[tokens])?;
        let bench = &self.bench;
        let (dtype, vocab, width) = (self.compute(), bench.config.vocab, bench.config.hidden);
        let mut all = Vec::with_capacity(tokens.len() * vocab);
        for piece in prompt_pieces(bench, 1, tokens.len()) {
            let mut composer = Composer::new(bench);
            layers(&mut composer, piece)?;
            let norm = Place::constant(&bench.weights.output_norm);
            let normed = composer.norm(&norm, piece.count(), 0, width)?;
            Program::new(composer.steps).enqueue()?;
            for first in (0..piece.count()).step_by(bench.memory.sizes.logit_rows) {
                let rows = bench.memory.sizes.logit_rows.min(piece.count() - first);
                let mut composer = Composer::new(bench);
                logits(&mut composer, &normed.skip(first * width, dtype), rows)?;
                Program::new(composer.steps).enqueue()?;
                let mut bytes = vec![0; rows * vocab * dtype.size()];
                bench.device.download(&bench.memory.logits, 0, &mut bytes)?;
                all.extend(widen(&bytes, dtype));
            }
        }
        Ok(all)
    }
}
