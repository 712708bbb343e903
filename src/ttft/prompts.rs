//! Prompts of a request: fresh token ids every time, because a cache of prefixes would answer a repeated prompt for nothing.

use sha2::{Digest, Sha256};

use crate::operation::philox4x32;

/// Distinguishes the draws of prompts from those of weights and tokens under the same seed.
const PURPOSE: u32 = 0x7074;

/// `batch` prompts of `tokens` ids below `vocab`, drawn evenly by Philox under `seed`; each `request`, a number that
/// no other request of the run has, gets its own. The modulus favours small ids by less than one in 2^32 / vocab.
pub fn prompts(vocab: usize, batch: usize, tokens: usize, seed: u64, request: u64) -> Vec<Vec<u32>> {
    let key = [seed as u32 ^ PURPOSE, (seed >> 32) as u32];
    let token = |sequence: usize, place: usize| {
        let words = philox4x32(key, [place as u32 / 4, sequence as u32, request as u32, (request >> 32) as u32]);
        (u64::from(words[place % 4]) % vocab as u64) as u32
    };
    (0..batch).map(|sequence| (0..tokens).map(|place| token(sequence, place)).collect()).collect()
}

/// What tells prompts apart: SHA-256 over their ids, little-endian, the first 16 digits.
pub fn prompt_digest(prompts: &[Vec<u32>]) -> String {
    let mut hash = Sha256::new();
    for prompt in prompts {
        hash.update((prompt.len() as u64).to_le_bytes());
        prompt.iter().for_each(|token| hash.update(token.to_le_bytes()));
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_fresh_repeatable_and_inside_the_vocabulary() {
        let first = prompts(97, 2, 50, 7, 0);
        assert_eq!(first, prompts(97, 2, 50, 7, 0));
        assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [50, 50]);
        assert!(first.concat().iter().all(|token| *token < 97));
        assert_ne!(first[0], first[1], "sequences of a batch");
        assert_ne!(first, prompts(97, 2, 50, 7, 1), "requests");
        assert_ne!(first, prompts(97, 2, 50, 8, 0), "seeds");
        assert_ne!(prompt_digest(&first), prompt_digest(&prompts(97, 2, 50, 7, 1)));
        assert_eq!(prompt_digest(&first).len(), 16);
    }
}
