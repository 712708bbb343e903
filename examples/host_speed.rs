//! Times the host's model: seconds of a prompt and of each token after it, as one line of JSON for
//! `tests/fixtures/models/host_against_llama_cpp.py`.
//!
//!     RAYON_NUM_THREADS=2 host_speed MODEL PROMPT_TOKENS GENERATED_TOKENS
//!
//! The first of two passes is not timed: it brings the file into memory.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use hipgauge::engine::Capacity;
use hipgauge::engine::host_model::{HostModel, LogitRows};
use hipgauge::engine::model_file::ModelFile;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("give MODEL PROMPT_TOKENS GENERATED_TOKENS");
    let (path, prompt, generated) = (PathBuf::from(next()?), next()?.parse::<u32>()?, next()?.parse::<u32>()?);
    let file = ModelFile::open(&path)?;
    let capacity = Capacity::one(prompt as usize + generated as usize);
    let mut model = HostModel::new(file.config(), file.weights()?, capacity)?;
    // Any ids do: the time does not depend on them.
    let tokens: Vec<u32> = (0..prompt).map(|at| at % file.config().vocab as u32).collect();
    let mut seconds = (0.0, 0.0);
    for _ in 0..2 {
        model.clear();
        let start = Instant::now();
        model.forward(&tokens, LogitRows::Last)?;
        seconds.0 = start.elapsed().as_secs_f64();
        let start = Instant::now();
        for token in 0..generated {
            model.forward(&[token], LogitRows::Last)?;
        }
        seconds.1 = start.elapsed().as_secs_f64();
    }
    println!("{{\"prompt_seconds\": {}, \"generated_seconds\": {}}}", seconds.0, seconds.1);
    Ok(())
}
