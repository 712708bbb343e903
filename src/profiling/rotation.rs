//! One problem bound several times, its launches checked.

use std::cell::RefCell;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::backend::{BackendError, Device, KernelAttributes};
use crate::operation::{BindError, BoundProblem, Operation, Problem};
use crate::tensor::HostTensor;

use super::output_hash::OutputHash;
use super::replica_plan::{CACHES_SPANNED, ReplicaPlan};
use super::statistics::SplitMix64;
use super::{CheckedLaunch, Interval, LaunchChecks, Mode, Workload};

/// Every byte of the workspace before a launch, and of outputs: a NaN in each float type.
const DIRT: u8 = 0xFF;

/// Copies of earlier rounds are held while they take no more than this share of the memory: one in eight.
const RETIRED_SHARE: u64 = 8;

/// One problem bound several times, so that launches in turn do not find their inputs in a cache. As a workload it
/// changes the inputs between samples and checks what every sample left in the outputs.
///
/// Before it is timed, each input set goes through `first_outputs` and, once these were judged, `accept`.
pub struct Rotation {
    /// The copies of the buffers.
    copies: Vec<BoundProblem>,
    /// Copy i's inputs with the outputs of copy i + 1, for every other turn of a hot series; none in place, and none
    /// with a single copy.
    crossed: Vec<BoundProblem>,
    /// The input sets as uploaded, for as long as launches overwrite or change inputs; else none.
    kept_inputs: Vec<BoundProblem>,
    kept_outputs: Option<BoundProblem>,
    /// Copies of earlier rounds, held so that the next ones do not get their memory again.
    retired: Vec<Vec<BoundProblem>>,
    hash: OutputHash,
    accepted: Vec<Option<Accepted>>,
    draw: RefCell<Draw>,
}

/// Outputs that were judged right.
#[derive(Clone)]
struct Accepted {
    hash: u64,
    digest: [u8; 32],
}

/// Draws one of the launches seen so far, each with the same probability (reservoir sampling: Vitter 1985,
/// algorithm R with a reservoir of one).
struct Draw {
    random: SplitMix64,
    seen: usize,
    /// With the input set that it had.
    drawn: Option<(CheckedLaunch, usize)>,
}

impl Rotation {
    /// Binds enough copies to span four times the device's caches, at most 16 (64 in place) and at most a quarter of
    /// its memory. `seed` decides which timed launch is checked in full.
    pub fn new(
        device: &Arc<dyn Device>,
        operation: &dyn Operation,
        problem: &Problem,
        seed: u64,
    ) -> Result<Self, BindError> {
        Self::over(device, &|| BoundProblem::new(device, operation, problem), seed)
    }

    /// The same over bindings of the caller's, all of one problem.
    pub(super) fn over(
        device: &Arc<dyn Device>,
        bind: &dyn Fn() -> Result<BoundProblem, BindError>,
        seed: u64,
    ) -> Result<Self, BindError> {
        let first = bind()?;
        let in_place = first.in_place();
        let plan = ReplicaPlan::new(device.info(), &first.footprint(), in_place);
        match Self::planned(device, first, bind, plan, seed) {
            // Somebody else may hold a part of the memory.
            Err(BindError::Backend(BackendError::OutOfMemory { .. })) if plan != ReplicaPlan::least(in_place) => {
                Self::planned(device, bind()?, bind, ReplicaPlan::least(in_place), seed)
            }
            other => other,
        }
    }

    fn planned(
        device: &Arc<dyn Device>,
        first: BoundProblem,
        bind: &dyn Fn() -> Result<BoundProblem, BindError>,
        plan: ReplicaPlan,
        seed: u64,
    ) -> Result<Self, BindError> {
        let kept = if plan.kept_inputs { plan.input_sets } else { 0 };
        let kept_inputs = (0..kept).map(|_| first.with_own_inputs()).collect::<Result<_, _>>()?;
        let kept_outputs = plan.kept_outputs.then(|| first.with_own_outputs()).transpose()?;
        let mut copies = vec![first];
        while copies.len() < plan.replicas {
            copies.push(bind()?);
        }
        let crossed = crossed(&copies);
        Ok(Self {
            hash: OutputHash::new(device, copies.len(), plan.input_sets)?,
            accepted: (0..plan.input_sets).map(|_| None).collect(),
            draw: RefCell::new(Draw { random: SplitMix64::new(seed), seen: 0, drawn: None }),
            copies,
            crossed,
            kept_inputs,
            kept_outputs,
            retired: Vec::new(),
        })
    }

    /// The same problem, input sets and accepted outputs over as many copies in memory of their own, the kernels' code too:
    /// where they lie moves times, so that measurements which are compared should not each have one place only. Where memory does not
    /// permit to keep inputs apart, launches over this rotation must leave them as they are.
    pub fn renewed(&self, seed: u64) -> Result<Self, BackendError> {
        self.copies[0].device().forget_modules();
        let copies: Vec<_> = self.copies.iter().map(BoundProblem::renewed).collect::<Result<_, _>>()?;
        for (copy, fresh) in copies.iter().enumerate() {
            fresh.copy_inputs_from(self.kept_inputs.get(self.set_of(copy, 0)).unwrap_or(&self.copies[copy]))?;
        }
        Ok(Self {
            hash: self.hash.renewed(copies.len())?,
            accepted: self.accepted.clone(),
            draw: RefCell::new(Draw { random: SplitMix64::new(seed), seen: 0, drawn: None }),
            crossed: crossed(&copies),
            kept_inputs: self.kept_inputs.iter().map(BoundProblem::shared).collect(),
            kept_outputs: self.kept_outputs.as_ref().map(BoundProblem::shared),
            retired: Vec::new(),
            copies,
        })
    }

    /// Device bytes of all copies, without what is kept beside them.
    pub fn device_bytes(&self) -> u64 {
        self.copies.iter().map(|copy| copy.footprint().total()).sum()
    }

    /// Uploads an input set, launches once over poisoned outputs, untimed, and gives what that left in them.
    pub fn first_outputs(&self, set: usize, inputs: &[HostTensor]) -> Result<Vec<HostTensor>, BackendError> {
        let users = || (0..self.copies.len()).filter(|copy| copy % self.input_sets() == set || self.copies.len() == 1);
        match self.kept_inputs.get(set) {
            Some(kept) => {
                kept.upload(inputs)?;
                users().try_for_each(|copy| self.copies[copy].copy_inputs_from(kept))?;
            }
            None => users().try_for_each(|copy| self.copies[copy].upload(inputs))?,
        }
        let copy = &self.copies[self.first_copy(set)];
        copy.poison(DIRT)?;
        copy.enqueue()?;
        copy.download()
    }

    /// Takes what `first_outputs` gave last for this set as right: call it when that was judged. From here on, every
    /// launch on this set must leave the same bits.
    pub fn accept(&mut self, set: usize, outputs: &[HostTensor]) -> Result<(), BackendError> {
        let copy = self.first_copy(set);
        let hash = self.hash.accept(&self.copies[copy], copy, set)?;
        self.accepted[set] = Some(Accepted { hash, digest: digest(outputs) });
        Ok(())
    }

    fn first_copy(&self, set: usize) -> usize {
        set % self.copies.len()
    }

    /// What the operation's kernels need together; each copy launches the same.
    pub fn attributes(&self) -> Result<Option<KernelAttributes>, BackendError> {
        self.copies.first().map_or(Ok(None), BoundProblem::attributes)
    }

    /// Whether launches in turn find next to nothing of their buffers in a cache.
    pub fn exceeds_caches(&self) -> bool {
        let info = self.copies[0].device().info();
        self.device_bytes() >= CACHES_SPANNED * (info.l2_bytes + info.last_level_bytes)
    }

    /// The input set of copy `copy` in its `visit`-th use: another one at each.
    fn set_of(&self, copy: usize, visit: usize) -> usize {
        (copy + visit) % self.input_sets()
    }

    fn put_back_inputs(&self, copy: usize, set: usize) -> Result<(), BackendError> {
        self.kept_inputs.get(set).map_or(Ok(()), |kept| self.copies[copy].copy_inputs_from(kept))
    }

    /// How often an interval's copies were used before it in this measurement.
    fn visit(&self, interval: &Interval) -> usize {
        match interval.mode {
            Mode::Cold => interval.sequence / self.copies.len(),
            Mode::Hot => interval.sequence,
        }
    }

    /// The copy whose inputs the last launch of an interval over the outputs of `copy` had.
    fn writer_of(&self, interval: &Interval, copy: usize) -> usize {
        let turns = interval.launches / self.copies.len();
        let crossed = interval.mode == Mode::Hot && !self.crossed.is_empty() && turns.is_multiple_of(2);
        if crossed { (copy + self.copies.len() - 1) % self.copies.len() } else { copy }
    }

    /// Puts a hot series into the state that launches back to back are in. Restoring and poisoning leave caches
    /// full of lines to write back, which would be charged to the interval: a turn of launches with crossed outputs
    /// follows, so that each output then holds the result of another set, and only a little poison.
    fn settle(&self) -> Result<(), BackendError> {
        self.crossed.iter().try_for_each(BoundProblem::enqueue)?;
        self.copies.iter().try_for_each(|copy| self.hash.poison_sparsely(copy))
    }

    fn draw_one(&self, interval: &Interval) -> Result<(), BackendError> {
        let mut draw = self.draw.borrow_mut();
        draw.seen += 1;
        let seen = draw.seen;
        // Without room to keep outputs only the latest launch can be looked at.
        if draw.random.below(seen) != 0 && self.kept_outputs.is_some() {
            return Ok(());
        }
        let copy = interval.copies.start + draw.random.below(interval.copies.len());
        let set = self.set_of(self.writer_of(interval, copy), self.visit(interval));
        draw.drawn = Some((CheckedLaunch { ordinal: interval.ordinal, copy: copy as u32 }, set));
        self.kept_outputs.as_ref().map_or(Ok(()), |kept| kept.copy_outputs_from(&self.copies[copy]))
    }

    /// Downloads the outputs of the launch that was drawn; whether they are the accepted ones, byte for byte.
    fn check_drawn(&self, launch: CheckedLaunch, set: usize) -> Result<bool, BackendError> {
        let outputs = self.kept_outputs.as_ref().unwrap_or(&self.copies[launch.copy as usize]).download()?;
        Ok(self.accepted[set].as_ref().is_some_and(|accepted| accepted.digest == digest(&outputs)))
    }

    /// What was found since the last call; `full`: also by comparing the launch that was drawn byte for byte.
    fn checks(&self, full: bool) -> Result<LaunchChecks, BackendError> {
        let drawn = {
            let mut draw = self.draw.borrow_mut();
            draw.seen = 0;
            draw.drawn.take().filter(|_| full)
        };
        let findings = self.hash.take_findings()?;
        let passed = drawn.map(|(launch, set)| self.check_drawn(launch, set)).transpose()?;
        let hashes = self.accepted.iter().map(|accepted| accepted.as_ref().map_or(0, |accepted| accepted.hash));
        Ok(LaunchChecks {
            launches: findings.compared,
            hashes: hashes.collect(),
            differing: findings.differing,
            first_differing: findings.first,
            fully_checked: drawn.map(|(launch, _)| launch),
            full_check_passed: passed.unwrap_or(false),
        })
    }
}

impl Workload for Rotation {
    fn replicas(&self) -> usize {
        self.copies.len()
    }

    /// Two, or one where memory does not permit more.
    fn input_sets(&self) -> usize {
        self.accepted.len()
    }

    /// Without kept inputs there is nothing to fill other buffers from, and without room they stay where they are.
    fn renew(&mut self) -> Result<bool, BackendError> {
        if self.kept_inputs.is_empty() {
            return Ok(false);
        }
        self.copies[0].device().forget_modules();
        let copies = match self.copies.iter().map(BoundProblem::renewed).collect::<Result<Vec<_>, _>>() {
            Err(BackendError::OutOfMemory { .. }) => return Ok(false),
            copies => copies?,
        };
        let affordable = self.copies[0].device().info().memory_bytes / RETIRED_SHARE / self.device_bytes().max(1);
        self.crossed = crossed(&copies);
        self.retired.push(std::mem::replace(&mut self.copies, copies));
        while self.retired.len() as u64 > affordable {
            self.retired.remove(0);
        }
        let sets = self.input_sets();
        (0..self.copies.len()).try_for_each(|copy| self.put_back_inputs(copy, copy % sets))?;
        Ok(true)
    }

    fn launches(&self) -> usize {
        self.copies[0].launches()
    }

    fn enqueue(&self, replica: usize) -> Result<(), BackendError> {
        self.copies[replica].enqueue()
    }

    /// Every second turn writes to the next copy's outputs. Its inputs are of the other set, so that a launch which
    /// finds its output written and skips leaves a result of the wrong set.
    fn enqueue_in_series(&self, launch: usize) -> Result<(), BackendError> {
        let (turn, copy) = (launch / self.copies.len(), launch % self.copies.len());
        match self.crossed.get(copy) {
            Some(crossed) if !turn.is_multiple_of(2) => crossed.enqueue(),
            _ => self.copies[copy].enqueue(),
        }
    }

    /// One turn, or an even number of them, so that the last one is crossed. In place a second turn would compute
    /// on results of the first, and a single copy has nothing to cross with: there it is always one.
    fn series_length(&self, wanted: usize) -> usize {
        let turn = self.copies.len();
        if self.crossed.is_empty() || wanted <= turn { turn } else { wanted.next_multiple_of(2 * turn) }
    }

    fn before(&self, interval: &Interval) -> Result<(), BackendError> {
        let visit = self.visit(interval);
        for copy in interval.copies.clone() {
            self.put_back_inputs(copy, self.set_of(copy, visit))?;
            self.copies[copy].poison(DIRT)?;
        }
        let emulated = self.copies[0].device().info().emulated;
        if interval.mode == Mode::Hot && !emulated && !self.crossed.is_empty() { self.settle() } else { Ok(()) }
    }

    fn after(&self, interval: &Interval) -> Result<(), BackendError> {
        let copies = interval.copies.clone();
        copies.clone().try_for_each(|copy| self.hash.add(&self.copies[copy], copy))?;
        // Copy i holds outputs of set (i + phase) % sets.
        let sets = self.input_sets();
        let set = self.set_of(self.writer_of(interval, copies.start), self.visit(interval));
        let phase = set + (sets - 1) * copies.start;
        self.hash.compare(copies.start, copies.len(), phase, interval.ordinal)?;
        self.draw_one(interval)
    }

    fn conclude(&self) -> Result<Option<LaunchChecks>, BackendError> {
        self.checks(true).map(Some)
    }

    fn conclude_by_hash(&self) -> Result<Option<LaunchChecks>, BackendError> {
        self.checks(false).map(Some)
    }
}

/// Each copy's inputs with the outputs of the next copy; none in place, and none of a single copy.
fn crossed(copies: &[BoundProblem]) -> Vec<BoundProblem> {
    match copies.len() {
        1 => Vec::new(),
        _ if copies[0].in_place() => Vec::new(),
        count => (0..count).map(|copy| copies[copy].with_outputs_of(&copies[(copy + 1) % count])).collect(),
    }
}

/// SHA-256 of all elements, in order.
fn digest(outputs: &[HostTensor]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for output in outputs {
        hasher.update(output.bytes());
    }
    hasher.finalize().into()
}
