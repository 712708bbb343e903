//! A GGUF file: read or refused.

#![no_main]

use hipgauge_fuzz::{read_model, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = write("model.gguf", bytes);
    if let Err(error) = read_model(&path) {
        assert!(error.to_string().contains("model.gguf"), "names no file: {error}");
    }
});
