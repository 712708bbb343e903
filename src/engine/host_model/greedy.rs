//! The most likely continuation, which is the same in every engine that computes the same model.

use super::HostModelError;
use super::forward::{HostModel, LogitRows};

impl HostModel<'_> {
    /// Forgets all positions and continues `prompt` by `count` tokens, each the one of the largest logit, the smaller id
    /// among equals. It does not stop at tokens that end a text.
    pub fn greedy(&mut self, prompt: &[u32], count: usize) -> Result<Vec<u32>, HostModelError> {
        self.clear();
        let mut continuation = Vec::new();
        let mut logits = self.forward(prompt, LogitRows::Last)?;
        loop {
            let position = prompt.len() + continuation.len() - 1;
            if continuation.len() == count {
                return Ok(continuation);
            }
            continuation.push(largest(&logits).map_err(|value| HostModelError::NotFinite { position, value })?);
            if continuation.len() < count {
                logits = self.forward(&continuation[continuation.len() - 1..], LogitRows::Last)?;
            }
        }
    }
}

/// The first place of the largest logit; a logit that is no number is an error, never an answer.
fn largest(logits: &[f32]) -> Result<u32, f32> {
    let mut best = 0;
    for (place, value) in logits.iter().enumerate() {
        if !value.is_finite() {
            return Err(*value);
        }
        if *value > logits[best] {
            best = place;
        }
    }
    Ok(best as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_smaller_id_and_nan_is_no_answer() {
        assert_eq!(largest(&[1.0, 3.0, 3.0]), Ok(1));
        assert!(largest(&[1.0, f32::NAN]).is_err());
        assert_eq!(largest(&[1.0, f32::INFINITY]), Err(f32::INFINITY));
    }
}
