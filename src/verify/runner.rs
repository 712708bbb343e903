//! Many cases on one device.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Instant;

use crate::backend::Device;
use crate::suite::SelectedCase;

use super::case_run::{CaseOutcome, run_case, skip_case};
use super::{Status, Summary, VerdictSink};

/// How cases are run.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// Cases in work at a time. On a GPU only one of them is on the device.
    pub jobs: NonZeroUsize,
    /// Take no new case after one that failed or could not run.
    pub fail_fast: bool,
    /// What the line that reproduces a case starts with: `hipgauge verify --device host`.
    pub command: String,
    /// Take no new case from then on.
    pub deadline: Option<Instant>,
}

/// What a worker tells.
enum Event {
    /// The case at that place is taken up.
    Begins(usize),
    Ends(Box<CaseOutcome>),
}

/// Runs every case and hands each verdict to `sink` as soon as it is there. When `stop` becomes true no new
/// case is taken, those in work are finished, and the summary says that the run was interrupted; likewise from the
/// deadline on.
pub fn verify(
    device: &Arc<dyn Device>,
    cases: &[SelectedCase],
    options: &VerifyOptions,
    stop: &AtomicBool,
    sink: &mut dyn VerdictSink,
) -> io::Result<Summary> {
    let start = Instant::now();
    let halt = AtomicBool::new(false);
    let next = AtomicUsize::new(0);
    let turn = (!device.info().emulated).then(|| Mutex::new(()));
    let late = || options.deadline.is_some_and(|deadline| Instant::now() >= deadline);
    let work = |sender: mpsc::Sender<Event>| {
        while !stop.load(Ordering::Relaxed) && !halt.load(Ordering::Relaxed) && !late() {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(selected) = cases.get(position) else { break };
            if sender.send(Event::Begins(position)).is_err() {
                break;
            }
            let outcome = match &selected.skip {
                Some(reason) => skip_case(device, &selected.case, reason, &options.command),
                None => run_case(device, &selected.case, turn.as_ref(), &options.command),
            };
            // Here and not where verdicts arrive: by then other threads may have taken many more cases.
            if options.fail_fast && matches!(outcome.verdict.status, Status::Failed | Status::Errored) {
                halt.store(true, Ordering::Relaxed);
            }
            if sender.send(Event::Ends(Box::new(outcome))).is_err() {
                break;
            }
        }
    };
    let mut summary = Summary::of(cases.len());
    // Plain threads, not rayon's: one that waits inside a case must not pick up a second case meanwhile, or
    // stacks and times would grow without bound.
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for _ in 0..options.jobs.get().min(cases.len()) {
            let sender = sender.clone();
            scope.spawn(|| work(sender));
        }
        drop(sender);
        for event in receiver {
            let outcome = match event {
                Event::Begins(position) => {
                    sink.begin(&cases[position].case.id());
                    continue;
                }
                Event::Ends(outcome) => outcome,
            };
            summary.add(&outcome);
            if let Err(error) = sink.verdict(&outcome.verdict) {
                halt.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    })?;
    let unfinished = summary.done() < summary.cases;
    summary.interrupted = unfinished && stop.load(Ordering::Relaxed);
    summary.out_of_time = unfinished && !summary.interrupted && late();
    summary.seconds = start.elapsed().as_secs_f64();
    Ok(summary)
}
