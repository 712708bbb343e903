//! What holds for any text and any ids, on the tokenizers of tests/fixtures/tokenizers.

use std::path::PathBuf;
use std::sync::LazyLock;

use hipgauge::engine::model_file::GgufFile;
use hipgauge::engine::tokenizer::{EncodeOptions, GgufVocabulary, SpecialText, TokenType, Tokenizer, TokenizerError};
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tokenizers").join(name)
}

fn open(name: &str) -> Tokenizer {
    Tokenizer::open(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn vocabulary(name: &str) -> GgufVocabulary {
    GgufVocabulary::from_metadata(&GgufFile::read_metadata(&fixture(name)).unwrap()).unwrap()
}

static SENTENCE_PIECE: LazyLock<Tokenizer> = LazyLock::new(|| open("llama2.gguf"));
static BYTE_LEVEL: LazyLock<Vec<Tokenizer>> =
    LazyLock::new(|| ["llama3.gguf", "qwen2.gguf", "patterns.gguf"].map(open).into());
static ALL: LazyLock<Vec<Tokenizer>> =
    LazyLock::new(|| ["llama2", "llama2.gguf", "llama3", "llama3.gguf", "qwen2.gguf"].map(open).into());

fn encode(tokenizer: &Tokenizer, text: &[u8], options: EncodeOptions) -> Vec<u32> {
    tokenizer.encode(text, options).unwrap().iter().map(|token| token.id).collect()
}

/// Text with characters of every length, cut and mixed with bytes that are no UTF-8.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        3 => "\\PC{0,12}".prop_map(String::into_bytes),
        2 => "[a-zA-Z0-9' \\n\\t.]{0,20}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
        1 => prop_oneof!["<\\|eot_id\\|>", "<s>", "</tool_call>", "<\\|im_end\\|>"].prop_map(String::into_bytes),
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_bytes_come_back_from_byte_level_tokens(text in bytes(), parse_special: bool) {
        for tokenizer in BYTE_LEVEL.iter() {
            let ids = encode(tokenizer, &text, EncodeOptions { add_special: false, parse_special });
            prop_assert_eq!(&tokenizer.decode(&ids, SpecialText::Show).unwrap(), &text);
        }
    }

    /// But for what SentencePiece itself cannot tell apart: U+2581 and a space, and the space after a special token.
    #[test]
    fn any_bytes_come_back_from_sentencepiece_tokens(text in bytes()) {
        prop_assume!(!text.windows(3).any(|window| window == "\u{2581}".as_bytes()));
        let ids = encode(&SENTENCE_PIECE, &text, EncodeOptions::PLAIN);
        prop_assert_eq!(&SENTENCE_PIECE.decode(&ids, SpecialText::Show).unwrap(), &text);
    }

    #[test]
    fn streamed_text_is_the_whole_text(
        ids in proptest::collection::vec(any::<prop::sample::Index>(), 0..60), show: bool, start: bool,
    ) {
        for tokenizer in ALL.iter() {
            let ids: Vec<u32> = ids.iter().map(|id| id.index(tokenizer.vocabulary_size()) as u32).collect();
            let special = if show { SpecialText::Show } else { SpecialText::Skip };
            let mut stream = if start { tokenizer.stream(special) } else { tokenizer.stream_onwards(special) };
            let mut text = String::new();
            for &id in &ids {
                text.push_str(&stream.push(id).unwrap());
            }
            text.push_str(&stream.finish());
            let whole = if start {
                tokenizer.decode(&ids, special).unwrap()
            } else {
                // Every piece as it is, the leading space too.
                ids.iter().flat_map(|&id| {
                    let hidden = !show && tokenizer.decode(&[id], SpecialText::Skip).unwrap().is_empty()
                        && !tokenizer.decode(&[id], SpecialText::Show).unwrap().is_empty();
                    if hidden { Vec::new() } else { tokenizer.piece(id).unwrap().to_vec() }
                }).collect()
            };
            prop_assert_eq!(&text, &String::from_utf8_lossy(&whole));
        }
    }
}

#[test]
fn a_character_comes_out_once_it_is_whole() {
    for name in ["llama2", "llama2.gguf", "llama3", "qwen2.gguf"] {
        let tokenizer = open(name);
        let text = "né 𝒳👨‍👩‍👧 \u{1112}\u{1161}\u{11ab} 永";
        let ids = encode(&tokenizer, text.as_bytes(), EncodeOptions::PLAIN);
        let mut stream = tokenizer.stream(SpecialText::Skip);
        let mut seen = String::new();
        for (place, &id) in ids.iter().enumerate() {
            seen.push_str(&stream.push(id).unwrap());
            assert!(text.starts_with(&seen), "{name}: {seen:?}");
            let whole = tokenizer.decode(&ids[..=place], SpecialText::Skip).unwrap();
            assert!(whole.len() - seen.len() < 4, "{name}: nothing waits but a part of a character");
        }
        assert_eq!(stream.finish(), "", "{name}");
        assert_eq!(seen, text, "{name}");
    }
}

#[test]
fn an_answer_keeps_its_leading_space() {
    for name in ["llama2", "llama2.gguf"] {
        let tokenizer = open(name);
        let ids = encode(&tokenizer, b"the row", EncodeOptions::PLAIN);
        let (mut first, mut next) = (tokenizer.stream(SpecialText::Skip), tokenizer.stream_onwards(SpecialText::Skip));
        let all = |stream: &mut hipgauge::engine::tokenizer::TextStream<'_>| -> String {
            ids.iter().map(|&id| stream.push(id).unwrap()).collect()
        };
        assert_eq!(all(&mut first), "the row");
        assert_eq!(all(&mut next), " the row");
        // BOS is not shown, so what comes after it is still the start.
        let with_bos = encode(&tokenizer, b"the row", EncodeOptions::PROMPT);
        assert_eq!(with_bos.len(), ids.len() + 1);
        assert_eq!(tokenizer.decode(&with_bos, SpecialText::Skip).unwrap(), b"the row");
    }
}

/// A megabyte without a space, of one character, of spaces, of line breaks and of numbers: an encoder whose time grows with
/// the square would take hours.
#[test]
fn long_words_are_encoded_as_they_come() {
    let size = 1 << 20;
    let texts = [
        "a".repeat(size),
        " ".repeat(size),
        " \n".repeat(size / 2),
        format!("{}x", "\n".repeat(size)),
        "0123456789".repeat(size / 10),
        "永é-Aa0".repeat(size / 9),
        "\u{0}".repeat(size),
    ];
    let all = ["llama2.gguf", "llama3.gguf"].map(|name| (name, open(name), &texts[..]));
    let mut patterns = vocabulary("patterns.gguf");
    let others = ["default", "tekken", "deepseek-llm", "deepseek-v3", "bloom"].map(|pre| {
        patterns.pre = Some(pre.to_string());
        (pre, Tokenizer::from_gguf(&patterns).unwrap(), &texts[..2])
    });
    for (name, tokenizer, texts) in all.iter().chain(&others) {
        for text in *texts {
            let ids = encode(tokenizer, text.as_bytes(), EncodeOptions::PLAIN);
            let decoded = tokenizer.decode(&ids, SpecialText::Show).unwrap();
            assert!(decoded == text.as_bytes(), "{name}: {:?}...", &text[..9]);
        }
    }
}

/// `tokenizers` splits by another engine for patterns, which gives up on long white space without saying so.
#[test]
fn both_ways_to_read_a_long_text_agree_or_say_that_they_cannot() {
    let (json, gguf) = (open("llama3"), open("llama3.gguf"));
    for piece in [" ", " \n", "ab 1\n", "'!", "\u{301}"] {
        let text = format!("{}x y", piece.repeat(50_000));
        let ids = encode(&gguf, text.as_bytes(), EncodeOptions::PROMPT);
        assert!(encode(&json, text.as_bytes(), EncodeOptions::PROMPT) == ids, "{piece:?}");
    }
    let text = format!("a{}b", " \t".repeat(500_000));
    let error = json.encode(text.as_bytes(), EncodeOptions::PROMPT).unwrap_err().to_string();
    assert!(error.contains("1000000 white-space characters in a row"), "{error}");
}

#[test]
fn a_vocabulary_that_contradicts_itself_is_refused() {
    let refusal = |name: &str, change: &dyn Fn(&mut GgufVocabulary)| -> String {
        let mut vocabulary = vocabulary(name);
        change(&mut vocabulary);
        match Tokenizer::from_gguf(&vocabulary) {
            Ok(_) => panic!("{name} is taken"),
            Err(error) => error.to_string(),
        }
    };
    type Change = &'static dyn Fn(&mut GgufVocabulary);
    let cases: [(&str, Change, &str); 14] = [
        ("llama3.gguf", &|v| v.pre = None, "tokenizer.ggml.pre: it is not there, so how text is split"),
        ("llama2.gguf", &|v| v.model = "t5".into(), "`t5`; supported are `llama` (SentencePiece) and `gpt2`"),
        (
            "llama3.gguf",
            &|v| v.pre = Some("klingon".into()),
            "`klingon`, which would split words in an unknown way; known are default, gpt-2",
        ),
        ("llama2.gguf", &|v| v.scores.clear(), "SentencePiece merges by scores"),
        ("llama2.gguf", &|v| v.scores.truncate(7), "7 scores for 1200 tokens"),
        ("llama2.gguf", &|v| v.scores[3] = f32::NAN, "the score of token 3 is not a number"),
        ("llama2.gguf", &|v| v.types.truncate(9), "9 types for 1200 tokens"),
        ("llama2.gguf", &|v| v.tokens[8] = v.tokens[7].clone(), "ids 7 and 8 are both"),
        ("llama2.gguf", &|v| v.bos = None, "tokenizer.ggml.bos_token_id: it is not there"),
        ("llama2.gguf", &|v| v.eos = Some(1200), "special token 1200 is beyond the 1200 tokens"),
        (
            "llama3.gguf",
            &|v| v.add_eos = Some(true).inspect(|_| v.eos = None),
            "tokenizer.ggml.eos_token_id: it is not there",
        ),
        ("llama3.gguf", &|v| v.merges.push("Ġ nothinglikeit".into()), "names a token that is not there"),
        ("llama3.gguf", &|v| v.merges.push("ab".into()), "`ab`, names a token that is not there"),
        (
            "llama3.gguf",
            &|v| {
                v.tokens.clear();
                v.types.clear()
            },
            "0 tokens",
        ),
    ];
    for (name, change, message) in cases {
        let found = refusal(name, change);
        assert!(found.contains(message), "{found}");
    }
    let template = refusal("llama3.gguf", &|v| v.chat_template = Some("{% if %}".into()));
    assert!(template.contains("the chat template is no good"), "{template}");
}

#[test]
fn a_byte_without_a_token_is_an_error_or_unknown() {
    let mut holes = vocabulary("llama3.gguf");
    let place = holes.tokens.iter().position(|token| token == "Z").unwrap();
    holes.tokens[place] = "never".to_string();
    let tokenizer = Tokenizer::from_gguf(&holes).unwrap();
    let error = tokenizer.encode(b"aZ", EncodeOptions::PLAIN).unwrap_err();
    assert!(matches!(error, TokenizerError::NoTokenForByte { byte: b'Z' }), "{error}");

    let mut no_bytes = vocabulary("llama2.gguf");
    no_bytes.types.iter_mut().filter(|kind| **kind == TokenType::Byte).for_each(|kind| *kind = TokenType::Unused);
    let tokenizer = Tokenizer::from_gguf(&no_bytes).unwrap();
    let ids = encode(&tokenizer, "a\u{10FFFF}".as_bytes(), EncodeOptions::PLAIN);
    assert_eq!(ids.last(), Some(&0), "<unk> for a character that has no piece");
    no_bytes.types[0] = TokenType::Control;
    no_bytes.unknown = None;
    let tokenizer = Tokenizer::from_gguf(&no_bytes).unwrap();
    let error = tokenizer.encode("\u{10FFFF}".as_bytes(), EncodeOptions::PLAIN).unwrap_err();
    assert!(matches!(error, TokenizerError::NoTokenForByte { byte: 0xF4 }), "{error}");
}
