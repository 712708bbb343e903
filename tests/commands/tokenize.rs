//! `hipgauge tokenize` as a user meets it.

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;

const GOOD: i32 = 0;
const USAGE: i32 = 64;

fn fixture(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers").join(name);
    path.to_str().expect("the repository's path is UTF-8").to_string()
}

fn tokenize(model: &str, arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("hipgauge").expect("cargo builds the program for its tests");
    command.args(["tokenize", "--model", &fixture(model)]).args(arguments);
    command
}

fn output(command: &mut Command) -> String {
    let assert = command.assert().code(GOOD);
    String::from_utf8(assert.get_output().stdout.clone()).expect("UTF-8")
}

fn refused(command: &mut Command) -> String {
    let assert = command.assert().code(USAGE);
    assert!(assert.get_output().stdout.is_empty());
    String::from_utf8(assert.get_output().stderr.clone()).expect("UTF-8")
}

#[test]
fn text_becomes_ids_and_ids_become_the_text() {
    let text = "Ça va très bien, 今日は 👍🏽\n";
    for model in ["llama3.gguf", "llama3", "llama3/tokenizer.json", "llama2.gguf", "llama2", "qwen2.gguf", "qwen2"] {
        let ids = output(&mut tokenize(model, &["--no-special", text]));
        assert!(ids.ends_with('\n') && ids.lines().count() == 1, "{ids}");
        let commas = ids.trim().replace(' ', ",");
        assert_eq!(output(&mut tokenize(model, &["--decode", &commas])), format!("{text}\n"), "{model}");
        let spaced: Vec<&str> = [&["--decode"], &ids.split_whitespace().collect::<Vec<_>>()[..]].concat();
        assert_eq!(output(&mut tokenize(model, &spaced)), format!("{text}\n"), "{model}");
    }
}

#[test]
fn argument_file_and_standard_input_are_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prompt.txt");
    fs::write(&path, "one\ntwo").unwrap();
    let expected = output(&mut tokenize("llama3.gguf", &["one\ntwo"]));
    assert_eq!(output(&mut tokenize("llama3.gguf", &["--file", path.to_str().unwrap()])), expected);
    assert_eq!(output(tokenize("llama3.gguf", &[]).write_stdin("one\ntwo")), expected);
    assert_eq!(output(tokenize("llama3.gguf", &["--file", "-"]).write_stdin("one\ntwo")), expected);
    assert_ne!(output(tokenize("llama3.gguf", &[]).write_stdin("one\ntwo\n")), expected, "the last line break counts");
    assert_eq!(output(tokenize("qwen2.gguf", &[]).write_stdin("")), "\n");
}

#[test]
fn special_tokens_are_added_and_found_unless_told_otherwise() {
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&output(&mut tokenize("llama3.gguf", arguments))).expect("JSON")
    };
    let pieces = |page: &serde_json::Value| -> Vec<String> {
        let tokens = page["tokens"].as_array().unwrap().iter();
        tokens.map(|token| token["piece"].as_str().unwrap().to_string()).collect()
    };
    let page = json(&["--json", "a<|eot_id|>"]);
    assert_eq!(pieces(&page), ["<|begin_of_text|>", "a", "<|eot_id|>"]);
    assert_eq!(page["count"], 3);
    assert_eq!(page["tokens"][2]["start"], 1);
    assert_eq!(page["tokens"][2]["end"], 11);
    let plain = json(&["--json", "--no-special", "a<|eot_id|>"]);
    assert_eq!(pieces(&plain).concat(), "a<|eot_id|>");
    assert!(pieces(&plain).len() > 2, "{plain}");

    let ids = output(&mut tokenize("llama3.gguf", &["a<|eot_id|>"])).trim().replace(' ', ",");
    assert_eq!(output(&mut tokenize("llama3.gguf", &["--decode", &ids])), "<|begin_of_text|>a<|eot_id|>\n");
    assert_eq!(output(&mut tokenize("llama3.gguf", &["--decode", &ids, "--no-special"])), "a\n");
}

#[test]
fn a_chat_is_rendered_first() {
    for model in ["llama3", "llama3.gguf"] {
        let text = output(&mut tokenize(model, &["--chat", "--json", " Hi "]));
        let page: serde_json::Value = serde_json::from_str(&text).unwrap();
        let expected = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>\
                        <|start_header_id|>assistant<|end_header_id|>\n\n";
        assert_eq!(page["text"], expected, "{model}");
        let ids: Vec<String> = page["tokens"].as_array().unwrap().iter().map(|token| token["id"].to_string()).collect();
        let decoded = output(&mut tokenize(model, &["--decode", &ids.join(",")]));
        assert_eq!(decoded, format!("{expected}\n"), "one BOS, and every special token found");
    }
}

#[test]
fn bytes_that_are_no_text_need_a_gguf_file() {
    let bytes: &[u8] = b"a\xff\x1b[31mb\xe4\xbd";
    let ids = output(tokenize("llama2.gguf", &["--no-special"]).write_stdin(bytes)).trim().replace(' ', ",");
    let assert = tokenize("llama2.gguf", &["--decode", &ids]).assert().code(GOOD);
    assert_eq!(assert.get_output().stdout, [bytes, b"\n"].concat());
    let page = output(&mut tokenize("llama2.gguf", &["--decode", &ids, "--json"]));
    assert!(page.contains("\"bytes\":\"61ff1b5b33316d62e4bd\""), "{page}");
    let stderr = refused(tokenize("llama2", &[]).write_stdin(bytes));
    assert!(stderr.contains("not UTF-8 at byte 1") && stderr.contains("GGUF"), "{stderr}");
}

#[test]
fn mistakes_get_one_clear_message() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_string()
    };
    let unknown_decoder = at(
        "decoder.json",
        r#"{"version":"1.0","decoder":null,"model":{"type":"WordLevel","vocab":{"a":0},"unk_token":"a"}}"#,
    );
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (model, arguments, message) in [
        (fixture("nothing.gguf"), &["x"][..], "cannot read"),
        (empty.to_str().unwrap().to_string(), &["x"], "tokenizer.json"),
        (at("a.json", "{"), &["x"], "it is no JSON"),
        (at("b.json", "[]"), &["x"], "it is no JSON object"),
        (at("c.json", "{}"), &["x"], "c.json"),
        (unknown_decoder, &["x"], "supported are ByteLevel"),
        (at("cut.gguf", "GGUF\u{3}\0\0\0"), &["x"], "damaged or cut short"),
        (fixture("llama3.gguf"), &["--decode", "99999"], "token id 99999 is not in the vocabulary of"),
        (fixture("llama3.gguf"), &["--decode", "1,-2"], "-2"),
        (fixture("llama3.gguf"), &["--decode", "x"], "invalid digit"),
        (fixture("llama3.gguf"), &["--file", "/no/such"], "cannot read --file /no/such"),
        (fixture("llama3.gguf"), &["x", "--file", "y"], "cannot be used with"),
        (fixture("llama3.gguf"), &["--chat", "--no-special", "y"], "cannot be used with"),
        (fixture("patterns.gguf"), &["--chat", "x"], "no chat template"),
    ] {
        let mut command = Command::cargo_bin("hipgauge").unwrap();
        command.args(["tokenize", "--model", &model]).args(arguments);
        let stderr = refused(&mut command);
        assert!(stderr.starts_with("error: ") && stderr.contains(message), "{model} {arguments:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
    }
}

#[test]
fn help_teaches_by_examples() {
    let mut command = Command::cargo_bin("hipgauge").unwrap();
    let help = output(command.args(["tokenize", "--help"]));
    for word in ["Examples:\n  hipgauge tokenize", "--decode 791,13180", "--chat", "standard input"] {
        assert!(help.contains(word), "{help}");
    }
}
