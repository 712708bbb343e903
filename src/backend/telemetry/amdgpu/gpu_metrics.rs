//! The driver's binary table `gpu_metrics`, as far as throttling goes.
//!
//! Layouts: `struct gpu_metrics_v1_*` of the kernel's kgd_pp_interface.h; throttler bits: `SMU_THROTTLER_*` of
//! amdgpu_smu.h. The firmware fills what it does not know with ones.

use std::collections::BTreeSet;

use crate::backend::telemetry::{ThrottleCounter, ThrottleReason};

/// What the table says about throttling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Throttling {
    /// At this moment; `None` where the table does not say.
    pub reasons: Option<Vec<ThrottleReason>>,
    pub counters: Vec<ThrottleCounter>,
}

/// Reads the table, or says why not.
pub fn read_throttling(table: &[u8]) -> Result<Throttling, &'static str> {
    let &[low, high, format, content, ..] = table else { return Err("a table header of 4 bytes") };
    if usize::from(u16::from_le_bytes([low, high])) > table.len() {
        return Err("as many bytes as the table's header says");
    }
    let table = Table(table);
    match (format, content) {
        // The status is in bits of each chip's own firmware, so only zero and not zero mean something.
        (1, 1 | 2) => table.any_throttler(68),
        (1, 3) => {
            let mask = table.u64(112)?;
            let reasons = (mask != u64::MAX).then(|| independent_reasons(mask));
            Ok(Throttling { reasons, counters: Vec::new() })
        }
        (1, 4) => table.any_throttler(40),
        (1, 5) => table.any_throttler(104),
        (1, 6..=8) => table.residencies(),
        _ => Err("a table of format 1.1 to 1.8"),
    }
}

struct Table<'a>(&'a [u8]);

impl Table<'_> {
    fn array<const BYTES: usize>(&self, offset: usize) -> Result<[u8; BYTES], &'static str> {
        let field = self.0.get(offset..offset + BYTES).and_then(|field| field.try_into().ok());
        field.ok_or("all fields of its format")
    }

    fn u32(&self, offset: usize) -> Result<u32, &'static str> {
        self.array(offset).map(u32::from_le_bytes)
    }

    fn u64(&self, offset: usize) -> Result<u64, &'static str> {
        self.array(offset).map(u64::from_le_bytes)
    }

    fn any_throttler(&self, offset: usize) -> Result<Throttling, &'static str> {
        let reasons = match self.u32(offset)? {
            u32::MAX => None,
            0 => Some(Vec::new()),
            _ => Some(vec![ThrottleReason::HardwareSlowdown]),
        };
        Ok(Throttling { reasons, counters: Vec::new() })
    }

    /// MI300 counts how many of the firmware's control periods each throttler was active in.
    fn residencies(&self) -> Result<Throttling, &'static str> {
        let fields = [
            (36, ThrottleReason::HardwareThermal),
            (40, ThrottleReason::PowerCap),
            (44, ThrottleReason::Thermal),
            (48, ThrottleReason::Thermal),
            (52, ThrottleReason::Thermal),
        ];
        let elapsed = self.u32(32)?;
        let mut counters = Vec::new();
        for (offset, reason) in fields {
            let held_back = self.u32(offset)?;
            if held_back != u32::MAX && elapsed != u32::MAX {
                counters.push(ThrottleCounter { reason, held_back: held_back.into(), elapsed: elapsed.into() });
            }
        }
        Ok(Throttling { reasons: None, counters })
    }
}

/// The chip-independent status: power in bits 0 to 15, current in 16 to 31, temperature in 32 to 55, others above.
fn independent_reasons(mask: u64) -> Vec<ThrottleReason> {
    let set = (0..64u8).filter(|bit| mask >> bit & 1 == 1);
    let reasons: BTreeSet<ThrottleReason> = set
        .map(|bit| match bit {
            0..=15 => ThrottleReason::PowerCap,
            16..=31 => ThrottleReason::CurrentLimit,
            // VRHOT and PROCHOT are signals of the hardware, the other bits of this group are limits.
            44..=47 => ThrottleReason::HardwareThermal,
            32..=55 => ThrottleReason::Thermal,
            _ => ThrottleReason::Unrecognised(bit),
        })
        .collect();
    reasons.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of `bytes` bytes of ones, as the driver prepares it.
    fn table(bytes: u16, content: u8) -> Vec<u8> {
        let mut table = vec![0xff; usize::from(bytes)];
        table[..2].copy_from_slice(&bytes.to_le_bytes());
        table[2..4].copy_from_slice(&[1, content]);
        table
    }

    #[test]
    fn independent_bits_are_named_by_their_group() {
        let mut table = table(120, 3);
        assert_eq!(read_throttling(&table), Ok(Throttling::default()), "ones: not known");
        table[112..].copy_from_slice(&0u64.to_le_bytes());
        assert_eq!(read_throttling(&table).expect("whole").reasons, Some(vec![]));
        let mask = 1u64 << 0 | 1 << 5 | 1 << 22 | 1 << 36 | 1 << 47 | 1 << 57;
        table[112..].copy_from_slice(&mask.to_le_bytes());
        let expected = vec![
            ThrottleReason::PowerCap,
            ThrottleReason::CurrentLimit,
            ThrottleReason::Thermal,
            ThrottleReason::HardwareThermal,
            ThrottleReason::Unrecognised(57),
        ];
        assert_eq!(read_throttling(&table).expect("whole").reasons, Some(expected));
    }

    #[test]
    fn chip_dependent_bits_only_say_whether() {
        for (content, bytes, offset) in [(1, 96, 68), (2, 104, 68), (4, 264, 40), (5, 336, 104)] {
            let mut table = table(bytes, content);
            assert_eq!(read_throttling(&table).expect("whole").reasons, None);
            table[offset..offset + 4].copy_from_slice(&0u32.to_le_bytes());
            assert_eq!(read_throttling(&table).expect("whole").reasons, Some(vec![]));
            table[offset] = 4;
            assert_eq!(read_throttling(&table).expect("whole").reasons, Some(vec![ThrottleReason::HardwareSlowdown]));
        }
    }

    #[test]
    fn residencies_are_counted_against_the_accumulation_counter() {
        let mut table = table(300, 6);
        assert!(read_throttling(&table).expect("whole").counters.is_empty(), "ones: not known");
        for (offset, value) in [(32, 5000u32), (36, 0), (40, 70), (44, 8)] {
            table[offset..offset + 4].copy_from_slice(&value.to_le_bytes());
        }
        let counters = read_throttling(&table).expect("whole").counters;
        let expected =
            [(ThrottleReason::HardwareThermal, 0), (ThrottleReason::PowerCap, 70), (ThrottleReason::Thermal, 8)];
        assert_eq!(
            counters,
            expected.map(|(reason, held_back)| ThrottleCounter { reason, held_back, elapsed: 5000 }).to_vec()
        );
    }

    #[test]
    fn cut_and_unknown_tables_are_refused() {
        let whole = table(120, 3);
        for length in 0..whole.len() {
            assert!(read_throttling(&whole[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(read_throttling(&table(60, 3)), Err("all fields of its format"));
        assert_eq!(read_throttling(&table(120, 0)), Err("a table of format 1.1 to 1.8"));
        let mut other = table(120, 3);
        other[2] = 2;
        assert!(read_throttling(&other).is_err(), "APU tables have another layout");
    }
}
