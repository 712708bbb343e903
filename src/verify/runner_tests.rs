use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::copy_operation::{Behaviour, CopyDevice, copy_case};
use super::{CaseOutcome, Status, Summary, Trouble, Verdict, VerdictSink, VerifyOptions, run_case, verify};
use crate::operation::InputClass;
use crate::suite::SelectedCase;

fn outcome(behaviour: Behaviour, class: InputClass) -> CaseOutcome {
    run_case(&CopyDevice::open(behaviour), &copy_case(3, class), None, "hipgauge verify --device hip:0")
}

#[test]
fn a_right_kernel_passes_and_the_verdict_names_what_ran() {
    let CaseOutcome { verdict, trouble } = outcome(Behaviour::Right, InputClass::Normal);
    assert_eq!((verdict.status, trouble), (Status::Passed, None), "{}", verdict.reason);
    assert_eq!((verdict.device.as_str(), verdict.architecture.as_str(), verdict.wave_size), ("hip:0", "gfx942", 64));
    assert_eq!(verdict.reproduce, "hipgauge verify --device hip:0 --case 'copy/f32/3x4/normal'");
    assert_eq!(outcome(Behaviour::Right, InputClass::Normal).verdict.judgements[0].elements, 12);
}

#[test]
fn each_way_to_be_wrong_fails_with_its_own_sentence() {
    for (behaviour, sentences) in [
        (
            Behaviour::DropsTheLastElement,
            ["wrong y: not equal", "worst: y[2, 3] is NaN, expected 11 (7 ULP)\ninputs: x = 11"],
        ),
        (Behaviour::ChangesItsInput, ["input copy.x was changed by the launch, first in row 2", ""]),
        (Behaviour::CountsItsLaunches, ["not deterministic: a second launch", "gave y[2, 3]"]),
        (Behaviour::BelievesItsWorkspace, ["not deterministic", "differently dirtied workspace"]),
        (Behaviour::WritesBehindItsOutput, ["write outside copy.y: byte 48 of a buffer of 48 bytes", ""]),
        (Behaviour::Faults, ["thread 3 reads past x", ""]),
    ] {
        let CaseOutcome { verdict, trouble } = outcome(behaviour, InputClass::Normal);
        assert_eq!((verdict.status, trouble), (Status::Failed, None), "{behaviour:?}: {}", verdict.reason);
        for sentence in sentences {
            assert!(verdict.reason.contains(sentence), "{behaviour:?}: {}", verdict.reason);
        }
    }
}

#[test]
fn trouble_is_not_a_wrong_result() {
    for (behaviour, trouble, sentence) in [
        (Behaviour::RunsOutOfMemory, Trouble::Memory, "out of memory: copy.x asked for 48 bytes"),
        (Behaviour::DoesNotCompile, Trouble::Build, "did not compile"),
        (Behaviour::Panics, Trouble::Harness, "please report it: a defect"),
    ] {
        let outcome = outcome(behaviour, InputClass::Normal);
        assert_eq!((outcome.verdict.status, outcome.trouble), (Status::Errored, Some(trouble)), "{behaviour:?}");
        assert!(outcome.verdict.reason.contains(sentence), "{}", outcome.verdict.reason);
    }
}

#[test]
fn a_statistical_gate_gets_one_repetition_and_no_more() {
    let lucky = outcome(Behaviour::Right, InputClass::Uniform).verdict;
    assert_eq!(lucky.status, Status::Passed, "{}", lucky.reason);
    assert_eq!(lucky.case, "copy/f32/3x4/uniform");
    assert!(lucky.judgements[0].notes[0].starts_with("statistical gate repeated once as copy/f32/12x4/uniform/seed="));

    let biased = outcome(Behaviour::Right, InputClass::Dominant).verdict;
    assert_eq!(biased.status, Status::Failed);
    assert!(biased.reason.contains("and again: wrong y: improbable"), "{}", biased.reason);

    let wrong = outcome(Behaviour::ChangesItsInput, InputClass::Uniform).verdict;
    assert_eq!(wrong.status, Status::Failed, "no repetition excuses a changed input");
}

#[test]
fn no_rows_are_nothing_to_get_wrong() {
    let device = CopyDevice::open(Behaviour::WritesBehindItsOutput);
    assert_eq!(
        run_case(&CopyDevice::open(Behaviour::Right), &copy_case(0, InputClass::Normal), None, "").verdict.status,
        Status::Passed
    );
    assert_eq!(run_case(&device, &copy_case(0, InputClass::Normal), None, "").verdict.status, Status::Failed);
}

fn run(behaviour: Behaviour, fail_fast: bool, stop: bool) -> (Summary, Vec<Verdict>) {
    let mut cases: Vec<_> =
        (1..20).map(|rows| SelectedCase { case: copy_case(rows, InputClass::Normal), skip: None }).collect();
    cases.push(SelectedCase { case: copy_case(20, InputClass::Normal), skip: Some("why".to_string()) });
    let options = options(fail_fast, None);
    let mut verdicts = Vec::new();
    let stop = AtomicBool::new(stop);
    let summary = verify(&CopyDevice::open(behaviour), &cases, &options, &stop, &mut verdicts).unwrap();
    (summary, verdicts)
}

fn options(fail_fast: bool, deadline: Option<Instant>) -> VerifyOptions {
    let jobs = NonZeroUsize::new(3).expect("not 0");
    VerifyOptions { jobs, fail_fast, command: "hipgauge verify".to_string(), deadline }
}

#[test]
fn no_case_is_taken_after_the_deadline() {
    let case = SelectedCase { case: copy_case(3, InputClass::Normal), skip: None };
    let run = |deadline| {
        let stop = AtomicBool::new(false);
        let cases = [case.clone()];
        verify(&CopyDevice::open(Behaviour::Right), &cases, &options(false, deadline), &stop, &mut Vec::new()).unwrap()
    };
    let late = run(Some(Instant::now()));
    assert!(late.done() == 0 && late.out_of_time && !late.interrupted, "{late:?}");
    let in_time = run(Some(Instant::now() + Duration::from_secs(3600)));
    assert!(in_time.passed == 1 && !in_time.out_of_time, "{in_time:?}");
}

/// Notes what it is told.
#[derive(Default)]
struct Notes(Vec<String>);

impl VerdictSink for Notes {
    fn verdict(&mut self, verdict: &Verdict) -> std::io::Result<()> {
        self.0.push(format!("ends {}", verdict.case));
        Ok(())
    }

    fn begin(&mut self, case: &str) {
        self.0.push(format!("begins {case}"));
    }
}

#[test]
fn each_case_is_announced_before_its_verdict() {
    let cases: Vec<_> =
        (1..20).map(|rows| SelectedCase { case: copy_case(rows, InputClass::Normal), skip: None }).collect();
    let mut notes = Notes::default();
    let stop = AtomicBool::new(false);
    verify(&CopyDevice::open(Behaviour::Right), &cases, &options(false, None), &stop, &mut notes).unwrap();
    assert_eq!(notes.0.len(), 2 * cases.len());
    let place = |text: String| notes.0.iter().position(|note| *note == text).expect("noted");
    for SelectedCase { case, .. } in &cases {
        assert!(place(format!("begins {}", case.id())) < place(format!("ends {}", case.id())));
    }
}

#[test]
fn every_case_gets_one_verdict() {
    let (summary, verdicts) = run(Behaviour::Right, true, false);
    assert_eq!((summary.cases, summary.passed, summary.skipped, summary.done()), (20, 19, 1, 20));
    assert!(!summary.interrupted);
    let mut ids: Vec<_> = verdicts.iter().map(|verdict| verdict.case.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 20);
    assert_eq!(verdicts.iter().find(|verdict| verdict.status == Status::Skipped).unwrap().reason, "why");
    assert_eq!(summary.operations.len(), 1);
}

#[test]
fn fail_fast_and_a_stop_end_the_run_early() {
    let (summary, _) = run(Behaviour::Faults, true, false);
    assert!(summary.failed >= 1 && summary.done() < 20, "{summary:?}");
    assert!(!summary.interrupted, "the first failure ended it, not the user");
    let (summary, verdicts) = run(Behaviour::Right, false, true);
    assert!(summary.interrupted && verdicts.is_empty());
}
