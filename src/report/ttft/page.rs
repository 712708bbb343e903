//! The page of a TTFT run, and of several laid over each other.

use maud::{Markup, html};

use crate::profiling::Roofs;
use crate::ttft::{MOST_UNATTRIBUTED, SummaryRow, TtftMode, Validity};

use super::super::RunStatus;
use super::super::html::{
    Section, bytes, document, figures as figure_groups, grouped, percent, sections_of, significant,
};
use super::super::plots::Figure;
use super::{TtftRun, tables};

const SCRIPT: &[&str] = &[
    include_str!("../html/script/theme.js"),
    include_str!("../html/script/tables.js"),
    include_str!("../html/script/figures.js"),
];

const DEFINITIONS: &[(&str, &str)] = &[
    (
        "TTFT",
        "from the acceptance of a request to the first sampled token id on the host; in cold mode from the start of the process",
    ),
    ("cold", "every request has a new process, and its time begins with the process"),
    ("warm", "every request is the first of a new process that has loaded the model"),
    ("steady", "every length and batch has run before in the same process"),
    (
        "unattributed",
        "the total less all stages; over 5 % of the total is a warning, over 15 % fails the run. Stages are never scaled to fit",
    ),
    ("second token", "from the first token id on the host to the second"),
    ("step", "one decode step after the second token, until its ids are on the host"),
    (
        "FLOP floor",
        "2 x parameters x tokens at the rate of the model's largest matrix product, measured in the same run",
    ),
    ("weight floor", "bytes of all weights at the read bandwidth measured in the same run"),
    ("prompts", "every request has token ids of its own, so that no cache can answer it"),
    (
        "valid",
        "the greedy continuation of the run was compared with the f32 reference on the host; INVALID times are those of wrong tokens",
    ),
];

/// How a run went, in a sentence.
pub fn headline(run: &TtftRun) -> String {
    let record = &run.record;
    let (model, device) = (&record.model.name, &record.engine.device);
    if run.requests.iter().any(|row| row.validity == Validity::Invalid) {
        return format!("INVALID: {model} gives wrong tokens on {device}");
    }
    let measured = match run.requests.len() {
        0 => "no request was measured".to_string(),
        1 => "1 request measured".to_string(),
        count => format!("{count} requests measured"),
    };
    let checked = match &record.check {
        Some(_) => "tokens checked",
        None => "tokens not checked",
    };
    let ended = if record.failure.is_some() { ", ended by a failure" } else { "" };
    format!("{model} on {device}: {measured}, {checked}{ended}")
}

/// Whether the numbers may be believed.
pub fn is_good(run: &TtftRun) -> bool {
    let explained = |row: &SummaryRow| row.unattributed_share.abs() <= MOST_UNATTRIBUTED;
    !run.requests.is_empty()
        && run.record.failure.is_none()
        && run.requests.iter().all(|row| row.validity != Validity::Invalid)
        && run.summaries.iter().all(explained)
}

/// The page of one run.
pub fn render_page(run: &TtftRun, figures: &[Figure]) -> String {
    let sections = [
        Section { id: "warnings", title: "Warnings", content: warnings(run) },
        Section { id: "first-token", title: "Time to first token", content: first_token(run) },
        Section { id: "plots", title: "Plots", content: figure_groups(figures) },
        Section { id: "stages", title: "Stages", content: tables::stages(&run.summaries) },
        Section { id: "decode", title: "Tokens after the first", content: tables::decode(&run.summaries) },
        Section { id: "operations", title: "Operations", content: tables::operations(&run.operations) },
        Section { id: "requests", title: "Requests", content: tables::requests(&run.requests) },
        Section { id: "provenance", title: "Provenance", content: Some(provenance(run)) },
        Section { id: "definitions", title: "Definitions", content: Some(definitions()) },
    ];
    let body = html! {
        (masthead(run))
        (sections_of(&sections, key_figures(run)))
    };
    document(&format!("TTFT of {}, {}", run.record.model.name, run.record.started), SCRIPT, &body)
}

/// The page of several runs; they come with the names that figures give them.
pub fn render_overlay(runs: &[(String, &TtftRun)], notes: &[String], figures: &[Figure]) -> String {
    let tables = runs
        .iter()
        .filter_map(|(name, run)| tables::first_token(&run.summaries).map(|table| html! { h3 { (name) } (table) }));
    let tables: Vec<Markup> = tables.collect();
    let notes = (!notes.is_empty()).then(|| html! { ul.warnings { @for note in notes { li { (note) } } } });
    let facts = runs.iter().map(|(name, run)| html! { h3 { (name) } (provenance(run)) });
    let facts: Vec<Markup> = facts.collect();
    let sections = [
        Section { id: "warnings", title: "Warnings", content: notes },
        Section { id: "plots", title: "Plots", content: figure_groups(figures) },
        Section {
            id: "first-token",
            title: "Time to first token",
            content: Some(html! { @for table in &tables { (table) } }),
        },
        Section { id: "provenance", title: "Provenance", content: Some(html! { @for facts in &facts { (facts) } }) },
        Section { id: "definitions", title: "Definitions", content: Some(definitions()) },
    ];
    let body = html! {
        header {
            div.top { p.brand { "hipgauge" } button.theme type="button" id="theme" hidden { "Theme: system" } }
            h1 { (runs.len()) " runs of time to first token over each other" }
            p.where { "This shows runs beside each other and decides nothing: that is " code { "hipgauge compare" } }
        }
        (sections_of(&sections, None))
    };
    document("TTFT runs over each other", SCRIPT, &body)
}

fn masthead(run: &TtftRun) -> Markup {
    let record = &run.record;
    html! {
        header {
            div.top {
                p.brand { "hipgauge" @if record.status != RunStatus::Complete { span.partial { "partial run" } } }
                button.theme type="button" id="theme" hidden { "Theme: system" }
            }
            h1 class=(if is_good(run) { "good" } else { "bad" }) { (headline(run)) }
            p.where {
                b { (record.engine.device) } " "
                span { (record.model.name) } span { (record.engine.compute) } span { (record.engine.path) " path" }
                span { "matrix products by " (record.engine.matrix_library) } span { (record.started) }
            }
        }
    }
}

/// The medians that a reader in a hurry takes away: of steady mode where there is one.
fn key_figures(run: &TtftRun) -> Option<Markup> {
    let best = [TtftMode::Steady, TtftMode::Warm, TtftMode::Cold];
    let mode = best.into_iter().find(|mode| run.summaries.iter().any(|row| row.mode == *mode))?;
    let rows: Vec<&SummaryRow> = run.summaries.iter().filter(|row| row.mode == mode && row.batch == 1).collect();
    let mut tiles: Vec<(String, String, String)> = Vec::new();
    for row in &rows {
        let floor = row.flop_floor_share.zip(row.weight_read_floor_share);
        let source = floor.map_or_else(
            || format!("p95 {} ms", significant(row.ttft_p95_ms)),
            |(flop, read)| {
                format!("{} of the {} floor", percent(flop.max(read)), if flop > read { "FLOP" } else { "weight" })
            },
        );
        tiles.push((
            format!("TTFT, {} tokens, {mode}", grouped(u64::from(row.prompt_tokens))),
            format!("{} ms", significant(row.ttft_p50_ms)),
            source,
        ));
    }
    let fastest = rows.iter().filter_map(|row| Some((row.decode_tokens_per_second?, row)));
    if let Some((rate, row)) = fastest.max_by(|one, other| one.0.total_cmp(&other.0)) {
        let share =
            row.decode_floor_share.map_or(String::new(), |share| format!("{} of the weight floor", percent(share)));
        tiles.push(("Decode".to_string(), format!("{} tokens/s", significant(rate)), share));
    }
    (!tiles.is_empty()).then(|| {
        html! {
            dl.tiles {
                @for (name, value, source) in tiles { div { dt { (name) } dd.value { (value) } dd.source { (source) } } }
            }
        }
    })
}

fn warnings(run: &TtftRun) -> Option<Markup> {
    let all = run.told();
    (!all.is_empty()).then(|| html! { ul.warnings { @for warning in all { li { (warning) } } } })
}

fn first_token(run: &TtftRun) -> Option<Markup> {
    let table = tables::first_token(&run.summaries)?;
    Some(html! { (table) @if let Some(fits) = tables::fits(run) { (fits) } })
}

fn definitions() -> Markup {
    html! { dl.facts { @for (name, meaning) in DEFINITIONS { div { dt { (name) } dd { (meaning) } } } } }
}

fn provenance(run: &TtftRun) -> Markup {
    let record = &run.record;
    let (model, engine, build, machine) = (&record.model, &record.engine, &record.build, &record.machine);
    let commit = match (build.commit.as_str(), build.dirty) {
        ("", _) => "unknown, built outside of a checkout".to_string(),
        (commit, true) => format!("{commit}, with uncommitted changes"),
        (commit, false) => commit.to_string(),
    };
    let mut facts: Vec<(&str, String)> = vec![
        ("Command", record.command.join(" ")),
        ("Started", record.started.clone()),
        ("Ended", record.ended.clone().unwrap_or_else(|| "never: it was killed or is still at work".to_string())),
        ("Model", format!("{}, {}", model.name, model.architecture)),
        ("Model identity", model.identity.clone()),
        ("Parameters", grouped(model.parameters)),
        ("Weights in memory", bytes(engine.weight_bytes)),
        ("Key-value cache", bytes(engine.cache_bytes)),
        ("Computes in", engine.compute.clone()),
        ("Path", engine.path.clone()),
        ("Matrix products", engine.matrix_library.clone()),
        ("hipgauge", build.version.clone()),
        ("Commit", commit),
        ("Kernel sources", format!("SHA-256 {}", build.kernels_sha256)),
        ("CPU", format!("{}, {} threads", machine.cpu, machine.cores)),
        ("Host memory", bytes(machine.memory_bytes)),
        ("System", format!("{}, {}", machine.os, machine.kernel)),
    ];
    if let Some(device) = &record.device {
        facts.extend([
            ("Device", format!("{} ({})", device.name, device.id)),
            ("Architecture", format!("{}, wave {}", device.architecture, device.wave_size)),
            ("Driver", device.driver_version.clone()),
            ("Runtime", device.runtime_version.clone()),
            ("Compiler", device.compiler.clone()),
        ]);
    }
    if let Some(Roofs { copy_gbps, read_gbps, fma_tflops, empty_launch_us, .. }) = record.roofs {
        facts.extend([
            ("Copy roof", format!("{} GB/s", significant(copy_gbps))),
            ("Read roof", format!("{} GB/s", significant(read_gbps))),
            ("Arithmetic roof, f32", format!("{} TFLOP/s", significant(fma_tflops))),
            ("Empty launch", format!("{} µs", significant(empty_launch_us))),
        ]);
    }
    html! {
        dl.facts {
            @for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}
