//! `hipgauge generate`: a prompt in, text out, so that a person can see that the engine speaks.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use clap::Args;
use hipgauge::engine::device_model::ProductChoice;
use hipgauge::engine::tokenizer::{Chat, EncodeOptions, SpecialText, TextStream, Tokenizer, TokenizerError};
use hipgauge::engine::{Capacity, Engine, EngineDescription, Sampling};
use hipgauge::tensor::DType;
use hipgauge::ttft::StageTimes;
use serde_json::json;

use super::engine_arguments::{ModelArguments, PlaceArguments, open_engine};
use super::engine_failure::engine_failure;
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::interrupt;
use super::output::{FAINT, Stdout, styled};
use super::stop_text::StopText;

const EXAMPLES: &str = "\
Examples:
  hipgauge generate --model Llama-3.2-1B-Instruct/ --prompt 'Why is the sky blue?'
  hipgauge generate --model qwen2.5-0.5b-q8_0.gguf --prompt 'Once upon a time' --raw --temperature 0.8 --top-p 0.95 --seed 1
  hipgauge generate --model model.gguf --prompt 'A list: 1.' --raw --stop '\n' --json

The prompt goes through the model's chat template where it has one; --raw leaves it as it is. It ends at a token that ends
the text or the turn, at --stop, or after --max-tokens. The same seed gives the same text. Rates go to standard error.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A .gguf file (any part of several), or a directory with config.json, safetensors and tokenizer.json
    #[arg(long, value_name = "PATH")]
    model: PathBuf,

    /// Type of activations on a GPU: f32, f16 or bf16; host computes in f32, and takes no other [default: bf16, on host f32]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<DType>,

    #[command(flatten)]
    place: PlaceArguments,

    /// The text to answer or to continue
    #[arg(long, value_name = "TEXT", help_heading = "Text")]
    prompt: String,

    /// Continue the prompt as it is, without the chat template
    #[arg(long, help_heading = "Text")]
    raw: bool,

    /// Most tokens of the answer
    #[arg(long, value_name = "N", default_value_t = 256, help_heading = "Text")]
    max_tokens: usize,

    /// End before this text; may be given again
    #[arg(long, value_name = "TEXT", help_heading = "Text")]
    stop: Vec<String>,

    /// Divides the logits; 0 takes the most likely token every time
    #[arg(long, value_name = "T", default_value_t = 0.0, help_heading = "Sampling")]
    temperature: f32,

    /// Keep so many of the most likely tokens; 0 is off
    #[arg(long, value_name = "K", default_value_t = 0, help_heading = "Sampling")]
    top_k: u32,

    /// Keep the smallest set of this probability; 1 is off
    #[arg(long, value_name = "P", default_value_t = 1.0, help_heading = "Sampling")]
    top_p: f32,

    /// Keep tokens of at least this probability, relative to the most likely one's; 0 is off
    #[arg(long, value_name = "P", default_value_t = 0.0, help_heading = "Sampling")]
    min_p: f32,

    /// Seed of the draws
    #[arg(long, value_name = "SEED", default_value_t = 0, help_heading = "Sampling")]
    seed: u64,

    /// Print one JSON object at the end instead of the text as it comes
    #[arg(long)]
    json: bool,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    EndToken,
    StopText,
    MostTokens,
    Interrupted,
}

impl Reason {
    const fn name(self) -> &'static str {
        match self {
            Reason::EndToken => "end token",
            Reason::StopText => "stop text",
            Reason::MostTokens => "most tokens",
            Reason::Interrupted => "interrupted",
        }
    }
}

/// An answer with its times, in seconds.
struct Answer {
    tokens: Vec<u32>,
    text: String,
    reason: Reason,
    first: f64,
    rest: f64,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let sampling = arguments.sampling();
    sampling.check().map_err(engine_failure)?;
    if arguments.max_tokens == 0 {
        return Err(Failure::usage("--max-tokens 0 asks for nothing; give 1 or more"));
    }
    if arguments.stop.iter().any(String::is_empty) {
        return Err(Failure::usage("an empty --stop would end every text before it begins"));
    }
    let stop = interrupt::watch()?;
    let model = ModelArguments { model: Some(arguments.model.clone()), synthetic: None, dtype: arguments.dtype };
    let mut stages = StageTimes::default();
    let opened = model.open(0)?;
    let Some(tokenizer) = &opened.tokenizer else {
        let reason = opened.no_tokenizer.unwrap_or_default();
        return Err(Failure::usage(format!("{} cannot read and write text: {reason}", arguments.model.display())));
    };
    let prompt = prompt(arguments, tokenizer).or_exit(Exit::Usage)?;
    let config = opened.source.config();
    if prompt.is_empty() || prompt.len() > config.context_length {
        return Err(Failure::usage(format!(
            "the prompt has {} tokens, and the model reads 1 to {}; give another prompt",
            prompt.len(),
            config.context_length
        )));
    }
    let most = arguments.max_tokens.min(config.context_length - prompt.len() + 1);
    let place = arguments.place.open(&mut stages)?;
    let capacity = Capacity::one((prompt.len() + most - 1).max(1));
    let compute = model.compute_type(&place)?;
    let mut engine = open_engine(&place, &opened.source, compute, capacity, ProductChoice::Ranked, &mut stages)?;
    engine.set_sampling(sampling);
    let speaker = Speaker {
        most,
        ends: config.eos.iter().chain(tokenizer.end_of_generation()).copied().collect(),
        stream: tokenizer.stream_onwards(SpecialText::Skip),
        stop_text: StopText::new(&arguments.stop),
        interrupted: stop,
        writer: Writer { quiet: arguments.json, stdout: io::stdout() },
    };
    let answer = speaker.answer(engine.as_mut(), &prompt)?;
    tell(arguments, &engine.describe(), &prompt, &answer)?;
    Ok(if answer.reason == Reason::Interrupted { Exit::Interrupted } else { Exit::Good })
}

impl Arguments {
    fn sampling(&self) -> Sampling {
        let Self { temperature, top_k, top_p, min_p, seed, .. } = *self;
        Sampling::Random { temperature, top_k, top_p, min_p, seed }
    }
}

/// The prompt's ids, through the chat template where there is one.
fn prompt(arguments: &Arguments, tokenizer: &Tokenizer) -> Result<Vec<u32>, TokenizerError> {
    let tokens = match tokenizer.chat_template() {
        Ok(template) if !arguments.raw => {
            let message = json!({"role": "user", "content": arguments.prompt});
            let text = template.render(&Chat::new(&[message]))?;
            tokenizer.encode(text.as_bytes(), EncodeOptions::RENDERED)?
        }
        _ => tokenizer.encode(arguments.prompt.as_bytes(), EncodeOptions::PROMPT)?,
    };
    Ok(tokens.into_iter().map(|token| token.id).collect())
}

/// Writes an answer as it comes.
struct Speaker<'a> {
    most: usize,
    ends: Vec<u32>,
    stream: TextStream<'a>,
    stop_text: StopText<'a>,
    interrupted: &'a AtomicBool,
    writer: Writer,
}

impl Speaker<'_> {
    fn answer(mut self, engine: &mut dyn Engine, prompt: &[u32]) -> Result<Answer, Failure> {
        let begun = Instant::now();
        let mut token = engine.prefill(&[prompt]).map_err(engine_failure)?.tokens[0];
        let first_done = Instant::now();
        engine.expect_steps(self.most.saturating_sub(1));
        let (mut tokens, mut text) = (Vec::new(), String::new());
        let reason = loop {
            if self.ends.contains(&token) {
                break Reason::EndToken;
            }
            tokens.push(token);
            let piece = self.stream.push(token).or_exit(Exit::HarnessFault)?;
            let piece = self.stop_text.push(&piece);
            self.writer.write(&piece).or_exit(Exit::HarnessFault)?;
            text.push_str(&piece);
            if self.stop_text.found() {
                break Reason::StopText;
            }
            if tokens.len() == self.most {
                break Reason::MostTokens;
            }
            if self.interrupted.load(Ordering::Relaxed) {
                break Reason::Interrupted;
            }
            token = engine.decode().map_err(engine_failure)?[0];
        };
        let rest = first_done.elapsed().as_secs_f64();
        if reason != Reason::StopText {
            let mut left = self.stop_text.push(&self.stream.finish());
            left.push_str(&self.stop_text.finish());
            self.writer.write(&left).or_exit(Exit::HarnessFault)?;
            text.push_str(&left);
        }
        self.writer.write("\n").or_exit(Exit::HarnessFault)?;
        Ok(Answer { tokens, text, reason, first: (first_done - begun).as_secs_f64(), rest })
    }
}

/// Rates for a person on standard error, or everything as JSON on standard output.
fn tell(arguments: &Arguments, engine: &EngineDescription, prompt: &[u32], answer: &Answer) -> Result<(), Failure> {
    let steps = answer.tokens.len().saturating_sub(1);
    let per_second = |count: usize, seconds: f64| count as f64 / seconds;
    if arguments.json {
        let page = json!({
            "text": answer.text,
            "tokens": answer.tokens,
            "prompt_tokens": prompt,
            "end": answer.reason.name(),
            "device": engine.device,
            "path": engine.path.name(),
            "compute": engine.compute,
            "matrix_library": engine.matrix_library,
            "first_token_seconds": answer.first,
            "decode_tokens_per_second": (steps > 0).then(|| per_second(steps, answer.rest)),
        });
        return Stdout::new().line(page).or_exit(Exit::HarnessFault);
    }
    let decoding =
        if steps > 0 { format!(", then {:.1} tokens/s", per_second(steps, answer.rest)) } else { String::new() };
    let line = format!(
        "{} tokens, {}; prompt of {} tokens: {:.1} ms to the first token ({:.0} tokens/s){decoding}; {} path on {}",
        answer.tokens.len(),
        answer.reason.name(),
        prompt.len(),
        1e3 * answer.first,
        per_second(prompt.len(), answer.first),
        engine.path.name(),
        engine.device
    );
    anstream::eprintln!("{}", styled(FAINT, line));
    Ok(())
}

/// Text on standard output as it comes. A reader that went away is no error.
struct Writer {
    quiet: bool,
    stdout: io::Stdout,
}

impl Writer {
    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.quiet || text.is_empty() {
            return Ok(());
        }
        match self.stdout.write_all(text.as_bytes()).and_then(|()| self.stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.quiet = true;
                Ok(())
            }
            other => other,
        }
    }
}
