//! Made-up run directories compared.

use crate::profiling::Mode;
use crate::regression::decision::{Reason, Verdict};
use crate::report::{RunData, RunRecord, RunStatus};
use crate::verify::Status;

use super::fixture::{MadeUp, made_up_run, not_measured};
use super::{Comparison, ComparisonError, ComparisonOptions, Conclusion, OutcomeKind, Unit, compare_runs};

const NOISE: Option<f64> = Some(0.01);

fn options(force: bool) -> ComparisonOptions<'static> {
    ComparisonOptions { least_effect: 0.01, noise: &NOISE, force }
}

fn unchanged(_: &mut RunRecord) {}

fn runs(base: &[MadeUp], candidate: &[MadeUp], change: fn(&mut RunRecord)) -> (tempfile::TempDir, RunData, RunData) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let base = made_up_run(&folder.path().join("base"), "a", base, unchanged);
    let candidate = made_up_run(&folder.path().join("candidate"), "b", candidate, change);
    (folder, base, candidate)
}

fn compare(base: &[MadeUp], candidate: &[MadeUp]) -> Comparison {
    let (_folder, base, candidate) = runs(base, candidate, unchanged);
    compare_runs(&base, &candidate, &options(false)).expect("comparable")
}

/// Verdict and first reason of the only case.
fn only(base: MadeUp, candidate: MadeUp) -> (Verdict, Vec<Reason>) {
    let comparison = compare(&[base], &[candidate]);
    assert_eq!(comparison.cases.len(), 1);
    (comparison.cases[0].decision.verdict, comparison.cases[0].decision.reasons.clone())
}

#[test]
fn changes_are_told_per_case_and_the_rest_is_the_same() {
    let base: Vec<MadeUp> = (1..=5).map(|n| MadeUp::case(1024 * n)).collect();
    let factors = [1.0, 1.04, 0.95, 1.001, 1.0];
    let candidate: Vec<MadeUp> = base.iter().zip(factors).map(|(case, factor)| case.clone().times(factor)).collect();
    let comparison = compare(&base, &candidate);
    let verdicts: Vec<Verdict> = comparison.cases.iter().map(|case| case.decision.verdict).collect();
    assert_eq!(verdicts, [Verdict::Same, Verdict::Slower, Verdict::Faster, Verdict::Same, Verdict::Same]);
    let shift = comparison.cases[1].decision.shift.expect("measured");
    assert!((shift - 0.04).abs() < 0.002, "{shift}");
    assert_eq!(comparison.cases[1].decision.reasons[0], Reason::ClearChange);
    let kept: Vec<bool> = comparison.cases.iter().map(|case| case.distributions.is_some()).collect();
    assert_eq!(kept, [false, true, true, false, false], "samples are kept for what changed");
    assert_eq!(comparison.conclusion(false), Conclusion::Slower);
    assert_eq!(comparison.headline(), "1 slower, 1 faster, 3 same");
    assert_eq!(comparison.judged_in_both, 5);
}

#[test]
fn the_modes_of_a_case_are_two_things() {
    let hot = |case: MadeUp| MadeUp { mode: Mode::Hot, ..case };
    let base = [MadeUp::case(1024), hot(MadeUp::case(1024).times(0.5))];
    let comparison = compare(&base, &[MadeUp::case(1024), hot(MadeUp::case(1024).times(0.55))]);
    let verdicts: Vec<_> = comparison.cases.iter().map(|case| (case.mode, case.decision.verdict)).collect();
    assert_eq!(verdicts, [(Mode::Cold, Verdict::Same), (Mode::Hot, Verdict::Slower)]);
}

#[test]
fn identical_code_is_the_same_whatever_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let base = made_up_run(&folder.path().join("a"), "same", &[MadeUp::case(1024)], unchanged);
    let candidate = made_up_run(&folder.path().join("b"), "same", &[MadeUp::case(1024).times(1.5)], unchanged);
    let comparison = compare_runs(&base, &candidate, &options(false)).unwrap();
    let decision = &comparison.cases[0].decision;
    assert_eq!((decision.verdict, decision.reasons.as_slice()), (Verdict::Same, &[Reason::IdenticalCode][..]));
    assert_eq!((decision.shift, decision.p_value), (None, None), "nothing was tested");
    // Runs from before identities were kept have empty ones, which say nothing.
    let forget = |row: &mut crate::sweep::Measurement| row.code_identity.clear();
    let (verdict, _) = only(MadeUp::case(1024).with(forget), MadeUp::case(1024).times(1.5).with(forget));
    assert_eq!(verdict, Verdict::Slower);
}

#[test]
fn a_wrong_result_outweighs_every_speed() {
    let base = [MadeUp::case(1024), MadeUp::case(2048), MadeUp::case(4096).ending(Status::Failed)];
    let candidate = [
        MadeUp::case(1024).ending(Status::Failed),
        MadeUp::case(2048).times(1.2),
        MadeUp::case(4096).ending(Status::Failed),
        MadeUp::case(8192).ending(Status::Failed),
    ];
    let comparison = compare(&base, &candidate);
    let outcomes: Vec<_> = comparison.outcomes.iter().map(|outcome| (outcome.kind, outcome.case.as_str())).collect();
    let expected = [
        (OutcomeKind::NowWrong, "rms_norm/bf16/16x1024/normal"),
        (OutcomeKind::NowWrong, "rms_norm/bf16/16x8192/normal"),
        (OutcomeKind::WrongInBoth, "rms_norm/bf16/16x4096/normal"),
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(comparison.conclusion(false), Conclusion::Wrong);
    assert_eq!(comparison.headline(), "2 wrong now, 1 slower");
    assert_eq!(comparison.only_base, ["rms_norm/bf16/16x1024/normal cold"]);
    let mended = compare(&[MadeUp::case(1024).ending(Status::Failed)], &[MadeUp::case(1024)]);
    assert_eq!((mended.outcomes[0].kind, mended.conclusion(true)), (OutcomeKind::NowRight, Conclusion::Good));
}

#[test]
fn a_case_that_gives_nothing_any_more_leaves_the_whole_undecided() {
    let lost = compare(&[MadeUp::case(1024)], &[MadeUp::case(1024).ending(Status::Errored)]);
    assert_eq!((lost.outcomes[0].kind, lost.conclusion(false)), (OutcomeKind::NoLongerRuns, Conclusion::Undecided));
    let (_folder, base, mut candidate) =
        runs(&[MadeUp::case(1024)], &[MadeUp { row: None, ..MadeUp::case(1024) }], unchanged);
    not_measured(&mut candidate, "rms_norm/bf16/16x1024/normal");
    let lost = compare_runs(&base, &candidate, &options(false)).unwrap();
    assert_eq!(lost.outcomes[0].kind, OutcomeKind::NoLongerMeasured);
    assert_eq!(lost.conclusion(false), Conclusion::Undecided);
}

#[test]
fn other_conditions_are_refused_by_name_and_forced_ones_are_written_down() {
    let change = |record: &mut RunRecord| {
        record.conditions.as_mut().unwrap().comparability.power_cap = Some("500 W".to_string());
    };
    let (_folder, base, candidate) = runs(&[MadeUp::case(1024)], &[MadeUp::case(1024).times(1.1)], change);
    let error = compare_runs(&base, &candidate, &options(false)).expect_err("other conditions").to_string();
    assert!(error.contains("power_cap: `750 W` against `500 W`") && error.contains("--force"), "{error}");
    let forced = compare_runs(&base, &candidate, &options(true)).expect("forced");
    assert_eq!(forced.forced[0].key, "power_cap");
    assert_eq!(forced.cases[0].decision.verdict, Verdict::Slower);
    assert!(forced.cases[0].decision.reasons.contains(&Reason::Forced));
}

#[test]
fn the_emulator_is_compared_by_steps_and_never_with_a_gpu() {
    fn emulate(record: &mut RunRecord) {
        record.device.emulated = true;
        record.conditions.as_mut().unwrap().comparability.emulated = true;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, code: &str, case: MadeUp| made_up_run(&folder.path().join(name), code, &[case], emulate);
    let base = run("base", "a", MadeUp::case(1024).with(|row| row.steps = Some(1000)));
    let slower = run("slower", "b", MadeUp::case(1024).with(|row| row.steps = Some(1030)));
    let decided = compare_runs(&base, &slower, &options(false)).unwrap();
    assert_eq!((decided.cases[0].unit, decided.cases[0].decision.verdict), (Unit::Steps, Verdict::Slower));
    assert_eq!(decided.cases[0].decision.shift, Some(0.03));
    assert!(decided.agreement.is_empty(), "times of the emulator agree about nothing");
    let uncounted = run("uncounted", "c", MadeUp::case(1024));
    let open = compare_runs(&base, &uncounted, &options(false)).unwrap();
    let decision = &open.cases[0].decision;
    assert_eq!((decision.verdict, decision.reasons[0]), (Verdict::Underpowered, Reason::EmulatedTime));
    assert_eq!((open.conclusion(false), open.conclusion(true)), (Conclusion::Good, Conclusion::Undecided));
    let real = made_up_run(&folder.path().join("real"), "d", &[MadeUp::case(1024)], unchanged);
    let error = compare_runs(&base, &real, &options(true)).expect_err("not even when forced");
    assert!(matches!(error, ComparisonError::EmulatedAgainstReal { .. }), "{error}");
}

#[test]
fn too_few_samples_or_none_are_never_the_same() {
    let (verdict, reasons) = only(MadeUp::case(1024), MadeUp { samples: 0, ..MadeUp::case(1024) });
    assert_eq!((verdict, reasons[0]), (Verdict::Underpowered, Reason::NoValues));
    let (verdict, reasons) = only(MadeUp::case(1024), MadeUp { samples: 4, ..MadeUp::case(1024) });
    assert_eq!((verdict, reasons[0]), (Verdict::Underpowered, Reason::TooFewValues));
    let (verdict, reasons) = only(MadeUp::case(1024), MadeUp { us: -20.0, ..MadeUp::case(1024) });
    assert_eq!((verdict, reasons[0]), (Verdict::Ambiguous, Reason::InvalidValue));
    let (verdict, _) = only(MadeUp::case(1024), MadeUp { spread: 0.3, samples: 20, ..MadeUp::case(1024) });
    assert_eq!(verdict, Verdict::Underpowered);
}

#[test]
fn a_change_does_not_rest_on_a_device_that_was_held_back_or_shared_or_slowed_down() {
    let slower = || MadeUp::case(1024).times(1.05);
    let (verdict, reasons) = only(MadeUp::case(1024), slower().with(|row| row.flags = "throttled".to_string()));
    assert!(verdict == Verdict::Ambiguous && reasons.contains(&Reason::Throttled), "{verdict} {reasons:?}");
    let (verdict, reasons) = only(MadeUp::case(1024), slower().with(|row| row.flags = "shared".to_string()));
    assert!(verdict == Verdict::Ambiguous && reasons.contains(&Reason::SharedDevice), "{verdict} {reasons:?}");
    let both = |case: MadeUp| case.with(|row| row.flags = "near-floor throttled".to_string());
    let (verdict, reasons) = only(both(MadeUp::case(1024)), both(slower()));
    assert_eq!(verdict, Verdict::Slower, "held back on both sides");
    assert!(reasons.contains(&Reason::Throttled) && reasons.contains(&Reason::NearFloor), "{reasons:?}");
    let low_clock = |row: &mut crate::sweep::Measurement| {
        (row.core_clock_before_mhz, row.core_clock_after_mhz) = (Some(1700.0), Some(1700.0));
        (row.chain_before_steps_per_us, row.chain_after_steps_per_us) = (None, None);
    };
    let (verdict, reasons) = only(MadeUp::case(1024), slower().with(low_clock));
    assert!(verdict == Verdict::Ambiguous && reasons.contains(&Reason::ClocksContradict), "{verdict} {reasons:?}");
    // The driver says the same of both, but the candidate's multiply-adds took 8 % longer too.
    let low_rate = |row: &mut crate::sweep::Measurement| row.chain_before_steps_per_us = Some(440.0);
    let (verdict, reasons) = only(MadeUp::case(1024), slower().with(low_rate));
    assert!(verdict == Verdict::Ambiguous && reasons.contains(&Reason::ClocksContradict), "{verdict} {reasons:?}");
}

#[test]
fn what_changed_about_the_compiled_kernels_stands_beside_the_times() {
    let more = |row: &mut crate::sweep::Measurement| (row.registers, row.occupancy) = (Some(48), Some(0.5));
    let comparison =
        compare(&[MadeUp::case(1024), MadeUp::case(2048)], &[MadeUp::case(1024).with(more), MadeUp::case(2048)]);
    assert_eq!(comparison.cases[0].static_text(), "registers 40 -> 48, occupancy 75 % -> 50 %");
    assert_eq!((comparison.cases[0].decision.verdict, comparison.cases[1].statics.len()), (Verdict::Same, 0));
    let note = "compiled kernels changed in 1 cases, in 1 of them something for the worse";
    assert_eq!(comparison.static_note().as_deref(), Some(note));
}

#[test]
fn runs_without_a_common_case_are_not_good() {
    let comparison = compare(&[MadeUp::case(1024)], &[MadeUp::case(2048)]);
    assert_eq!(comparison.conclusion(false), Conclusion::NothingComparable);
    assert_eq!((comparison.only_base.len(), comparison.only_candidate.len()), (1, 1));
    let (_folder, base, candidate) = runs(&[], &[], unchanged);
    let empty = compare_runs(&base, &candidate, &options(false)).unwrap();
    assert_eq!(empty.conclusion(false), Conclusion::NothingComparable);
    assert_eq!(empty.headline(), "the two sides have no case in common");
}

#[test]
fn runs_that_only_verified_are_compared_by_their_verdicts() {
    let verified = |status| MadeUp { row: None, samples: 0, ..MadeUp::case(1024) }.ending(status);
    let comparison = compare(&[verified(Status::Passed)], &[verified(Status::Passed)]);
    assert_eq!((comparison.judged_in_both, comparison.conclusion(true)), (1, Conclusion::Good));
    assert_eq!(compare(&[verified(Status::Passed)], &[verified(Status::Failed)]).conclusion(false), Conclusion::Wrong);
}

#[test]
fn a_partial_run_is_compared_as_far_as_it_came_and_says_so() {
    let change = |record: &mut RunRecord| record.status = RunStatus::Partial;
    let (_folder, base, candidate) = runs(&[MadeUp::case(1024), MadeUp::case(2048)], &[MadeUp::case(1024)], change);
    let comparison = compare_runs(&base, &candidate, &options(false)).unwrap();
    assert!(comparison.candidate.partial && comparison.warnings.len() == 1, "{:?}", comparison.warnings);
    assert_eq!((comparison.cases.len(), comparison.only_base.len()), (1, 1));
}

#[test]
fn agreement_counts_close_medians_and_covering_intervals_of_cases_over_ten_microseconds() {
    let short = MadeUp { us: 5.0, ..MadeUp::case(16) };
    let base =
        [MadeUp::case(1024), MadeUp::case(2048), MadeUp { operation: "swiglu", ..MadeUp::case(64) }, short.clone()];
    let candidate = [
        MadeUp::case(1024).with(|row| row.median_us = 20.01),
        MadeUp::case(2048).times(1.005),
        MadeUp { operation: "swiglu", ..MadeUp::case(64) }.times(1.03),
        short.times(1.5),
    ];
    let comparison = compare(&base, &candidate);
    let row = |operation: &str| {
        comparison.agreement.rows.iter().find(|row| row.operation == operation).expect("has cases").clone()
    };
    let (norms, swiglu, all) = (row("rms_norm"), row("swiglu"), row("all"));
    assert_eq!((norms.cases, norms.close, norms.intervals), (2, 2, 4));
    assert_eq!((swiglu.cases, swiglu.close, swiglu.covering), (1, 0, 0));
    assert!((swiglu.largest - 0.03).abs() < 2e-3, "{}", swiglu.largest);
    assert_eq!((all.cases, all.close, all.mode), (3, 2, Mode::Cold));
    assert!((all.close_share().unwrap() - 2.0 / 3.0).abs() < 1e-12);
}

#[test]
fn a_measured_clock_is_divided_out_beside_what_was_seen_and_not_instead() {
    let slower = |columns| MadeUp::case(columns).times(1.02);
    let clock = |row: &mut crate::sweep::Measurement| {
        for rate in [&mut row.chain_before_steps_per_us, &mut row.chain_after_steps_per_us] {
            *rate = rate.map(|rate| rate / 1.02);
        }
    };
    let base: Vec<MadeUp> = [1024, 2048, 4096].map(MadeUp::case).to_vec();
    // The clock stepped down after the first case.
    let candidate = [MadeUp::case(1024), slower(2048).with(clock), slower(4096).with(clock)];
    let agreement = compare(&base, &candidate).agreement;
    let seen = agreement.rows.last().expect("a row of all");
    assert_eq!((seen.operation.as_str(), seen.cases, seen.close), ("all", 3, 1), "two per cent is two per cent");
    let in_clock = agreement.in_clock.expect("both sides measured their clocks");
    assert!((in_clock.ratio - 1.0 / 1.02).abs() < 1e-9 && in_clock.cases == 3, "{in_clock:?}");
    assert!(
        (in_clock.extremes.0 - 1.0 / 1.02).abs() < 1e-9 && (in_clock.extremes.1 - 1.0).abs() < 1e-9,
        "{in_clock:?}"
    );
    let [row] = &in_clock.rows[..] else { panic!("one mode: {in_clock:?}") };
    assert_eq!((row.operation.as_str(), row.cases, row.close, row.covering > 0), ("all", 3, 3, true), "{row:?}");

    let silent = |row: &mut crate::sweep::Measurement| {
        (row.chain_before_steps_per_us, row.chain_after_steps_per_us) = (None, None);
    };
    let agreement = compare(&base, &[MadeUp::case(1024).with(silent)]).agreement;
    assert_eq!((agreement.rows.len(), agreement.in_clock), (2, None), "one side's clock alone says nothing");
}
