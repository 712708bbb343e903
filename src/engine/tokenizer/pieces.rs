//! The bytes of every token: decoding is looking them up.

use super::TokenizerError;
use super::text_stream::SpecialText;

/// What one token stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    pub bytes: Vec<u8>,
    /// A control token, shown by its name or not at all.
    pub special: bool,
}

/// The pieces of all ids, and what is done at the start of a text.
pub struct Pieces {
    pieces: Vec<Piece>,
    /// SentencePiece puts a space before the first word; it is taken away again.
    strips_leading_space: bool,
}

impl Pieces {
    pub fn new(pieces: Vec<Piece>, strips_leading_space: bool) -> Self {
        Self { pieces, strips_leading_space }
    }

    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    pub fn get(&self, id: u32) -> Result<&Piece, TokenizerError> {
        self.pieces.get(id as usize).ok_or(TokenizerError::UnknownId { id, size: self.pieces.len() })
    }

    /// Appends a token's bytes. `at_start` is true until something has been written to a text that begins here.
    pub fn append(
        &self,
        id: u32,
        special: SpecialText,
        at_start: &mut bool,
        bytes: &mut Vec<u8>,
    ) -> Result<(), TokenizerError> {
        let piece = self.get(id)?;
        if piece.bytes.is_empty() || (piece.special && special == SpecialText::Skip) {
            return Ok(());
        }
        let strip = *at_start && self.strips_leading_space && !piece.special && piece.bytes[0] == b' ';
        bytes.extend_from_slice(&piece.bytes[usize::from(strip)..]);
        *at_start = false;
        Ok(())
    }
}

/// The byte that a token of byte fallback names: `<0x0A>`.
pub fn byte_of(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
        .then(|| u8::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_named_by_two_hexadecimal_digits() {
        assert_eq!(byte_of("<0x0A>"), Some(10));
        assert_eq!(byte_of("<0xff>"), Some(255));
        for token in ["<0x>", "<0x1>", "<0x0A0>", "<0x+1>", "0x0A", "<s>", "<0xGG>", "<0xé>"] {
            assert_eq!(byte_of(token), None, "{token}");
        }
    }
}
