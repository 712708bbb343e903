//! A tokenizer of a GGUF file's metadata: read or refused; what is read encodes any text, and the ids decode.

#![no_main]

use hipgauge_fuzz::engine::tokenizer::{Chat, EncodeOptions, SpecialText, Tokenizer};
use hipgauge_fuzz::write;
use libfuzzer_sys::fuzz_target;

const TEXTS: [&[u8]; 4] = [b"", b"Hello  world 123's\n\n", "naïve 永 \u{1F600}".as_bytes(), b"\xFF\xC3 ab"];

fuzz_target!(|bytes: &[u8]| {
    let path = write("vocabulary.gguf", bytes);
    let Ok(tokenizer) = Tokenizer::open(&path) else { return };
    for text in TEXTS {
        for options in [EncodeOptions::PLAIN, EncodeOptions::PROMPT] {
            let Ok(tokens) = tokenizer.encode(text, options) else { continue };
            let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
            for special in [SpecialText::Skip, SpecialText::Show] {
                tokenizer.decode(&ids, special).expect("ids of its own");
                let mut stream = tokenizer.stream(special);
                for &id in &ids {
                    stream.push(id).expect("ids of its own");
                }
                stream.finish();
            }
        }
    }
    let messages = [serde_json::json!({ "role": "user", "content": "hello" })];
    if let Ok(template) = tokenizer.chat_template() {
        // A template may refuse; it must come to an end.
        let _ = template.render(&Chat::new(&messages));
    }
});
