//! The detection figure: one row per size of slow-down.

use serde::Serialize;

use crate::profiling::statistics::{Confidence, Interval, median, rate_interval, rate_upper_bound, sorted};
use crate::regression::decision::Verdict;

use super::record::DuelRecord;

/// What became of the comparisons of one size.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DetectionRow {
    /// The relative change that was wanted; 0 for comparisons of cases with themselves.
    pub nominal: f64,
    /// The least and the largest relative change that the cases really had.
    pub least_change: f64,
    pub most_change: f64,
    pub comparisons: u64,
    pub slower: u64,
    pub faster: u64,
    pub same: u64,
    /// AMBIGUOUS or UNDERPOWERED.
    pub undecided: u64,
    /// Share of the comparisons that were called SLOWER; of those of cases with themselves, called either SLOWER or FASTER.
    pub rate: f64,
    /// Its 95 % interval (Clopper and Pearson).
    pub interval: Option<Interval>,
    /// Upper end of the one-sided 95 % interval.
    pub upper_bound: Option<f64>,
    pub median_pairs: f64,
    pub median_seconds: f64,
}

/// One row per size, ascending; comparisons of cases with themselves first.
pub fn detection_rows(records: &[DuelRecord]) -> Vec<DetectionRow> {
    let mut sizes: Vec<f64> = records.iter().map(|record| record.nominal).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    sizes.into_iter().map(|nominal| row(nominal, records)).collect()
}

fn row(nominal: f64, records: &[DuelRecord]) -> DetectionRow {
    let of_size: Vec<&DuelRecord> = records.iter().filter(|record| record.nominal == nominal).collect();
    let count = |wanted: &[Verdict]| {
        of_size.iter().filter(|record| wanted.contains(&record.duel.decision.verdict)).count() as u64
    };
    let comparisons = of_size.len() as u64;
    let (slower, faster) = (count(&[Verdict::Slower]), count(&[Verdict::Faster]));
    let hits = if nominal == 0.0 { slower + faster } else { slower };
    let changes = || of_size.iter().map(|record| record.change);
    let middle = |values: Vec<f64>| median(&sorted(&values)).unwrap_or(f64::NAN);
    let pairs = |record: &&DuelRecord| record.duel.measured.as_ref().map_or(0, |measured| measured.pairs.len()) as f64;
    DetectionRow {
        nominal,
        least_change: changes().fold(f64::INFINITY, f64::min),
        most_change: changes().fold(f64::NEG_INFINITY, f64::max),
        comparisons,
        slower,
        faster,
        same: count(&[Verdict::Same]),
        undecided: count(&[Verdict::Ambiguous, Verdict::Underpowered]),
        rate: hits as f64 / comparisons as f64,
        interval: rate_interval(hits, comparisons, Confidence::NINETY_FIVE_PERCENT),
        upper_bound: rate_upper_bound(hits, comparisons),
        median_pairs: middle(of_size.iter().map(pairs).collect()),
        median_seconds: middle(of_size.iter().map(|record| record.duel.seconds).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::duels_csv;
    use super::*;
    use crate::profiling::Mode;
    use crate::regression::decision::{Decision, Reason};
    use crate::regression::interleave::Duel;

    fn record(nominal: f64, change: f64, verdict: Verdict) -> DuelRecord {
        let decision = Decision::unmeasured(verdict, Reason::NoValues);
        let duel = Duel { case: "case".to_string(), mode: Mode::Cold, decision, measured: None, seconds: 0.25 };
        DuelRecord { nominal, change, processes: 0, duel }
    }

    #[test]
    fn either_change_is_a_false_alarm_and_only_slower_is_a_detection() {
        let records = [
            record(0.03, 0.031, Verdict::Slower),
            record(0.03, 0.029, Verdict::Faster),
            record(0.0, 0.0, Verdict::Same),
            record(0.0, 0.0, Verdict::Faster),
            record(0.03, 0.030, Verdict::Ambiguous),
            record(0.03, 0.030, Verdict::Slower),
        ];
        let rows = detection_rows(&records);
        let counts: Vec<_> = rows.iter().map(|row| (row.nominal, row.comparisons, row.rate, row.undecided)).collect();
        assert_eq!(counts, [(0.0, 2, 0.5, 0), (0.03, 4, 0.5, 1)]);
        assert_eq!((rows[1].least_change, rows[1].most_change, rows[1].median_seconds), (0.029, 0.031, 0.25));
        assert!(rows[1].interval.expect("comparisons").contains(0.5));
        assert!(detection_rows(&[]).is_empty());
    }

    #[test]
    fn a_row_of_csv_has_as_many_fields_as_the_header() {
        let text = duels_csv(&[record(0.01, 0.0101, Verdict::Slower)]);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let width = reader.headers().expect("a header").len();
        assert!(reader.records().all(|row| row.is_ok_and(|row| row.len() == width)), "{text}");
        assert!(text.contains("case,cold,0.01,0.0101,0,SLOWER"), "{text}");
    }
}
