//! `hipgauge generate` on a tiny model whose continuation transformers has written down.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use assert_cmd::Command;
use safetensors::SafeTensors;
use serde_json::{Value, json};

use crate::interrupt::{heed_interrupts, signal};
use crate::speaking_model::speaking_model;

const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models");

fn words(name: &str) -> Vec<u32> {
    let bytes = fs::read(PathBuf::from(MODELS).join("expected.safetensors")).expect("a fixture");
    let file = SafeTensors::deserialize(&bytes).expect("a safetensors file");
    let view = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    view.data().as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes)).collect()
}

fn text(ids: &[u32]) -> String {
    ids.iter().map(|id| if *id == 95 { '\n' } else { char::from_u32(id + 32).expect("ASCII") }).collect()
}

fn generate(model: &Path, prompt: &str, rest: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["generate", "--device", "host", "--model"]).arg(model).args(["--prompt", prompt]).args(rest);
    command
}

fn stdout(command: &mut Command) -> String {
    let output = command.assert().code(0).get_output().clone();
    String::from_utf8(output.stdout).expect("text")
}

fn json_of(command: &mut Command) -> Value {
    serde_json::from_str(&stdout(command)).expect("one JSON object")
}

/// What transformers continues with, up to a token that ends the text, which its list does not stop at.
fn expected(name: &str, folder: &Path) -> (Vec<u32>, &'static str) {
    let config = fs::read_to_string(folder.join("generation_config.json")).expect("a fixture");
    let config: Value = serde_json::from_str(&config).expect("JSON");
    let ends: Vec<u64> = config["eos_token_id"].as_u64().into_iter().collect();
    let greedy = words(&format!("{name}.greedy"));
    match greedy.iter().position(|id| ends.contains(&u64::from(*id))) {
        Some(end) => (greedy[..end].to_vec(), "end token"),
        None => (greedy, "most tokens"),
    }
}

#[test]
fn the_text_is_transformers_greedy_continuation() {
    for name in ["llama", "qwen3"] {
        let model = speaking_model(name);
        let prompt = text(&words("tokens"));
        let (tokens, end) = expected(name, model.path());
        let answer = json_of(&mut generate(model.path(), &prompt, &["--max-tokens", "64", "--raw", "--json"]));
        assert_eq!(answer["prompt_tokens"], json!(words("tokens")), "{name}");
        assert_eq!(answer["tokens"], json!(tokens), "{name}");
        assert_eq!(answer["text"], json!(text(&tokens)), "{name}");
        assert_eq!((answer["end"].as_str(), answer["path"].as_str()), (Some(end), Some("native")), "{name}");
        let streamed = stdout(&mut generate(model.path(), &prompt, &["--max-tokens", "64"]));
        assert_eq!(streamed, text(&tokens) + "\n", "{name}: no template, so the same");
    }
}

#[test]
fn seeds_decide_and_stops_end() {
    let model = speaking_model("llama");
    let prompt = text(&words("tokens"));
    let random = |seed: &str, rest: &[&str]| {
        let options = ["--raw", "--json", "--max-tokens", "24", "--temperature", "1.2", "--seed", seed];
        json_of(&mut generate(model.path(), &prompt, &[&options, rest].concat()))
    };
    let once = random("3", &[]);
    assert_eq!(random("3", &[])["tokens"], once["tokens"]);
    assert_ne!(random("4", &[])["tokens"], once["tokens"]);
    let first_only = random("3", &["--top-k", "1"]);
    let (greedy, _) = expected("llama", model.path());
    assert_eq!(first_only["tokens"], json!(greedy[..24.min(greedy.len())]), "one token left is no choice");

    let stop = text(&greedy[2..4]);
    let stopped = json_of(&mut generate(model.path(), &prompt, &["--raw", "--json", "--stop", &stop]));
    let whole = text(&greedy);
    assert_eq!(stopped["text"], whole[..whole.find(&stop).expect("there")]);
    assert_eq!(stopped["end"], "stop text");
}

#[test]
fn the_chat_template_is_used_where_there_is_one() {
    let model = speaking_model("llama");
    let template = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}";
    let config = json!({"chat_template": template});
    fs::write(model.path().join("tokenizer_config.json"), config.to_string()).expect("written");
    let ids = |rest: &[&str]| {
        let answer = json_of(&mut generate(model.path(), "Hi", &[&["--json", "--max-tokens", "1"], rest].concat()));
        let ids: Vec<u32> = serde_json::from_value(answer["prompt_tokens"].clone()).expect("ids");
        text(&ids)
    };
    assert_eq!(ids(&[]), "<user>Hi");
    assert_eq!(ids(&["--raw"]), "Hi");
}

#[test]
fn bad_input_is_told() {
    let model = speaking_model("llama");
    let refused = |command: &mut Command, message: &str| {
        let output = command.assert().code(64).get_output().clone();
        let error = String::from_utf8(output.stderr).expect("text");
        assert!(error.contains(message), "{error}");
    };
    refused(&mut generate(Path::new("/no/such/model"), "Hi", &[]), "cannot read /no/such/model");
    refused(&mut generate(&Path::new(MODELS).join("llama"), "Hi", &[]), "cannot read and write text");
    refused(&mut generate(model.path(), "", &["--raw"]), "the prompt has 0 tokens");
    refused(
        &mut generate(model.path(), &"a".repeat(600), &[]),
        "the prompt has 600 tokens, and the model reads 1 to 512",
    );
    refused(
        &mut generate(model.path(), "Hi", &["--dtype", "bf16"]),
        "--dtype bf16 is for GPUs, and host computes in f32",
    );
    refused(&mut generate(model.path(), "Hi", &["--max-tokens", "0"]), "give 1 or more");
    refused(&mut generate(model.path(), "Hi", &["--stop", ""]), "an empty --stop");
    refused(&mut generate(model.path(), "Hi", &["--temperature", "nan"]), "temperature NaN is out of range");
    refused(&mut generate(model.path(), "Hi", &["--top-p", "1.5"]), "top-p 1.5 is out of range");
}

#[test]
fn ctrl_c_keeps_the_text() {
    let model = speaking_model("llama");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["generate", "--device", "host", "--raw", "--temperature", "2", "--max-tokens", "400", "--model"]);
    command.arg(model.path()).args(["--prompt", "abc"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = heed_interrupts(&mut command).spawn().expect("started");
    let mut stdout = child.stdout.take().expect("piped");
    let mut first = [0; 1];
    stdout.read_exact(&mut first).expect("a first letter");
    signal(&child, libc::SIGINT);
    let reader = thread::spawn(move || {
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).expect("text");
        rest
    });
    let status = child.wait().expect("it ends");
    let rest = reader.join().expect("read");
    // A child that was done before the signal came ends well; one that was not says so.
    assert!(matches!(status.code(), Some(0 | 130)), "{status}");
    assert!(rest.ends_with('\n'), "the line is ended: {rest:?}");
}
