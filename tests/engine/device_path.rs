//! What goes over the bus: in a decoding step the token's id, in the MLP nothing; no memory is taken once a shape has run.
//! On the emulator, or on the device that `HIPGAUGE_TEST_DEVICE` names.

use std::sync::Arc;
use std::time::Duration;

use hipgauge::backend::{Device, HostOptions, OpenOptions, open};
use hipgauge::engine::device_model::{DeviceModel, Settings};
use hipgauge::engine::model_file::ModelFile;
use hipgauge::engine::{Capacity, Engine, Sampling};
use hipgauge::tensor::DType;

use crate::counting_device::{CountingDevice, Counts};
use crate::model_fixtures::{device, path};

const PROMPT: [u32; 7] = [1, 17, 5, 80, 80, 3, 95];

/// A model of two sequences, and the device that counts for it.
fn counted(name: &str, compute: DType) -> (Arc<CountingDevice>, DeviceModel) {
    let counting = Arc::new(CountingDevice::new(device()));
    let file = ModelFile::open(&path(name)).expect("a model");
    let settings = Settings::new(compute, Capacity { sequences: 2, positions: 24 });
    let shared: Arc<dyn Device> = counting.clone();
    let weights = file.weights().expect("weights");
    let model = DeviceModel::new(shared, file.config(), &weights, &settings).expect("room");
    (counting, model)
}

#[test]
fn a_decoding_step_brings_back_the_ids_and_nothing_else() {
    for (name, compute) in [("llama", DType::F32), ("qwen3-tied-q4_0.gguf", DType::BF16)] {
        let (counting, mut model) = counted(name, compute);
        model.prefill(&[&PROMPT, &PROMPT]).expect("tokens");
        // The first step is launched one by one, the second is captured.
        let plain = model.decode().and_then(|first| Ok([first, model.decode()?])).expect("tokens");
        counting.take();
        let tokens = model.decode().expect("tokens");
        let step = counting.take();
        println!("{name} {compute}: a step of 2 sequences {step:?}");
        // The download waits for the step; nobody waits besides.
        let expected = Counts { downloads: 1, downloaded_bytes: 8, replays: 1, ..Counts::default() };
        assert_eq!(step, expected, "{name}");
        // What is replayed is what was launched.
        model.prefill(&[&PROMPT, &PROMPT]).expect("tokens");
        let replayed: Vec<Vec<u32>> = (0..3).map(|_| model.decode().expect("tokens")).collect();
        assert_eq!(replayed, [&plain[..], &[tokens]].concat(), "{name}");
    }
}

/// On the emulator whatever device is tested: it alone sees a buffer touched too early.
#[test]
fn every_kernel_of_a_pass_waits_for_those_before_it() {
    let models = [("llama", DType::F32), ("qwen2", DType::BF16), ("llama-tied-q8_0.gguf", DType::F16)];
    for (wave_size, (name, compute)) in [32, 64].into_iter().flat_map(|wave| models.map(|model| (wave, model))) {
        let host = HostOptions { wave_size, memory_check: true, ..HostOptions::default() };
        let opened = open("host", &OpenOptions { host, ..OpenOptions::default() }).expect("the emulator");
        let file = ModelFile::open(&path(name)).expect("a model");
        let weights = file.weights().expect("weights");
        // Positions enough for several blocks to share a head.
        let settings = Settings::new(compute, Capacity { sequences: 1, positions: 200 });
        let mut model = DeviceModel::new(opened.device, file.config(), &weights, &settings).expect("room");
        let steps = model.prefill(&[&PROMPT]).and_then(|_| model.decode()).and_then(|_| model.decode());
        steps.unwrap_or_else(|error| panic!("{name} in {compute}, waves of {wave_size}: {error}"));
    }
}

#[test]
fn a_drawn_token_costs_the_sampler_and_no_memory() {
    let (counting, mut model) = counted("mistral", DType::F32);
    model.set_sampling(Sampling::Random { temperature: 0.9, top_k: 0, top_p: 0.9, min_p: 0.0, seed: 3 });
    model.prefill(&[&PROMPT]).expect("a token");
    model.decode().and_then(|_| model.decode()).expect("tokens");
    counting.take();
    model.decode().expect("a token");
    let step = counting.take();
    let expected =
        Counts { downloads: 1, downloaded_bytes: 4, replays: 1, launches: step.launches, ..Counts::default() };
    assert_eq!(step, expected);
    assert!((1..=16).contains(&step.launches), "the sampler alone is launched by itself: {step:?}");
}

#[test]
fn a_step_that_is_expected_is_begun_before_the_one_ahead_of_it_is_handed_over() {
    let random = Sampling::Random { temperature: 0.9, top_k: 20, top_p: 0.9, min_p: 0.0, seed: 3 };
    for sampling in [Sampling::Greedy, random] {
        let (counting, mut model) = counted("llama", DType::F32);
        model.set_sampling(sampling);
        // 17 steps fill the 24 positions of the cache.
        let mut run = |expected: usize| {
            let mut tokens = vec![model.prefill(&[&PROMPT, &PROMPT]).expect("tokens").tokens];
            counting.take();
            model.expect_steps(expected);
            let mut begun = Vec::new();
            for _ in 0..17 {
                tokens.push(model.decode().expect("tokens"));
                begun.push(counting.take().downloads);
            }
            let beyond = model.decode().expect_err("the cache is full").to_string();
            (tokens, begun, beyond)
        };
        let (tokens, begun, beyond) = run(0);
        assert_eq!(begun, [1; 17], "one step for one call");
        assert!(beyond.contains("24"), "{beyond}");
        for (expected, ahead) in [(1, 0), (5, 4), (17, 16), (40, 16)] {
            let (same, begun, same_end) = run(expected);
            assert_eq!((&same, &same_end), (&tokens, &beyond), "{expected} expected");
            assert_eq!(begun[0], 1 + usize::from(ahead > 0), "{expected} expected");
            // The call behind the last step that was begun ahead begins its own.
            let own: Vec<_> = (0..17).filter(|call| begun[*call] == 0).collect();
            assert_eq!(own, if ahead > 0 { vec![ahead] } else { vec![] }, "{expected} expected: {begun:?}");
        }
    }
}

#[test]
fn a_step_that_was_begun_and_not_asked_for_ends_the_sequences() {
    let (_, mut model) = counted("llama", DType::F32);
    let expected = model.prefill(&[&PROMPT]).and_then(|first| Ok((first.tokens, model.decode()?))).expect("tokens");
    let ends: [fn(&mut DeviceModel); 3] = [
        |model| model.set_sampling(Sampling::Greedy),
        |model| drop(model.profile_decode().expect_err("it had to go on with a prompt")),
        |model| model.expect_steps(1),
    ];
    for end in ends {
        model.prefill(&[&PROMPT]).expect("a token");
        model.expect_steps(4);
        model.decode().expect("a token");
        end(&mut model);
        assert!(model.decode().expect_err("forgotten").to_string().contains("nothing to continue"));
        let again = model.prefill(&[&PROMPT]).and_then(|first| Ok((first.tokens, model.decode()?))).expect("tokens");
        assert_eq!(again, expected);
    }
}

#[test]
fn the_mlp_is_launches_alone() {
    let (counting, model) = counted("qwen2", DType::F32);
    let program = model.mlp(1, 1).expect("an MLP");
    counting.take();
    program.enqueue().expect("enqueued");
    let counts = counting.take();
    println!("mlp_swiglu of a sequence: {counts:?}");
    // Norm, gate, up and SwiGLU in one, then down onto the stream.
    assert_eq!(counts, Counts { launches: 2, ..Counts::default() });
}

#[test]
fn a_prompt_of_a_known_shape_takes_no_memory_and_uploads_its_ids() {
    let (counting, mut model) = counted("llama", DType::F32);
    let others: Vec<u32> = PROMPT.iter().map(|token| (token + 1) % 96).collect();
    let first = model.prefill(&[&PROMPT]).expect("a token").tokens;
    model.prefill(&[&others]).expect("a token");
    counting.take();
    let again = model.prefill(&[&PROMPT]).expect("a token");
    let counts = counting.take();
    println!("a prompt of {} tokens: {counts:?}", PROMPT.len());
    assert_eq!(again.tokens, first);
    let Counts { allocations, loads, uploads, downloads, downloaded_bytes, copies, fills, launches, .. } = counts;
    assert_eq!((allocations, loads, copies, fills, launches), (0, 0, 0, 0, 0), "{counts:?}");
    // Ids, and four words of the two sequences' state.
    assert_eq!((uploads, counts.uploaded_bytes), (1, 4 * (PROMPT.len() + 4)), "{counts:?}");
    assert_eq!((downloads, downloaded_bytes, counts.captures), (1, 4, 0), "{counts:?}");
    assert_eq!(counts.replays, 3, "layers, head and sampler: {counts:?}");
    let sum = again.stages.sum();
    assert!(sum > Duration::ZERO && again.stages.token_to_host > Duration::ZERO);
}

#[test]
fn an_impossible_time_of_the_device_is_rejected_and_counted() {
    let (counting, mut model) = counted("llama", DType::F32);
    let first = model.prefill(&[&PROMPT]).expect("a token").tokens;
    let profiled = model.profile_prefill(&[&PROMPT]).expect("spans");
    assert!(profiled.rejected == 0 && !profiled.spans.is_empty());
    for impossible in [-1e-6, f64::NAN] {
        counting.set_interval(impossible);
        let again = model.prefill(&[&PROMPT]).expect("a token");
        assert_eq!(again.tokens, first);
        assert_eq!((again.stages.prefill, again.stages.lm_head, again.stages.sample), (None, None, None));
        let rejected = model.profile_prefill(&[&PROMPT]).expect("counted");
        assert_eq!((rejected.spans.len(), rejected.rejected), (0, profiled.spans.len()));
    }
    counting.set_interval(0.5);
    let half = Some(Duration::from_millis(500));
    assert_eq!(model.prefill(&[&PROMPT]).expect("a token").stages.prefill, half);
}

#[test]
fn batches_take_turns_and_each_keeps_its_graphs() {
    let (counting, mut model) = counted("llama", DType::F32);
    let mut both = || {
        let alone = [model.prefill(&[&PROMPT]).expect("a token").tokens, model.decode().expect("a token")];
        let together = [model.prefill(&[&PROMPT, &PROMPT]).expect("tokens").tokens, model.decode().expect("tokens")];
        (alone, together)
    };
    let first = both();
    both();
    counting.take();
    assert_eq!(both(), first);
    let counts = counting.take();
    println!("a prompt and a step, alone and two together: {counts:?}");
    // Three graphs for a prompt, one for a step; ids, positions and sequences when the shape changes.
    assert_eq!((counts.allocations, counts.loads, counts.launches, counts.captures), (0, 0, 0, 0), "{counts:?}");
    assert_eq!((counts.replays, counts.uploads, counts.downloads), (2 * (3 + 1), 2 * 3, 4), "{counts:?}");
}
