//! A search from its ends to its conclusion, with everything kept after each observation.

use std::io;
use std::time::Instant;

use super::history::{Commit, History};
use super::judge::{Judge, Opinion};
use super::observation::{Effort, Grader, GraderError, Observation, Regress};
use super::record::{Conclusion, Confirmation, Ends, Record, Step};
use super::search::{Next, Outcome, Search};

/// What happens while a search runs. What is done has been kept.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The ends are about to be observed.
    EndsBegin,
    EndsDone(&'a Ends),
    /// A commit is about to be observed, with so many candidates and about so many steps left, this one included.
    StepBegins {
        commit: &'a Commit,
        remaining: usize,
        steps: u32,
    },
    /// A commit could not be told and is looked at again.
    Again {
        commit: &'a Commit,
        why: &'a str,
    },
    StepDone(&'a Step),
    ConfirmationBegins {
        culprit: &'a Commit,
        parent: &'a Commit,
    },
    ConfirmationDone(&'a Confirmation),
}

/// Keeps the record, and hears what happens.
pub trait Keeper {
    /// Called after each change of the record; whatever it keeps must be whole even if the process is killed in it.
    fn keep(&mut self, record: &Record) -> io::Result<()>;

    fn event(&mut self, _event: Event<'_>) {}
}

/// What ends a search early. What was seen until then is kept.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error(transparent)]
    Grader(#[from] GraderError),
    #[error("cannot keep what was found: {0}; give another --out or --cache")]
    Keep(#[from] io::Error),
    #[error("the kept search does not fit this history ({0}); start it again without --resume")]
    Foreign(String),
}

/// Searches `history` for the commit that did it. `record` is what an interrupted search has kept, or a new one.
pub fn run_search(
    history: &History,
    (regress, inverted): (Regress, bool),
    grader: &mut dyn Grader,
    keeper: &mut dyn Keeper,
    record: Record,
) -> Result<Record, SessionError> {
    let judge = Judge::new(regress, inverted);
    let mut session = Session { history, regress, judge, grader, keeper, record };
    if session.record.conclusion.is_none() {
        let conclusion = session.conclude()?;
        session.record.conclusion = Some(conclusion);
        session.keep()?;
    }
    Ok(session.record)
}

impl Record {
    /// A search that has not begun.
    pub fn new(history: &History) -> Self {
        Self {
            good: history.good().clone(),
            bad: history.bad().clone(),
            commits: history.commits().len(),
            candidates: history.candidates(),
            ends: None,
            steps: Vec::new(),
            confirmations: Vec::new(),
            conclusion: None,
        }
    }
}

struct Session<'a> {
    history: &'a History,
    regress: Regress,
    judge: Judge,
    grader: &'a mut dyn Grader,
    keeper: &'a mut dyn Keeper,
    record: Record,
}

impl Session<'_> {
    fn keep(&mut self) -> Result<(), SessionError> {
        Ok(self.keeper.keep(&self.record)?)
    }

    fn conclude(&mut self) -> Result<Conclusion, SessionError> {
        if self.history.good().measured == self.history.bad().measured {
            let why = "both ends have the same files where it is measured".to_string();
            return Ok(Conclusion::NotReproducible { why });
        }
        if self.record.ends.is_none() {
            self.observe_ends()?;
        }
        let ends = self.record.ends.clone().expect("just observed");
        if let Err(why) = self.judge.take_ends(ends.good.as_ref(), &ends.bad) {
            return Ok(Conclusion::NotReproducible { why });
        }
        let mut search = Search::new(self.history);
        for step in self.record.steps.clone() {
            let foreign = || SessionError::Foreign(format!("{} is not in it", step.commit.id));
            let place = self.history.place(&step.commit.id).ok_or_else(foreign)?;
            self.judge.learn(&step.observations, step.outcome);
            search.record(place, step.outcome);
        }
        loop {
            match search.next() {
                Next::Test(commit) => self.step(commit, &mut search)?,
                Next::Found(culprit) => return self.confirm(culprit, &ends),
                Next::Undecidable(left) => return Ok(self.undecidable(&left)),
            }
        }
    }

    fn observe_ends(&mut self) -> Result<(), SessionError> {
        self.keeper.event(Event::EndsBegin);
        let start = Instant::now();
        let (good, bad) = (self.history.good(), self.history.bad());
        let of_good = match self.regress {
            Regress::Perf => None,
            _ => Some(self.grader.observe(good, good, Effort::Ends)?),
        };
        let of_bad = self.grader.observe(good, bad, Effort::Ends)?;
        let ends = Ends { good: of_good, bad: of_bad, seconds: start.elapsed().as_secs_f64() };
        self.record.ends = Some(ends.clone());
        self.keep()?;
        self.keeper.event(Event::EndsDone(&ends));
        Ok(())
    }

    fn step(&mut self, place: usize, search: &mut Search<'_>) -> Result<(), SessionError> {
        let start = Instant::now();
        let commit = &self.history.commits()[place];
        let (remaining, steps) = (search.remaining(), search.steps_left());
        self.keeper.event(Event::StepBegins { commit, remaining, steps });
        let (outcome, reason, observations, same_as) = match self.known(commit) {
            Some((outcome, like)) => {
                (outcome, format!("the same files as {} where it is measured", like.short()), Vec::new(), Some(like.id))
            }
            None => {
                let (outcome, reason, observations) = self.look(commit)?;
                (outcome, reason, observations, None)
            }
        };
        self.judge.learn(&observations, outcome);
        search.record(place, outcome);
        let seconds = start.elapsed().as_secs_f64();
        let remaining = search.remaining();
        let step = Step { commit: commit.clone(), outcome, reason, observations, same_as, remaining, seconds };
        self.record.steps.push(step.clone());
        self.keep()?;
        self.keeper.event(Event::StepDone(&step));
        Ok(())
    }

    /// The answer of another commit with the same measured files.
    fn known(&self, commit: &Commit) -> Option<(Outcome, Commit)> {
        let same = |other: &Commit| commit.measured.is_some() && other.measured == commit.measured;
        let ends = [(Outcome::Good, self.history.good()), (Outcome::Bad, self.history.bad())];
        let of_end = ends.into_iter().find(|(_, end)| same(end)).map(|(outcome, end)| (outcome, end.clone()));
        let step = || self.record.steps.iter().find(|step| same(&step.commit));
        of_end.or_else(|| step().map(|step| (step.outcome, step.commit.clone())))
    }

    /// Looks at a commit, twice if need be.
    fn look(&mut self, commit: &Commit) -> Result<(Outcome, String, Vec<Observation>), SessionError> {
        let mut observations = vec![self.grader.observe(self.history.good(), commit, Effort::Step)?];
        match self.judge.opinion(&observations) {
            Opinion::Graded(outcome, reason) => Ok((outcome, reason, observations)),
            Opinion::Unsure(why) => {
                self.keeper.event(Event::Again { commit, why: &why });
                observations.push(self.grader.observe(self.history.good(), commit, Effort::Again)?);
                let (outcome, reason) = self.judge.last_word(&observations);
                Ok((outcome, reason, observations))
            }
        }
    }

    fn confirm(&mut self, place: usize, ends: &Ends) -> Result<Conclusion, SessionError> {
        let culprit = &self.history.commits()[place];
        for parent in self.history.parents_of(place) {
            if self.record.confirmations.iter().any(|known| known.parent.id == parent.id) {
                continue;
            }
            self.keeper.event(Event::ConfirmationBegins { culprit, parent });
            let start = Instant::now();
            let of_parent = match self.regress {
                Regress::Perf => None,
                _ => Some(self.grader.observe(parent, parent, Effort::Final)?),
            };
            let of_culprit = self.grader.observe(parent, culprit, Effort::Final)?;
            let outcome = self.judge.confirms(of_parent.as_ref(), &of_culprit);
            let confirmation = Confirmation {
                parent: parent.clone(),
                of_parent,
                of_culprit,
                confirmed: outcome.is_ok(),
                finding: outcome.unwrap_or_else(|why| why),
                seconds: start.elapsed().as_secs_f64(),
            };
            self.record.confirmations.push(confirmation.clone());
            self.keep()?;
            self.keeper.event(Event::ConfirmationDone(&confirmation));
        }
        let culprit = culprit.clone();
        if let Some(against) = self.record.confirmations.iter().find(|confirmation| !confirmation.confirmed) {
            let why = format!("beside its parent {}: {}", against.parent.short(), against.finding);
            return Ok(Conclusion::NotConfirmed { culprit, why });
        }
        let residuals = self.record.confirmations.iter().map(|confirmation| {
            self.judge.residual(confirmation.of_parent.as_ref(), &confirmation.of_culprit, &ends.bad)
        });
        // A merge may be nearer to one of its parents: what no parent explains is left.
        let residual = residuals
            .reduce(|a, b| match (a, b) {
                (Some(a), Some(b)) => Some(if f64::abs(a) <= f64::abs(b) { a } else { b }),
                _ => None,
            })
            .flatten();
        Ok(Conclusion::Found { culprit, residual })
    }

    fn undecidable(&self, left: &[usize]) -> Conclusion {
        let candidates: Vec<Commit> = left.iter().map(|place| self.history.commits()[*place].clone()).collect();
        let skipped = self.record.steps.iter().filter(|step| step.outcome == Outcome::Skip);
        let reasons: Vec<&str> = skipped
            .filter(|step| candidates.iter().any(|candidate| candidate.id == step.commit.id))
            .map(|step| step.reason.lines().next().unwrap_or(""))
            .collect();
        let why = match reasons.first() {
            Some(first) => format!("{} commits in between tell nothing, the first because: {first}", reasons.len()),
            None => "no commit in between changes what is measured".to_string(),
        };
        Conclusion::Undecidable { candidates, why }
    }
}
