//! SentencePiece's BPE: characters, merged into the piece with the best score for as long as some pair is a piece; what is
//! no piece falls back to tokens of single bytes. The algorithm is that of sentencepiece's `bpe_model.cc`
//! (<https://github.com/google/sentencepiece>), the treatment of special tokens, spaces and bytes that are no UTF-8 that of
//! llama.cpp's `llama-vocab.cpp`.

use std::collections::HashMap;
use std::ops::Range;

use super::merge::{Candidate, Symbol, merge};
use super::pieces::{Piece, Pieces, byte_of};
use super::special_tokens::{Fragment, SpecialTokens};
use super::{GgufVocabulary, Token, TokenType, TokenizerError};

/// U+2581, which stands for a space in pieces.
const SPACE: &str = "\u{2581}";

/// An encoder made from a vocabulary with scores.
pub struct SentencePiece {
    /// Pieces that text may become; control tokens are none of them, so that text never turns into one.
    pieces: HashMap<Vec<u8>, u32>,
    scores: Vec<f32>,
    /// Bytes of the longest piece: no longer pair is worth a look.
    longest: usize,
    byte_ids: [Option<u32>; 256],
    unknown: Option<u32>,
    special: SpecialTokens,
    add_space_prefix: bool,
}

impl SentencePiece {
    pub fn new(vocabulary: &GgufVocabulary) -> Result<Self, TokenizerError> {
        if vocabulary.scores.is_empty() {
            let problem = "it is not there, and SentencePiece merges by scores".to_string();
            return Err(TokenizerError::Vocabulary { key: "tokenizer.ggml.scores", problem });
        }
        let text_types = [TokenType::Normal, TokenType::UserDefined, TokenType::Unused];
        let texts = text_types.into_iter().flat_map(|kind| vocabulary.of_type(kind));
        let pieces: HashMap<_, _> = texts.map(|(text, id)| (text.as_bytes().to_vec(), id)).collect();
        let mut byte_ids = [None; 256];
        for (text, id) in vocabulary.of_type(TokenType::Byte) {
            if let Some(byte) = byte_of(text) {
                byte_ids[usize::from(byte)] = Some(id);
            }
        }
        let unknown: Vec<_> = vocabulary.of_type(TokenType::Unknown).collect();
        let control: Vec<_> = vocabulary.of_type(TokenType::Control).chain(unknown.iter().copied()).collect();
        let user_defined: Vec<_> = vocabulary.of_type(TokenType::UserDefined).collect();
        Ok(Self {
            longest: pieces.keys().map(Vec::len).max().unwrap_or(0),
            pieces,
            scores: vocabulary.scores.clone(),
            byte_ids,
            unknown: vocabulary.unknown.or(unknown.first().map(|(_, id)| *id)),
            special: SpecialTokens::new(&control, &user_defined)?,
            add_space_prefix: vocabulary.add_space_prefix.unwrap_or(true),
        })
    }

    /// The bytes of each token.
    pub fn decoded(vocabulary: &GgufVocabulary) -> Pieces {
        let piece = |(text, kind): (&String, &TokenType)| match kind {
            TokenType::Control | TokenType::Unknown => Piece { bytes: text.clone().into_bytes(), special: true },
            TokenType::UserDefined => Piece { bytes: text.clone().into_bytes(), special: false },
            TokenType::Byte if byte_of(text).is_some() => {
                Piece { bytes: byte_of(text).into_iter().collect(), special: false }
            }
            TokenType::Normal | TokenType::Unused | TokenType::Byte => {
                Piece { bytes: text.replace(SPACE, " ").into_bytes(), special: false }
            }
        };
        let pieces = vocabulary.tokens.iter().zip(&vocabulary.types).map(piece).collect();
        Pieces::new(pieces, vocabulary.add_space_prefix.unwrap_or(true))
    }

    /// Encodes `text`. A space goes before it and before what follows a special token, as llama.cpp does it.
    pub fn encode(&self, text: &[u8], parse_special: bool) -> Result<Vec<Token>, TokenizerError> {
        let mut tokens = Vec::new();
        let mut prefix = self.add_space_prefix;
        for fragment in self.special.split(text, parse_special) {
            match fragment {
                Fragment::Token(id, Range { start, end }) => {
                    tokens.push(Token { id, start, end });
                    prefix = self.add_space_prefix;
                }
                Fragment::Text(range) => {
                    self.encode_fragment(text, range, prefix, &mut tokens)?;
                    prefix = false;
                }
            }
        }
        Ok(tokens)
    }

    fn encode_fragment(
        &self,
        text: &[u8],
        range: Range<usize>,
        prefix: bool,
        tokens: &mut Vec<Token>,
    ) -> Result<(), TokenizerError> {
        let mut escaped = Vec::with_capacity(range.len() + range.len() / 2);
        let mut symbols = Vec::with_capacity(range.len());
        let mut add = |bytes: &[u8], source: Range<usize>| {
            let start = escaped.len();
            escaped.extend_from_slice(bytes);
            let id = self.pieces.get(bytes).copied();
            symbols.push(Symbol { text: start..escaped.len(), source, id });
        };
        if prefix {
            add(SPACE.as_bytes(), range.start..range.start);
        }
        let mut at = range.start;
        while at < range.end {
            let end = (at + character_length(text[at])).min(range.end);
            add(if text[at] == b' ' { SPACE.as_bytes() } else { &text[at..end] }, at..end);
            at = end;
        }
        for symbol in merge(symbols, |left, right| self.candidate(&escaped, left, right)) {
            self.push(&escaped, &symbol, tokens)?;
        }
        Ok(())
    }

    fn candidate(&self, escaped: &[u8], left: &Symbol, right: &Symbol) -> Option<Candidate> {
        let text = left.text.start..right.text.end;
        if text.len() > self.longest {
            return None;
        }
        let id = *self.pieces.get(&escaped[text])?;
        Some(Candidate { priority: ordered(self.scores[id as usize]), id })
    }

    fn push(&self, escaped: &[u8], symbol: &Symbol, tokens: &mut Vec<Token>) -> Result<(), TokenizerError> {
        let Range { start, end } = symbol.source;
        if let Some(id) = symbol.id {
            tokens.push(Token { id, start, end });
            return Ok(());
        }
        let bytes = &escaped[symbol.text.clone()];
        let own_bytes = bytes.len() == symbol.source.len();
        if self.byte_ids[usize::from(bytes[0])].is_none()
            && let Some(id) = self.unknown
        {
            tokens.push(Token { id, start, end });
            return Ok(());
        }
        for (place, &byte) in bytes.iter().enumerate() {
            let id = self.byte_ids[usize::from(byte)].ok_or(TokenizerError::NoTokenForByte { byte })?;
            let span = if own_bytes { start + place..start + place + 1 } else { start..end };
            tokens.push(Token { id, start: span.start, end: span.end });
        }
        Ok(())
    }
}

/// Bytes of the character that begins with `first`, by that byte alone, as sentencepiece and llama.cpp take it.
fn character_length(first: u8) -> usize {
    match first {
        0x00..=0xBF => 1,
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
    }
}

/// Maps scores to integers of the same order; -0 and 0 are one score.
fn ordered(score: f32) -> u32 {
    let bits = (score + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_keep_their_order_as_integers() {
        let scores = [f32::NEG_INFINITY, -1e9, -2.0, -1.0, -f32::MIN_POSITIVE, 0.0, 1e-20, 3.0, f32::INFINITY];
        assert!(scores.windows(2).all(|pair| ordered(pair[0]) < ordered(pair[1])));
        assert_eq!(ordered(-0.0), ordered(0.0));
    }
}
