//! The exponential and the division of `kernels/include/elementary.h`, held to what they promise on every device.

use std::ops::Range;

use hipgauge::backend::{Argument, Buffer, Device};
use hipgauge::profiling::statistics::SplitMix64;
use hipgauge::tensor::{DType, ulp_distance};

use crate::device_conformance::{download, launch, on_each_device, upload, whole};

const COUNT: usize = 1 << 18;

fn run(device: &dyn Device, a: &[f32], b: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let [a, b] = [("a", a), ("b", b)].map(|(label, values)| upload(device, label, values));
    let [quotients, exponentials]: [Buffer; 2] =
        ["quotients", "exponentials"].map(|label| device.allocate(COUNT * 4, label).expect("memory"));
    let arguments = [whole(&quotients), whole(&exponentials), whole(&a), whole(&b), Argument::U64(COUNT as u64)];
    launch(device, "elementary", ([COUNT.div_ceil(256) as u32, 1, 1], [256, 1, 1], 0), &arguments).expect("it runs");
    (download(device, &quotients), download(device, &exponentials))
}

/// A number whose power of two is drawn as its fraction is.
fn number(random: &mut SplitMix64, exponents: Range<i32>) -> f32 {
    let exponent = exponents.start + random.below(exponents.len()) as i32;
    ((1.0 + random.uniform()) * f64::from(exponent).exp2()) as f32
}

/// Every value is within a unit in the last place of the f64 result, rounded.
fn check(values: &[f32], expected: impl Fn(usize) -> f64, what: impl Fn(usize) -> String) {
    assert_eq!(values.len(), COUNT);
    for (i, value) in values.iter().enumerate() {
        let (exact, value) = (expected(i), f64::from(*value));
        let rounded = f64::from(exact as f32);
        assert!(ulp_distance(DType::F32, value, rounded) <= 1, "{}: {value:e}, expected {exact:e}", what(i));
    }
}

#[test]
fn quotients_by_one_and_more_are_within_a_unit_in_the_last_place() {
    on_each_device(|device| {
        let mut random = SplitMix64::new(1);
        let (mut a, mut b) = (Vec::with_capacity(COUNT), Vec::with_capacity(COUNT));
        for _ in 0..COUNT {
            let sign = if random.below(2) == 0 { 1.0 } else { -1.0 };
            a.push(sign * number(&mut random, -126..127));
            b.push(number(&mut random, 0..120));
        }
        let (quotients, _) = run(device, &a, &b);
        check(&quotients, |i| f64::from(a[i]) / f64::from(b[i]), |i| format!("{:e} / {:e}", a[i], b[i]));
    });
}

#[test]
fn exponentials_are_within_a_unit_in_the_last_place_from_zero_to_infinity() {
    on_each_device(|device| {
        let mut random = SplitMix64::new(2);
        let mut a: Vec<f32> = (0..COUNT).map(|_| (random.uniform() * 205.0 - 110.0) as f32).collect();
        a[..4].copy_from_slice(&[0.0, -0.0, f32::INFINITY, f32::NEG_INFINITY]);
        let (_, exponentials) = run(device, &a, &vec![1.0; COUNT]);
        check(&exponentials, |i| f64::from(a[i]).exp(), |i| format!("e^{:e}", a[i]));
    });
}
