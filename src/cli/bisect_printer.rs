//! A search for people, while it is kept on disk.

use std::io;

use hipgauge::regression::bisect::report::{ReportFiles, explanations, headline};
use hipgauge::regression::bisect::{
    CampaignKeeper, Event, History, Judge, Outcome, Record, State, StateFile, steps_for,
};

use super::output::{BAD, FAINT, GOOD, NOTE, STRONG, Stdout, styled};

/// Keeps the state after each observation, and says on stderr what happens.
pub struct BisectPrinter<'a> {
    state: State,
    file: &'a StateFile,
    judge: Judge,
    steps: usize,
}

impl<'a> BisectPrinter<'a> {
    pub fn new(state: State, file: &'a StateFile) -> Self {
        let judge = Judge::new(state.question.regress, state.question.inverted);
        let steps = state.searches.last().map_or(0, |search| search.steps.len());
        Self { state, file, judge, steps }
    }

    pub fn into_state(self) -> State {
        self.state
    }

    /// What lies ahead.
    pub fn begin(&self, history: &History) {
        let (commits, candidates) = (history.commits().len(), history.candidates());
        anstream::eprintln!(
            "bisecting {commits} commits, {candidates} of them change what is measured: the ends, about {} steps, and the \
             culprit beside its parent",
            steps_for(candidates)
        );
        if self.steps > 0 {
            anstream::eprintln!("going on after {} steps", self.steps);
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}

impl CampaignKeeper for BisectPrinter<'_> {
    fn keep(&mut self, records: &[Record]) -> io::Result<()> {
        self.state.searches = records.to_vec();
        self.file.save(&self.state)
    }

    fn search_begins(&mut self, record: &Record) {
        self.steps = 0;
        anstream::eprintln!("searching between {} and {}", record.good.short(), record.bad.short());
    }

    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::EndsBegin => anstream::eprintln!("{}", styled(FAINT, "measuring the ends")),
            Event::EndsDone(ends) => {
                if let Some(good) = &ends.good {
                    anstream::eprintln!("good end: {}", first_line(&self.judge.describe(good)));
                }
                anstream::eprintln!(
                    "bad end:  {} {}",
                    first_line(&self.judge.describe(&ends.bad)),
                    styled(FAINT, format!("({:.1} s)", ends.seconds))
                );
            }
            Event::StepBegins { commit, remaining, steps } => {
                let commits = if remaining == 1 { "commit remains" } else { "commits remain" };
                let words = if steps == 1 { "step" } else { "steps" };
                let line = format!("{remaining} {commits}, roughly {steps} {words}: {} next", commit.short());
                anstream::eprintln!("{}", styled(FAINT, line));
            }
            Event::Again { commit, why } => {
                anstream::eprintln!("{} {}: {}", styled(NOTE, "looking again at"), commit.short(), first_line(why));
            }
            Event::StepDone(step) => {
                self.steps += 1;
                let style = match step.outcome {
                    Outcome::Good => GOOD,
                    Outcome::Bad => BAD,
                    Outcome::Skip => NOTE,
                };
                anstream::eprintln!(
                    "{:>3} {} {}  {}  {} {}",
                    self.steps,
                    step.commit.short(),
                    styled(style, step.outcome.name()),
                    first_line(&step.reason),
                    step.commit.subject,
                    styled(FAINT, format!("({:.1} s)", step.seconds))
                );
            }
            Event::ConfirmationBegins { culprit, parent } => {
                let line = format!("measuring {} beside its parent {}", culprit.short(), parent.short());
                anstream::eprintln!("{}", styled(FAINT, line));
            }
            Event::ConfirmationDone(confirmation) => {
                let style = if confirmation.confirmed { GOOD } else { BAD };
                let word = if confirmation.confirmed { "confirmed:" } else { "not confirmed:" };
                anstream::eprintln!("{} {}", styled(style, word), first_line(&confirmation.finding));
            }
        }
    }
}

/// The answer, on stdout.
pub fn print_result(state: &State, files: &ReportFiles, stdout: &mut Stdout) -> io::Result<()> {
    stdout.line(styled(STRONG, headline(state)))?;
    for search in &state.searches {
        if let Some(culprit) = search.culprit() {
            stdout.line(format!("culprit: {} {}", culprit.id, culprit.subject))?;
        }
        for sentence in explanations(state, search) {
            stdout.line(sentence)?;
        }
    }
    stdout.line(format!("report: {}", files.page.display()))
}
