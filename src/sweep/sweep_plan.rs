//! How much of the time that is left each case may have, and how long the rest takes: pure arithmetic over what
//! was predicted and what it cost. Seconds throughout.

use std::collections::VecDeque;

use super::case_cost::CaseCost;

/// This share of the time is promised to nobody, and so much of the costliest case: what a case costs is known only
/// afterwards.
const RESERVE: f64 = 0.03;
const RESERVE_FOR_A_CASE: f64 = 0.4;

/// One case says little about how wrong predictions are: they are believed as much as this many cases.
const BELIEF: f64 = 0.5;

/// So many measurements back, use of time still counts.
const MOST_USES: usize = 512;

/// The time that is handed out assumes of so many imagined measurements that they use all they are given.
const CAUTION: f64 = 3.0;

/// Without any experience: seconds that a measurement takes until the stop rule is content.
const USUAL_USE: f64 = 0.1;

/// What the samples of one mode took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Use {
    pub seconds: f64,
    /// Whether a limit ended it, so that it would have taken more.
    pub cut: bool,
}

/// What a case took.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Spent {
    pub seconds: f64,
    /// One a mode.
    pub uses: Vec<Use>,
    /// Samples that `sampling` is the time of.
    pub samples: usize,
}

impl Spent {
    fn sampling(&self) -> f64 {
        self.uses.iter().map(|one| one.seconds).sum()
    }
}

/// What predictions of one kind are to be multiplied by.
#[derive(Clone, Copy, Debug, Default)]
struct Correction {
    predicted: f64,
    actual: f64,
    count: usize,
}

impl Correction {
    fn learn(&mut self, predicted: f64, actual: f64) {
        self.predicted += predicted;
        self.actual += actual;
        self.count += 1;
    }

    fn factor(&self) -> f64 {
        let belief = BELIEF * self.predicted / self.count.max(1) as f64;
        if self.predicted > 0.0 { (self.actual + belief) / (self.predicted + belief) } else { 1.0 }
    }
}

/// The cases that wait, and what those before them taught.
#[derive(Clone, Debug)]
pub(super) struct SweepPlan {
    waiting: Vec<Option<CaseCost>>,
    modes: f64,
    least_samples: f64,
    /// Seconds of sampling that a mode never exceeds.
    ceiling: f64,
    fixed: Correction,
    sample: Correction,
    uses: VecDeque<Use>,
}

impl SweepPlan {
    pub fn new(costs: Vec<CaseCost>, modes: usize, least_samples: usize, ceiling: f64) -> Self {
        Self {
            waiting: costs.into_iter().map(Some).collect(),
            modes: modes as f64,
            least_samples: least_samples as f64,
            ceiling,
            fixed: Correction::default(),
            sample: Correction::default(),
            uses: VecDeque::new(),
        }
    }

    /// The least that the cases that wait need: ten samples a mode, and what is paid anyhow.
    pub fn least(&self) -> f64 {
        self.total(0.0)
    }

    /// The least that one of them needs.
    pub fn least_of(&self, position: usize) -> f64 {
        self.waiting[position].map_or(0.0, |cost| self.of(cost, 0.0, self.fixed.factor(), self.sample.factor()))
    }

    /// Seconds of sampling that every mode of every case that waits may have, if all together have `left`.
    pub fn limit(&self, left: f64) -> f64 {
        let costliest = (0..self.waiting.len()).map(|position| self.least_of(position)).fold(0.0, f64::max);
        let left = left * (1.0 - RESERVE) - RESERVE_FOR_A_CASE * costliest;
        // Some use more than is typical: among a few cases that evens out less than among many.
        let uneven = self.modes * (self.waiting.iter().flatten().count() as f64).sqrt();
        let least = self.least();
        let fits = |limit: f64| self.total(self.typical_use(limit, CAUTION)) <= left && least + uneven * limit <= left;
        if fits(self.ceiling) {
            return self.ceiling;
        }
        // Use grows with the limit, so halving finds it: to less than a ten thousandth of the ceiling.
        let (mut low, mut high) = (0.0, self.ceiling);
        for _ in 0..14 {
            let middle = (low + high) / 2.0;
            if fits(middle) { low = middle } else { high = middle }
        }
        low
    }

    /// How long the cases that wait will take under such a limit.
    pub fn expected(&self, limit: f64) -> f64 {
        self.total(self.typical_use(limit, 0.0))
    }

    /// The case is done.
    pub fn finish(&mut self, position: usize, spent: &Spent) {
        let Some(cost) = self.waiting[position].take() else { return };
        self.fixed.learn(cost.fixed, (spent.seconds - spent.sampling()).max(0.0));
        if spent.samples > 0 {
            self.sample.learn(cost.sample * spent.samples as f64, spent.sampling());
        }
        self.uses.extend(&spent.uses);
        while self.uses.len() > MOST_USES {
            self.uses.pop_front();
        }
    }

    /// The case will not be measured.
    pub fn give_up(&mut self, position: usize) {
        self.waiting[position] = None;
    }

    /// Mean seconds that a mode will use under a limit. One that was cut off would have used any.
    fn typical_use(&self, limit: f64, imagined: f64) -> f64 {
        if self.uses.is_empty() {
            return if imagined > 0.0 { limit } else { limit.min(USUAL_USE) };
        }
        let used = |one: &Use| if one.cut { limit } else { one.seconds.min(limit) };
        let total: f64 = self.uses.iter().map(used).sum();
        (total + imagined * limit) / (self.uses.len() as f64 + imagined)
    }

    fn of(&self, cost: CaseCost, sampling: f64, fixed: f64, sample: f64) -> f64 {
        fixed * cost.fixed + self.modes * sampling.max(sample * self.least_samples * cost.sample)
    }

    fn total(&self, sampling: f64) -> f64 {
        let (fixed, sample) = (self.fixed.factor(), self.sample.factor());
        self.waiting.iter().flatten().map(|&cost| self.of(cost, sampling, fixed, sample)).sum()
    }
}
