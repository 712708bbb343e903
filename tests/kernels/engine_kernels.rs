//! The engine's kernels on the host emulator against their references: both wave sizes, hostile thread orders, every
//! access checked. The suites hold many more cases; these are the ones where such kernels break.

use std::sync::Arc;

use hipgauge::backend::{Device, HostDevice, HostOptions, KernelLibrary, Schedule};
use hipgauge::registry::{self, OPERATIONS};
use hipgauge::suite::{Suite, parse_case_id};
use hipgauge::verify::{Status, run_case};

/// What no kernel computes: `matrix_libraries` tests it.
const NO_KERNEL: &str = "vendor_matrix_product";

/// The first of the engine's operations in the registry; those before it have tests of their own.
const FIRST: &str = "embedding";

const EDGES: &[&str] = &[
    // An id that is no row, with a table of one; a misaligned base.
    "embedding/f16/7x129/vocab=1/nan_middle",
    "embedding/bf16/5x136/pad=1,offset=3/normal",
    // Heads that turn in part, interleaved, over their own input; angles beyond what the sine takes.
    "rope/bf16/3x80/rotary=78,interleaved/normal",
    "rope/f32/5x40/pad=1,offset=1,in_place/normal",
    "rope/f32/7x64/largest_finite",
    "rope_cache/f16/7x64/nan_last",
    // One position, one more than a split's share, a group that fills no tile of heads, scores in the hundreds.
    "attention_decode/f32/1x128/heads=4,kv_heads=1,capacity=130,length=1/normal",
    "attention_decode/bf16/1x64/heads=4,kv_heads=1,capacity=3000,length=2999/normal",
    "attention_decode/f16/2x32/heads=15,kv_heads=3,capacity=33/normal",
    "attention_decode/f32/5x256/capacity=70/dominant",
    "attention_decode/f32/5x64/capacity=150/infinities",
    // A prompt behind others, wide heads, a NaN that only the last row may see.
    "attention_prefill/f32/65x64/heads=2,kv_heads=1,past=37/normal",
    "attention_prefill/bf16/34x256/heads=3,kv_heads=1,past=31/normal",
    "attention_prefill/f32/67x64/heads=2,kv_heads=1/nan_last",
    "attention_prefill/f16/67x64/heads=2,kv_heads=1/dominant",
    "attention_prefill/bf16/65x64/heads=2,kv_heads=1,past=37,short/normal",
    "attention_prefill/f16/67x72/heads=2,kv_heads=1,short/nan_last",
    "attention_prefill/bf16/67x128/heads=2,kv_heads=1,short/infinities",
    "matrix_vector/f16/17x256/bias,residual/normal",
    "matrix_vector/f32/5x136/pad=1,offset=3/normal",
    "matrix_vector_q5_k/bf16/5x256/residual,pad=3,offset=1/normal",
    "matrix_product/bf16/65x33/outputs=65/normal",
    "matrix_fragment/f16/80x16/denormals",
    "matrix_fragment/bf16/80x16/infinities",
    // Misaligned rows over their own input; positions at the end of their range.
    "add_bias/bf16/5x136/pad=1,offset=1,in_place/normal",
    "advance_positions/f32/257x1/in_place/largest_finite",
];

#[test]
fn quick_cases_and_edges_pass_on_both_wave_sizes() {
    let suite = Suite::load("quick", OPERATIONS).expect("embedded");
    let first = OPERATIONS.iter().position(|operation| operation.name() == FIRST).expect("registered");
    let ours = |name: &str| OPERATIONS[first..].iter().any(|operation| operation.name() == name);
    let quick = suite.cases.iter().map(|entry| entry.case.clone()).filter(|case| ours(case.operation.name()));
    let edges = EDGES.iter().map(|id| parse_case_id(id, OPERATIONS).unwrap_or_else(|error| panic!("{error}")));
    let cases: Vec<_> = quick.chain(edges).collect();
    for name in OPERATIONS[first..].iter().map(|operation| operation.name()).filter(|name| *name != NO_KERNEL) {
        assert!(registry::find(name).is_some() && cases.iter().any(|case| case.operation.name() == name), "{name}");
    }
    for (wave_size, schedule) in [(32, Schedule::Random { seed: 5 }), (64, Schedule::Reverse)] {
        let options = HostOptions { wave_size, schedule, memory_check: true };
        let host = HostDevice::new(options, Arc::new(KernelLibrary::embedded())).expect("the emulator");
        let device: Arc<dyn Device> = Arc::new(host);
        for case in &cases {
            let verdict = run_case(&device, case, None, "hipgauge verify").verdict;
            assert_eq!(verdict.status, Status::Passed, "{} on wave {wave_size}: {}", case.id(), verdict.reason);
        }
    }
}

#[test]
fn what_may_run_on_matrix_cores_says_so() {
    let says = |id: &str| {
        let case = parse_case_id(id, OPERATIONS).expect("an id of a case");
        case.operation.on_matrix_cores(&case.problem)
    };
    for id in [
        "matrix_product/bf16/3x64/normal",
        "vendor_matrix_product/f16/3x64/normal",
        "attention_prefill/f16/3x128/normal",
    ] {
        assert!(says(id), "{id}");
    }
    // Arithmetic of 32 bits, heads too wide for the fragments' registers, and products that memory binds.
    for id in
        ["matrix_product/f32/3x64/normal", "attention_prefill/bf16/3x256/normal", "matrix_vector/bf16/3x64/normal"]
    {
        assert!(!says(id), "{id}");
    }
}
