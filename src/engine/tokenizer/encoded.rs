//! What encoding takes beside the text, and what it gives.

/// How a text is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncodeOptions {
    /// Add BOS and EOS where the tokenizer's own settings ask for them.
    pub add_special: bool,
    /// Find special tokens that are spelled out in the text (`<|eot_id|>`). Off, they are text like any other, as text
    /// from outside should be.
    pub parse_special: bool,
}

impl EncodeOptions {
    /// As a prompt is encoded: special tokens added and found.
    pub const PROMPT: Self = Self { add_special: true, parse_special: true };

    /// Text and nothing else.
    pub const PLAIN: Self = Self { add_special: false, parse_special: false };

    /// What a chat template wrote: it spells all special tokens out, BOS among them.
    pub const RENDERED: Self = Self { add_special: false, parse_special: true };
}

/// A token and the bytes of the text it stands for. The span is empty for what encoding added. Where several tokens share
/// a character, `tokenizer.json` gives each the whole character; GGUF tokens give their own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: u32,
    pub start: usize,
    pub end: usize,
}

impl Token {
    pub(super) fn added(id: u32, at: usize) -> Self {
        Self { id, start: at, end: at }
    }
}
