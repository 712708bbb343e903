//! The sampler kernels on the host emulator, judged by their references: shapes, parameters and input classes
//! around every path and tile, on waves of 32 and 64, in several orders, with every memory access checked.

use std::sync::Arc;

use hipgauge::backend::{Device, HostDevice, HostOptions, KernelLibrary, Schedule};
use hipgauge::operation::{BoundProblem, InputClass, Layout, Operation, ParameterValue, Parameters, Problem};
use hipgauge::registry;
use hipgauge::tensor::DType;

fn device(wave_size: u32, schedule: Schedule, memory_check: bool) -> Arc<dyn Device> {
    let options = HostOptions { wave_size, schedule, memory_check };
    Arc::new(HostDevice::new(options, Arc::new(KernelLibrary::embedded())).expect("the kernels are embedded"))
}

/// Wave 32 in order with memory checks; wave 64 in random order.
fn devices() -> [Arc<dyn Device>; 2] {
    [device(32, Schedule::InOrder, true), device(64, Schedule::Random { seed: 11 }, false)]
}

struct Shape {
    dtype: DType,
    rows: usize,
    columns: usize,
    layout: Layout,
}

fn shape(dtype: DType, rows: usize, columns: usize) -> Shape {
    Shape { dtype, rows, columns, layout: Layout::default() }
}

fn run(device: &Arc<dyn Device>, name: &str, shape: &Shape, given: &[(&str, f64)], class: InputClass) {
    let operation: &dyn Operation = registry::find(name).expect("a registered operation");
    let integers = ["k", "stream", "step"];
    let given: Vec<(String, ParameterValue)> = given
        .iter()
        .map(|&(name, value)| {
            let value = match integers.contains(&name) {
                true => ParameterValue::Integer(value as i64),
                false => ParameterValue::Float(value),
            };
            (name.to_string(), value)
        })
        .collect();
    let parameters = Parameters::new(operation.name(), operation.parameters(), &given).expect("in range");
    let Shape { dtype, rows, columns, layout } = *shape;
    let problem = Problem { dtype, rows, columns, parameters, layout };
    let label = format!("{name} {dtype} {rows}x{columns} {layout:?} {given:?} {class}");
    operation.check(&problem).unwrap_or_else(|error| panic!("{label}: {error}"));
    let inputs = operation.generate(&problem, class, 5);
    let bound = BoundProblem::new(device, operation, &problem).unwrap_or_else(|error| panic!("{label}: {error}"));
    bound.upload(&inputs).expect("inputs fit");
    bound.poison(0xFF).expect("outputs fit");
    bound.enqueue().unwrap_or_else(|error| panic!("{label}: {error}"));
    device.synchronize().unwrap_or_else(|error| panic!("{label}: {error}"));
    let outputs = bound.download().expect("outputs are readable");
    for judgement in operation.reference(&problem, &inputs).judge(&outputs) {
        let worst = judgement.worst.as_ref();
        let described = worst.map(|worst| operation.describe_element(&problem, &inputs, 0, worst.row, worst.column));
        assert!(judgement.passed(), "{label}: {} {:?}\n{described:?}", judgement.output, judgement.failures);
    }
    assert_eq!(bound.stray_writes().expect("fences are readable"), Vec::<String>::new(), "{label}");
}

#[test]
fn top_k_is_exact_for_every_input_class() {
    for device in devices() {
        for dtype in DType::FLOATS {
            for class in InputClass::ALL {
                run(&device, "top_k", &shape(dtype, 3, 1111), &[("k", 50.0)], class);
                run(&device, "top_k", &shape(dtype, 2, 1301), &[("k", 1205.0)], class);
            }
        }
    }
}

#[test]
fn top_k_is_exact_around_every_boundary() {
    for device in devices() {
        for columns in [1, 2, 3, 7, 63, 64, 65, 1023, 1024, 1025, 2049] {
            for k in [1, 2, 50, 1023, 1024, 1025, columns - 1, columns] {
                if (1..=columns).contains(&k) {
                    let dtype = DType::FLOATS[(columns + k) % 3];
                    run(&device, "top_k", &shape(dtype, 2, columns), &[("k", k as f64)], InputClass::Normal);
                }
            }
        }
    }
}

#[test]
fn long_rows_are_split_and_misaligned_rows_are_right() {
    let layout = Layout { row_padding: 3, base_offset: 1, ..Layout::default() };
    for device in devices() {
        for dtype in DType::FLOATS {
            for class in [InputClass::Normal, InputClass::Ascending, InputClass::AllEqual, InputClass::BoundaryTies] {
                let long = Shape { layout, ..shape(dtype, 2, 20_011) };
                run(&device, "top_k", &long, &[("k", 64.0)], class);
                run(&device, "top_k", &long, &[("k", 3000.0)], class);
                run(&device, "fused_sampler", &long, &[("k", 40.0), ("min_p", 0.05)], class);
                run(&device, "fused_sampler", &long, &[("k", 3000.0), ("p", 0.8)], class);
                run(&device, "top_p_sampling", &long, &[("p", 0.9), ("temperature", 0.7)], class);
            }
        }
    }
}

/// Every combination of filters that takes its own path.
const FILTERS: &[&[(&str, f64)]] = &[
    &[("k", 0.0), ("p", 1.0)],
    &[("k", 0.0), ("p", 0.9), ("stream", 77.0)],
    &[("k", 0.0), ("p", 0.0)],
    &[("k", 1100.0), ("p", 1.0), ("step", 3.0)],
    &[("k", 1100.0), ("p", 0.5), ("min_p", 0.2)],
    &[("k", 0.0), ("p", 1.0), ("min_p", 0.01)],
    &[("k", 50.0), ("p", 1.0)],
    &[("k", 50.0), ("p", 0.9), ("temperature", 0.6)],
    &[("k", 5.0), ("p", 0.95), ("min_p", 0.1), ("temperature", 1.5)],
    &[("k", 1.0)],
    &[("temperature", 0.0)],
];

#[test]
fn every_filter_is_right_for_every_input_class() {
    for device in devices() {
        for (position, class) in InputClass::ALL.into_iter().enumerate() {
            for (filter, given) in FILTERS.iter().enumerate() {
                let dtype = DType::FLOATS[(position + filter) % 3];
                run(&device, "fused_sampler", &shape(dtype, 3, 1301), given, class);
            }
        }
    }
}

#[test]
fn samplers_are_right_for_short_rows_and_no_rows() {
    for device in devices() {
        for columns in [1, 2, 7, 64, 129] {
            for given in FILTERS {
                run(&device, "fused_sampler", &shape(DType::F32, 5, columns), given, InputClass::Normal);
            }
            run(&device, "top_k_sampling", &shape(DType::BF16, 5, columns), &[("k", 3.0)], InputClass::Normal);
        }
        run(&device, "top_k", &shape(DType::F16, 0, 64), &[], InputClass::Normal);
        run(&device, "fused_sampler", &shape(DType::F16, 0, 64), &[], InputClass::Normal);
    }
}

#[test]
fn many_draws_from_one_row_pass_the_statistics() {
    let layout = Layout { distinct_rows: 1, ..Layout::default() };
    let device = device(32, Schedule::InOrder, false);
    let tall = Shape { layout, ..shape(DType::F32, 10_000, 32) };
    run(&device, "fused_sampler", &tall, &[("k", 20.0), ("p", 1.0)], InputClass::Normal);
}
