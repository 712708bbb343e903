//! One row of `summary.csv`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::backend::{DeviceInfo, KernelAttributes};
use crate::operation::Case;
use crate::profiling::statistics::Interval;
use crate::profiling::{Mode, Roof, Roofs, SampleSet, SampleSummary, StopReason};

use super::case_facts::CaseFacts;
use super::case_order::Place;

/// Below this multiple of the empty launch a time says more about launching than about the kernel.
const NEAR_FLOOR: f64 = 3.0;

/// Intervals shorter than this many steps of the event timer are known no better than to 1 %.
const LEAST_TIMER_STEPS: f64 = 100.0;

/// What a reader of a number has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    Emulated,
    NearFloor,
    CoarseTimer,
    InCache,
    PlainLaunches,
    Rejections,
    NotConverged,
    UnstableWarmUp,
    OneInputSet,
    Throttled,
    Shared,
}

impl Flag {
    pub const ALL: [Flag; 11] = [
        Flag::Emulated,
        Flag::NearFloor,
        Flag::CoarseTimer,
        Flag::InCache,
        Flag::PlainLaunches,
        Flag::Rejections,
        Flag::NotConverged,
        Flag::UnstableWarmUp,
        Flag::OneInputSet,
        Flag::Throttled,
        Flag::Shared,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Flag::Emulated => "emulated",
            Flag::NearFloor => "near-floor",
            Flag::CoarseTimer => "coarse-timer",
            Flag::InCache => "in-cache",
            Flag::PlainLaunches => "plain-launches",
            Flag::Rejections => "rejections",
            Flag::NotConverged => "not-converged",
            Flag::UnstableWarmUp => "unstable-warm-up",
            Flag::OneInputSet => "one-input-set",
            Flag::Throttled => "throttled",
            Flag::Shared => "shared",
        }
    }

    /// One phrase, for the report's definitions.
    pub const fn meaning(self) -> &'static str {
        match self {
            Flag::Emulated => "the host emulator's time, never comparable with a GPU's",
            Flag::NearFloor => "shorter than three empty launches, so launching dominates",
            Flag::CoarseTimer => "the event timer's step is over 1 % of an interval",
            Flag::InCache => "the hot buffers fit in the caches, so no share of the memory roof is given",
            Flag::PlainLaunches => "no graph on this device, so gaps between launches are part of the hot time",
            Flag::Rejections => "some samples were not positive or beat the roof, and do not count",
            Flag::NotConverged => "a limit came before the stop rule was content",
            Flag::UnstableWarmUp => "times still drifted when the warm-up ended at its limit",
            Flag::OneInputSet => "no memory for a second input set, so inputs did not change between samples",
            Flag::Throttled => "the device was held back (power, heat, a low clock) in every attempt",
            Flag::Shared => "another process computed on the device",
        }
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// The summary of one case in one mode. Times are per launch of the whole operation, in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    pub case: String,
    pub operation: String,
    pub dtype: String,
    pub rows: u64,
    pub columns: u64,
    /// Parameters and layout that differ from their default, comma separated.
    pub parameters: String,
    pub device: String,
    pub architecture: String,
    /// Place among the cases of the sweep as the suite lists them, from 0.
    pub suite_position: u64,
    /// Place in the order in which they were measured, from 0.
    pub measured_position: u64,
    pub mode: Mode,
    /// Accepted samples.
    pub n: u64,
    /// Rounds that they were taken in, over new buffers each.
    #[serde(default = "one")]
    pub rounds: u64,
    /// Samples that did not count.
    pub rejected: u64,
    pub median_us: f64,
    /// 95 % confidence interval of the median; none of too few samples.
    pub ci_low_us: Option<f64>,
    pub ci_high_us: Option<f64>,
    pub min_us: f64,
    pub p5_us: f64,
    pub p95_us: f64,
    /// Algorithmic bytes: each input read once, each output written once.
    pub bytes: u64,
    /// `bytes` over the median, 10^9 per second; none on an emulated device.
    pub gbps: Option<f64>,
    /// `gbps` over the copy roof of the same run; none where it means nothing.
    pub roof_share: Option<f64>,
    /// Algorithmic FLOP over the median, 10^12 per second.
    pub tflops: Option<f64>,
    /// The median over the empty launch's.
    pub floor_multiple: Option<f64>,
    /// The least time on this device, by the roofs of the same run; none on an emulated device.
    pub roofline_us: Option<f64>,
    /// `roofline_us` over the median; none where the memory roof means nothing.
    pub roofline_share: Option<f64>,
    /// The roof that gives `roofline_us`.
    pub binding_roof: Option<Roof>,
    pub launches_per_sample: u64,
    /// Copies of the buffers that launches took in turn.
    pub replicas: u64,
    /// Timed launches whose outputs were hashed on the device and had the verified hash: all whose outputs the next
    /// launch did not overwrite. None in runs that checked less.
    #[serde(default)]
    pub checked_launches: Option<u64>,
    /// Input sets that launches took in turn.
    #[serde(default)]
    pub input_sets: Option<u64>,
    /// Verified hash of the outputs on each input set, hexadecimal, space separated.
    #[serde(default)]
    pub output_hash: String,
    /// Ordinal of the sample with the launch, drawn at random, whose outputs were downloaded and compared whole.
    #[serde(default)]
    pub fully_checked_ordinal: Option<u64>,
    /// Whether times were stable when the first sample was taken.
    #[serde(default)]
    pub warm_up: String,
    pub stop_reason: String,
    /// Blocks of samples discarded because the device was throttled.
    pub throttled_blocks: u64,
    /// What held the device back in the block that counts; empty if nothing did.
    pub throttle: String,
    pub core_clock_before_mhz: Option<f64>,
    pub core_clock_after_mhz: Option<f64>,
    /// Dependent multiply-adds that one thread did per microsecond at the looks: as the core clock really was. None in runs
    /// from before it was measured.
    #[serde(default)]
    pub chain_before_steps_per_us: Option<f64>,
    #[serde(default)]
    pub chain_after_steps_per_us: Option<f64>,
    pub memory_clock_before_mhz: Option<f64>,
    pub memory_clock_after_mhz: Option<f64>,
    pub power_before_watts: Option<f64>,
    pub power_after_watts: Option<f64>,
    pub temperature_before_celsius: Option<f64>,
    pub temperature_after_celsius: Option<f64>,
    /// Names of `Flag`, space separated.
    pub flags: String,
    pub emulated: bool,
    // What the case's kernels need together, see `KernelAttributes`; none on an emulated device, and in runs from
    // before it was kept.
    #[serde(default)]
    pub registers: Option<u32>,
    #[serde(default)]
    pub scalar_registers: Option<u32>,
    #[serde(default)]
    pub accumulation_registers: Option<u32>,
    #[serde(default)]
    pub shared_bytes: Option<u32>,
    #[serde(default)]
    pub scratch_bytes: Option<u32>,
    #[serde(default)]
    pub spilled_registers: Option<u32>,
    #[serde(default)]
    pub code_bytes: Option<u64>,
    #[serde(default)]
    pub occupancy: Option<f64>,
    /// Digest of the code and its arguments, 64 hexadecimal digits; empty in runs from before it was kept.
    #[serde(default)]
    pub code_identity: String,
    /// The emulator's steps for one launch of the whole operation; none on a GPU.
    #[serde(default)]
    pub steps: Option<u64>,
}

/// What a measurement is put in relation to.
pub(super) struct Surroundings<'a> {
    pub device: &'a DeviceInfo,
    pub roofs: Option<&'a Roofs>,
    /// Whether the launches' buffers were larger than the caches.
    pub exceeds_caches: bool,
    pub place: Place,
    /// What the case's kernels need together, where the device says it.
    pub attributes: Option<KernelAttributes>,
    pub facts: &'a CaseFacts,
}

/// Older runs left the buffers where they were.
fn one() -> u64 {
    1
}

impl Measurement {
    /// `None` when no sample was accepted.
    pub(super) fn new(case: &Case, samples: &SampleSet, surroundings: &Surroundings<'_>) -> Option<Self> {
        let summary = SampleSummary::new(samples)?;
        let cost = case.operation.cost(&case.problem);
        let emulated = surroundings.device.emulated;
        let seconds = summary.median_us * 1e-6;
        let gbps = (!emulated).then(|| cost.bytes() as f64 / seconds / 1e9);
        let in_cache = samples.mode == Mode::Hot && !surroundings.exceeds_caches && !emulated;
        let comparable = surroundings.roofs.filter(|_| !in_cache);
        let floor_multiple = surroundings.roofs.map(|roofs| summary.median_us / roofs.empty_launch_us);
        let bounded = surroundings.roofs.filter(|_| !case.operation.on_matrix_cores(&case.problem));
        let roofline = bounded.map(|roofs| roofs.roofline(&cost));
        let memory_counts = !in_cache || roofline.is_some_and(|roofline| roofline.binding != Roof::Memory);
        let (before, after) = (&samples.looks.before, &samples.looks.after);
        let shared = [before, after].iter().any(|look| look.compute_processes.is_some_and(|count| count > 1));
        // Cold launches have an interval each.
        let launches = if samples.mode == Mode::Hot { samples.launches_per_sample } else { 1 };
        let interval_us = summary.median_us * f64::from(launches);
        let coarse = |roofs: &Roofs| interval_us < LEAST_TIMER_STEPS * roofs.timer_resolution_us;
        let checks = samples.checks.as_ref();
        let flags = [
            (emulated, Flag::Emulated),
            (floor_multiple.is_some_and(|multiple| multiple < NEAR_FLOOR), Flag::NearFloor),
            (surroundings.roofs.is_some_and(coarse), Flag::CoarseTimer),
            (in_cache, Flag::InCache),
            (!emulated && launches > 1 && !samples.graph, Flag::PlainLaunches),
            (samples.rejected() > 0, Flag::Rejections),
            (!emulated && samples.stop != StopReason::Converged, Flag::NotConverged),
            (!emulated && !samples.warm_up.stable, Flag::UnstableWarmUp),
            (checks.is_some_and(|checks| checks.input_sets() == 1), Flag::OneInputSet),
            (samples.throttle.is_some(), Flag::Throttled),
            (shared, Flag::Shared),
        ];
        let flags: Vec<_> = flags.iter().filter(|(set, _)| *set).map(|(_, flag)| flag.name()).collect();
        let attributes = surroundings.attributes.unwrap_or_default();
        let mut parameters = case.problem.parameters.id_parts(case.operation.parameters());
        parameters.extend(case.problem.layout.id_parts());
        Some(Self {
            case: case.id(),
            operation: case.operation.name().to_string(),
            dtype: case.problem.dtype.to_string(),
            rows: case.problem.rows as u64,
            columns: case.problem.columns as u64,
            parameters: parameters.join(","),
            device: surroundings.device.id.clone(),
            architecture: surroundings.device.architecture.clone(),
            suite_position: surroundings.place.suite_position as u64,
            measured_position: surroundings.place.measured_position as u64,
            mode: samples.mode,
            n: summary.count as u64,
            rounds: summary.rounds as u64,
            rejected: u64::from(samples.rejected()),
            median_us: summary.median_us,
            ci_low_us: summary.interval_us.map(|interval| interval.low),
            ci_high_us: summary.interval_us.map(|interval| interval.high),
            min_us: summary.min_us,
            p5_us: summary.p5_us,
            p95_us: summary.p95_us,
            bytes: cost.bytes(),
            gbps,
            roof_share: gbps.zip(comparable).map(|(gbps, roofs)| gbps / roofs.bandwidth_gbps()),
            tflops: (!emulated && cost.flops > 0).then(|| cost.flops as f64 / seconds / 1e12),
            floor_multiple,
            roofline_us: roofline.map(|roofline| roofline.seconds * 1e6),
            roofline_share: roofline.filter(|_| memory_counts).map(|roofline| roofline.seconds / seconds),
            binding_roof: roofline.map(|roofline| roofline.binding),
            launches_per_sample: u64::from(samples.launches_per_sample),
            replicas: u64::from(samples.replicas),
            checked_launches: checks.map(|checks| checks.launches),
            input_sets: checks.map(|checks| checks.input_sets() as u64),
            output_hash: checks.map_or(String::new(), |checks| checks.hash_text()),
            fully_checked_ordinal: checks
                .and_then(|checks| checks.fully_checked)
                .map(|launch| u64::from(launch.ordinal)),
            warm_up: samples.warm_up.to_string(),
            stop_reason: samples.stop.to_string(),
            throttled_blocks: u64::from(samples.block),
            throttle: samples.throttle.map_or(String::new(), |throttle| throttle.to_string()),
            core_clock_before_mhz: before.core_clock_mhz,
            core_clock_after_mhz: after.core_clock_mhz,
            chain_before_steps_per_us: before.chain_steps_per_us,
            chain_after_steps_per_us: after.chain_steps_per_us,
            memory_clock_before_mhz: before.memory_clock_mhz,
            memory_clock_after_mhz: after.memory_clock_mhz,
            power_before_watts: before.power_watts,
            power_after_watts: after.power_watts,
            temperature_before_celsius: before.temperature_celsius,
            temperature_after_celsius: after.temperature_celsius,
            flags: flags.join(" "),
            emulated,
            registers: attributes.registers,
            scalar_registers: attributes.scalar_registers,
            accumulation_registers: attributes.accumulation_registers,
            shared_bytes: attributes.shared_bytes,
            scratch_bytes: attributes.scratch_bytes,
            spilled_registers: attributes.spilled_registers,
            code_bytes: attributes.code_bytes,
            occupancy: attributes.occupancy,
            code_identity: surroundings.facts.identity.as_ref().map_or(String::new(), ToString::to_string),
            steps: surroundings.facts.steps,
        })
    }

    /// What the case's kernels need together, as far as the row says it.
    pub fn attributes(&self) -> KernelAttributes {
        KernelAttributes {
            registers: self.registers,
            scalar_registers: self.scalar_registers,
            accumulation_registers: self.accumulation_registers,
            shared_bytes: self.shared_bytes,
            scratch_bytes: self.scratch_bytes,
            spilled_registers: self.spilled_registers,
            code_bytes: self.code_bytes,
            occupancy: self.occupancy,
            ..KernelAttributes::default()
        }
    }

    /// The 95 % confidence interval of the median, in microseconds.
    pub fn interval_us(&self) -> Option<Interval> {
        self.ci_low_us.zip(self.ci_high_us).map(|(low, high)| Interval { low, high })
    }
}
