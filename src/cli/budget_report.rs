//! What a time budget means for a run: said before measuring begins, and kept in `run.json`.

use std::collections::HashMap;
use std::time::Duration;

use hipgauge::progress::span_text;
use hipgauge::report::{BudgetRecord, RunDirectory};
use hipgauge::suite::SelectedCase;
use hipgauge::sweep::{Forecast, Problem, SweepSink, TimeBudget};

use super::exit_code::Exit;
use super::failure::{Failure, OrExit};
use super::output::{BAD, FAINT, NOTE, Stdout, styled};
use super::report;

/// A run's time budget and what is known of how it goes.
pub struct BudgetReport {
    pub budget: TimeBudget,
    verifying: Duration,
    least: Duration,
    unreached: usize,
}

impl BudgetReport {
    /// Verifying is over, and took that long.
    pub fn new(budget: TimeBudget, verifying: Duration) -> Self {
        Self { budget, verifying, least: Duration::ZERO, unreached: 0 }
    }

    /// Lists the cases that have no verdict because the time was over.
    pub fn list_unverified(
        &mut self,
        cases: &[SelectedCase],
        judged: &HashMap<String, f64>,
        directory: &mut RunDirectory,
    ) -> Result<(), Failure> {
        let whole = span_text(self.budget.whole);
        for case in cases.iter().map(|selected| selected.case.id()).filter(|id| !judged.contains_key(id)) {
            let why = format!("the time budget of {whole} ended while cases were verified");
            directory.problem(&Problem::not_reached(case, &why)).or_exit(Exit::Usage)?;
            self.unreached += 1;
        }
        Ok(())
    }

    /// Says on stderr what fits, and whether everything does.
    pub fn announce(&mut self, forecast: &Forecast, cases: usize) {
        self.least = forecast.least;
        anstream::eprintln!("{}", self.announcement(forecast, cases));
    }

    fn announcement(&self, forecast: &Forecast, cases: usize) -> String {
        let whole = span_text(self.budget.whole);
        let (left, limit) = (forecast.left.unwrap_or_default(), forecast.limit.unwrap_or_default());
        let (left, verifying) = (span_text(left), span_text(self.verifying));
        if forecast.fits() {
            let limit = if limit.is_zero() {
                "the fewest samples of each".to_string()
            } else {
                format!("up to {} of sampling a mode", span_text(limit))
            };
            let text = format!("time budget of {whole}: {left} left after verifying, for {cases} cases with {limit}");
            return styled(FAINT, text);
        }
        let least = span_text(forecast.least);
        let needed = span_text(self.verifying + forecast.least);
        let text = format!(
            "the time budget of {whole} is too short: verifying took {verifying}, and ten samples a mode of {cases} cases take about {least} more, of which {left} is left; give --time-budget {} or choose fewer cases. Cases that are not reached are listed in problems.csv",
            needed.replace(' ', "")
        );
        styled(NOTE, text)
    }

    /// Takes into account what measuring left out.
    pub fn add_unreached(&mut self, cases: usize) {
        self.unreached += cases;
    }

    pub fn unreached(&self) -> usize {
        self.unreached
    }

    /// One line for people on what was left out.
    pub fn print(&self, stdout: &mut Stdout) -> Result<(), Failure> {
        let cases = match self.unreached {
            0 => return Ok(()),
            1 => "1 case".to_string(),
            count => format!("{count} cases"),
        };
        let label = styled(BAD, "not reached:");
        let whole = span_text(self.budget.whole);
        let text = format!("{label} {cases} within the time budget of {whole}, listed in problems.csv");
        stdout.line(text).or_exit(Exit::HarnessFault)
    }

    /// Stores it in `run.json`.
    pub fn store(&self, directory: &mut RunDirectory) -> Result<(), Failure> {
        let record = BudgetRecord {
            seconds: self.budget.whole.as_secs_f64(),
            verifying_seconds: self.verifying.as_secs_f64(),
            least_measuring_seconds: self.least.as_secs_f64(),
            unreached_cases: self.unreached,
        };
        directory.set_time_budget(record).map_err(report::failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announcement_says_what_fits_or_how_long_all_would_take() {
        let span = Duration::from_secs;
        let budget = TimeBudget::starting_now(span(300)).expect("within the clock");
        let report = BudgetReport::new(budget, span(80));
        let limit = Some(Duration::from_millis(85));
        let fits = Forecast { least: span(60), left: Some(span(219)), limit };
        let text = report.announcement(&fits, 72);
        assert!(text.contains("3m 39s left after verifying, for 72 cases with up to 85 ms of sampling"), "{text}");
        let short = Forecast { least: span(400), limit: Some(Duration::ZERO), ..fits };
        let text = report.announcement(&short, 72);
        assert!(text.contains("too short") && text.contains("--time-budget 8m00s"), "{text}");
    }
}
