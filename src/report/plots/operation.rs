//! Which measurements of an operation share a figure, a panel and a colour.

use crate::profiling::Mode;
use crate::sweep::Measurement;

use super::super::RunData;
use super::by_size::{BySize, Ceiling, Row};
use super::figure::{Figure, FigureGroup};
use super::legend::{Entry, Key};
use super::palette::{FAINT, Look, look};
use super::series::{Series, distinct};
use super::variants::Variants;

/// Colours that a panel has at most, each cold and hot.
const MOST_LOOKS: usize = 4;

/// Parameter sets that are told apart at most, over all figures of an operation.
const MOST_VARIANTS: usize = 8;

/// Measurements that share a colour, and what the legend calls them.
pub struct Member<'a> {
    pub label: String,
    pub look: Look,
    pub measurements: Vec<&'a Measurement>,
}

/// One row of panels to be.
pub struct Part<'a> {
    pub title: String,
    pub members: Vec<Member<'a>>,
}

/// Splits an operation's measurements so that no panel has more than `MOST_LOOKS` colours: into one panel where
/// that suffices, else by dtype, else into figures of a few parameter sets each as well.
pub fn split<'a>(measurements: &[&'a Measurement]) -> Vec<Vec<Part<'a>>> {
    let variants = Variants::of(measurements, MOST_VARIANTS);
    let dtypes = distinct(measurements.iter().map(|one| one.dtype.as_str()));
    let chosen = |dtype: &str, variant: usize| -> Vec<&'a Measurement> {
        let mine = measurements.iter().filter(|one| one.dtype == dtype && variants.place(one) == variant);
        mine.copied().collect()
    };
    let all = 0..variants.count();
    let pairs = dtypes.iter().flat_map(|dtype| all.clone().map(move |variant| (*dtype, variant)));
    let whole: Vec<Member<'a>> = pairs
        .map(|(dtype, variant)| (format!("{dtype} {}", variants.label(variant)), chosen(dtype, variant)))
        .filter(|(_, measurements)| !measurements.is_empty())
        .enumerate()
        .map(|(place, (label, measurements))| Member {
            label: label.trim_end().to_string(),
            look: look(place),
            measurements,
        })
        .collect();
    if whole.len() <= MOST_LOOKS {
        return vec![vec![Part { title: String::new(), members: whole }]];
    }
    let places: Vec<usize> = all.collect();
    let figures = places.chunks(MOST_LOOKS).map(|places| {
        let part = |dtype: &&str| {
            let member = |(place, variant): (usize, &usize)| Member {
                label: variants.label(*variant).to_string(),
                look: look(place),
                measurements: chosen(dtype, *variant),
            };
            let members = places.iter().enumerate().map(member).filter(|one| !one.measurements.is_empty());
            Part { title: dtype.to_string(), members: members.collect() }
        };
        dtypes.iter().map(part).filter(|part| !part.members.is_empty()).collect()
    });
    figures.collect()
}

/// The figures of one operation against size.
pub fn by_size(operation: &str, measurements: &[&Measurement], run: &RunData) -> Vec<BySize> {
    let drawable: Vec<&Measurement> =
        measurements.iter().copied().filter(|one| super::series::Point::new(one).is_some()).collect();
    if drawable.is_empty() {
        return Vec::new();
    }
    let figures = split(&drawable);
    let several = figures.len() > 1;
    let emulated = run.record.device.emulated;
    let build = |(place, parts): (usize, Vec<Part<'_>>)| {
        let mut entries: Vec<Entry> = Vec::new();
        for member in parts.iter().flat_map(|part| &part.members).filter(|member| !member.label.is_empty()) {
            if !entries.iter().any(|entry| entry.label == member.label) {
                entries.push(Entry::new(Key::Series(member.look), member.label.clone()));
            }
        }
        let row = |part: &Part<'_>| {
            let series = part.members.iter().flat_map(|member| {
                Mode::BOTH.into_iter().filter_map(|mode| Series::new(&member.measurements, member.look, mode))
            });
            Row { title: part.title.clone(), series: series.collect() }
        };
        let rows: Vec<Row> = parts.iter().map(row).collect();
        let id = if place == 0 { operation.to_string() } else { format!("{operation}-{}", place + 1) };
        let title = if several { format!("{operation}, part {}", place + 1) } else { operation.to_string() };
        let words = Figure {
            id,
            group: FigureGroup::Operation,
            title,
            caption: caption(emulated).to_string(),
            svg: String::new(),
            description: String::new(),
        };
        let mut figure = BySize { words, rows, entries, ceilings: Vec::new(), emulated };
        if figure.quantities().len() > 1 {
            let roof = run.record.roofs.map(|roofs| roofs.bandwidth_gbps()).filter(|gbps| *gbps > 0.0);
            figure.ceilings = roof
                .map(|gbps| Ceiling { gbps, label: format!("copy roof, {gbps:.0} GB/s"), color: FAINT })
                .into_iter()
                .collect();
        }
        let what = if figure.quantities().len() > 1 { "time, bandwidth and share of roof" } else { "emulated time" };
        figure.words.description =
            format!("{operation}: {what} against bytes moved, {} points, cold and hot", figure.count());
        figure
    };
    figures.into_iter().enumerate().map(build).collect()
}

const fn caption(emulated: bool) -> &'static str {
    if emulated {
        "Medians of the emulator's times, with 95 % intervals where they are larger than the markers. They order nothing \
         and say nothing about a GPU. Lines join shapes that differ in one direction."
    } else {
        "Medians, with 95 % intervals where they are larger than the markers. The roof that a share refers to is the one \
         that binds: the copy bandwidth or the multiply-add rate, both measured in this run. Hot points whose buffers \
         fit in the caches have no share. Lines join shapes that differ in one direction."
    }
}
