//! Figures of TTFT runs: time by length, and what the time is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::ttft::{OperationRow, Phase, Stage, SummaryRow, TtftMode, TtftRow};

use super::super::ReportError;
use super::super::html::significant;
use super::super::plots::{
    AnyPicture, Bar, ByTokens, Curve, CurvePoint, FAINT, Figure, FigureGroup, Floor, Part, StackedBars, look,
};
use super::TtftRun;

/// Operations with a colour of their own; the others share one.
const MOST_OPERATIONS: usize = 6;

/// Stages that are drawn as one part.
const PARTS: [(&str, &[Stage]); 6] = [
    (
        "start and load",
        &[
            Stage::ProcessStart,
            Stage::DeviceInit,
            Stage::ModuleLoad,
            Stage::FileOpen,
            Stage::WeightsMade,
            Stage::WeightsToDevice,
        ],
    ),
    ("prefill", &[Stage::Prefill]),
    ("LM head", &[Stage::LmHead]),
    ("sample", &[Stage::Sample]),
    ("copies of ids", &[Stage::PromptToDevice, Stage::TokenToHost]),
    ("text to ids and back", &[Stage::Tokenize, Stage::Detokenize]),
];

/// Draws every figure of the runs into `folder`; runs come with the names that legends give them.
pub fn draw_figures(runs: &[(String, &TtftRun)], folder: &Path) -> Result<Vec<Figure>, ReportError> {
    fs::create_dir_all(folder).map_err(|source| ReportError::NotCreated { path: folder.to_path_buf(), source })?;
    let mut pictures: Vec<Box<dyn AnyPicture>> = Vec::new();
    for batch in batches(runs) {
        for quantity in [Quantity::FirstToken, Quantity::Step] {
            pictures.extend(by_tokens(runs, batch, quantity).map(boxed));
        }
    }
    for (place, run) in runs.iter().enumerate() {
        pictures.extend(stages(place, runs.len(), run).map(boxed));
        for phase in [Phase::Prefill, Phase::Decode] {
            pictures.extend(operations(place, runs.len(), run, phase).map(boxed));
        }
    }
    pictures.iter().map(|picture| picture.write(folder)).collect()
}

fn boxed(picture: impl AnyPicture + 'static) -> Box<dyn AnyPicture> {
    Box::new(picture)
}

fn batches(runs: &[(String, &TtftRun)]) -> BTreeSet<u32> {
    runs.iter().flat_map(|(_, run)| &run.summaries).map(|row| row.batch).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Quantity {
    FirstToken,
    /// A decode step.
    Step,
}

impl Quantity {
    fn point(self, row: &SummaryRow, requests: &[TtftRow]) -> Option<CurvePoint> {
        let tokens = f64::from(row.prompt_tokens);
        match self {
            Quantity::FirstToken => {
                let mine = requests.iter().filter(|request| {
                    (request.mode, request.batch, request.prompt_tokens) == (row.mode, row.batch, row.prompt_tokens)
                });
                let raw_ms = mine.map(|request| request.ttft_ms).collect();
                Some(CurvePoint { tokens, ms: row.ttft_p50_ms, ends_ms: None, raw_ms })
            }
            Quantity::Step => {
                let (ms, p95) = (row.decode_step_p50_ms?, row.decode_step_p95_ms);
                Some(CurvePoint { tokens, ms, ends_ms: p95.map(|p95| [ms, p95]), raw_ms: Vec::new() })
            }
        }
    }

    fn floors(self, rows: &[&SummaryRow]) -> Vec<(&'static str, Vec<(f64, f64)>)> {
        let along = |value: &dyn Fn(&SummaryRow) -> Option<f64>| -> Vec<(f64, f64)> {
            let by_length: BTreeMap<u32, f64> =
                rows.iter().filter_map(|row| Some((row.prompt_tokens, value(row)?))).collect();
            by_length.into_iter().map(|(tokens, ms)| (f64::from(tokens), ms)).collect()
        };
        let reading = ("weights read once", along(&|row| row.weight_read_floor_ms));
        match self {
            Quantity::FirstToken => vec![("arithmetic at the matrix rate", along(&|row| row.flop_floor_ms)), reading],
            Quantity::Step => vec![reading],
        }
    }

    fn words(self, batch: u32, several: bool) -> Figure {
        let (stem, title, caption) = match self {
            Quantity::FirstToken => (
                "ttft",
                "Time to first token",
                "Medians of the requests of each mode, and every request as a small marker. Dotted lines are what no \
                 engine can beat at the rates that the run itself measured.",
            ),
            Quantity::Step => (
                "decode",
                "Time of a token after the first",
                "Medians of the decode steps; upright lines reach to the 95th percentile.",
            ),
        };
        let of_batch = if batch == 1 && !several { String::new() } else { format!(", batch {batch}") };
        Figure {
            id: format!("{stem}-by-length-batch-{batch}"),
            group: FigureGroup::FirstToken,
            title: format!("{title}{of_batch}"),
            caption: caption.to_string(),
            svg: String::new(),
            description: String::new(),
        }
    }
}

fn by_tokens(runs: &[(String, &TtftRun)], batch: u32, quantity: Quantity) -> Option<ByTokens> {
    let mut curves = Vec::new();
    let mut floors = Vec::new();
    for (name, run) in runs {
        let named = |what: &str| if runs.len() > 1 { format!("{name}, {what}") } else { what.to_string() };
        let rows: Vec<&SummaryRow> = run.summaries.iter().filter(|row| row.batch == batch).collect();
        let modes: BTreeSet<TtftMode> = rows.iter().map(|row| row.mode).collect();
        for mode in modes {
            let mine = rows.iter().filter(|row| row.mode == mode);
            let points: Vec<CurvePoint> = mine.filter_map(|row| quantity.point(row, &run.requests)).collect();
            if !points.is_empty() {
                curves.push(Curve { name: named(mode.name()), look: look(curves.len()), points });
            }
        }
        let of_run = quantity.floors(&rows).into_iter().filter(|(_, points)| !points.is_empty());
        floors.extend(of_run.map(|(what, points)| Floor { name: named(what), color: FAINT, points }));
    }
    if curves.is_empty() {
        return None;
    }
    // Two floors must not look alike.
    for (place, floor) in floors.iter_mut().enumerate() {
        floor.color = if place == 0 { FAINT } else { look(curves.len() + place - 1).color };
    }
    let mut words = quantity.words(batch, batches(runs).len() > 1);
    let told = curves.iter().map(|curve| {
        let points = curve.points.iter().map(|point| format!("{} ms at {}", significant(point.ms), point.tokens));
        format!("{}: {}", curve.name, points.collect::<Vec<_>>().join(", "))
    });
    words.description = format!("{} against prompt length. {}", words.title, told.collect::<Vec<_>>().join("; "));
    let y_name = match quantity {
        Quantity::FirstToken => "time to first token (ms)",
        Quantity::Step => "time per decode step (ms)",
    };
    Some(ByTokens { words, y_name, curves, floors })
}

fn words(place: usize, runs: usize, name: &str, stem: &str, title: &str, caption: &str, bars: &[Bar]) -> Figure {
    let (suffix, of_run) = match runs {
        1 => (String::new(), String::new()),
        _ => (format!("-{}", place + 1), format!(", {name}")),
    };
    let told: Vec<String> = bars.iter().map(|bar| format!("{}: {}", bar.name, bar.note)).collect();
    Figure {
        id: format!("{stem}{suffix}"),
        group: FigureGroup::FirstTokenParts,
        title: format!("{title}{of_run}"),
        caption: caption.to_string(),
        svg: String::new(),
        description: format!("{title}{of_run}, as shares. {}", told.join("; ")),
    }
}

fn stages(place: usize, runs: usize, (name, run): &(String, &TtftRun)) -> Option<StackedBars> {
    let bar = |row: &SummaryRow| {
        let part = |stages: &[Stage]| stages.iter().filter_map(|stage| row.stage_ms(*stage)).sum::<f64>();
        let mut values: Vec<f64> = PARTS.iter().map(|(_, stages)| part(stages)).collect();
        values.push(row.unattributed_ms);
        let batch = if row.batch == 1 { String::new() } else { format!(" x {}", row.batch) };
        let note = format!("{} ms", significant(row.ttft_p50_ms));
        Bar { name: format!("{}, {}{batch} tokens", row.mode, row.prompt_tokens), values, note }
    };
    let bars: Vec<Bar> = run.summaries.iter().map(bar).collect();
    let parts = PARTS.iter().enumerate().map(|(place, (name, _))| (name.to_string(), look(place).color));
    let parts = parts.chain([("unattributed".to_string(), FAINT)]).map(|(name, color)| Part { name, color });
    let caption = "Medians of each stage as shares of their sum. Unattributed is what the total has beyond all stages; \
                   where it is negative nothing is drawn, and the table says so.";
    (!bars.is_empty()).then(|| StackedBars {
        words: words(place, runs, name, "ttft-stages", "Stages of the time to first token", caption, &bars),
        parts: parts.collect(),
        bars,
    })
}

fn operations(place: usize, runs: usize, (name, run): &(String, &TtftRun), phase: Phase) -> Option<StackedBars> {
    let rows: Vec<&OperationRow> = run.operations.iter().filter(|row| row.phase == phase).collect();
    let mut totals: BTreeMap<&str, f64> = BTreeMap::new();
    let mut passes: BTreeMap<(u32, u32), BTreeMap<&str, f64>> = BTreeMap::new();
    for row in &rows {
        *totals.entry(&row.operation).or_default() += row.share;
        *passes.entry((row.prompt_tokens, row.batch)).or_default().entry(&row.operation).or_default() +=
            row.duration_ms;
    }
    let mut ranked: Vec<(&str, f64)> = totals.into_iter().collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(other.0)));
    let own: Vec<&str> = ranked.iter().take(MOST_OPERATIONS).map(|(operation, _)| *operation).collect();
    let bar = |((tokens, batch), pass): (&(u32, u32), &BTreeMap<&str, f64>)| {
        let mut values: Vec<f64> = own.iter().map(|operation| pass.get(operation).copied().unwrap_or(0.0)).collect();
        let total: f64 = pass.values().sum();
        values.push(pass.iter().filter(|(operation, _)| !own.contains(*operation)).map(|(_, ms)| ms).sum());
        let batch = if *batch == 1 { String::new() } else { format!(" x {batch}") };
        Bar { name: format!("{tokens}{batch} tokens"), values, note: format!("{} ms", significant(total)) }
    };
    let bars: Vec<Bar> = passes.iter().map(bar).collect();
    let parts = own.iter().enumerate().map(|(place, name)| Part { name: name.to_string(), color: look(place).color });
    let parts = parts.chain([Part { name: "other operations".to_string(), color: FAINT }]).collect();
    let (stem, title) = match phase {
        Phase::Prefill => ("ttft-prefill-operations", "Operations of prefill"),
        Phase::Decode => ("ttft-decode-operations", "Operations of a decode step"),
    };
    let caption = "From a pass in which every operation was timed by itself, which is slower than a timed request: \
                   shares, not stages.";
    (!bars.is_empty()).then(|| StackedBars {
        words: words(place, runs, name, stem, title, caption, &bars),
        parts,
        bars,
    })
}
