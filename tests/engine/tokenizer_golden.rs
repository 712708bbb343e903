//! Tokenizers and chat templates against what transformers, tokenizers and sentencepiece say;
//! tests/fixtures/tokenizers/make_tokenizers.py made the tokenizers, the strings and the ids.

use std::fs;
use std::path::PathBuf;

use hipgauge::engine::model_file::GgufFile;
use hipgauge::engine::tokenizer::{
    Chat, ChatTemplate, EncodeOptions, GgufVocabulary, SpecialText, Token, Tokenizer, TokenizerError,
};

const NO_SPECIAL_ADDED: EncodeOptions = EncodeOptions { add_special: false, parse_special: true };

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers").join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn strings() -> Vec<Vec<u8>> {
    read("strings.jsonl").lines().map(|line| serde_json::from_str::<String>(line).unwrap().into_bytes()).collect()
}

/// Byte strings that are not UTF-8.
fn invalid() -> Vec<Vec<u8>> {
    let byte = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).unwrap(), 16).unwrap();
    read("invalid.txt").lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
}

fn golden_ids(name: &str) -> Vec<Vec<u32>> {
    let row = |line: &str| line.split_whitespace().map(|id| id.parse().unwrap()).collect();
    read(&format!("ids/{name}.txt")).lines().map(row).collect()
}

fn open(name: &str) -> Tokenizer {
    Tokenizer::open(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn vocabulary(name: &str) -> GgufVocabulary {
    GgufVocabulary::from_metadata(&GgufFile::read_metadata(&fixture(name)).unwrap()).unwrap()
}

fn ids(tokens: &[Token]) -> Vec<u32> {
    tokens.iter().map(|token| token.id).collect()
}

/// Asserts that every text gets the golden ids, and says which does not.
fn agrees(what: &str, tokenizer: &Tokenizer, texts: &[Vec<u8>], options: EncodeOptions, golden: &str) {
    let golden = golden_ids(golden);
    let mut wrong = Vec::new();
    for (text, expected) in texts.iter().zip(&golden) {
        let found = ids(&tokenizer.encode(text, options).unwrap());
        if found != *expected {
            wrong.push(format!("{:?}: {found:?}, expected {expected:?}", String::from_utf8_lossy(text)));
        }
    }
    assert!(!golden.is_empty() && golden.len() <= texts.len(), "{what}: {} rows", golden.len());
    assert!(
        wrong.is_empty(),
        "{what}: {} of {} differ:\n{}",
        wrong.len(),
        golden.len(),
        wrong[..wrong.len().min(8)].join("\n")
    );
}

#[test]
fn a_thousand_strings_are_there() {
    assert_eq!(strings().len(), 1000);
    assert_eq!(invalid().len(), 200);
    assert!(invalid().iter().all(|bytes| std::str::from_utf8(bytes).is_err()));
}

#[test]
fn tokenizer_json_gives_the_ids_of_transformers() {
    let strings = strings();
    for family in ["llama2", "llama3", "qwen2"] {
        agrees(family, &open(family), &strings, EncodeOptions::PROMPT, &format!("{family}-json"));
    }
    for family in ["llama3", "qwen2"] {
        let golden = format!("{family}-json-plain");
        agrees(family, &open(family), &strings, EncodeOptions::PLAIN, &golden);
    }
}

#[test]
fn bos_and_eos_follow_the_settings_beside_tokenizer_json() {
    let strings = strings();
    for family in ["llama3", "qwen2"] {
        let folder = tempfile::tempdir().unwrap();
        fs::copy(fixture(family).join("tokenizer.json"), folder.path().join("tokenizer.json")).unwrap();
        let settings = fs::read_to_string(fixture(family).join("tokenizer_config.json")).unwrap();
        let mut settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
        settings["add_bos_token"] = true.into();
        settings["add_eos_token"] = true.into();
        fs::write(folder.path().join("tokenizer_config.json"), settings.to_string()).unwrap();
        let tokenizer = Tokenizer::open(folder.path()).unwrap();
        agrees(family, &tokenizer, &strings, EncodeOptions::PROMPT, &format!("{family}-json-eos"));
    }
}

#[test]
fn byte_level_gguf_gives_the_ids_of_tokenizers() {
    let strings = strings();
    for family in ["llama3", "qwen2"] {
        let tokenizer = open(&format!("{family}.gguf"));
        agrees(family, &tokenizer, &strings, EncodeOptions::PROMPT, &format!("{family}-gguf"));
    }
}

#[test]
fn every_pre_tokenizer_gives_the_ids_of_tokenizers() {
    let (strings, invalid) = (strings(), invalid());
    let mut vocabulary = vocabulary("patterns.gguf");
    let mut seen = Vec::new();
    for pre in [
        "default",
        "gpt-2",
        "llama-bpe",
        "chatglm-bpe",
        "qwen2",
        "qwen35",
        "smollm",
        "falcon",
        "tekken",
        "gpt-4o",
        "deepseek-llm",
        "deepseek-coder",
        "deepseek-v3",
        "seed-coder",
        "bloom",
        "viking",
    ] {
        vocabulary.pre = Some(pre.to_string());
        let tokenizer = Tokenizer::from_gguf(&vocabulary).unwrap();
        agrees(pre, &tokenizer, &strings, NO_SPECIAL_ADDED, &format!("patterns-{pre}"));
        agrees(pre, &tokenizer, &invalid, NO_SPECIAL_ADDED, &format!("patterns-{pre}-invalid"));
        let golden = golden_ids(&format!("patterns-{pre}"));
        assert!(!seen.contains(&golden), "{pre} is told apart from the others");
        seen.push(golden);
    }
}

#[test]
fn sentencepiece_gguf_gives_the_ids_of_sentencepiece() {
    let (strings, tokenizer) = (strings(), open("llama2.gguf"));
    agrees("llama2", &tokenizer, &strings, EncodeOptions::PROMPT, "llama2-gguf");
    agrees("llama2", &tokenizer, &strings, EncodeOptions::PLAIN, "llama2-gguf-plain");
}

#[test]
fn decoding_gives_the_text_of_transformers() {
    let texts = read("llama2-decoded.jsonl");
    let golden = golden_ids("llama2-json");
    for name in ["llama2", "llama2.gguf"] {
        let tokenizer = open(name);
        for (line, ids) in texts.lines().zip(&golden) {
            let expected: String = serde_json::from_str(line).unwrap();
            let bytes = tokenizer.decode(ids, SpecialText::Skip).unwrap();
            assert_eq!(String::from_utf8(bytes).unwrap(), expected, "{name}: {ids:?}");
        }
    }
}

#[test]
fn spans_cover_the_text() {
    for name in ["llama2.gguf", "llama3.gguf", "qwen2.gguf"] {
        let tokenizer = open(name);
        for text in strings().iter().chain(&invalid()) {
            let tokens = tokenizer.encode(text, EncodeOptions::PROMPT).unwrap();
            let mut end = 0;
            for token in &tokens {
                assert_eq!(token.start, end, "{name}: {tokens:?}");
                assert!(token.end >= token.start);
                end = token.end;
            }
            assert_eq!(end, text.len(), "{name}: {tokens:?}");
        }
    }
}

#[test]
fn chat_templates_render_as_in_transformers() {
    let cases: Vec<serde_json::Value> = serde_json::from_str(&read("chat/cases.json")).unwrap();
    assert_eq!(cases.len(), 52);
    let tokens = [("bos_token", "<s>"), ("eos_token", "</s>")];
    for case in &cases {
        let source = read(&format!("chat/{}.jinja", case["template"].as_str().unwrap()));
        let tokens = tokens.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        let template = ChatTemplate::new(&source, tokens).unwrap();
        let chat = Chat {
            messages: case["messages"].as_array().unwrap(),
            tools: Some(&case["tools"]).filter(|tools| !tools.is_null()),
            add_generation_prompt: case["add_generation_prompt"].as_bool().unwrap(),
        };
        match (template.render(&chat), case["text"].as_str()) {
            (Ok(text), Some(expected)) => assert_eq!(text, expected, "{case}"),
            (Err(TokenizerError::ChatTemplate { problem }), None) => {
                assert_eq!(problem, case["error"].as_str().unwrap())
            }
            (other, _) => panic!("{case}: {other:?}"),
        }
    }
}

#[test]
fn a_model_brings_its_template_and_its_end_tokens() {
    for (name, begins) in [
        ("llama3", "<|begin_of_text|><|start_header_id|>user"),
        ("qwen2", "<|im_start|>system\n"),
        ("llama2", "<s>[INST] hi"),
    ] {
        let message = serde_json::json!({"role": "user", "content": "hi"});
        for name in [name.to_string(), format!("{name}.gguf")] {
            let tokenizer = open(&name);
            let text = tokenizer.chat_template().unwrap().render(&Chat::new(std::slice::from_ref(&message))).unwrap();
            assert!(text.starts_with(begins), "{name}: {text}");
            let eos = tokenizer.eos().expect("an end");
            assert!(tokenizer.end_of_generation().contains(&eos), "{name}");
            let rendered = tokenizer.encode(text.as_bytes(), EncodeOptions::RENDERED).unwrap();
            let first = tokenizer.piece(rendered[0].id).unwrap();
            assert!(begins.as_bytes().starts_with(first), "{name}: the first token is the template's own");
        }
    }
    let llama3 = open("llama3.gguf");
    let names: Vec<_> = llama3.end_of_generation().iter().map(|&id| llama3.piece(id).unwrap()).collect();
    assert_eq!(names, [b"<|end_of_text|>".as_slice(), b"<|eot_id|>"]);
}
