//! Tokens that are spelled out in a text: found before anything else looks at it.

use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};

use super::TokenizerError;

/// A part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fragment {
    Text(Range<usize>),
    Token(u32, Range<usize>),
}

/// Control tokens, found on request, and tokens of the model's makers (`<tool_call>`), found always.
pub struct SpecialTokens {
    all: Finder,
    user_defined: Finder,
}

struct Finder {
    automaton: Option<AhoCorasick>,
    ids: Vec<u32>,
}

impl SpecialTokens {
    pub fn new(control: &[(&str, u32)], user_defined: &[(&str, u32)]) -> Result<Self, TokenizerError> {
        let all: Vec<_> = control.iter().chain(user_defined).copied().collect();
        Ok(Self { all: Finder::new(&all)?, user_defined: Finder::new(user_defined)? })
    }

    /// The text's parts in order; at each place the longest token wins, as in `tokenizers`.
    pub fn split(&self, text: &[u8], parse_special: bool) -> Vec<Fragment> {
        let finder = if parse_special { &self.all } else { &self.user_defined };
        let mut fragments = Vec::new();
        let mut end = 0;
        let matches = finder.automaton.iter().flat_map(|automaton| automaton.find_iter(text));
        for found in matches {
            if found.start() > end {
                fragments.push(Fragment::Text(end..found.start()));
            }
            fragments.push(Fragment::Token(finder.ids[found.pattern().as_usize()], found.range()));
            end = found.end();
        }
        if end < text.len() {
            fragments.push(Fragment::Text(end..text.len()));
        }
        fragments
    }
}

impl Finder {
    fn new(tokens: &[(&str, u32)]) -> Result<Self, TokenizerError> {
        let tokens: Vec<_> = tokens.iter().filter(|(text, _)| !text.is_empty()).collect();
        let ids = tokens.iter().map(|(_, id)| *id).collect();
        let automaton = if tokens.is_empty() {
            None
        } else {
            let built = AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .build(tokens.iter().map(|(text, _)| text))
                .map_err(|error| TokenizerError::Vocabulary {
                    key: "tokenizer.ggml.tokens",
                    problem: format!("the special tokens cannot be searched for: {error}"),
                })?;
            Some(built)
        };
        Ok(Self { automaton, ids })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_token_wins_and_control_tokens_need_to_be_asked_for() {
        let special = SpecialTokens::new(&[("<s>", 1), ("<s>>", 2), ("", 9)], &[("<tool>", 3)]).unwrap();
        let text = b"a<s>><tool><s>";
        let expected =
            [Fragment::Text(0..1), Fragment::Token(2, 1..5), Fragment::Token(3, 5..11), Fragment::Token(1, 11..14)];
        assert_eq!(special.split(text, true), expected);
        let plain = [Fragment::Text(0..5), Fragment::Token(3, 5..11), Fragment::Text(11..14)];
        assert_eq!(special.split(text, false), plain);
        assert!(special.split(b"", true).is_empty());
    }
}
