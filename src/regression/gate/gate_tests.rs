//! The gate's rules over made-up comparisons.

use crate::profiling::Mode;
use crate::regression::comparison::fixture::{MadeUp, made_up_run};
use crate::regression::comparison::{Comparison, ComparisonOptions, Conclusion, OutcomeKind, compare_runs};
use crate::regression::decision::{Reason, Verdict};
use crate::report::RunRecord;
use crate::verify::Status;

use super::{AllowList, CalendarDate, Contest, GateReport, gate_markdown, run_gate};

/// A comparison of three cases with a candidate whose times are so many times the base's.
fn comparison(factors: [f64; 3], change: fn(&mut RunRecord), statuses: [Status; 3]) -> Comparison {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let steps = |row: &mut crate::sweep::Measurement| row.steps = Some((row.median_us * 100.0) as u64);
    let base: Vec<MadeUp> = (1..=3).map(|n| MadeUp::case(1024 * n).with(steps)).collect();
    let candidate: Vec<MadeUp> = base
        .iter()
        .zip(factors)
        .zip(statuses)
        .map(|((case, factor), status)| case.clone().times(factor).ending(status))
        .collect();
    let base = made_up_run(&folder.path().join("base"), "a", &base, change);
    let candidate = made_up_run(&folder.path().join("candidate"), "b", &candidate, change);
    let options = ComparisonOptions { least_effect: 0.01, noise: &Some(0.01), force: false };
    compare_runs(&base, &candidate, &options).expect("comparable")
}

/// Gives what it was told, and notes what it was asked.
struct Told {
    first: Comparison,
    second: Option<Comparison>,
    asked: Vec<(String, Mode)>,
}

impl Contest for Told {
    type Error = std::convert::Infallible;

    fn compare(&mut self) -> Result<Comparison, Self::Error> {
        Ok(self.first.clone())
    }

    fn compare_again(&mut self, cases: &[(String, Mode)]) -> Result<Comparison, Self::Error> {
        self.asked = cases.to_vec();
        Ok(self.second.take().expect("asked once, and only where the test expects it"))
    }
}

fn real(_: &mut RunRecord) {}

const RIGHT: [Status; 3] = [Status::Passed; 3];

fn gate(first: [f64; 3], second: Option<[f64; 3]>, allow: &[&str]) -> (GateReport, Vec<String>) {
    let second = second.map(|factors| comparison(factors, real, RIGHT));
    let mut contest = Told { first: comparison(first, real, RIGHT), second, asked: Vec::new() };
    let texts: Vec<String> = allow.iter().map(ToString::to_string).collect();
    let today: CalendarDate = "2026-11-25".parse().expect("a day");
    let allow = AllowList::read(&texts, None, today).expect("allowances");
    let report = run_gate(&mut contest, &allow).expect("it cannot fail");
    (report, contest.asked.into_iter().map(|(case, _)| case).collect())
}

#[test]
fn nothing_changed_is_good_and_nothing_is_measured_twice() {
    let (report, asked) = gate([1.0, 1.001, 0.9], None, &[]);
    assert_eq!((report.conclusion(true), asked.len(), report.questioned), (Conclusion::Good, 0, 0));
}

#[test]
fn only_an_alarm_that_is_raised_twice_counts() {
    let (report, asked) = gate([1.05, 1.05, 1.0], Some([1.05, 1.0, 1.2]), &[]);
    assert_eq!(asked, ["rms_norm/bf16/16x1024/normal", "rms_norm/bf16/16x2048/normal"]);
    let verdicts: Vec<Verdict> = report.comparison.cases.iter().map(|case| case.decision.verdict).collect();
    assert_eq!(verdicts, [Verdict::Slower, Verdict::Ambiguous, Verdict::Same], "the third was not asked about");
    let second = &report.comparison.cases[1];
    assert!(second.decision.reasons.contains(&Reason::NotConfirmed));
    assert!(!second.decision.reasons.contains(&Reason::ClearChange));
    assert_eq!(second.confirmation.as_ref().map(|decision| decision.verdict), Some(Verdict::Same));
    assert!(second.decision.shift.is_some(), "what was measured first is still told");
    assert_eq!((report.conclusion(false), report.questioned), (Conclusion::Slower, 2));
    let (report, _) = gate([1.05, 1.0, 1.0], Some([1.0, 1.0, 1.0]), &[]);
    assert_eq!((report.conclusion(false), report.conclusion(true)), (Conclusion::Good, Conclusion::Undecided));
}

#[test]
fn what_is_allowed_is_not_questioned_and_does_not_count_but_is_told() {
    let (report, asked) = gate([1.05, 1.0, 1.0], None, &["*x1024/*=a better reduction, until 2026-12-31"]);
    assert!(asked.is_empty() && report.warnings.is_empty(), "{:?}", report.warnings);
    assert_eq!(report.conclusion(true), Conclusion::Good);
    assert_eq!((report.allowed.len(), report.comparison.count(Verdict::Slower)), (1, 1));
    assert_eq!(report.headline(), "1 slower, 2 same (1 slower ones allowed)");
    let text = gate_markdown(&report, false);
    assert!(text.starts_with("# hipgauge gate passed\n"), "{text}");
    assert!(text.contains("- allowed until 2026-12-31: `rms_norm/bf16/16x1024/normal` cold +5."), "{text}");
}

#[test]
fn an_allowance_that_nothing_needs_is_a_warning() {
    let (report, _) = gate([1.05, 1.0, 1.0], Some([1.05, 1.0, 1.0]), &["*x2048/*=it was slow until 2026-12-31"]);
    assert_eq!(report.conclusion(false), Conclusion::Slower);
    assert!(report.warnings[0].contains("`*x2048/*`"), "{:?}", report.warnings);
    assert!(gate_markdown(&report, false).contains("1 alarms were measured a second time"));
}

#[test]
fn counts_are_believed_the_first_time() {
    fn emulate(record: &mut RunRecord) {
        record.device.emulated = true;
        record.conditions.as_mut().expect("has some").comparability.emulated = true;
    }
    let mut contest = Told { first: comparison([1.5, 1.0, 1.0], emulate, RIGHT), second: None, asked: Vec::new() };
    let report = run_gate(&mut contest, &AllowList::default()).expect("it cannot fail");
    assert_eq!((report.conclusion(false), report.questioned), (Conclusion::Slower, 0));
}

#[test]
fn a_result_that_is_wrong_only_the_second_time_is_wrong() {
    let wrong = [Status::Failed, Status::Passed, Status::Passed];
    let first = comparison([1.05, 1.0, 1.0], real, RIGHT);
    let mut contest = Told { first, second: Some(comparison([1.0; 3], real, wrong)), asked: Vec::new() };
    let report = run_gate(&mut contest, &AllowList::default()).expect("it cannot fail");
    assert_eq!(report.comparison.outcomes[0].kind, OutcomeKind::NowWrong);
    assert_eq!(report.conclusion(false), Conclusion::Wrong);
    assert!(report.comparison.cases[0].confirmation.is_none(), "it gave no second time");
    let mut contest = Told { first: comparison([1.0; 3], real, wrong), second: None, asked: Vec::new() };
    let allow = ["*=slower is fine until 2026-12-31".to_string()];
    let allow = AllowList::read(&allow, None, "2026-11-25".parse().expect("a day")).expect("one");
    let report = run_gate(&mut contest, &allow).expect("it cannot fail");
    assert_eq!(report.conclusion(false), Conclusion::Wrong, "no allowance covers a wrong result");
}
