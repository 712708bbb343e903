//! Splitting text into words, within which byte-level BPE merges.
//!
//! The published patterns are written for backtracking engines: they end in `\s+(?!\S)|\s+`, which leaves the last
//! character of a run of spaces to the word after it. Here that look-ahead is a rule applied to matches of the crate
//! `regex`, whose search takes linear time on any text.

use std::borrow::Cow;
use std::ops::Range;

use regex::Regex;

use super::TokenizerError;
use super::pre_tokenizer_table::{Family, family};

const LOOK_AHEAD: &str = r"|\s+(?!\S)|\s+";

/// Splits text as one family of models does.
pub struct PreTokenizer {
    family: &'static Family,
    splits: Vec<Split>,
}

/// A pattern whose matches become words; so does what lies between them.
struct Split {
    regex: Regex,
    spaces: Spaces,
}

/// Which matches that are all white space give their last character back, if a word follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spaces {
    Keep,
    GiveBack,
    /// Those that end in a line break came from the alternative `\s*[\r\n]+`, which has no look-ahead.
    GiveBackButLineBreaks,
}

impl PreTokenizer {
    /// The pre-tokenizer of a name in `tokenizer.ggml.pre`.
    ///
    /// # Errors
    /// [`TokenizerError::UnsupportedPreTokenizer`] with the names that are known.
    pub fn named(name: &str) -> Result<Self, TokenizerError> {
        let unsupported = || TokenizerError::UnsupportedPreTokenizer { found: name.to_string() };
        let family = family(name).ok_or_else(unsupported)?;
        let splits = family.patterns.iter().map(|pattern| Split::new(pattern)).collect::<Result<_, _>>();
        Ok(Self { family, splits: splits.map_err(|_| unsupported())? })
    }

    /// Whether a word that is a token is that token, whatever the merges would make of it.
    pub fn whole_words_first(&self) -> bool {
        self.family.whole_words_first
    }

    pub fn adds_bos(&self) -> bool {
        self.family.adds_bos
    }

    /// The words of a text; together they are the text. A byte that is no UTF-8 counts as a control character.
    pub fn words(&self, text: &[u8]) -> Vec<Range<usize>> {
        let readable = readable(text);
        let mut words: Vec<_> = std::iter::once(0..readable.len()).collect();
        for split in &self.splits {
            let mut next = Vec::with_capacity(words.len());
            for word in words {
                split.apply(&readable[word.clone()], word.start, &mut next);
            }
            words = next;
        }
        words
    }
}

impl Split {
    fn new(pattern: &str) -> Result<Self, regex::Error> {
        let Some(start) = pattern.strip_suffix(LOOK_AHEAD) else {
            return Ok(Self { regex: Regex::new(pattern)?, spaces: Spaces::Keep });
        };
        let spaces = if start.contains(r"|\s*[\r\n]+") { Spaces::GiveBackButLineBreaks } else { Spaces::GiveBack };
        Ok(Self { regex: Regex::new(&format!(r"{start}|\s+"))?, spaces })
    }

    fn apply(&self, text: &str, offset: usize, words: &mut Vec<Range<usize>>) {
        let mut done = 0;
        while let Some(found) = self.regex.find_at(text, done) {
            let end = self.end_of(found.as_str(), found.end(), text.len());
            if found.start() > done {
                words.push(offset + done..offset + found.start());
            }
            words.push(offset + found.start()..offset + end);
            done = end;
        }
        if done < text.len() {
            words.push(offset + done..offset + text.len());
        }
    }

    fn end_of(&self, found: &str, end: usize, length: usize) -> usize {
        let gives_back = match self.spaces {
            Spaces::Keep => false,
            Spaces::GiveBack => true,
            Spaces::GiveBackButLineBreaks => !found.ends_with(['\r', '\n']),
        };
        if !gives_back || end == length {
            return end;
        }
        let Some(last) = found.chars().next_back() else {
            return end;
        };
        // White space is never more than a word's first character otherwise, so looking at both ends is enough.
        let run = last.is_whitespace() && found.chars().next().is_some_and(char::is_whitespace);
        if run && found.len() > last.len_utf8() { end - last.len_utf8() } else { end }
    }
}

/// The text with every byte that is no UTF-8 replaced by one control character, so that places stay the same.
fn readable(text: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(text) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let mut readable = String::with_capacity(text.len());
            for chunk in text.utf8_chunks() {
                readable.push_str(chunk.valid());
                readable.extend(chunk.invalid().iter().map(|_| '\u{1}'));
            }
            Cow::Owned(readable)
        }
    }
}
