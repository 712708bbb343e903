//! The client against servers of a few lines that answer well, badly, and not at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::{Endpoint, PromptForm, Server, ServerError, ServerOptions, server_prompt};

/// Answers one request with these parts, with a pause before each, and gives the request's head and body.
fn serve(parts: Vec<(u64, String)>) -> (String, JoinHandle<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).expect("a request");
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            if line.trim().is_empty() {
                break;
            }
            head.push_str(&line);
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).expect("a body");
        for (pause_ms, part) in parts {
            thread::sleep(Duration::from_millis(pause_ms));
            // A client that has seen enough may be gone.
            let _ = stream.write_all(part.as_bytes()).and_then(|()| stream.flush());
        }
        (head, serde_json::from_slice(&body).expect("a JSON body"))
    });
    (url, server)
}

fn server(url: &str) -> Server {
    let (url, model) = (url.to_string(), "tiny".to_string());
    let timeout = Some(Duration::from_secs(20));
    let body = Map::from_iter([("ignore_eos".to_string(), json!(true))]);
    let key = Some("secret".to_string());
    Server::new(ServerOptions { url, model, endpoint: Endpoint::Completions, key, body, timeout }).expect("an address")
}

fn head(content_type: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\nconnection: close\r\n\r\n")
}

fn event(text: &str) -> String {
    format!("data: {}\n\n", json!({"choices": [{"text": text}]}))
}

fn ask(parts: Vec<(u64, String)>) -> Result<super::Answer, ServerError> {
    let (url, thread) = serve(parts);
    let answer = server(&url).ask(&server_prompt(PromptForm::Ids { vocabulary: 500 }, 3, 0, 0), 4);
    thread.join().expect("the server saw a request");
    answer
}

#[test]
fn the_first_text_counts_and_not_the_first_event() {
    let (url, thread) = serve(vec![
        (0, head("text/event-stream; charset=utf-8")),
        (5, event("")),
        (60, event("one")),
        (40, event(" two") + "data: {\"choices\": [], \"usage\": {\"prompt_tokens\": 3}}\n\n"),
        (5, "data: [DONE]\n\n".to_string()),
    ]);
    let prompt = server_prompt(PromptForm::Ids { vocabulary: 500 }, 3, 0, 0);
    let answer = server(&url).ask(&prompt, 4).expect("an answer");
    assert_eq!((answer.text.as_str(), answer.prompt_tokens), ("one two", Some(3)));
    // Pauses are at least as long as asked for; how much longer is not this test's business.
    assert!(answer.pieces_s[0] >= 0.065 && answer.steps_s()[0] >= 0.04, "{answer:?}");
    assert!(answer.seconds >= answer.pieces_s[1]);
    let (head, body) = thread.join().expect("a request");
    assert!(head.starts_with("POST /v1/completions HTTP/1.1"), "{head}");
    assert!(head.to_ascii_lowercase().contains("authorization: bearer secret"), "{head}");
    assert_eq!((&body["prompt"], &body["max_tokens"]), (&prompt.0, &json!(4)));
    assert_eq!((&body["stream"], &body["temperature"], &body["ignore_eos"]), (&json!(true), &json!(0), &json!(true)));
}

#[test]
fn refusals_and_broken_streams_are_named() {
    let refused = "HTTP/1.1 400 Bad Request\r\ncontent-length: 9\r\nconnection: close\r\n\r\nno such m".to_string();
    let error = ask(vec![(0, refused)]).expect_err("refused");
    assert!(matches!(&error, ServerError::Status { status: 400, body, .. } if body == "no such m"), "{error}");
    assert!(!error.to_string().contains("secret"));

    let error = ask(vec![(0, head("application/json") + "{}")]).expect_err("no stream");
    assert!(matches!(&error, ServerError::NoStream { content_type, .. } if content_type == "application/json"));

    let stream = || head("text/event-stream");
    let error = ask(vec![(0, stream() + "data: {\"error\": {\"message\": \"no room\"}}\n\n")]).expect_err("reported");
    assert!(matches!(&error, ServerError::Reported { message, .. } if message == "no room"), "{error}");

    let error = ask(vec![(0, stream() + &event("a") + "data: what\n\n")]).expect_err("no completion");
    assert!(matches!(&error, ServerError::Event { number: 2, .. }), "{error}");

    let error = ask(vec![(0, stream() + &event("") + "data: [DONE]\n\n")]).expect_err("no text");
    assert!(matches!(error, ServerError::NoText { .. }), "{error}");

    let chunked = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\nff\r\n";
    let error = ask(vec![(0, chunked.to_string() + &event("a"))]).expect_err("cut");
    assert!(matches!(error, ServerError::BrokenOff { .. }), "{error}");
}

#[test]
fn addresses_are_checked_before_anything_is_sent() {
    for (url, why) in [
        ("https://localhost:8000/v1", "https is not supported"),
        ("localhost:8000", "does not begin with http://"),
        ("http:///v1", ""),
        ("not an address", ""),
    ] {
        let (model, endpoint, body) = (String::new(), Endpoint::Chat, Map::new());
        let options = ServerOptions { url: url.to_string(), model, endpoint, key: None, body, timeout: None };
        let error = Server::new(options).map(|_| ()).expect_err(url);
        assert!(matches!(error, ServerError::Address { .. }) && error.to_string().contains(why), "{error}");
    }
}

#[test]
fn nobody_there_is_said() {
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let error = server(&format!("http://127.0.0.1:{port}/v1"))
        .ask(&server_prompt(PromptForm::Text, 3, 0, 0), 1)
        .expect_err("nobody listens");
    assert!(
        matches!(error, ServerError::Connection { .. }) && error.to_string().contains("is the server up"),
        "{error}"
    );
}
