//! Results as JUnit XML, for the test tabs of CI systems.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::sweep::Problem;
use crate::verify::{Status, Verdict};

use super::RunData;

/// One test suite per operation, one test per case; a case that could not be timed is a failing test of a suite of
/// its own.
#[derive(Default)]
pub struct Junit {
    suites: BTreeMap<String, TestSuite>,
}

impl Junit {
    /// Everything that a run has found.
    pub fn of(run: &RunData) -> Self {
        let mut junit = Self::default();
        for verdict in &run.verdicts {
            junit.verdict(verdict);
        }
        for problem in run.problems.iter().filter(|problem| problem.fatal) {
            junit.unmeasured(problem, &run.record.device.id);
        }
        junit
    }

    pub fn verdict(&mut self, verdict: &Verdict) {
        let failure = |kind: NonSuccessKind| {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(verdict.reason.lines().next().unwrap_or_default());
            status.set_description(format!("{}\nagain: {}", verdict.reason, verdict.reproduce));
            status
        };
        let status = match verdict.status {
            Status::Passed => TestCaseStatus::success(),
            Status::Failed => failure(NonSuccessKind::Failure),
            Status::Errored => failure(NonSuccessKind::Error),
            Status::Skipped => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(&verdict.reason);
                status
            }
        };
        let mut case = TestCase::new(&verdict.case, status);
        case.set_classname(format!("{}.{}.{}", verdict.device, verdict.operation, verdict.dtype));
        // A file that somebody edited may hold seconds that are no duration.
        case.set_time(Duration::try_from_secs_f64(verdict.seconds).unwrap_or_default());
        self.add(&verdict.operation, case);
    }

    /// A case without a time. Its timed launches may have computed something else than its verified ones, so it fails.
    fn unmeasured(&mut self, problem: &Problem, device: &str) {
        let operation = problem.case.split('/').next().unwrap_or_default();
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(problem.reason.lines().next().unwrap_or_default());
        status.set_description(&problem.reason);
        let mut case = TestCase::new(&problem.case, status);
        case.set_classname(format!("{device}.{operation}.timing"));
        self.add(&format!("{operation} timing"), case);
    }

    pub fn write(self, to: impl Write) -> io::Result<()> {
        let mut report = Report::new("hipgauge");
        report.add_test_suites(self.suites.into_values());
        report.serialize(to).map_err(io::Error::other)
    }

    fn add(&mut self, suite: &str, case: TestCase) {
        self.suites.entry(suite.to_string()).or_insert_with(|| TestSuite::new(suite)).add_test_case(case);
    }
}
