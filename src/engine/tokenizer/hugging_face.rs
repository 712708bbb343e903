//! Encoding with `tokenizer.json` through the crate `tokenizers`, and the bytes of its tokens.

use std::path::Path;
use std::sync::OnceLock;

use serde_json::Value;

use super::byte_letters::Bytes;
use super::hugging_face_files::HuggingFaceFiles;
use super::pieces::{Piece, Pieces, byte_of};
use super::{EncodeOptions, Token, TokenizerError};

/// More white space in a row is refused. The pattern engine under `tokenizers` (fancy-regex) backtracks over each character
/// of it, gives up after 1,000,000 steps, and `tokenizers` then takes the rest of the text for one word.
const MOST_WHITE_SPACE: usize = 900_000;

/// An encoder made from `tokenizer.json`.
pub struct HuggingFace {
    tokenizer: tokenizers::Tokenizer,
    /// The same, with special tokens in the text taken as text; made when it is first asked for.
    plain: OnceLock<tokenizers::Tokenizer>,
}

/// How tokens spell bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelling {
    /// GPT-2's letters for bytes.
    ByteLevel,
    /// U+2581 for spaces and `<0x0A>` for bytes.
    SentencePiece { strips_leading_space: bool },
}

impl HuggingFace {
    pub fn new(files: &HuggingFaceFiles) -> Result<Self, TokenizerError> {
        let flaw = |problem: String| TokenizerError::HuggingFace { path: files.path.clone(), problem };
        let tokenizer = serde_json::from_value(files.tokenizer.clone()).map_err(|error| flaw(error.to_string()))?;
        Ok(Self { tokenizer, plain: OnceLock::new() })
    }

    /// Encodes `text`.
    ///
    /// # Errors
    /// [`TokenizerError::NotUtf8`]: `tokenizers` knows only text. [`TokenizerError::LongWhiteSpace`].
    pub fn encode(&self, text: &[u8], options: EncodeOptions) -> Result<Vec<Token>, TokenizerError> {
        let text = std::str::from_utf8(text).map_err(|error| TokenizerError::NotUtf8 { at: error.valid_up_to() })?;
        let run = longest_white_space(text);
        if run > MOST_WHITE_SPACE {
            return Err(TokenizerError::LongWhiteSpace { run, most: MOST_WHITE_SPACE });
        }
        let tokenizer = if options.parse_special {
            &self.tokenizer
        } else {
            self.plain.get_or_init(|| {
                let mut plain = self.tokenizer.clone();
                plain.set_encode_special_tokens(true);
                plain
            })
        };
        let encoding = tokenizer
            .encode(text, options.add_special)
            .map_err(|error| TokenizerError::Encode { problem: error.to_string() })?;
        let spans = encoding.get_ids().iter().zip(encoding.get_offsets());
        Ok(spans.map(|(&id, &(start, end))| Token { id, start, end }).collect())
    }

    /// The bytes of each token, as the decoder of `tokenizer.json` spells them.
    pub fn decoded(&self, files: &HuggingFaceFiles) -> Result<Pieces, TokenizerError> {
        let spelling = spelling(&files.path, &files.tokenizer["decoder"])?;
        let vocabulary = self.tokenizer.get_vocab(true);
        let special: Vec<u32> = self
            .tokenizer
            .get_added_tokens_decoder()
            .into_iter()
            .filter(|(_, token)| token.special)
            .map(|(id, _)| id)
            .collect();
        let size = vocabulary.values().max().map_or(0, |&last| last as usize + 1);
        // Ids may have gaps, but a gap as large as the vocabulary is a damaged file.
        if size > 2 * vocabulary.len() + 65536 {
            let problem = format!("{} tokens have ids up to {}", vocabulary.len(), size - 1);
            return Err(TokenizerError::HuggingFace { path: files.path.clone(), problem });
        }
        let letters = Bytes::new();
        let mut pieces = vec![Piece::default(); size];
        for (text, id) in vocabulary {
            pieces[id as usize].bytes = match spelling {
                Spelling::ByteLevel => letters.of(&text).unwrap_or_else(|| text.into_bytes()),
                Spelling::SentencePiece { .. } => match byte_of(&text) {
                    Some(byte) => vec![byte],
                    None => text.replace('\u{2581}', " ").into_bytes(),
                },
            };
        }
        for id in special {
            if let Some(piece) = pieces.get_mut(id as usize) {
                piece.special = true;
            }
        }
        let strips = matches!(spelling, Spelling::SentencePiece { strips_leading_space: true });
        Ok(Pieces::new(pieces, strips))
    }
}

/// Characters in the longest run of white space.
fn longest_white_space(text: &str) -> usize {
    let (mut longest, mut run) = (0, 0);
    for letter in text.chars() {
        run = if letter.is_whitespace() { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn spelling(path: &Path, decoder: &Value) -> Result<Spelling, TokenizerError> {
    let kind = |decoder: &Value| decoder["type"].as_str().unwrap_or("none").to_string();
    let steps = decoder["decoders"].as_array().map_or(std::slice::from_ref(decoder), Vec::as_slice);
    let kinds: Vec<String> = steps.iter().map(kind).collect();
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let spaces = || steps[0]["pattern"]["String"] == "\u{2581}" && steps[0]["content"] == " ";
    let one_space = |step: &Value| step["content"] == " " && step["start"] == 1 && step["stop"] == 0;
    match kinds[..] {
        ["ByteLevel"] => Ok(Spelling::ByteLevel),
        ["Replace", "ByteFallback", "Fuse"] if spaces() => Ok(Spelling::SentencePiece { strips_leading_space: false }),
        ["Replace", "ByteFallback", "Fuse", "Strip"] if spaces() && one_space(&steps[3]) => {
            Ok(Spelling::SentencePiece { strips_leading_space: true })
        }
        _ => Err(TokenizerError::UnsupportedDecoder { path: path.to_path_buf(), found: kinds.join(", ") }),
    }
}
