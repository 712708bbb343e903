//! What changed about compiled kernels: exact numbers, so that any difference is one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backend::KernelAttributes;

/// A number that a compiler decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StaticProperty {
    Registers,
    ScalarRegisters,
    AccumulationRegisters,
    SharedMemory,
    Scratch,
    Spills,
    CodeSize,
    Occupancy,
}

impl StaticProperty {
    pub const ALL: [StaticProperty; 8] = [
        StaticProperty::Registers,
        StaticProperty::ScalarRegisters,
        StaticProperty::AccumulationRegisters,
        StaticProperty::SharedMemory,
        StaticProperty::Scratch,
        StaticProperty::Spills,
        StaticProperty::CodeSize,
        StaticProperty::Occupancy,
    ];

    /// As `--regress` takes it.
    pub const fn name(self) -> &'static str {
        match self {
            StaticProperty::Registers => "registers",
            StaticProperty::ScalarRegisters => "scalar-registers",
            StaticProperty::AccumulationRegisters => "accumulation-registers",
            StaticProperty::SharedMemory => "shared-memory",
            StaticProperty::Scratch => "scratch",
            StaticProperty::Spills => "spills",
            StaticProperty::CodeSize => "code-size",
            StaticProperty::Occupancy => "occupancy",
        }
    }

    /// What the number counts.
    pub const fn unit(self) -> &'static str {
        match self {
            StaticProperty::Registers | StaticProperty::AccumulationRegisters => "per thread",
            StaticProperty::ScalarRegisters => "per wave",
            StaticProperty::SharedMemory => "bytes per block",
            StaticProperty::Scratch => "bytes per thread",
            StaticProperty::Spills => "registers, or bytes of scratch where spills are not counted",
            StaticProperty::CodeSize => "bytes",
            StaticProperty::Occupancy => "of the multiprocessor's threads",
        }
    }

    /// The number, or `None` where neither driver nor code object says it. Spills are registers; NVIDIA's driver does
    /// not count them, and there the bytes of scratch stand for them.
    pub fn of(self, attributes: &KernelAttributes) -> Option<f64> {
        match self {
            StaticProperty::Registers => attributes.registers.map(f64::from),
            StaticProperty::ScalarRegisters => attributes.scalar_registers.map(f64::from),
            StaticProperty::AccumulationRegisters => attributes.accumulation_registers.map(f64::from),
            StaticProperty::SharedMemory => attributes.shared_bytes.map(f64::from),
            StaticProperty::Scratch => attributes.scratch_bytes.map(f64::from),
            StaticProperty::Spills => attributes.spilled_registers.or(attributes.scratch_bytes).map(f64::from),
            StaticProperty::CodeSize => attributes.code_bytes.map(|bytes| bytes as f64),
            StaticProperty::Occupancy => attributes.occupancy,
        }
    }

    /// Whether the second number is the worse one: more of anything, but less occupancy.
    pub fn is_worse(self, base: f64, candidate: f64) -> bool {
        match self {
            StaticProperty::Occupancy => candidate < base,
            _ => candidate > base,
        }
    }
}

impl fmt::Display for StaticProperty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A property that two builds of a case's kernels differ in.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct StaticDifference {
    pub property: StaticProperty,
    pub base: f64,
    pub candidate: f64,
}

impl StaticDifference {
    pub fn is_worse(&self) -> bool {
        self.property.is_worse(self.base, self.candidate)
    }
}

/// `registers 40 -> 48`
impl fmt::Display for StaticDifference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { property, base, candidate } = self;
        match property {
            StaticProperty::Occupancy => {
                write!(formatter, "{property} {:.0} % -> {:.0} %", 100.0 * base, 100.0 * candidate)
            }
            _ => write!(formatter, "{property} {base} -> {candidate}"),
        }
    }
}

/// Every property that both sides say and that differs, in the order of `StaticProperty::ALL`. Where spills are not
/// counted, scratch is listed once, as scratch.
pub fn static_differences(base: &KernelAttributes, candidate: &KernelAttributes) -> Vec<StaticDifference> {
    let counts_spills = [base, candidate].iter().all(|side| side.spilled_registers.is_some());
    let properties = StaticProperty::ALL.into_iter();
    let listed = properties.filter(|property| *property != StaticProperty::Spills || counts_spills);
    listed
        .filter_map(|property| {
            let (base, candidate) = property.of(base).zip(property.of(candidate))?;
            (base != candidate).then_some(StaticDifference { property, base, candidate })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_amd() -> KernelAttributes {
        KernelAttributes {
            registers: Some(40),
            scalar_registers: Some(32),
            shared_bytes: Some(1024),
            scratch_bytes: Some(0),
            spilled_registers: Some(0),
            code_bytes: Some(2816),
            occupancy: Some(1.0),
            ..KernelAttributes::default()
        }
    }

    #[test]
    fn every_difference_is_named_and_only_differences() {
        let base = of_amd();
        assert_eq!(static_differences(&base, &base), []);
        let candidate = KernelAttributes {
            registers: Some(72),
            scratch_bytes: Some(36),
            spilled_registers: Some(8),
            code_bytes: Some(2700),
            occupancy: Some(0.5),
            scalar_registers: None,
            ..base
        };
        let found = static_differences(&base, &candidate);
        let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
        let expected = [
            "registers 40 -> 72",
            "scratch 0 -> 36",
            "spills 0 -> 8",
            "code-size 2816 -> 2700",
            "occupancy 100 % -> 50 %",
        ];
        assert_eq!(texts, expected, "what one side does not say is no difference");
        assert_eq!(found.iter().map(StaticDifference::is_worse).collect::<Vec<_>>(), [true, true, true, false, true]);
    }

    #[test]
    fn scratch_stands_for_spills_that_nobody_counts() {
        let base = KernelAttributes { spilled_registers: None, ..of_amd() };
        let candidate = KernelAttributes { scratch_bytes: Some(24), ..base };
        assert_eq!(StaticProperty::Spills.of(&candidate), Some(24.0));
        let found = static_differences(&base, &candidate);
        assert_eq!(found.iter().map(|one| one.property).collect::<Vec<_>>(), [StaticProperty::Scratch]);
        assert_eq!(StaticProperty::Spills.of(&KernelAttributes::default()), None);
    }
}
