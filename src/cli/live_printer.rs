//! How far a comparison in turns is, on stderr.

use hipgauge::regression::comparison::shift_text;
use hipgauge::regression::live::{LiveCase, LiveSink, MeasuredCase, Standing};
use hipgauge::suite::SelectedCase;

use super::output::{BAD, GOOD, styled};
use super::progress_line::ProgressLine;
use super::verify_estimate::VerifyEstimate;

/// What a comparison of any case costs on a GPU in element visits of 20 ns: half a second of blocks, fresh buffers and
/// looks at the device.
const VISITS_ON_A_GPU: f64 = 25e6;

/// On the emulator there are two blocks of each side, of one launch.
const VISITS_ON_HOST: f64 = 1e6;

/// Shows progress, and what was found so far.
pub struct LivePrinter {
    progress: ProgressLine,
    estimate: VerifyEstimate,
    done: usize,
    silent: bool,
}

impl LivePrinter {
    pub fn new(cases: &[SelectedCase], emulated: bool, programs_read: bool) -> Self {
        let visits = if emulated { VISITS_ON_HOST } else { VISITS_ON_A_GPU };
        Self {
            progress: ProgressLine::new("comparing", cases.len(), programs_read),
            estimate: VerifyEstimate::with(cases, visits),
            done: 0,
            silent: programs_read,
        }
    }

    pub fn clear(&self) {
        self.progress.clear();
    }

    /// Lines worth seeing before the end. Verdicts may yet be taken back when all cases are weighed together.
    fn findings(case: &MeasuredCase) -> Vec<String> {
        let id = &case.case.id;
        let sides = [("base", &case.base), ("candidate", &case.candidate)];
        let mut lines: Vec<String> = sides
            .into_iter()
            .filter_map(|(side, standing)| {
                let word = match standing {
                    Standing::Right => return None,
                    Standing::Wrong(_) => "wrong",
                    Standing::Unmeasurable(_) => "no result",
                };
                let reason = standing.reason().lines().next().unwrap_or("");
                Some(format!("so far: {} in the {side}: {id}: {reason}", styled(BAD, word)))
            })
            .collect();
        for duel in case.duels.iter().filter(|duel| duel.decision.verdict.is_change()) {
            let verdict = duel.decision.verdict;
            let style = if duel.decision.shift.is_some_and(|shift| shift > 0.0) { BAD } else { GOOD };
            let shift = shift_text(duel.decision.shift);
            lines.push(format!("so far: {} {shift} {id} {}", styled(style, verdict), duel.mode));
        }
        lines
    }
}

impl LiveSink for LivePrinter {
    fn begins(&mut self, case: &LiveCase) {
        self.progress.set_current(&case.id);
    }

    fn done(&mut self, case: &MeasuredCase) {
        self.done += 1;
        if !self.silent {
            let lines = Self::findings(case);
            self.progress.suspend(|| lines.iter().for_each(|line| anstream::eprintln!("{line}")));
        }
        let left = self.estimate.finish_case(&case.case.id, case.seconds, self.progress.elapsed());
        self.progress.set_done(self.done, left);
    }
}
