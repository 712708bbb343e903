//! Figures of a made-up run: that each is there, what it holds, and that odd data makes no odd picture.

use std::fs;
use std::path::Path;

use super::super::fixture::{measurement, record};
use super::super::realistic::{write_run, write_run_as};
use super::super::{RunData, RunDirectory, RunStatus};
use super::{Figure, FigureGroup, draw_figures};
use crate::profiling::Mode;
use crate::sweep::{Measurement, SweepSink};

fn drawn(folder: &Path, cases: &[String]) -> Vec<Figure> {
    draw_figures(&RunData::load(folder).expect("a whole run"), cases).expect("drawn")
}

/// A run that consists of these measurements.
fn drawn_of(measurements: &[Measurement]) -> Vec<Figure> {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut run = RunDirectory::create(folder.path(), record()).expect("an empty directory");
    for measurement in measurements {
        run.measurement(measurement).expect("the disk has room");
    }
    run.finish(RunStatus::Complete).expect("the disk has room");
    drawn(folder.path(), &[])
}

fn ids(figures: &[Figure], group: FigureGroup) -> Vec<&str> {
    figures.iter().filter(|figure| figure.group == group).map(|figure| figure.id.as_str()).collect()
}

fn find<'a>(figures: &'a [Figure], id: &str) -> &'a Figure {
    figures.iter().find(|figure| figure.id == id).unwrap_or_else(|| panic!("no figure {id}"))
}

#[test]
fn a_whole_run_has_every_figure() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    write_run(folder.path(), 1.0);
    let asked = "swiglu/f32/64x8192/normal".to_string();
    let figures = drawn(folder.path(), std::slice::from_ref(&asked));
    assert_eq!(ids(&figures, FigureGroup::Operation), ["rms_norm", "swiglu", "top_k", "fused_sampler"]);
    let heat =
        ["rms_norm-heat", "swiglu-heat", "top_k-heat", "top_k-heat-2", "fused_sampler-heat", "fused_sampler-heat-2"];
    assert_eq!(ids(&figures, FigureGroup::HeatMap), heat);
    assert_eq!(ids(&figures, FigureGroup::ColdHot).len(), 4);
    assert_eq!(ids(&figures, FigureGroup::Roofline), ["roofline"]);
    let samples = ids(&figures, FigureGroup::Distribution);
    assert_eq!(samples[0], "samples-swiglu_f32_64x8192_normal", "what was asked for comes first");
    assert!((4..=7).contains(&samples.len()), "{samples:?}");
    // 3 dtypes x 39 shapes x 2 modes.
    assert!(find(&figures, "rms_norm").description.contains("234 points"));
    assert!(find(&figures, "rms_norm-cold-hot").description.contains("117 cases"));
    let roofline = find(&figures, "roofline");
    assert!(roofline.svg.contains("copy 4000 GB/s") && roofline.svg.contains("120.0 TFLOP/s"));
    assert!(roofline.caption.contains("top_k, fused_sampler") && roofline.caption.contains("three empty launches"));
    for figure in &figures {
        assert!(figure.svg.starts_with("<svg ") && figure.svg.trim_end().ends_with("</svg>"), "{}", figure.id);
        assert!(!figure.svg.contains("NaN") && !figure.svg.contains("2147483647"), "{} has odd places", figure.id);
        for ending in ["svg", "png"] {
            let file = folder.path().join("plots").join(format!("{}.{ending}", figure.id));
            assert!(fs::metadata(&file).is_ok_and(|file| file.len() > 1000), "{}", file.display());
        }
        assert_eq!(figures.iter().filter(|other| other.id == figure.id).count(), 1, "{} twice", figure.id);
    }
}

#[test]
fn heat_maps_have_a_labelled_colour_bar_and_struck_cells() {
    let all: Vec<Measurement> = [1024, 2048, 4096]
        .iter()
        .flat_map(|&columns| Mode::BOTH.map(|mode| measurement("rms_norm", columns, mode)))
        .map(|one| Measurement { roofline_share: Some(one.columns as f64 / 4096.0), ..one })
        .collect();
    let mut struck = all.clone();
    struck[1] = Measurement { roofline_share: None, flags: "in-cache".to_string(), ..struck[1].clone() };
    let (whole, struck) = (drawn_of(&all), drawn_of(&struck));
    let (whole, struck) = (&find(&whole, "rms_norm-heat").svg, &find(&struck, "rms_norm-heat").svg);
    for label in ["0 %", "25 %", "50 %", "75 %", "100 %"] {
        assert!(whole.contains(&format!(">\n{label}\n</text>")), "{label}");
    }
    // The ends of the map are viridis' own, and each of the two panels has its three cells.
    assert!(whole.contains("#FDE725") && whole.contains("#21918C"), "full and half share");
    assert_eq!(whole.matches(">\n100\n</text>").count(), 2);
    assert_eq!(whole.matches(">\n25\n</text>").count(), 2);
    assert_eq!(struck.matches(">\n25\n</text>").count(), 1);
    assert!(find(&drawn_of(&all), "rms_norm-heat").description.contains("6 cells"));
}

#[test]
fn nothing_measured_is_no_figure() {
    assert!(drawn_of(&[]).is_empty());
}

#[test]
fn a_single_case_is_a_point_and_no_map() {
    let figures = drawn_of(&[measurement("top_k", 1024, Mode::Cold)]);
    assert_eq!(ids(&figures, FigureGroup::Operation), ["top_k"]);
    assert!(figures[0].description.contains("1 points"), "{}", figures[0].description);
    assert!(ids(&figures, FigureGroup::HeatMap).is_empty() && ids(&figures, FigureGroup::ColdHot).is_empty());
}

#[test]
fn work_on_matrix_cores_is_under_no_roof() {
    let unbounded =
        |one: Measurement| Measurement { roofline_us: None, roofline_share: None, binding_roof: None, ..one };
    let computed = |operation| Measurement { tflops: Some(50.0), ..measurement(operation, 4096, Mode::Cold) };
    let all = [computed("swiglu"), unbounded(computed("matrix_product"))];
    let figures = drawn_of(&all);
    let roofline = find(&figures, "roofline");
    assert!(roofline.description.ends_with(" 1 points"), "{}", roofline.description);
    assert!(roofline.caption.contains("neither roof: matrix_product."), "{}", roofline.caption);
    assert!(!roofline.caption.contains("no arithmetic"), "{}", roofline.caption);
    assert!(ids(&drawn_of(&all[1..]), FigureGroup::Roofline).is_empty());
}

#[test]
fn numbers_that_are_none_are_left_out() {
    let odd = [f64::NAN, f64::INFINITY, 0.0, -4.0];
    let mut all: Vec<Measurement> = odd
        .iter()
        .zip([512, 1024, 2048, 4096])
        .map(|(&value, columns)| Measurement {
            median_us: value,
            ci_low_us: Some(value),
            ci_high_us: Some(value),
            gbps: Some(value),
            roofline_share: Some(value),
            tflops: Some(value),
            ..measurement("swiglu", columns, Mode::Hot)
        })
        .collect();
    assert!(drawn_of(&all).is_empty(), "no number at all");
    all.push(measurement("swiglu", 8192, Mode::Hot));
    let figures = drawn_of(&all);
    assert!(find(&figures, "swiglu").description.contains("1 points"));
    assert!(figures.iter().all(|figure| !figure.svg.contains("NaN") && !figure.svg.contains("-2147483648")));
}

#[test]
fn an_emulated_run_has_times_and_no_roofs() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let mut emulated = record();
    emulated.device.emulated = true;
    emulated.roofs = None;
    write_run_as(folder.path(), emulated, 1.0);
    let figures = drawn(folder.path(), &[]);
    assert!(ids(&figures, FigureGroup::Roofline).is_empty() && ids(&figures, FigureGroup::ColdHot).is_empty());
    let map = find(&figures, "rms_norm-heat");
    assert!(map.svg.contains("emulated time per launch") && !map.svg.contains('%'), "{}", map.description);
    let plot = find(&figures, "rms_norm");
    assert!(plot.svg.contains("emulated time per launch") && !plot.svg.contains("GB/s"));
    assert!(plot.caption.contains("say nothing about a GPU"));
}

#[test]
fn many_parameter_sets_are_split_until_each_panel_can_be_read() {
    let sets = |count: u64| -> Vec<Measurement> {
        let shapes = (0..count).flat_map(|k| [1024, 2048, 4096].map(|columns| (k, columns)));
        let measured = |(k, columns)| Measurement {
            case: format!("top_k/bf16/16x{columns}/k={k}/normal"),
            parameters: format!("k={k}"),
            ..measurement("top_k", columns, Mode::Cold)
        };
        shapes.map(measured).collect()
    };
    assert_eq!(ids(&drawn_of(&sets(4)), FigureGroup::Operation), ["top_k"]);
    assert_eq!(ids(&drawn_of(&sets(7)), FigureGroup::Operation), ["top_k", "top_k-2"]);
    let pooled = drawn_of(&sets(20));
    assert_eq!(ids(&pooled, FigureGroup::Operation), ["top_k"]);
    assert!(find(&pooled, "top_k").description.contains("60 points"), "none is left out");
}

#[test]
fn samples_show_what_was_rejected_and_discarded() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    write_run(folder.path(), 1.0);
    let figures = drawn(folder.path(), &[]);
    let samples: Vec<&Figure> = figures.iter().filter(|figure| figure.group == FigureGroup::Distribution).collect();
    let with = |reason: &str| {
        let found = samples.iter().find(|figure| figure.title.contains(reason));
        found.unwrap_or_else(|| panic!("no samples for {reason}"))
    };
    assert!(with("widest 95 % interval").svg.contains("cold: 40 samples, median"));
    let rejected = with("6 rejected samples");
    assert!(rejected.svg.contains("37 samples") && rejected.svg.contains("3 rejected"));
    let throttled = with("1 throttled blocks");
    assert!(throttled.svg.contains("20 in discarded blocks") && throttled.svg.contains("throttled block, discarded"));
    assert!(with("largest cold over hot").svg.contains("share up to this time"));
}
