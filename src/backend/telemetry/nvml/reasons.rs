//! NVML's bit mask of clock event reasons.

use crate::backend::telemetry::ThrottleReason;

/// `nvmlClocksEventReasonGpuIdle`: no work, so the clocks may be low.
const IDLE_BIT: u8 = 0;

/// `nvmlClocksEventReason…` of nvml.h, by bit.
const KNOWN: [(u8, ThrottleReason); 8] = [
    (1, ThrottleReason::ApplicationClocks),
    (2, ThrottleReason::PowerCap),
    (3, ThrottleReason::HardwareSlowdown),
    (4, ThrottleReason::SyncBoost),
    (5, ThrottleReason::Thermal),
    (6, ThrottleReason::HardwareThermal),
    (7, ThrottleReason::PowerBrake),
    (8, ThrottleReason::DisplayClocks),
];

pub fn is_idle(mask: u64) -> bool {
    mask >> IDLE_BIT & 1 == 1
}

/// The reasons in a mask, in the order of their bits, without idleness.
pub fn decode(mask: u64) -> Vec<ThrottleReason> {
    let set = (0..64u8).filter(|bit| *bit != IDLE_BIT && mask >> bit & 1 == 1);
    set.map(|bit| {
        let known = KNOWN.iter().find(|(at, _)| *at == bit);
        known.map_or(ThrottleReason::Unrecognised(bit), |(_, reason)| *reason)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_of_nvml_h_are_named() {
        assert_eq!(decode(0), []);
        assert!(is_idle(0x1) && !is_idle(0xfe));
        assert_eq!(decode(0x1), [], "idle is no throttling");
        assert_eq!(decode(0x4), [ThrottleReason::PowerCap]);
        assert_eq!(
            decode(0x8 | 0x40),
            [ThrottleReason::HardwareSlowdown, ThrottleReason::HardwareThermal],
            "the slowdown comes with its cause"
        );
        assert_eq!(decode(0x20), [ThrottleReason::Thermal]);
        assert_eq!(decode(0x80 | 0x100), [ThrottleReason::PowerBrake, ThrottleReason::DisplayClocks]);
        assert_eq!(decode(1 << 63), [ThrottleReason::Unrecognised(63)]);
    }
}
