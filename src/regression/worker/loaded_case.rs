//! One case in a worker: verified once, then measured in blocks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::backend::{BackendError, Buffer, Device};
use crate::operation::Case;
use crate::profiling::statistics::SplitMix64;
use crate::profiling::{BlockPlan, Interval, KernelTimer, LaunchChecks, Mode, Rotation, Workload};
use crate::sweep::VerifiedCase;
use crate::verify::{Status, Trouble, run_case};

use super::end::Refusal;
use super::protocol::{Answer, Block, BlockRequest, Unit, Verification};
use super::server::Stop;

/// Samples in a block at most, rejected ones included.
const MOST_SAMPLES: usize = 2000;

/// Buffers of so many blocks before the one in work are kept, so that the next one cannot get the same addresses.
const BLOCKS_KEPT: usize = 2;

/// They are kept as long as they take at most this share of the device's memory.
const KEPT_MEMORY_SHARE: u64 = 16;

/// The step in which allocations are moved, in bytes: a page of a GPU's large allocations.
const PLACEMENT_STEP: usize = 2 << 20;

/// Allocations are moved by up to so many steps.
const PLACEMENT_STEPS: usize = 32;

/// The buffers of one block, and what was allocated before them to move them elsewhere.
struct Placement {
    rotation: Rotation,
    _space: Option<Buffer>,
}

/// A case whose kernels gave the right outputs here.
pub(super) struct LoadedCase {
    id: String,
    device: Arc<dyn Device>,
    /// Holds the inputs and what is known of the right outputs; on a GPU nothing is timed over it.
    verified: Box<Rotation>,
    verification: Verification,
    kept: VecDeque<Placement>,
    random: SplitMix64,
}

impl LoadedCase {
    /// Judges what launches over each input set give, and verifies the case as `hipgauge verify` does: dirty workspaces,
    /// writes outside of the outputs, a reference that has teeth. Inputs stay on the device for all blocks.
    pub fn load(device: &Arc<dyn Device>, case: &Case, seed: u64) -> Result<Self, Stop> {
        let start = Instant::now();
        let verified = match VerifiedCase::new(device, case, seed)? {
            VerifiedCase::Ready(rotation) => rotation,
            VerifiedCase::Wrong(reason) => return Err(Stop::refuse(Refusal::WrongResult, reason)),
            VerifiedCase::Empty => {
                let reason = "it has nothing to launch; choose a case with rows and columns";
                return Err(Stop::refuse(Refusal::Impossible, reason));
            }
        };
        verify(device, case)?;
        Ok(Self {
            id: case.id(),
            device: device.clone(),
            verified,
            verification: Verification { seconds: start.elapsed().as_secs_f64() },
            kept: VecDeque::new(),
            random: SplitMix64::new(seed),
        })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn verification(&self) -> &Verification {
        &self.verification
    }

    /// Device bytes of the buffers that stay.
    pub fn device_bytes(&self) -> u64 {
        let kept = self.kept.iter().map(|placement| placement.rotation.device_bytes());
        kept.sum::<u64>() + self.verified.device_bytes()
    }

    /// Takes a block of samples.
    pub fn block(&mut self, timer: &KernelTimer, request: &BlockRequest) -> Result<Block, Stop> {
        if self.device.info().emulated { self.count_steps() } else { self.time(timer, request) }
    }

    /// One launch on the emulator, by its steps. They do not vary, so one is enough.
    fn count_steps(&self) -> Result<Block, Stop> {
        let interval = Interval { mode: Mode::Cold, ordinal: 0, sequence: 0, launches: 1, copies: 0..1 };
        self.verified.before(&interval)?;
        self.device.take_steps();
        self.verified.enqueue(0)?;
        let steps = self.device.take_steps().ok_or_else(|| {
            let reason = "the emulator counts steps only while it checks accesses; leave out --memory-check off";
            Stop::refuse(Refusal::Impossible, reason)
        })?;
        self.verified.after(&interval)?;
        Ok(Block {
            unit: Unit::Steps,
            values: vec![steps as f64],
            rejected: 0,
            launches: 1,
            before: None,
            after: None,
            checked_launches: right_launches(self.verified.conclude()?)?,
        })
    }

    fn time(&mut self, timer: &KernelTimer, request: &BlockRequest) -> Result<Block, Stop> {
        let placement = self.place()?;
        let plan = BlockPlan {
            least_samples: request.least_samples,
            least_time: seconds(request.least_seconds)?,
            most_samples: MOST_SAMPLES,
            warm_up: seconds(request.warm_up_seconds)?,
            launches: request.launches.map(|launches| launches as usize),
            look_before: request.look_before,
            look_after: request.look_after,
            full_check: request.full_check,
        };
        let samples = timer.short_block(&placement.rotation, request.mode, &plan)?;
        self.keep(placement);
        let checked_launches = right_launches(samples.checks)?;
        if samples.seconds.is_empty() {
            let reason = format!("none of {} samples was positive", samples.not_positive);
            return Err(Stop::refuse(Refusal::NoSample, reason));
        }
        Ok(Block {
            unit: Unit::Seconds,
            values: samples.seconds,
            rejected: samples.not_positive,
            launches: samples.launches as u32,
            before: samples.before,
            after: samples.after,
            checked_launches,
        })
    }

    /// Fresh buffers. Where they lie moves a kernel's time by some tenths of a per cent; with the same ones in every
    /// block that would look like a difference between two processes.
    fn place(&mut self) -> Result<Placement, BackendError> {
        let space = match self.random.below(PLACEMENT_STEPS) {
            0 => None,
            steps => Some(self.device.allocate(steps * PLACEMENT_STEP, "placement")?),
        };
        let rotation = self.verified.renewed(self.random.next_word())?;
        Ok(Placement { rotation, _space: space })
    }

    /// Keeps the buffers of the last blocks, as far as there is room.
    fn keep(&mut self, placement: Placement) {
        self.kept.push_back(placement);
        let most = self.device.info().memory_bytes / KEPT_MEMORY_SHARE;
        while self.kept.len() > BLOCKS_KEPT || (!self.kept.is_empty() && self.device_bytes() > most) {
            self.kept.pop_front();
        }
    }
}

/// How many launches were compared with the judged ones, or what is wrong with them.
fn right_launches(checks: Option<LaunchChecks>) -> Result<u64, Stop> {
    let checks = checks.ok_or_else(|| Stop(Answer::Fault { reason: "nobody checked the launches".to_string() }))?;
    match checks.failure() {
        Some(failure) => Err(Stop::refuse(Refusal::WrongResult, failure)),
        None => Ok(checks.launches),
    }
}

fn seconds(value: f64) -> Result<Duration, Stop> {
    Duration::try_from_secs_f64(value).map_err(|_| Stop::refuse(Refusal::Impossible, format!("{value} is no time")))
}

fn verify(device: &Arc<dyn Device>, case: &Case) -> Result<(), Stop> {
    let outcome = run_case(device, case, None, "hipgauge verify");
    let reason = outcome.verdict.reason;
    match (outcome.verdict.status, outcome.trouble) {
        (Status::Passed, _) => Ok(()),
        (Status::Failed, _) => {
            // A GPU's driver answers nothing to a process whose kernel has faulted.
            let goes_on = device.synchronize().is_ok();
            Err(Stop(Answer::Refused { why: Refusal::WrongResult, reason, goes_on }))
        }
        (_, Some(Trouble::Build)) => Err(Stop::refuse(Refusal::Unbuildable, reason)),
        (_, Some(Trouble::Memory)) => Err(Stop(Answer::OutOfMemory { reason })),
        (_, Some(Trouble::Harness)) => Err(Stop(Answer::Fault { reason })),
        (Status::Skipped, _) => Err(Stop::refuse(Refusal::Impossible, reason)),
        (Status::Errored, _) => Err(Stop(Answer::LostDevice { reason })),
    }
}
