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
}

/// Runs every case and hands each verdict to `sink` as soon as it is there. When `stop` becomes true no new
/// case is taken, those in work are finished, and the summary says that the run was interrupted.
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
    let work = |sender: mpsc::Sender<CaseOutcome>| {
        while !stop.load(Ordering::Relaxed) && !halt.load(Ordering::Relaxed) {
            let Some(selected) = cases.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let outcome = match &selected.skip {
                Some(reason) => skip_case(device, &selected.case, reason, &options.command),
                None => run_case(device, &selected.case, turn.as_ref(), &options.command),
            };
            // Here and not where verdicts arrive: by then other threads may have taken many more cases.
            if options.fail_fast && matches!(outcome.verdict.status, Status::Failed | Status::Errored) {
                halt.store(true, Ordering::Relaxed);
            }
            if sender.send(outcome).is_err() {
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
        for outcome in receiver {
            summary.add(&outcome);
            if let Err(error) = sink.verdict(&outcome.verdict) {
                halt.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    })?;
    summary.interrupted = stop.load(Ordering::Relaxed) && summary.done() < summary.cases;
    summary.seconds = start.elapsed().as_secs_f64();
    Ok(summary)
}
