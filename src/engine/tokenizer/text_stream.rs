//! Token ids to text as they come.

use super::TokenizerError;
use super::pieces::Pieces;

/// What becomes of control tokens in decoded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialText {
    /// They are written by their names.
    Show,
    /// They are left out.
    Skip,
}

/// Text of tokens that come one at a time. Only whole characters come out; what waits for the rest of a character comes
/// with the token that completes it, or with [`TextStream::finish`]. All that comes out together is what decoding all
/// tokens at once gives: bytes that are no UTF-8 are replaced by U+FFFD as `String::from_utf8_lossy` does it.
pub struct TextStream<'a> {
    pieces: &'a Pieces,
    special: SpecialText,
    at_start: bool,
    pending: Vec<u8>,
}

impl<'a> TextStream<'a> {
    /// `at_start` says that the first token begins a text, so that the space that SentencePiece put there goes.
    pub(super) fn new(pieces: &'a Pieces, special: SpecialText, at_start: bool) -> Self {
        Self { pieces, special, at_start, pending: Vec::new() }
    }

    /// The characters that are complete with this token; often none.
    ///
    /// # Errors
    /// [`TokenizerError::UnknownId`].
    pub fn push(&mut self, id: u32) -> Result<String, TokenizerError> {
        self.pieces.append(id, self.special, &mut self.at_start, &mut self.pending)?;
        let mut text = String::new();
        let mut done = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            done += chunk.valid().len();
            let invalid = chunk.invalid();
            if invalid.is_empty() {
                continue;
            }
            let last = done + invalid.len() == self.pending.len();
            if last && std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none()) {
                break;
            }
            text.push(char::REPLACEMENT_CHARACTER);
            done += invalid.len();
        }
        self.pending.drain(..done);
        Ok(text)
    }

    /// What was left of a character that never came to its end.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }
}
