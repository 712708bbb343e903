//! RMSNorm and SwiGLU kernels on the host emulator against their references.

use std::sync::Arc;

use hipgauge::backend::{Device, HostDevice, HostOptions, KernelLibrary, Schedule};
use hipgauge::operation::{Case, InputClass, Layout, Parameters, Problem};
use hipgauge::registry;
use hipgauge::tensor::DType;
use hipgauge::verify::{Status, run_case};

const OPERATIONS: [&str; 4] = ["rms_norm", "rms_norm_residual", "swiglu", "swiglu_packed"];

/// Around vector, wave and block widths.
const COLUMNS: [usize; 12] = [1, 7, 8, 63, 64, 65, 127, 128, 129, 257, 513, 1025];

fn device(wave_size: u32, schedule: Schedule, memory_check: bool) -> Arc<dyn Device> {
    let options = HostOptions { wave_size, schedule, memory_check };
    Arc::new(HostDevice::new(options, Arc::new(KernelLibrary::embedded())).expect("the emulator"))
}

fn check(device: &Arc<dyn Device>, name: &str, dtype: DType, shape: (usize, usize), layout: Layout, class: InputClass) {
    let operation = registry::find(name).expect("a registered operation");
    let parameters = Parameters::new(operation.name(), operation.parameters(), &[]).expect("defaults are allowed");
    let problem = Problem { dtype, rows: shape.0, columns: shape.1, parameters, layout };
    if operation.check(&problem).is_err() {
        return;
    }
    let case = Case { operation, problem, class, seed: 0 };
    let verdict = run_case(device, &case, None, "hipgauge verify").verdict;
    assert_eq!(verdict.status, Status::Passed, "{} on wave {}: {}", case.id(), verdict.wave_size, verdict.reason);
}

fn layouts() -> [Layout; 5] {
    let plain = Layout::default();
    [
        plain,
        Layout { row_padding: 3, ..plain },
        Layout { base_offset: 1, ..plain },
        Layout { in_place: true, ..plain },
        Layout { row_padding: 5, base_offset: 3, distinct_rows: 2, ..plain },
    ]
}

#[test]
fn odd_sizes_and_layouts_pass_on_both_wave_sizes() {
    for wave_size in [32, 64] {
        let device = device(wave_size, Schedule::Random { seed: 3 }, false);
        for name in OPERATIONS {
            for dtype in DType::FLOATS {
                for columns in COLUMNS {
                    for layout in layouts() {
                        check(&device, name, dtype, (3, columns), layout, InputClass::Normal);
                    }
                }
            }
        }
    }
}

#[test]
fn every_input_class_passes() {
    let device = device(64, Schedule::InOrder, false);
    for name in OPERATIONS {
        let operation = registry::find(name).expect("a registered operation");
        for dtype in DType::FLOATS {
            for &class in operation.input_classes() {
                for shape in [(5, 33), (2, 600)] {
                    check(&device, name, dtype, shape, Layout::default(), class);
                }
            }
        }
    }
}

#[test]
fn long_rows_take_every_variant() {
    let device = device(32, Schedule::InOrder, false);
    for name in OPERATIONS {
        for (dtype, columns) in [
            (DType::F32, 4097),
            (DType::F32, 16384),
            (DType::F32, 16500),
            (DType::BF16, 8192),
            (DType::F16, 16390),
            (DType::BF16, 33000),
        ] {
            for rows in [1, 5] {
                check(&device, name, dtype, (rows, columns), Layout::default(), InputClass::Normal);
            }
        }
        check(&device, name, DType::F32, (1, 16500), Layout::default(), InputClass::LargestFinite);
    }
}

#[test]
fn no_access_leaves_its_tensor_and_nothing_races() {
    for wave_size in [32, 64] {
        let device = device(wave_size, Schedule::Reverse, true);
        for name in OPERATIONS {
            for dtype in [DType::F32, DType::BF16] {
                for layout in layouts() {
                    for shape in [(3, 15), (2, 1031)] {
                        check(&device, name, dtype, shape, layout, InputClass::Normal);
                    }
                }
            }
        }
    }
}
