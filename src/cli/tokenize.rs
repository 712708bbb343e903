//! `hipgauge tokenize`: text to token ids and back, by the model's own tokenizer.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use hipgauge::engine::tokenizer::{Chat, EncodeOptions, SpecialText, Token, Tokenizer, TokenizerError};
use serde_json::json;

use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::output::Stdout;

const EXAMPLES: &str = "\
Examples:
  hipgauge tokenize --model model.gguf 'The sky is blue'
  hipgauge tokenize --model model.gguf --decode 791,13180,374,6437
  hipgauge tokenize --model Llama-3.2-1B/ --file prompt.txt --json
  hipgauge tokenize --model model.gguf --chat 'Why is the sky blue?'
  curl -s https://example.org | hipgauge tokenize --model model.gguf --no-special

Files and standard input are taken as they are, with the line break at their end. A GGUF file's tokenizer encodes any
bytes, a tokenizer.json only UTF-8.";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// GGUF file, tokenizer.json, or a Hugging Face directory that holds one
    #[arg(long, value_name = "PATH")]
    model: PathBuf,

    /// Text to encode; without it, --file or standard input
    #[arg(value_name = "TEXT")]
    text: Option<OsString>,

    /// File with the text; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    file: Option<PathBuf>,

    /// Give the text of these token ids instead
    #[arg(long, value_name = "IDS", num_args = 1.., value_delimiter = ',', conflicts_with_all = ["text", "file", "chat"])]
    decode: Vec<u32>,

    /// Add no BOS and EOS, and read special tokens in the text as text; with --decode, leave special tokens out
    #[arg(long)]
    no_special: bool,

    /// Put the text into the model's chat template first, as a user's message that waits for its answer
    #[arg(long, conflicts_with = "no_special")]
    chat: bool,

    /// Print JSON: each token's id, its piece of text, and the bytes of the input that it covers
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let tokenizer = Tokenizer::open(&arguments.model).or_exit(Exit::Usage)?;
    if arguments.decode.is_empty() { encode(arguments, &tokenizer) } else { decode(arguments, &tokenizer) }
}

fn encode(arguments: &Arguments, tokenizer: &Tokenizer) -> CommandResult {
    let mut text = input(arguments)?;
    if arguments.chat {
        text = rendered(tokenizer, text).or_exit(Exit::Usage)?.into_bytes();
    }
    let options = match (arguments.chat, arguments.no_special) {
        (true, _) => EncodeOptions::RENDERED,
        (false, true) => EncodeOptions::PLAIN,
        (false, false) => EncodeOptions::PROMPT,
    };
    let tokens = tokenizer.encode(&text, options).or_exit(Exit::Usage)?;
    let line = if arguments.json {
        let rows = tokens.iter().map(|token| describe(tokenizer, token)).collect::<Result<Vec<_>, _>>();
        let mut page = json!({"count": tokens.len(), "tokens": rows.or_exit(Exit::HarnessFault)?});
        if arguments.chat {
            page["text"] = String::from_utf8_lossy(&text).into();
        }
        page.to_string()
    } else {
        tokens.iter().map(|token| token.id.to_string()).collect::<Vec<_>>().join(" ")
    };
    Stdout::new().line(line).or_exit(Exit::HarnessFault)?;
    Ok(Exit::Good)
}

fn describe(tokenizer: &Tokenizer, token: &Token) -> Result<serde_json::Value, TokenizerError> {
    let piece = tokenizer.piece(token.id)?;
    Ok(json!({
        "id": token.id,
        "piece": String::from_utf8_lossy(piece),
        "bytes": hexadecimal(piece),
        "start": token.start,
        "end": token.end,
    }))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn decode(arguments: &Arguments, tokenizer: &Tokenizer) -> CommandResult {
    let special = if arguments.no_special { SpecialText::Skip } else { SpecialText::Show };
    let bytes = tokenizer.decode(&arguments.decode, special).or_exit(Exit::Usage)?;
    if arguments.json {
        let page = json!({"text": String::from_utf8_lossy(&bytes), "bytes": hexadecimal(&bytes)});
        Stdout::new().line(page).or_exit(Exit::HarnessFault)?;
        return Ok(Exit::Good);
    }
    // The bytes as they are, escape sequences and all. A reader that went away is no error.
    let mut stdout = io::stdout();
    match stdout.write_all(&bytes).and_then(|()| stdout.write_all(b"\n")).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(Exit::HarnessFault, error)),
        _ => Ok(Exit::Good),
    }
}

fn rendered(tokenizer: &Tokenizer, text: Vec<u8>) -> Result<String, TokenizerError> {
    let content =
        String::from_utf8(text).map_err(|error| TokenizerError::NotUtf8 { at: error.utf8_error().valid_up_to() })?;
    let message = json!({"role": "user", "content": content});
    tokenizer.chat_template()?.render(&Chat::new(&[message]))
}

fn input(arguments: &Arguments) -> Result<Vec<u8>, Failure> {
    if let Some(text) = &arguments.text {
        return Ok(text.as_encoded_bytes().to_vec());
    }
    match &arguments.file {
        Some(path) if path != Path::new("-") => {
            std::fs::read(path).or_exit_with(Exit::Usage, || format!("cannot read --file {}", path.display()))
        }
        None if io::stdin().is_terminal() => {
            Err(Failure::usage("there is no text; write it after the options, or name a --file, or pipe it in"))
        }
        _ => {
            let mut text = Vec::new();
            io::stdin()
                .read_to_end(&mut text)
                .or_exit_with(Exit::Usage, || "cannot read standard input".to_string())?;
            Ok(text)
        }
    }
}
