//! One tokenizer, wherever it came from.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::byte_pair::BytePair;
use super::hugging_face::HuggingFace;
use super::hugging_face_files::HuggingFaceFiles;
use super::pieces::Pieces;
use super::sentence_piece::SentencePiece;
use super::text_stream::{SpecialText, TextStream};
use super::{ChatTemplate, EncodeOptions, GgufVocabulary, Token, TokenizerError};
use crate::engine::model_file::GgufFile;

/// Text to token ids and back.
pub struct Tokenizer {
    encoder: Encoder,
    pieces: Pieces,
    bos: Option<u32>,
    eos: Option<u32>,
    end_of_generation: Vec<u32>,
    chat_template: Option<ChatTemplate>,
}

enum Encoder {
    HuggingFace(Box<HuggingFace>),
    SentencePiece { encoder: Box<SentencePiece>, added: Added },
    BytePair { encoder: Box<BytePair>, added: Added },
}

/// Tokens that go around a text.
#[derive(Clone, Copy, Debug)]
struct Added {
    before: Option<u32>,
    after: Option<u32>,
}

impl Tokenizer {
    /// Opens a GGUF file, a `tokenizer.json`, or a directory that holds one. Nothing is asked of a network.
    ///
    /// # Errors
    /// Any [`TokenizerError`] but those of a text or an id.
    pub fn open(path: &Path) -> Result<Self, TokenizerError> {
        if !path.is_dir() {
            let mut magic = [0; 4];
            let read = File::open(path).and_then(|mut file| file.read(&mut magic));
            let length = read.map_err(|source| TokenizerError::Unreadable { path: path.to_path_buf(), source })?;
            if &magic[..length] == b"GGUF" {
                return Self::from_gguf(&GgufVocabulary::from_metadata(&GgufFile::read_metadata(path)?)?);
            }
        }
        Self::from_hugging_face(&HuggingFaceFiles::read(path)?)
    }

    /// Makes a tokenizer from GGUF metadata.
    ///
    /// # Errors
    /// [`TokenizerError::UnsupportedModel`], [`TokenizerError::UnsupportedPreTokenizer`], [`TokenizerError::Vocabulary`],
    /// [`TokenizerError::ChatTemplate`].
    pub fn from_gguf(vocabulary: &GgufVocabulary) -> Result<Self, TokenizerError> {
        vocabulary.check()?;
        let added = |bos_by_default: bool| -> Result<Added, TokenizerError> {
            let one = |wanted: bool, id: Option<u32>, key: &'static str| match (wanted, id) {
                (false, _) => Ok(None),
                (true, Some(id)) => Ok(Some(id)),
                (true, None) => {
                    let problem = "it is not there, and texts are to be given one".to_string();
                    Err(TokenizerError::Vocabulary { key, problem })
                }
            };
            Ok(Added {
                before: one(
                    vocabulary.add_bos.unwrap_or(bos_by_default),
                    vocabulary.bos,
                    "tokenizer.ggml.bos_token_id",
                )?,
                after: one(vocabulary.add_eos.unwrap_or(false), vocabulary.eos, "tokenizer.ggml.eos_token_id")?,
            })
        };
        let (encoder, pieces) = match vocabulary.model.as_str() {
            "llama" => {
                let encoder = Box::new(SentencePiece::new(vocabulary)?);
                (Encoder::SentencePiece { encoder, added: added(true)? }, SentencePiece::decoded(vocabulary))
            }
            "gpt2" => {
                let encoder = Box::new(BytePair::new(vocabulary)?);
                let added = added(encoder.adds_bos())?;
                (Encoder::BytePair { encoder, added }, BytePair::decoded(vocabulary))
            }
            other => return Err(TokenizerError::UnsupportedModel { found: other.to_string() }),
        };
        let text = |id: Option<u32>| id.and_then(|id| vocabulary.tokens.get(id as usize)).cloned();
        let names = [("bos_token", text(vocabulary.bos)), ("eos_token", text(vocabulary.eos))];
        let names: BTreeMap<_, _> =
            names.into_iter().filter_map(|(name, text)| Some((name.to_string(), text?))).collect();
        let template = vocabulary.chat_template.as_deref();
        Ok(Self {
            encoder,
            pieces,
            bos: vocabulary.bos,
            eos: vocabulary.eos,
            end_of_generation: vocabulary.end_of_generation.clone(),
            chat_template: template.map(|source| ChatTemplate::new(source, names)).transpose()?,
        })
    }

    fn from_hugging_face(files: &HuggingFaceFiles) -> Result<Self, TokenizerError> {
        let encoder = HuggingFace::new(files)?;
        let pieces = encoder.decoded(files)?;
        let (bos, eos) = (files.special_id("bos_token"), files.special_id("eos_token"));
        let mut end_of_generation: Vec<u32> = files.end_of_generation.iter().copied().chain(eos).collect();
        end_of_generation.sort_unstable();
        end_of_generation.dedup();
        let template = files.chat_template.as_deref();
        Ok(Self {
            encoder: Encoder::HuggingFace(Box::new(encoder)),
            pieces,
            bos,
            eos,
            end_of_generation,
            chat_template: template
                .map(|source| ChatTemplate::new(source, files.special_tokens.clone()))
                .transpose()?,
        })
    }

    /// Encodes a text. From GGUF metadata any bytes can be encoded, and [`Tokenizer::decode`] gives them back; but for
    /// SentencePiece, which cannot tell U+2581 from a space and puts a space after a special token.
    ///
    /// # Errors
    /// [`TokenizerError::NotUtf8`] and [`TokenizerError::LongWhiteSpace`] with a `tokenizer.json`; [`TokenizerError::NoTokenForByte`] if the vocabulary has holes.
    pub fn encode(&self, text: &[u8], options: EncodeOptions) -> Result<Vec<Token>, TokenizerError> {
        let (tokens, added) = match &self.encoder {
            Encoder::HuggingFace(encoder) => return encoder.encode(text, options),
            Encoder::SentencePiece { encoder, added } => (encoder.encode(text, options.parse_special)?, added),
            Encoder::BytePair { encoder, added } => (encoder.encode(text, options.parse_special)?, added),
        };
        if !options.add_special {
            return Ok(tokens);
        }
        let before = added.before.map(|id| Token::added(id, 0));
        let after = added.after.map(|id| Token::added(id, text.len()));
        Ok(before.into_iter().chain(tokens).chain(after).collect())
    }

    /// The bytes that ids stand for, as a text of its own: the space that SentencePiece puts first is not in it.
    ///
    /// # Errors
    /// [`TokenizerError::UnknownId`].
    pub fn decode(&self, ids: &[u32], special: SpecialText) -> Result<Vec<u8>, TokenizerError> {
        let mut bytes = Vec::new();
        let mut at_start = true;
        for &id in ids {
            self.pieces.append(id, special, &mut at_start, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Decodes tokens one at a time, from the start of a text.
    pub fn stream(&self, special: SpecialText) -> TextStream<'_> {
        TextStream::new(&self.pieces, special, true)
    }

    /// Decodes tokens that go on with a text, such as the answer to a prompt: a leading space stays.
    pub fn stream_onwards(&self, special: SpecialText) -> TextStream<'_> {
        TextStream::new(&self.pieces, special, false)
    }

    /// The bytes of one token; a special token's name.
    ///
    /// # Errors
    /// [`TokenizerError::UnknownId`].
    pub fn piece(&self, id: u32) -> Result<&[u8], TokenizerError> {
        Ok(&self.pieces.get(id)?.bytes)
    }

    /// Ids go from 0 to one less than this.
    pub fn vocabulary_size(&self) -> usize {
        self.pieces.len()
    }

    /// The token that begins a text.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The token that ends a text.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Ids after which nothing more is generated: end of text, of a turn, of a message.
    pub fn end_of_generation(&self) -> &[u32] {
        &self.end_of_generation
    }

    /// The model's chat template.
    ///
    /// # Errors
    /// [`TokenizerError::NoChatTemplate`].
    pub fn chat_template(&self) -> Result<&ChatTemplate, TokenizerError> {
        self.chat_template.as_ref().ok_or(TokenizerError::NoChatTemplate)
    }
}
