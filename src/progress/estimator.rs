//! How long the rest takes, from how long the done parts took.

/// One piece of the work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Parts of one kind take about the same time per work; counts from 0.
    pub kind: usize,
    /// Size in any unit that all parts share; a count of parts would let a thousand small ones promise too much.
    pub work: f64,
}

/// What is known of one kind.
#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    work_left: f64,
    work_done: f64,
    seconds: f64,
}

/// Foretells the time to the end. The time of a part is taken as proportional to its work, at a rate that each
/// kind teaches; a kind of which little is done borrows the rate of all.
#[derive(Clone, Debug, Default)]
pub struct Estimator {
    kinds: Vec<Kind>,
    parts_done: usize,
}

/// A kind's own rate counts as much as that of all kinds when so many average parts of it are done.
const BORROWED_PARTS: f64 = 2.0;

impl Estimator {
    pub fn new(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut estimator = Self::default();
        for part in parts {
            if part.kind >= estimator.kinds.len() {
                estimator.kinds.resize(part.kind + 1, Kind::default());
            }
            estimator.kinds[part.kind].work_left += part.work;
        }
        estimator
    }

    /// One of the parts is done and took that long, in seconds of whoever did it.
    pub fn finish(&mut self, part: Part, seconds: f64) {
        if let Some(kind) = self.kinds.get_mut(part.kind) {
            kind.work_left = (kind.work_left - part.work).max(0.0);
            kind.work_done += part.work;
            kind.seconds += seconds;
            self.parts_done += usize::from(part.work > 0.0);
        }
    }

    /// Seconds to the end, given those since the start. Where several parts are in work at a time, the parts' own
    /// seconds add up to more than have passed; the rest is taken to go on at that ratio. `None` before the first
    /// part is done.
    pub fn remaining_seconds(&self, elapsed_seconds: f64) -> Option<f64> {
        let total = |of: fn(&Kind) -> f64| self.kinds.iter().map(of).sum::<f64>();
        let (done, seconds) = (total(|kind| kind.work_done), total(|kind| kind.seconds));
        if self.parts_done == 0 || done <= 0.0 || seconds <= 0.0 {
            return None;
        }
        let common_rate = seconds / done;
        let borrowed = BORROWED_PARTS * done / self.parts_done as f64;
        let left = self.kinds.iter().map(|kind| {
            let rate = (kind.seconds + borrowed * common_rate) / (kind.work_done + borrowed);
            kind.work_left * rate
        });
        Some(left.sum::<f64>() * elapsed_seconds / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evenly spread over 0 to 1 and the same every time: multiples of the golden ratio.
    fn spread(index: usize) -> f64 {
        (index as f64 * 0.618_033_988_749_894_9).fract()
    }

    /// Parts whose work spans a factor of 1000, of eight kinds whose rates span a factor of 30, in an order that
    /// mixes them; each part's time is off by up to a third on top.
    fn simulated(count: usize) -> Vec<(Part, f64)> {
        let part = |index: usize| {
            let kind = (spread(index * 7 + 3) * 8.0) as usize;
            let work = 1000f64.powf(spread(index));
            let rate = 1e-3 * 30f64.powf(kind as f64 / 7.0);
            let noise = 0.67 + 0.66 * spread(index * 13 + 5);
            (Part { kind, work }, work * rate * noise)
        };
        (0..count).map(part).collect()
    }

    /// The estimates after each part: share of the time that has passed, and the estimate over the truth.
    fn estimates(parts: &[(Part, f64)], workers: f64) -> Vec<(f64, f64)> {
        let mut estimator = Estimator::new(parts.iter().map(|(part, _)| *part));
        let whole: f64 = parts.iter().map(|(_, seconds)| seconds).sum();
        let mut passed = 0.0;
        let mut answers = Vec::new();
        for (part, seconds) in parts {
            estimator.finish(*part, *seconds);
            passed += seconds;
            let remaining = estimator.remaining_seconds(passed / workers).expect("a part is done");
            let truth = (whole - passed) / workers;
            // The last part's end is no estimate any more.
            if truth > 1e-9 {
                answers.push((passed / whole, remaining / truth));
            }
        }
        answers
    }

    #[test]
    fn from_a_quarter_of_the_work_on_the_estimate_is_within_a_fifth() {
        for workers in [1.0, 4.0] {
            let answers = estimates(&simulated(1000), workers);
            let late = answers.iter().filter(|(passed, _)| (0.25..0.98).contains(passed));
            for (passed, ratio) in late {
                assert!((0.8..1.2).contains(ratio), "{ratio:.2} of the truth after {passed:.2}, {workers} workers");
            }
        }
    }

    #[test]
    fn a_thousand_small_parts_promise_nothing_about_a_large_one() {
        let mut parts = vec![(Part { kind: 0, work: 1.0 }, 0.001); 1000];
        parts.push((Part { kind: 0, work: 9000.0 }, 9.0));
        let mut estimator = Estimator::new(parts.iter().map(|(part, _)| *part));
        parts.iter().take(1000).for_each(|(part, seconds)| estimator.finish(*part, *seconds));
        let remaining = estimator.remaining_seconds(1.0).expect("parts are done");
        assert!((remaining - 9.0).abs() < 1e-6, "counting parts would say 1 ms, not {remaining}");
    }

    #[test]
    fn nothing_is_known_before_the_first_part_and_nothing_left_after_the_last() {
        let part = Part { kind: 0, work: 2.0 };
        let mut estimator = Estimator::new([part, part]);
        assert_eq!(estimator.remaining_seconds(1.0), None);
        estimator.finish(Part { kind: 0, work: 0.0 }, 0.0);
        assert_eq!(estimator.remaining_seconds(1.0), None, "a skipped part teaches nothing");
        estimator.finish(part, 3.0);
        assert_eq!(estimator.remaining_seconds(3.0), Some(3.0));
        estimator.finish(part, 3.0);
        assert_eq!(estimator.remaining_seconds(6.0), Some(0.0));
        assert_eq!(Estimator::new([]).remaining_seconds(1.0), None);
        estimator.finish(Part { kind: 7, work: 1.0 }, 1.0);
        assert_eq!(estimator.remaining_seconds(6.0), Some(0.0), "a part of no announced kind is not counted");
    }
}
