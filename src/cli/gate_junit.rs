//! A gate as JUnit XML: one test per case and mode, and one per case whose correctness is told.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use hipgauge::regression::comparison::{ComparedCase, Outcome, OutcomeKind, interval_text, shift_text, value_text};
use hipgauge::regression::decision::Verdict;
use hipgauge::regression::gate::GateReport;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::exit_code::Exit;
use super::failure::{Failure, OrExit};

/// Writes the file: a suite per operation, and one for correctness.
pub fn write_junit(report: &GateReport, path: &Path) -> Result<(), Failure> {
    let mut suites: BTreeMap<String, TestSuite> = BTreeMap::new();
    let mut add = |suite: &str, case: TestCase| {
        suites.entry(suite.to_string()).or_insert_with(|| TestSuite::new(suite)).add_test_case(case);
    };
    for outcome in &report.comparison.outcomes {
        let mut case = TestCase::new(&outcome.case, outcome_status(outcome));
        case.set_classname("gate.correctness");
        add("correctness", case);
    }
    for compared in &report.comparison.cases {
        let name = format!("{} {}", compared.case, compared.mode);
        let mut case = TestCase::new(name, case_status(report, compared));
        case.set_classname(format!("gate.{}", compared.operation));
        add(&compared.operation, case);
    }
    let mut junit = Report::new("hipgauge gate");
    junit.add_test_suites(suites.into_values());
    let place = || format!("cannot write --junit {}; name a file in a folder that exists", path.display());
    let file = File::create(path).or_exit_with(Exit::Usage, place)?;
    junit.serialize(file).or_exit_with(Exit::Usage, place)
}

fn outcome_status(outcome: &Outcome) -> TestCaseStatus {
    let mut status = match outcome.kind {
        OutcomeKind::NowWrong => TestCaseStatus::non_success(NonSuccessKind::Failure),
        OutcomeKind::NoLongerRuns | OutcomeKind::NoLongerMeasured => TestCaseStatus::non_success(NonSuccessKind::Error),
        OutcomeKind::WrongInBoth | OutcomeKind::RunsInNeither => TestCaseStatus::skipped(),
        OutcomeKind::NowRight => return TestCaseStatus::success(),
    };
    status.set_message(outcome.kind.title());
    status.set_description(format!("{}\nagain: {}", outcome.reason, outcome.reproduce));
    status
}

fn case_status(report: &GateReport, case: &ComparedCase) -> TestCaseStatus {
    let decision = &case.decision;
    let allowance = report.allowed.iter().find(|allowed| allowed.case == case.case && allowed.mode == case.mode);
    let (mut status, note) = match (decision.verdict, allowance) {
        (Verdict::Same | Verdict::Faster, _) => return TestCaseStatus::success(),
        (_, Some(allowed)) => {
            (TestCaseStatus::skipped(), format!("allowed until {}: {}", allowed.until, allowed.reason))
        }
        (Verdict::Slower, None) => (TestCaseStatus::non_success(NonSuccessKind::Failure), String::new()),
        (Verdict::Ambiguous | Verdict::Underpowered, None) => (TestCaseStatus::skipped(), String::new()),
    };
    let (shift, interval) = (shift_text(decision.shift), interval_text(decision.interval));
    status.set_message(format!("{} {shift} {note}", decision.verdict).trim_end());
    let sentences: Vec<&str> = decision.reasons.iter().map(|reason| reason.sentence()).collect();
    let (base, candidate) = (value_text(&case.base, case.unit), value_text(&case.candidate, case.unit));
    status.set_description(format!("{base} to {candidate}, {interval}\n{}", sentences.join("\n")));
    status
}
