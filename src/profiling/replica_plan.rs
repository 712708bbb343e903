//! How many copies of a problem's buffers, and of its inputs, a device has room for.

use crate::backend::DeviceInfo;
use crate::operation::Footprint;

/// Copies together span this many times the caches. Twice is not enough: caches do not evict the oldest line
/// exactly, so a part of the next copy would still be found there.
pub(super) const CACHES_SPANNED: u64 = 4;

/// More copies would only cost memory and upload time: below a quarter of the caches a problem may stay in
/// them, as it does behind the kernel that made its inputs.
const MOST_REPLICAS: u64 = 16;

/// In place every launch needs inputs of its own, so a hot sample has as many launches as there are copies.
const MOST_REPLICAS_IN_PLACE: u64 = 64;

/// Input sets that launches alternate between. Each costs a reference on the host, so there are no more.
const INPUT_SETS: usize = 2;

/// What is allocated for one problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplicaPlan {
    /// Copies of the buffers that launches take in turn: one, or an even number where there are two input sets.
    pub replicas: usize,
    /// Two, or one where memory does not permit more.
    pub input_sets: usize,
    /// Whether untouched copies of the inputs are kept on the device, one per set.
    pub kept_inputs: bool,
    /// Whether there is room to keep the outputs of one launch.
    pub kept_outputs: bool,
}

impl ReplicaPlan {
    /// Copies take at most a quarter of the memory unless there is one only, everything together at most half.
    pub fn new(info: &DeviceInfo, footprint: &Footprint, in_place: bool) -> Self {
        let bytes = footprint.total().max(1);
        let quarter = info.memory_bytes / 4 / bytes;
        let kept = INPUT_SETS as u64 * footprint.inputs + footprint.written;
        let half = (info.memory_bytes / 2).saturating_sub(kept) / bytes;
        if half == 0 {
            return Self { replicas: 1, ..Self::least(in_place) };
        }
        let most = if in_place { MOST_REPLICAS_IN_PLACE } else { MOST_REPLICAS };
        let wanted = match CACHES_SPANNED * (info.l2_bytes + info.last_level_bytes) {
            _ if info.emulated => 2,
            // Launches that are long without it need no copies for the batch.
            caches if in_place && bytes < caches / MOST_REPLICAS => most,
            caches => caches.div_ceil(bytes).clamp(2, MOST_REPLICAS),
        };
        let replicas = match wanted.next_multiple_of(2).min(quarter.max(half.min(2))) {
            0 | 1 => 1,
            several => several / 2 * 2,
        };
        Self { replicas: replicas as usize, input_sets: INPUT_SETS, kept_inputs: true, kept_outputs: true }
    }

    /// What no problem can be timed without: launches in place still need their inputs back.
    pub fn least(in_place: bool) -> Self {
        Self { replicas: 1, input_sets: 1, kept_inputs: in_place, kept_outputs: false }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mock_device::gpu_info;
    use super::*;

    fn h100() -> DeviceInfo {
        DeviceInfo { l2_bytes: 50 << 20, last_level_bytes: 0, memory_bytes: 80 << 30, ..gpu_info() }
    }

    /// Half of the bytes are inputs.
    fn plan(info: &DeviceInfo, bytes: u64, in_place: bool) -> ReplicaPlan {
        let half = bytes / 2;
        let outputs = if in_place { 0 } else { half };
        let inputs = bytes - outputs;
        ReplicaPlan::new(info, &Footprint { inputs, outputs, written: half, workspace: 0 }, in_place)
    }

    #[test]
    fn copies_span_the_caches_within_reason() {
        let replicas = |bytes| plan(&h100(), bytes, false).replicas;
        assert_eq!(replicas(1 << 30), 2, "far larger than the caches: two, to alternate");
        assert_eq!(replicas(30 << 20), 8, "seven span the caches, and the number is even");
        assert_eq!(replicas(4096), 16);
        assert_eq!(replicas(0), 16, "nothing at all divides nothing");
        let small = DeviceInfo { memory_bytes: 240 << 20, ..h100() };
        assert_eq!(plan(&small, 30 << 20, false).replicas, 2, "at most a quarter of the memory");
        let emulated = DeviceInfo { emulated: true, ..h100() };
        assert_eq!(plan(&emulated, 4096, false), ReplicaPlan { replicas: 2, ..plan(&h100(), 4096, false) });
    }

    #[test]
    fn short_launches_in_place_get_a_copy_for_each_of_a_batch() {
        assert_eq!(plan(&h100(), 4096, true).replicas, 64);
        assert_eq!(plan(&h100(), 30 << 20, true).replicas, 8);
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_not_hidden() {
        let inputs_set = |bytes, in_place| plan(&h100(), bytes, in_place);
        let fits = inputs_set(16 << 30, false);
        assert_eq!((fits.replicas, fits.input_sets, fits.kept_outputs), (1, 2, true), "{fits:?}");
        let large = inputs_set(40 << 30, false);
        let least = ReplicaPlan { replicas: 1, input_sets: 1, kept_inputs: false, kept_outputs: false };
        assert_eq!(large, least);
        assert!(inputs_set(40 << 30, true).kept_inputs, "a launch in place needs its inputs again");
    }
}
