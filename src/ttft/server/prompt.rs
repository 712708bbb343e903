//! Prompts for a server whose tokenizer is not ours.

use serde_json::{Value, json};

use crate::operation::philox4x32;

/// Keeps these prompts apart from everything else under a seed.
const PROMPT_STREAM: u32 = 0x5E4E_9000;

/// Common words, each of which usual tokenizers write as one token with the space before it.
const WORDS: [&str; 64] = [
    "time",
    "year",
    "people",
    "way",
    "day",
    "man",
    "thing",
    "woman",
    "life",
    "child",
    "world",
    "school",
    "state",
    "family",
    "student",
    "group",
    "country",
    "problem",
    "hand",
    "part",
    "place",
    "case",
    "week",
    "company",
    "system",
    "program",
    "question",
    "work",
    "government",
    "number",
    "night",
    "point",
    "home",
    "water",
    "room",
    "mother",
    "area",
    "money",
    "story",
    "fact",
    "month",
    "lot",
    "right",
    "study",
    "book",
    "eye",
    "job",
    "word",
    "business",
    "issue",
    "side",
    "kind",
    "head",
    "house",
    "service",
    "friend",
    "father",
    "power",
    "hour",
    "game",
    "line",
    "end",
    "member",
    "law",
];

/// How prompts are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptForm {
    /// Token ids below this vocabulary: exact lengths. vLLM, SGLang and llama.cpp's server take them.
    Ids { vocabulary: u32 },
    /// Words: lengths are about right, and the server's own count says how long they were.
    Text,
}

/// A prompt as a request holds it.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerPrompt(pub(super) Value);

impl ServerPrompt {
    /// The prompt's bytes in JSON: equal prompts have equal ones.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }
}

/// A prompt of so many tokens, a different one for each number under a seed from its first token on, so that nothing a
/// server has kept of another prompt helps it.
pub fn server_prompt(form: PromptForm, tokens: usize, seed: u64, number: u64) -> ServerPrompt {
    let draw = |place: usize| {
        let counter = [(place / 4) as u32, PROMPT_STREAM, number as u32, (number >> 32) as u32];
        philox4x32([seed as u32, (seed >> 32) as u32], counter)[place % 4]
    };
    let below = |place: usize, count: u32| ((u64::from(draw(place)) * u64::from(count)) >> 32) as u32;
    match form {
        PromptForm::Ids { vocabulary } => {
            // The first ids of a vocabulary are often special ones.
            let first = 256.min(vocabulary.saturating_sub(1));
            let ids = (0..tokens).map(|place| first + below(place, (vocabulary - first).max(1)));
            ServerPrompt(json!(ids.collect::<Vec<u32>>()))
        }
        PromptForm::Text => {
            let words = (0..tokens).map(|place| WORDS[below(place, WORDS.len() as u32) as usize]);
            ServerPrompt(json!(words.collect::<Vec<_>>().join(" ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_are_long_as_asked_fresh_and_the_same_again() {
        let ids = |seed, number| server_prompt(PromptForm::Ids { vocabulary: 1000 }, 37, seed, number);
        let Value::Array(first) = ids(1, 0).0 else { panic!("ids") };
        assert_eq!(first.len(), 37);
        assert!(first.iter().all(|id| (256..1000).contains(&id.as_u64().unwrap())));
        assert_eq!(ids(1, 0), ids(1, 0));
        assert!(ids(1, 0) != ids(1, 1) && ids(1, 0) != ids(2, 0) && ids(1, 0) != ids(1, 1 << 32));
        let Value::String(text) = server_prompt(PromptForm::Text, 37, 1, 0).0 else { panic!("text") };
        assert_eq!(text.split(' ').count(), 37);
    }
}
