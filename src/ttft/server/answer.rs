//! What a server answered, and when.

use serde_json::Value;

/// A streamed answer. Seconds count from the moment the request was handed to the connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// When each piece of text that is not empty had come.
    pub pieces_s: Vec<f64>,
    pub text: String,
    /// Until the stream ended.
    pub seconds: f64,
    /// Tokens of the prompt and of the answer by the server's own count, where it gives one.
    pub prompt_tokens: Option<u64>,
    pub answer_tokens: Option<u64>,
    /// Tokens of the prompt that the server had computed before.
    pub cached_tokens: Option<u64>,
    pub finish_reason: Option<String>,
}

/// What the server says instead of an answer.
pub(super) enum Trouble {
    /// Its own error message.
    Reported(String),
    /// Something that is no part of a completion.
    Unknown(String),
}

impl Answer {
    /// Takes the data of one event, which had come after so many seconds.
    pub(super) fn take(&mut self, event: &str, seconds: f64) -> Result<(), Trouble> {
        let value: Value = serde_json::from_str(event).map_err(|error| Trouble::Unknown(error.to_string()))?;
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            let message = error.get("message").and_then(Value::as_str);
            return Err(Trouble::Reported(message.map_or_else(|| error.to_string(), str::to_string)));
        }
        if let Some(usage) = value.get("usage").filter(|usage| usage.is_object()) {
            self.prompt_tokens = usage["prompt_tokens"].as_u64().or(self.prompt_tokens);
            self.answer_tokens = usage["completion_tokens"].as_u64().or(self.answer_tokens);
            self.cached_tokens = usage["prompt_tokens_details"]["cached_tokens"].as_u64().or(self.cached_tokens);
        }
        let Some(choices) = value.get("choices").and_then(Value::as_array) else {
            return Err(Trouble::Unknown("it has no `choices`".to_string()));
        };
        // The event with the usage has no choice.
        let Some(choice) = choices.first() else { return Ok(()) };
        // Completions have a text, chats a delta, whose content is null in the event that names the speaker. Text that
        // a model thinks is text, too.
        let delta = &choice["delta"];
        let texts = [&choice["text"], &delta["content"], &delta["reasoning_content"]];
        let text: String = texts.iter().filter_map(|text| text.as_str()).collect();
        if !text.is_empty() {
            self.pieces_s.push(seconds);
            self.text.push_str(&text);
        }
        if let Some(reason) = choice["finish_reason"].as_str() {
            self.finish_reason = Some(reason.to_string());
        }
        Ok(())
    }

    /// Seconds between the pieces of text, the first of which is the time to the second piece.
    pub fn steps_s(&self) -> Vec<f64> {
        self.pieces_s.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_counts_from_the_first_that_is_not_empty() {
        let mut answer = Answer::default();
        let events = [
            (r#"{"choices": [{"delta": {"role": "assistant", "content": null}}]}"#, 0.1),
            (r#"{"choices": [{"delta": {"content": ""}}]}"#, 0.2),
            (r#"{"choices": [{"delta": {"content": "Hel"}}], "usage": null}"#, 0.3),
            (r#"{"choices": [{"text": "lo", "finish_reason": "length"}]}"#, 0.5),
            (
                r#"{"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 2,
                    "prompt_tokens_details": {"cached_tokens": 3}}}"#,
                0.6,
            ),
        ];
        for (event, seconds) in events {
            assert!(answer.take(event, seconds).is_ok(), "{event}");
        }
        assert_eq!((answer.text.as_str(), &answer.pieces_s[..]), ("Hello", &[0.3, 0.5][..]));
        assert_eq!((answer.prompt_tokens, answer.answer_tokens, answer.cached_tokens), (Some(7), Some(2), Some(3)));
        assert_eq!(answer.finish_reason.as_deref(), Some("length"));
        assert!((answer.steps_s()[0] - 0.2).abs() < 1e-12 && answer.steps_s().len() == 1);
    }

    #[test]
    fn what_is_no_completion_is_not_taken_for_one() {
        let mut answer = Answer::default();
        assert!(matches!(answer.take("[1, 2", 0.1), Err(Trouble::Unknown(_))));
        assert!(matches!(answer.take("{\"id\": 1}", 0.1), Err(Trouble::Unknown(_))));
        let reported = answer.take("{\"error\": {\"message\": \"out of memory\"}}", 0.1);
        assert!(matches!(reported, Err(Trouble::Reported(message)) if message == "out of memory"));
        assert!(answer.pieces_s.is_empty());
    }
}
