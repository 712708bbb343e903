//! What is known of a case besides the columns of its tables: its kernels' needs, the checks of its timed launches, the
//! clocks it ran at.

use crate::sweep::Measurement;

use super::measurements::Pair;
use super::numbers::{bytes, grouped, percent};

/// How a fact is written; empty where it is not known.
type Fact = fn(&Pair<'_>) -> String;

const FACTS: &[(&str, Fact)] = &[
    ("Launches checked, cold / hot", |pair| both(pair, |one| one.checked_launches.map(grouped))),
    ("Input sets", |pair| pair.any.input_sets.map_or(String::new(), grouped)),
    ("Core clock, cold / hot, MHz", |pair| {
        both(pair, |one| change(one.core_clock_before_mhz, one.core_clock_after_mhz))
    }),
    ("Dependent multiply-adds per µs (core clock as measured), cold / hot", |pair| {
        both(pair, |one| change(one.chain_before_steps_per_us, one.chain_after_steps_per_us))
    }),
    ("Power, cold / hot, W", |pair| both(pair, |one| change(one.power_before_watts, one.power_after_watts))),
    ("Registers per thread", |pair| count(pair.any.registers)),
    ("Registers spilled", |pair| count(pair.any.spilled_registers)),
    ("Scratch memory per thread", |pair| size(pair.any.scratch_bytes.map(u64::from))),
    ("Shared memory per block", |pair| size(pair.any.shared_bytes.map(u64::from))),
    ("Code size", |pair| size(pair.any.code_bytes)),
    ("Occupancy", |pair| pair.any.occupancy.map_or(String::new(), percent)),
];

/// The facts' names, and each case's in their order. What no case says is left out.
pub fn case_facts(pairs: &[Pair<'_>]) -> (Vec<&'static str>, Vec<Vec<String>>) {
    let mut names = Vec::new();
    let mut rows = vec![Vec::new(); pairs.len()];
    for (name, write) in FACTS {
        let column: Vec<String> = pairs.iter().map(write).collect();
        if column.iter().all(String::is_empty) {
            continue;
        }
        names.push(*name);
        for (row, value) in rows.iter_mut().zip(column) {
            row.push(value);
        }
    }
    (names, rows)
}

fn count(value: Option<u32>) -> String {
    value.map_or(String::new(), |value| grouped(u64::from(value)))
}

fn size(value: Option<u64>) -> String {
    value.map_or(String::new(), bytes)
}

/// Before and after the samples; once where they do not differ.
fn change(before: Option<f64>, after: Option<f64>) -> Option<String> {
    let ends = [before, after].map(|end| end.map(|value| format!("{value:.0}")));
    match ends {
        [Some(before), Some(after)] if before == after => Some(before),
        [Some(before), Some(after)] => Some(format!("{before} → {after}")),
        [before, after] => before.or(after),
    }
}

fn both(pair: &Pair<'_>, of: impl Fn(&Measurement) -> Option<String>) -> String {
    let [cold, hot] = [pair.cold, pair.hot].map(|one| one.and_then(&of));
    if cold.is_none() && hot.is_none() {
        return String::new();
    }
    format!("{} / {}", cold.unwrap_or_else(|| "–".to_string()), hot.unwrap_or_else(|| "–".to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::measurement;
    use super::super::measurements::pairs;
    use super::*;
    use crate::profiling::Mode;

    #[test]
    fn facts_are_told_where_they_are_known() {
        let mut measured = Mode::BOTH.map(|mode| measurement("rms_norm", 64, mode));
        for one in &mut measured {
            (one.registers, one.occupancy, one.code_bytes) = (Some(40), None, Some(2048));
            (one.core_clock_before_mhz, one.core_clock_after_mhz) = (Some(2100.0), Some(2090.4));
        }
        measured[1].checked_launches = None;
        measured[0].checked_launches = Some(1200);
        let (names, rows) = case_facts(&pairs(&measured));
        let of = |name: &str| rows[0][names.iter().position(|known| *known == name).expect("a fact")].as_str();
        assert_eq!(of("Launches checked, cold / hot"), "1\u{202f}200 / –");
        assert_eq!(of("Core clock, cold / hot, MHz"), "2100 → 2090 / 2100 → 2090");
        assert_eq!([of("Registers per thread"), of("Code size")], ["40", "2 KiB"]);
        assert!(!names.contains(&"Occupancy"));
    }
}
