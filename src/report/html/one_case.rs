//! One case at a time: its facts, its outputs and its raw samples, drawn in the browser from data in the page.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, html};
use serde::Serialize;

use crate::operation::OutputJudgement;
use crate::profiling::Mode;
use crate::sweep::Measurement;

use super::super::run_data::RunData;
use super::super::sample_digest::{SampleDigest, SampleDigests};
use super::case_facts::case_facts;
use super::measurements::{pairs, why};
use super::numbers::{grouped, percent, scientific, ulp};
use super::table::{embedded, short};

/// What the page's script knows of the cases besides their rows in the tables. Names are short because they are
/// repeated for each of thousands of cases.
#[derive(Serialize)]
struct Data<'a> {
    /// Lines that run a case again, with `{case}` where its id belongs.
    again: Vec<String>,
    /// What `Case::facts` are.
    fact_names: Vec<&'static str>,
    cases: Vec<Case<'a>>,
}

#[derive(Serialize)]
struct Case<'a> {
    id: &'a str,
    /// Index into `Data::again`.
    #[serde(skip_serializing_if = "Option::is_none")]
    again: Option<usize>,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
    /// One per output: name, wrong of all, ULP, bit-equal, NMSE, worst element, notes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    outputs: Vec<[String; 7]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    facts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cold: Option<Samples>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hot: Option<Samples>,
}

impl<'a> Case<'a> {
    /// A case of which nothing but its id is known.
    const fn of(id: &'a str) -> Self {
        Self { id, again: None, why: String::new(), outputs: Vec::new(), facts: Vec::new(), cold: None, hot: None }
    }
}

/// Samples of a case in one mode, in microseconds: how many were accepted and rejected, the least and the greatest of
/// those drawn, those drawn, median, 95 % interval, 5th and 95th percentile, why sampling stopped.
///
/// Those drawn are the base64 of 16-bit little-endian integers: 0 is the least, 65535 the greatest.
#[derive(Serialize)]
struct Samples(usize, u64, f64, f64, String, f64, Option<[f64; 2]>, f64, f64, String);

/// The section; it needs the page's script, and is hidden without it.
pub fn one_case(run: &RunData, samples: &SampleDigests) -> Option<Markup> {
    if run.verdicts.is_empty() && run.measurements.is_empty() {
        return None;
    }
    let data = serde_json::to_string(&data(run, samples)).expect("plain data with string keys");
    Some(html! {
        p.hint { (hint(samples)) }
        div.one-case {
            div.tools {
                label for="case-choice" { "Case" }
                input type="search" id="case-choice" list="case-list" autocomplete="off" spellcheck="false";
                datalist id="case-list" {}
                button type="button" id="case-previous" { "Previous" }
                button type="button" id="case-next" { "Next" }
                output id="case-status" aria-live="polite" {}
            }
            h3 id="case-title" tabindex="-1" aria-live="polite" {}
            div id="case-body" {}
        }
        script type="application/json" id="case-data" { (embedded(&data)) }
    })
}

fn hint(samples: &SampleDigests) -> String {
    let choose = "Choose a case here, or follow the link of any case on this page.";
    match samples.thinned() {
        _ if samples.sets.is_empty() => choose.to_string(),
        0 => format!("{choose} Every accepted sample is drawn."),
        thinned => format!(
            "{choose} At most {} samples of a case and mode are drawn: of {} of {} sets some were left out, at evenly \
             spaced ranks, so that the page stays small. Every statistic is of all samples; samples.csv has each.",
            samples.most_per_set,
            grouped(thinned as u64),
            grouped(samples.sets.len() as u64)
        ),
    }
}

fn data<'a>(run: &'a RunData, samples: &SampleDigests) -> Data<'a> {
    let pairs = pairs(&run.measurements);
    let (fact_names, facts) = case_facts(&pairs);
    let mut data = Data { again: Vec::new(), fact_names, cases: Vec::new() };
    let mut places: HashMap<&str, usize> = HashMap::new();
    for verdict in &run.verdicts {
        let line = verdict.reproduce.replace(&verdict.case, "{case}");
        let known = data.again.iter().position(|known| *known == line);
        let again = known.unwrap_or_else(|| {
            data.again.push(line);
            data.again.len() - 1
        });
        places.insert(&verdict.case, data.cases.len());
        data.cases.push(Case {
            id: &verdict.case,
            again: Some(again),
            why: verdict.reason.clone(),
            outputs: verdict.judgements.iter().map(output).collect(),
            ..Case::of(&verdict.case)
        });
    }
    for (pair, facts) in pairs.iter().zip(facts) {
        let id = pair.any.case.as_str();
        let place = *places.entry(id).or_insert_with(|| {
            data.cases.push(Case::of(id));
            data.cases.len() - 1
        });
        let of = |mode| Some(set(pair.of(mode)?, samples.get(id, mode)?));
        let (cold, hot) = (of(Mode::Cold), of(Mode::Hot));
        let case = &mut data.cases[place];
        (case.facts, case.cold, case.hot) = (facts, cold, hot);
    }
    for problem in &run.problems {
        if let Some(place) = places.get(problem.case.as_str()) {
            let why = &mut data.cases[*place].why;
            let gap = if why.is_empty() { "" } else { "\n" };
            let what = if problem.fatal { "not measured" } else { "warning" };
            *why = format!("{why}{gap}{what}: {}", problem.reason);
        }
    }
    data
}

fn output(judgement: &OutputJudgement) -> [String; 7] {
    let worst = judgement.worst.as_ref().map_or(String::new(), |worst| {
        format!("[{}, {}]: expected {}, got {}", worst.row, worst.column, worst.expected, worst.actual)
    });
    [
        judgement.output.clone(),
        format!("{} of {}", grouped(judgement.failed_elements), grouped(judgement.elements)),
        ulp(Some(judgement.max_ulp)),
        percent(judgement.bit_equal),
        judgement.nmse.map_or(String::new(), scientific),
        worst,
        judgement.notes.join("; "),
    ]
}

fn set(measurement: &Measurement, digest: &SampleDigest) -> Samples {
    let low = digest.us.iter().copied().fold(f64::INFINITY, f64::min);
    let high = digest.us.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let steps = if high > low { 65_535.0 / (high - low) } else { 0.0 };
    let bytes: Vec<u8> = digest.us.iter().flat_map(|us| (((us - low) * steps).round() as u16).to_le_bytes()).collect();
    // Without samples there is neither a least nor a greatest one.
    let ends = [low, high].map(|end| if end.is_finite() { short(end) } else { 0.0 });
    Samples(
        digest.accepted,
        measurement.rejected,
        ends[0],
        ends[1],
        STANDARD.encode(bytes),
        short(measurement.median_us),
        measurement.interval_us().map(|interval| [short(interval.low), short(interval.high)]),
        short(measurement.p5_us),
        short(measurement.p95_us),
        why(measurement),
    )
}
