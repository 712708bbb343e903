//! One request after the other to an OpenAI-compatible server.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use ureq::Agent;
use ureq::http::Uri;

use super::answer::{Answer, Trouble};
use super::event_stream::EventStream;
use super::{ServerError, ServerPrompt};

/// What follows the last event.
const DONE: &str = "[DONE]";

/// Characters of an answer that an error quotes.
const MOST_QUOTED: usize = 400;

/// Which of the server's interfaces is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `completions`: the prompt as it is.
    Completions,
    /// `chat/completions`: the prompt as a user's message, around which the server puts its template.
    Chat,
}

impl Endpoint {
    const fn path(self) -> &'static str {
        match self {
            Endpoint::Completions => "completions",
            Endpoint::Chat => "chat/completions",
        }
    }
}

/// How a server is asked.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// With the version: `http://localhost:8000/v1`.
    pub url: String,
    /// The name that the server knows the model by.
    pub model: String,
    pub endpoint: Endpoint,
    /// Sent as `Authorization: Bearer`; it is in no file and no message.
    pub key: Option<String>,
    /// Fields that are added to every request, and replace those of the same name.
    pub body: Map<String, Value>,
    /// A request that takes longer fails.
    pub timeout: Option<Duration>,
}

/// A server, and the connection to it that requests share.
pub struct Server {
    agent: Agent,
    url: String,
    options: ServerOptions,
}

impl Server {
    /// Checks the address; does not connect.
    pub fn new(options: ServerOptions) -> Result<Self, ServerError> {
        let refused = |problem: &str| ServerError::Address { url: options.url.clone(), problem: problem.to_string() };
        let uri: Uri = options.url.parse().map_err(|error| refused(&format!("{error}")))?;
        match uri.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(refused(
                    "https is not supported: a proxy would be measured, too; give the address of the server itself, or of a \
                     tunnel to it",
                ));
            }
            _ => return Err(refused("it does not begin with http://")),
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(refused("it has no host"));
        }
        let config = Agent::config_builder()
            .timeout_global(options.timeout)
            // The body of an answer that is no success says why.
            .http_status_as_error(false)
            // A proxy of the environment would be measured, too.
            .proxy(None)
            .build();
        let url = format!("{}/{}", options.url.trim_end_matches('/'), options.endpoint.path());
        Ok(Self { agent: config.into(), url, options })
    }

    /// The address that requests go to.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn body(&self, prompt: &ServerPrompt, tokens: usize) -> Value {
        let mut body = json!({
            "model": self.options.model,
            "max_tokens": tokens,
            "temperature": 0,
            "stream": true,
            "stream_options": {"include_usage": true},
        });
        match self.options.endpoint {
            Endpoint::Completions => body["prompt"] = prompt.0.clone(),
            Endpoint::Chat => body["messages"] = json!([{"role": "user", "content": prompt.0}]),
        }
        for (field, value) in &self.options.body {
            body[field] = value.clone();
        }
        body
    }

    /// Asks for at most `tokens` tokens after a prompt, and reads the answer as it comes. The clock starts when the
    /// finished request is handed to the connection; a connection that has to be made first counts.
    pub fn ask(&self, prompt: &ServerPrompt, tokens: usize) -> Result<Answer, ServerError> {
        let body = self.body(prompt, tokens).to_string();
        let url = || self.url.clone();
        let mut request =
            self.agent.post(&self.url).header("content-type", "application/json").header("accept", "text/event-stream");
        if let Some(key) = &self.options.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let sent = Instant::now();
        let mut response = request.send(body).map_err(|source| ServerError::Connection { url: url(), source })?;
        let status = response.status().as_u16();
        if !(200..300).contains(&status) {
            let text = response.body_mut().read_to_string().unwrap_or_default();
            return Err(ServerError::Status { url: url(), status, body: quoted(&text) });
        }
        let content_type =
            response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or("nothing");
        if !content_type.starts_with("text/event-stream") {
            return Err(ServerError::NoStream { url: url(), content_type: content_type.to_string() });
        }
        self.read(response.body_mut().as_reader(), sent)
    }

    fn read(&self, mut stream: impl Read, sent: Instant) -> Result<Answer, ServerError> {
        let url = || self.url.clone();
        let mut answer = Answer::default();
        let mut events = EventStream::default();
        let mut count = 0;
        let mut piece = [0u8; 16 << 10];
        let mut take = |answer: &mut Answer, event: &str, seconds: f64| {
            count += 1;
            answer.take(event, seconds).map_err(|trouble| match trouble {
                Trouble::Reported(message) => ServerError::Reported { url: url(), message },
                Trouble::Unknown(problem) => {
                    ServerError::Event { url: url(), number: count, problem, event: quoted(event) }
                }
            })
        };
        let mut done = false;
        loop {
            let length = match stream.read(&mut piece) {
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    return Err(ServerError::BrokenOff { url: url(), events: answer.pieces_s.len(), source });
                }
            };
            let seconds = sent.elapsed().as_secs_f64();
            if length == 0 {
                break;
            }
            for event in events.push(&piece[..length]) {
                if event == DONE {
                    done = true;
                } else if !done {
                    take(&mut answer, &event, seconds)?;
                }
            }
        }
        answer.seconds = sent.elapsed().as_secs_f64();
        if let Some(event) = events.finish().filter(|event| event != DONE && !done) {
            let seconds = answer.seconds;
            take(&mut answer, &event, seconds)?;
        }
        if answer.pieces_s.is_empty() {
            return Err(ServerError::NoText { url: url() });
        }
        Ok(answer)
    }
}

fn quoted(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(MOST_QUOTED) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_string(),
    }
}
