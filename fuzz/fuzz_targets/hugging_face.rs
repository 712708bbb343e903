//! A Hugging Face directory: two bytes say how long `config.json` is, then come that and `model.safetensors`.

#![no_main]

use hipgauge_fuzz::{folder, read_model, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk::<2>() else { return };
    let (config, weights) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
    write("config.json", config);
    write("model.safetensors", weights);
    if let Err(error) = read_model(folder()) {
        assert!(error.to_string().contains("hipgauge-fuzz"), "names no file: {error}");
    }
});
