//! `hipgauge ttft --url`: the same requests to a server.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use hipgauge::report::ttft::{EngineRecord, ModelRecord, TtftDirectory, TtftRecord};
use hipgauge::report::{Build, RunDirectory};
use hipgauge::ttft::server::{Endpoint, PromptForm, Server, ServerError, ServerOptions, measure_server, server_notes};
use hipgauge::ttft::{Limits, Plan};
use serde_json::{Map, Value};

use crate::cli::exit_code::Exit;
use crate::cli::failure::{CommandResult, Failure, OrExit};
use crate::cli::{interrupt, report};

use super::arguments::Arguments;
use super::command::{Operations, finish, ttft_failure};
use super::printer::Printer;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PromptName {
    /// Random token ids, exactly as many as asked for
    Ids,
    /// Random common words, about as many tokens; the server's count is kept
    Text,
}

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Server")]
pub struct ServerArguments {
    /// Measure an OpenAI-compatible server instead, as its clients see it: http://localhost:8000/v1
    #[arg(
        long,
        value_name = "URL",
        requires = "model_name",
        conflicts_with_all = ["model", "synthetic", "check", "kernels", "device"]
    )]
    pub url: Option<String>,

    /// The name that the server knows the model by
    #[arg(long, value_name = "NAME", requires = "url")]
    model_name: Option<String>,

    /// Ask for chat completions, with the server's own template around the prompt, instead of completions
    #[arg(long, requires = "url")]
    chat: bool,

    /// How prompts are sent: OpenAI's own servers and all chats take text only [default: ids, with --chat text]
    #[arg(long, value_name = "FORM", requires = "url")]
    prompt_as: Option<PromptName>,

    /// Token ids are below this
    #[arg(long, value_name = "N", default_value_t = 32_000, requires = "url", value_parser = clap::value_parser!(u32).range(2..))]
    vocabulary: u32,

    /// Fields to add to every request, as a JSON object: '{"ignore_eos": true}' keeps vLLM and llama.cpp going
    #[arg(long, value_name = "JSON", requires = "url", value_parser = object)]
    request_body: Option<Map<String, Value>>,

    /// Environment variable that holds the key to send; it is in no file
    #[arg(long, value_name = "NAME", default_value = "OPENAI_API_KEY", requires = "url")]
    api_key_env: String,
}

fn object(text: &str) -> Result<Map<String, Value>, String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err("it is no JSON object: write {\"field\": value}".to_string()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

impl ServerArguments {
    fn server(&self, url: &str, timeout: Duration) -> Result<Server, Failure> {
        Server::new(ServerOptions {
            url: url.to_string(),
            model: self.model_name.clone().unwrap_or_default(),
            endpoint: if self.chat { Endpoint::Chat } else { Endpoint::Completions },
            key: std::env::var(&self.api_key_env).ok().filter(|key| !key.is_empty()),
            body: self.request_body.clone().unwrap_or_default(),
            timeout: Some(timeout),
        })
        .or_exit(Exit::Usage)
    }

    fn form(&self) -> Result<PromptForm, Failure> {
        match (self.prompt_as, self.chat) {
            (Some(PromptName::Ids), true) => Err(Failure::usage(
                "a chat has no token ids in its messages; leave out --chat, or give --prompt-as text",
            )),
            (Some(PromptName::Text), _) | (None, true) => Ok(PromptForm::Text),
            (Some(PromptName::Ids) | None, false) => Ok(PromptForm::Ids { vocabulary: self.vocabulary }),
        }
    }
}

/// Measures the server at `url`.
pub fn run(arguments: &Arguments, url: &str) -> CommandResult {
    let stop = interrupt::watch()?;
    let limits = Limits {
        stop,
        deadline: arguments.time_limit.map(|limit| Instant::now() + limit),
        request: arguments.request_timeout,
    };
    let form = arguments.server.form()?;
    let server = arguments.server.server(url, arguments.request_timeout)?;
    let plan = arguments.plan_of_server()?;
    let path = arguments.out.clone().unwrap_or_else(|| RunDirectory::fresh_path(Path::new("reports"), "ttft-server"));
    let record = begin(arguments, &server, form, &plan)?;
    let directory = TtftDirectory::create(&path, record).map_err(report::failure)?;
    let mut printer = Printer::new(directory, usize::MAX).or_exit(Exit::HarnessFault)?;
    let mut rows = Vec::new();
    let ended = measure_server(&server, form, &plan, limits, &mut printer, &mut rows).map_err(ttft_failure);
    let kept = printer.served(&rows, server_notes(&rows)).map_err(report::failure);
    finish(printer, &path, ended.and_then(|ending| kept.map(|()| ending)), Operations::default())
}

fn begin(arguments: &Arguments, server: &Server, form: PromptForm, plan: &Plan) -> Result<TtftRecord, Failure> {
    let name = arguments.server.model_name.clone().unwrap_or_default();
    let model = ModelRecord {
        identity: format!("served as: {name}"),
        name,
        architecture: "not known".to_string(),
        parameters: 0,
        context_length: 0,
        tokenizer: false,
    };
    let engine = EngineRecord {
        device: server.url().to_string(),
        path: "server".to_string(),
        compute: "not known".to_string(),
        matrix_library: "not known".to_string(),
        weight_bytes: 0,
        cache_bytes: 0,
    };
    let library = arguments.place.library()?;
    let dirty = env!("HIPGAUGE_DIRTY") == "true";
    let build = Build::new(env!("CARGO_PKG_VERSION"), env!("HIPGAUGE_COMMIT"), dirty, &library);
    let command = std::iter::once("hipgauge".to_string())
        .chain(std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned()))
        .collect();
    let mut record = TtftRecord::begin(command, build, None, model, engine, plan.clone());
    record.notes.push(
        "times are those of a client: from handing a request to the connection until its first text that is not empty had \
         come, and between pieces of text after it"
            .to_string(),
    );
    let form = match form {
        PromptForm::Ids { vocabulary } => format!("prompts are random token ids below {vocabulary}"),
        PromptForm::Text => "prompts are random common words, one for each token asked for".to_string(),
    };
    record.notes.push(form);
    Ok(record)
}

/// The exit code of a server's error: what the user gave is wrong, or the server did not do it this time.
pub fn exit_of(error: &ServerError) -> Exit {
    match error {
        ServerError::Address { .. } | ServerError::NoStream { .. } => Exit::Usage,
        ServerError::Status { status, .. } if (400..500).contains(status) && *status != 429 => Exit::Usage,
        _ => Exit::NotReproducible,
    }
}
