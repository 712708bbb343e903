//! Byte-level BPE: words, merged from their bytes by the order of the merges.
//! Sennrich et al., <https://arxiv.org/abs/1508.07909>; on bytes as in GPT-2.

use std::collections::HashMap;
use std::ops::Range;

use super::byte_letters::{Bytes, letters};
use super::merge::{Candidate, Symbol, merge};
use super::pieces::{Piece, Pieces};
use super::pre_tokenizer::PreTokenizer;
use super::special_tokens::{Fragment, SpecialTokens};
use super::{GgufVocabulary, Token, TokenType, TokenizerError};

/// An encoder made from a vocabulary and its merges.
pub struct BytePair {
    /// Tokens by their bytes, where whole words are looked up before anything is merged.
    words: Option<HashMap<Vec<u8>, u32>>,
    byte_ids: [Option<u32>; 256],
    /// Rank and result of merging two tokens.
    merges: HashMap<(u32, u32), (u32, u32)>,
    pre_tokenizer: PreTokenizer,
    special: SpecialTokens,
}

impl BytePair {
    pub fn new(vocabulary: &GgufVocabulary) -> Result<Self, TokenizerError> {
        let pre = vocabulary.pre.as_deref().ok_or_else(|| TokenizerError::Vocabulary {
            key: "tokenizer.ggml.pre",
            problem: "it is not there, so how text is split into words is unknown".to_string(),
        })?;
        let pre_tokenizer = PreTokenizer::named(pre)?;
        let ids: HashMap<&str, u32> = vocabulary.tokens.iter().map(String::as_str).zip(0..).collect();
        let byte_ids = letters().map(|letter| ids.get(letter.encode_utf8(&mut [0; 4]) as &str).copied());
        let mut merges = HashMap::with_capacity(vocabulary.merges.len());
        for (rank, text) in vocabulary.merges.iter().enumerate() {
            let merge = merge_of(text, &ids).ok_or_else(|| TokenizerError::Vocabulary {
                key: "tokenizer.ggml.merges",
                problem: format!("merge {rank}, `{text}`, names a token that is not there"),
            })?;
            let (left, right, id) = merge;
            merges.entry((left, right)).or_insert((rank as u32, id));
        }
        let words = pre_tokenizer.whole_words_first().then(|| {
            let bytes = Bytes::new();
            let texts = vocabulary.of_type(TokenType::Normal).chain(vocabulary.of_type(TokenType::Unused));
            texts.filter_map(|(text, id)| Some((bytes.of(text)?, id))).collect()
        });
        let control: Vec<_> =
            vocabulary.of_type(TokenType::Control).chain(vocabulary.of_type(TokenType::Unknown)).collect();
        let user_defined: Vec<_> = vocabulary.of_type(TokenType::UserDefined).collect();
        let special = SpecialTokens::new(&control, &user_defined)?;
        Ok(Self { words, byte_ids, merges, pre_tokenizer, special })
    }

    /// The bytes of each token. Control tokens and those of the model's makers are spelled as they are.
    pub fn decoded(vocabulary: &GgufVocabulary) -> Pieces {
        let letters = Bytes::new();
        let piece = |(text, kind): (&String, &TokenType)| {
            let plain = matches!(kind, TokenType::Normal | TokenType::Unused | TokenType::Byte);
            let bytes = plain.then(|| letters.of(text)).flatten();
            let special = matches!(kind, TokenType::Control | TokenType::Unknown);
            Piece { bytes: bytes.unwrap_or_else(|| text.clone().into_bytes()), special }
        };
        Pieces::new(vocabulary.tokens.iter().zip(&vocabulary.types).map(piece).collect(), false)
    }

    /// Whether the models with this pre-tokenizer begin with BOS unless their metadata says otherwise.
    pub fn adds_bos(&self) -> bool {
        self.pre_tokenizer.adds_bos()
    }

    /// Encodes `text`, whatever its bytes are.
    pub fn encode(&self, text: &[u8], parse_special: bool) -> Result<Vec<Token>, TokenizerError> {
        let mut tokens = Vec::new();
        for fragment in self.special.split(text, parse_special) {
            match fragment {
                Fragment::Token(id, Range { start, end }) => tokens.push(Token { id, start, end }),
                Fragment::Text(range) => {
                    for word in self.pre_tokenizer.words(&text[range.clone()]) {
                        let word = range.start + word.start..range.start + word.end;
                        self.encode_word(text, word, &mut tokens)?;
                    }
                }
            }
        }
        Ok(tokens)
    }

    fn encode_word(&self, text: &[u8], word: Range<usize>, tokens: &mut Vec<Token>) -> Result<(), TokenizerError> {
        if let Some(&id) = self.words.as_ref().and_then(|words| words.get(&text[word.clone()])) {
            tokens.push(Token { id, start: word.start, end: word.end });
            return Ok(());
        }
        let symbol = |at: usize| {
            let byte = text[at];
            let id = self.byte_ids[usize::from(byte)].ok_or(TokenizerError::NoTokenForByte { byte })?;
            Ok(Symbol { text: at..at + 1, source: at..at + 1, id: Some(id) })
        };
        let symbols = word.map(symbol).collect::<Result<Vec<_>, TokenizerError>>()?;
        let merged = merge(symbols, |left, right| {
            let (rank, id) = *self.merges.get(&(left.id?, right.id?))?;
            Some(Candidate { priority: u32::MAX - rank, id })
        });
        let token = |symbol: Symbol| Some(Token { id: symbol.id?, start: symbol.source.start, end: symbol.source.end });
        tokens.extend(merged.into_iter().filter_map(token));
        Ok(())
    }
}

/// Left, right and merged token. The left one may begin with a space, so the separator is looked for after the first byte.
fn merge_of(text: &str, ids: &HashMap<&str, u32>) -> Option<(u32, u32, u32)> {
    let first = text.chars().next()?.len_utf8();
    let cut = first + text[first..].find(' ')?;
    let (left, right) = (&text[..cut], &text[cut + 1..]);
    Some((*ids.get(left)?, *ids.get(right)?, *ids.get(format!("{left}{right}").as_str())?))
}
