//! Two run directories, case by case.

use std::collections::HashMap;

use crate::profiling::Mode;
use crate::profiling::statistics::mean;
use crate::regression::decision::{
    ClockPair, Decision, FALSE_DISCOVERY_RATE, Pair, Reason, SideClock, Thresholds, Verdict, confirm_by_clocks,
    correct_for_many, decide_pairs, decide_samples,
};
use crate::regression::static_differences;
use crate::report::RunData;
use crate::sweep::{Flag, Measurement};

use super::agreement::Agreement;
use super::case::{ComparedCase, Distributions, SideValue, Unit};
use super::comparability::differing_conditions;
use super::device_drift::device_drift;
use super::error::ComparisonError;
use super::outcome::outcomes;
use super::side::SideInfo;
use super::whole::{Comparison, Method};

/// Knows how much comparisons of a case with itself vary on this machine.
pub trait NoiseSource {
    /// Noise in the sense of `Thresholds::noise`; `None` where the case was never calibrated.
    fn noise(&self, case: &str, mode: Mode) -> Option<f64>;
}

/// The same noise for every case, or none known.
impl NoiseSource for Option<f64> {
    fn noise(&self, _case: &str, _mode: Mode) -> Option<f64> {
        *self
    }
}

/// How runs are compared.
pub struct ComparisonOptions<'a> {
    /// Relative change that matters.
    pub least_effect: f64,
    pub noise: &'a dyn NoiseSource,
    /// Compare runs whose conditions differ, and say so.
    pub force: bool,
}

/// Compares the cases that both runs have, by id and mode. Alarms are corrected for the number of cases.
pub fn compare_runs(
    base: &RunData,
    candidate: &RunData,
    options: &ComparisonOptions<'_>,
) -> Result<Comparison, ComparisonError> {
    let forced = differing_conditions(base, candidate, options.force)?;
    let before: HashMap<(&str, Mode), &Measurement> =
        base.measurements.iter().map(|row| ((row.case.as_str(), row.mode), row)).collect();
    let mut cases = Vec::new();
    let mut only_candidate = Vec::new();
    for now in &candidate.measurements {
        match before.get(&(now.case.as_str(), now.mode)) {
            Some(then) => cases.push(compare_case(base, candidate, then, now, options)?),
            None => only_candidate.push(format!("{} {}", now.case, now.mode)),
        }
    }
    correct_for_many(cases.iter_mut().map(|case| &mut case.decision), FALSE_DISCOVERY_RATE);
    for case in &mut cases {
        if !case.decision.verdict.is_change() {
            case.distributions = None;
        }
        if !forced.is_empty() {
            case.decision.reasons.push(Reason::Forced);
        }
    }
    let matched: std::collections::HashSet<(&str, Mode)> =
        cases.iter().map(|case| (case.case.as_str(), case.mode)).collect();
    let alone = base.measurements.iter().filter(|row| !matched.contains(&(row.case.as_str(), row.mode)));
    let only_base = alone.map(|row| format!("{} {}", row.case, row.mode)).collect();
    let (outcomes, judged_in_both) = outcomes(base, candidate);
    let warnings = [base, candidate]
        .into_iter()
        .flat_map(|run| run.warnings.iter().map(|warning| format!("{}: {warning}", run.path.display())));
    Ok(Comparison {
        method: Method::Runs,
        base: SideInfo::of_run(base),
        candidate: SideInfo::of_run(candidate),
        forced,
        agreement: Agreement::of(&cases),
        cases,
        outcomes,
        judged_in_both,
        only_base,
        only_candidate,
        warnings: device_drift(base, candidate).into_iter().chain(warnings).collect(),
    })
}

fn compare_case(
    base: &RunData,
    candidate: &RunData,
    then: &Measurement,
    now: &Measurement,
    options: &ComparisonOptions<'_>,
) -> Result<ComparedCase, ComparisonError> {
    let identical = !then.code_identity.is_empty() && then.code_identity == now.code_identity;
    let steps = then.steps.zip(now.steps);
    let unit = if then.emulated && steps.is_some() { Unit::Steps } else { Unit::Microseconds };
    let mut compared = ComparedCase {
        case: now.case.clone(),
        operation: now.operation.clone(),
        mode: now.mode,
        unit,
        base: side(then, unit),
        candidate: side(now, unit),
        decision: Decision::unmeasured(Verdict::Same, Reason::IdenticalCode),
        statics: static_differences(&then.attributes(), &now.attributes()),
        pairs: Vec::new(),
        confirmation: None,
        distributions: None,
    };
    compared.decision = if identical {
        compared.decision
    } else if let (true, Some((base, candidate))) = (then.emulated, steps) {
        let pair = Pair { base: base as f64, candidate: candidate as f64 };
        decide_pairs(&[pair], &Thresholds::of_counts(options.least_effect))
    } else if then.emulated {
        Decision::unmeasured(Verdict::Underpowered, Reason::EmulatedTime)
    } else {
        let (before, after) = (accepted(base, then)?, accepted(candidate, now)?);
        let thresholds = Thresholds::new(options.least_effect, options.noise.noise(&now.case, now.mode));
        let decision = decide_samples(&before, &after, &thresholds);
        compared.distributions = Some(Distributions { base: before, candidate: after });
        with_conditions(decision, then, now)
    };
    Ok(compared)
}

fn side(row: &Measurement, unit: Unit) -> SideValue {
    let attributes = row.attributes();
    match (unit, row.steps) {
        (Unit::Steps, Some(steps)) => {
            let (clock_mhz, chain_steps_per_us) = (None, None);
            SideValue { median: Some(steps as f64), interval: None, n: 1, clock_mhz, chain_steps_per_us, attributes }
        }
        _ => SideValue {
            median: Some(row.median_us),
            interval: row.interval_us(),
            n: row.n,
            clock_mhz: clock(row).said_mhz,
            chain_steps_per_us: clock(row).steps_per_us,
            attributes,
        },
    }
}

/// Mean of the core clocks at the two looks.
fn clock(row: &Measurement) -> SideClock {
    let over = |looks: [Option<f64>; 2]| mean(&looks.into_iter().flatten().collect::<Vec<_>>());
    SideClock {
        steps_per_us: over([row.chain_before_steps_per_us, row.chain_after_steps_per_us]),
        said_mhz: over([row.core_clock_before_mhz, row.core_clock_after_mhz]),
    }
}

/// Microseconds of the samples that the row summarises, in the order taken: accepted ones of the last block.
fn accepted(run: &RunData, row: &Measurement) -> Result<Vec<f64>, ComparisonError> {
    let mut samples = run.samples.of_case(&row.case)?;
    samples.retain(|sample| sample.mode == row.mode);
    let last = samples.iter().map(|sample| sample.block).max();
    samples.retain(|sample| Some(sample.block) == last && sample.rejection.is_none());
    samples.sort_by_key(|sample| sample.ordinal);
    Ok(samples.into_iter().map(|sample| sample.us).collect())
}

/// What the rows say about the measurement: clocks that may explain a change, a device that was held back or shared on
/// one side only, which no change may rest on, and launches too short to be told from launching.
fn with_conditions(decision: Decision, then: &Measurement, now: &Measurement) -> Decision {
    let clocks = ClockPair { base: clock(then), candidate: clock(now) };
    let mut decision = confirm_by_clocks(decision, &clocks);
    for (flag, reason) in [(Flag::Throttled, Reason::Throttled), (Flag::Shared, Reason::SharedDevice)] {
        decision = match (has(then, flag), has(now, flag)) {
            (false, false) => decision,
            (before, after) if before != after && decision.verdict.is_change() => {
                decision.revised(Verdict::Ambiguous, reason)
            }
            _ => decision.noting(reason),
        };
    }
    if has(then, Flag::NearFloor) || has(now, Flag::NearFloor) { decision.noting(Reason::NearFloor) } else { decision }
}

fn has(row: &Measurement, flag: Flag) -> bool {
    row.flags.split_whitespace().any(|name| name == flag.name())
}
