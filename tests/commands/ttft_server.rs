//! `hipgauge ttft --url` against a server of a few lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use assert_cmd::Command;
use hipgauge::report::RunStatus;
use hipgauge::report::ttft::{TtftRun, read_ttft_run};
use hipgauge::ttft::TtftMode;
use serde_json::{Value, json};

/// A server that reads a prompt as fast as one token per 20 microseconds, and answers with as many words as it may.
fn serve(cached: u64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || while answer(&stream, cached).is_some() {});
        }
    });
    url
}

/// One request of a connection; `None` when there is none any more.
fn answer(mut stream: &TcpStream, cached: u64) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    // A model that breaks: prompts of 50 tokens are too much for it.
    if body["model"] == "fragile" && body["prompt"].as_array().is_some_and(|ids| ids.len() == 50) {
        let text = "{\"error\": {\"message\": \"the engine died\"}}";
        let head = format!("HTTP/1.1 500 Internal Server Error\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        return stream.write_all(head.as_bytes()).ok();
    }
    if body["model"] != "known" && body["model"] != "fragile" {
        let text = "{\"error\": {\"message\": \"there is no such model\"}}";
        let head = format!("HTTP/1.1 404 Not Found\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        return stream.write_all(head.as_bytes()).ok();
    }
    let prompt = match &body["prompt"] {
        Value::Array(ids) => ids.len(),
        Value::String(text) => text.split(' ').count() + 1,
        _ => body["messages"][0]["content"].as_str().map_or(0, |text| text.split(' ').count() + 5),
    };
    stream
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        .ok()?;
    thread::sleep(Duration::from_micros(20 * prompt as u64));
    let tokens = body["max_tokens"].as_u64()?;
    for word in 0..tokens {
        let text = format!(" w{word}");
        let choice =
            if body["messages"].is_array() { json!({"delta": {"content": text}}) } else { json!({"text": text}) };
        chunk(stream, &format!("data: {}\n\n", json!({"choices": [choice]})))?;
        thread::sleep(Duration::from_micros(300));
    }
    let details = json!({"cached_tokens": cached});
    let usage = json!({"prompt_tokens": prompt, "completion_tokens": tokens, "prompt_tokens_details": details});
    chunk(stream, &format!("data: {}\n\n", json!({"choices": [], "usage": usage})))?;
    chunk(stream, "data: [DONE]\n\n")?;
    stream.write_all(b"0\r\n\r\n").ok()
}

fn chunk(mut stream: &TcpStream, text: &str) -> Option<()> {
    stream.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes()).ok()
}

fn ttft(url: &str, out: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["ttft", "--url", url, "--repeats", "2", "--decode", "4", "--out"]).arg(out).args(more);
    let output = command.env_remove("OPENAI_API_KEY").output().expect("run");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn read(path: &Path) -> TtftRun {
    read_ttft_run(path).expect("readable").expect("a TTFT run")
}

#[test]
fn a_server_is_measured_into_the_same_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let (code, stdout, stderr) = ttft(&serve(0), &out, &["--model-name", "known", "--prompt-len", "64,16,512,128"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let run = read(&out);
    assert_eq!(run.requests.len(), 8);
    assert_eq!((run.record.engine.path.as_str(), run.record.model.name.as_str()), ("server", "known"));
    for row in &run.requests {
        assert_eq!((row.mode, row.server_ms, row.decode_tokens), (TtftMode::Steady, Some(row.ttft_ms), 4));
        assert!(row.ttft_ms >= 0.02 * f64::from(row.prompt_tokens), "it was not answered sooner: {row:?}");
        // Pieces that a busy machine reads together are no time apart.
        assert!(row.second_token_ms.is_some_and(|ms| ms >= 0.0));
    }
    let summary = run.summaries.iter().find(|row| row.prompt_tokens == 512).expect("a row");
    assert_eq!((summary.flop_floor_ms, summary.unattributed_ms), (None, 0.0));
    assert_eq!(run.fits.len(), 1, "four lengths have a fit");
    let said = std::fs::read_to_string(out.join("ttft_server.csv")).expect("what the server said");
    assert_eq!(said.lines().count(), 1 + 8);
    assert!(said.contains("steady,512,1,0,512,5,0,5,,"), "{said}");
    assert!(!run.record.notes.iter().any(|note| note.contains("cache of prefixes")), "{:?}", run.record.notes);
    assert!(out.join("index.html").exists() && out.join("trace.json").exists());
}

#[test]
fn a_cache_of_prefixes_and_other_lengths_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let (code, stdout, stderr) = ttft(&serve(9), &out, &["--model-name", "known", "--prompt-len", "50", "--chat"]);
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    let notes = read(&out).record.notes;
    assert!(notes.iter().any(|note| note.contains("had computed 18 of the prompts' tokens")), "{notes:?}");
    assert!(notes.iter().any(|note| note.contains("+10.0 % longer")), "55 tokens instead of 50: {notes:?}");
}

#[test]
fn a_request_that_fails_ends_the_run_and_keeps_what_was_measured() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let more = ["--model-name", "fragile", "--prompt-len", "20,50", "--warm-up", "0"];
    let (code, stdout, stderr) = ttft(&serve(0), &out, &more);
    assert_eq!(code, Some(3), "{stdout}{stderr}");
    assert!(stderr.contains("the engine died") && stdout.contains("partial: a request failed"), "{stdout}{stderr}");
    let run = read(&out);
    assert_eq!((run.record.status, run.requests.len()), (RunStatus::Partial, 1));
    let failure = run.record.failure.as_deref().expect("it is in run.json");
    assert!(failure.contains("the engine died") && run.record.ended.is_some(), "{failure}");
    assert_eq!((run.summaries.len(), run.summaries[0].prompt_tokens, run.summaries[0].requests), (1, 20, 1));
    for file in ["index.html", "summary.md"] {
        let text = std::fs::read_to_string(out.join(file)).expect(file);
        assert!(text.contains("the engine died") && text.contains("ended by a failure"), "{file}");
    }
    let said = std::fs::read_to_string(out.join("ttft_server.csv")).expect("what the server said");
    assert_eq!(said.lines().count(), 1 + 1);
}

#[test]
fn what_a_server_does_not_do_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = serve(0);
    for (name, more, code, words) in [
        ("model", &["--model-name", "unknown"][..], 64, "there is no such model"),
        ("chat", &["--model-name", "known", "--chat", "--prompt-as", "ids"][..], 64, "no token ids in its messages"),
        ("mode", &["--model-name", "known", "--mode", "cold"][..], 64, "steady"),
        ("batch", &["--model-name", "known", "--batch", "2"][..], 64, "one request at a time"),
        ("body", &["--model-name", "known", "--request-body", "[1]"][..], 64, "no JSON object"),
        ("name", &[][..], 64, "--model-name"),
        ("check", &["--model-name", "known", "--check"][..], 64, "--check"),
    ] {
        let (found, stdout, stderr) = ttft(&url, &folder.path().join(name), more);
        assert_eq!(found, Some(code), "{name}: {stdout}{stderr}");
        assert!(stderr.contains(words), "{name}: {stderr}");
    }
    let (found, _, stderr) = ttft("http://127.0.0.1:9/v1", &folder.path().join("down"), &["--model-name", "known"]);
    assert!(found == Some(3) && stderr.contains("is the server up"), "{found:?} {stderr}");
}
