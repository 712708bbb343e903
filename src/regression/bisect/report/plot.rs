//! The commits that were looked at, in the order of the history.

use std::fmt::Write as _;

use super::super::observation::{Cost, Observation, Regress};
use super::super::record::Record;
use super::super::search::Outcome;
use super::super::state::State;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 50.0;

/// One commit in the plot.
struct Point {
    /// Commits between the good end and it.
    place: usize,
    low: f64,
    value: Option<f64>,
    high: f64,
    color: &'static str,
    title: String,
}

/// An SVG: the grade and number of each commit of the first search that was looked at, over its place among the commits of
/// the range in topological order, which `places` gives. `None` before the ends were observed.
pub fn plot(state: &State, places: &dyn Fn(&str) -> Option<usize>) -> Option<String> {
    let search = state.searches.first()?;
    let points = points(state, search, places)?;
    let numbers = points.iter().filter(|point| point.value.is_some());
    let (low, high) = numbers.fold((0.0_f64, 0.0_f64), |(low, high), point| (low.min(point.low), high.max(point.high)));
    let margin = if high > low { 0.08 * (high - low) } else { 1.0 };
    let (low, high) = (low - margin, high + margin);
    let x = |place: usize| LEFT + (WIDTH - LEFT - RIGHT) * place as f64 / search.commits.max(1) as f64;
    let y = |value: f64| TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let base = HEIGHT - BOTTOM;
    let _ = writeln!(svg, "<path d=\"M{LEFT} {TOP}V{base}H{}\" fill=\"none\" stroke=\"#555555\"/>", WIDTH - RIGHT);
    for tick in ticks(low, high) {
        let at = y(tick);
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {at:.1}H{}\" stroke=\"#dddddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            label(state.question.regress, tick)
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{}\" text-anchor=\"middle\">commits after the good end, of {}</text>",
        (LEFT + WIDTH - RIGHT) / 2.0,
        HEIGHT - 12.0,
        search.commits
    );
    for culprit in state.searches.iter().filter_map(Record::culprit) {
        if let Some(place) = places(&culprit.id) {
            let at = x(place + 1);
            let _ = writeln!(
                svg,
                "<path d=\"M{at:.1} {TOP}V{base}\" stroke=\"#b3261e\" stroke-dasharray=\"4 3\"/>\
                 <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\" fill=\"#b3261e\">{}</text>",
                base + 16.0,
                culprit.short()
            );
        }
    }
    for point in &points {
        let at = x(point.place);
        let title = escaped(&point.title);
        let color = point.color;
        match point.value {
            Some(value) => {
                let _ = writeln!(
                    svg,
                    "<path d=\"M{at:.1} {:.1}V{:.1}\" stroke=\"{color}\"/><circle cx=\"{at:.1}\" cy=\"{:.1}\" r=\"4\" \
                     fill=\"{color}\"><title>{title}</title></circle>",
                    y(point.low),
                    y(point.high),
                    y(value)
                );
            }
            None => {
                let _ = writeln!(
                    svg,
                    "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"{color}\">×<title>{title}</title></text>",
                    base - 2.0
                );
            }
        }
    }
    svg.push_str("</svg>\n");
    Some(svg)
}

fn points(state: &State, search: &Record, places: &dyn Fn(&str) -> Option<usize>) -> Option<Vec<Point>> {
    let ends = search.ends.as_ref()?;
    let regress = state.question.regress;
    let zero = Observation::Property { value: 0.0 };
    let point = |place: usize, observation: Option<&Observation>, outcome: Outcome, title: String| {
        let range = observation.and_then(|observation| range(regress, observation));
        let color = match outcome {
            Outcome::Good => "#1b6e3c",
            Outcome::Bad => "#b3261e",
            Outcome::Skip => "#777777",
        };
        let (low, value, high) = range.map_or((0.0, None, 0.0), |(low, value, high)| (low, Some(value), high));
        Point { place, low, value, high, color, title }
    };
    let title = |name: &str, outcome: Outcome, reason: &str| {
        format!("{name}: {}, {}", outcome.name(), reason.lines().next().unwrap_or(""))
    };
    let good = ends.good.as_ref().unwrap_or(&zero);
    let mut points = vec![
        point(0, Some(good), Outcome::Good, title(search.good.short(), Outcome::Good, "the good end")),
        point(search.commits, Some(&ends.bad), Outcome::Bad, title(search.bad.short(), Outcome::Bad, "the bad end")),
    ];
    for step in &search.steps {
        let Some(place) = places(&step.commit.id) else { continue };
        let name = title(step.commit.short(), step.outcome, &step.reason);
        if step.same_as.is_none() {
            points.push(point(place + 1, step.observations.last(), step.outcome, name));
        }
    }
    Some(points)
}

/// What is drawn of an observation: per cent for costs and wrong runs, the number itself for properties.
fn range(regress: Regress, observation: &Observation) -> Option<(f64, f64, f64)> {
    match observation {
        Observation::Cost(Cost { shift, interval, .. }) => {
            let (low, high) = interval.map_or((*shift, *shift), |interval| (interval.low, interval.high));
            Some((100.0 * low, 100.0 * shift, 100.0 * high))
        }
        Observation::Property { value } if regress == Regress::Perf => {
            Some((100.0 * value, 100.0 * value, 100.0 * value))
        }
        Observation::Property { value } => Some((*value, *value, *value)),
        Observation::Results { runs, wrong, .. } => {
            let share = 100.0 * f64::from(*wrong) / f64::from((*runs).max(1));
            Some((share, share, share))
        }
        Observation::Nothing { .. } => None,
    }
}

fn label(regress: Regress, value: f64) -> String {
    match regress {
        Regress::Perf if value == 0.0 => "0 %".to_string(),
        Regress::Perf => format!("{value:+} %"),
        Regress::Correctness => format!("{value:.0} % wrong"),
        _ => format!("{value}"),
    }
}

/// About five round numbers in a range.
fn ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|number| (number as f64 * step * 1e9).round() / 1e9).collect()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_round() {
        assert_eq!(ticks(-1.0, 11.0), [0.0, 5.0, 10.0]);
        assert_eq!(ticks(-0.02, 0.1), [0.0, 0.05, 0.1]);
        assert_eq!(label(Regress::Perf, 0.0), "0 %");
        assert_eq!(label(Regress::Perf, 5.0), "+5 %");
    }
}
