//! The reference of the samplers, in layers, cheap first: flags and kept set, the exact replay of every draw, and
//! statistics where one row was drawn from often enough.

use rayon::prelude::*;

use crate::operation::{OutputJudgement, Reference, WorstElement};
use crate::tensor::{DType, HostTensor};

use super::distribution::{Band, RowDistribution};
use super::draws::{Draw, KeptSet, uniform_bits};
use super::filters::Filters;
use super::samplers::DETAIL_COLUMNS;
use super::statistics::{LEAST_DRAWS, statistical_failures};

/// The token, and the last kept token, of a row without a finite logit.
pub const NO_TOKEN: u32 = u32::MAX;

/// Draws in the rounding band that are accepted whatever is expected.
const FEW_AMBIGUOUS: f64 = 8.0;

/// How many times the expected number of draws in the band is gross.
const GROSS: f64 = 4.0;

/// What one stored row allows.
struct RowExpectation {
    flags: u32,
    kept: Band,
    /// The last kept token for each number of kept tokens in the band.
    last: Vec<u32>,
    /// Expected share of draws that rounding may decide.
    ambiguous_share: f64,
    /// The kept set, where many draws are made from it and rounding cannot change it.
    often_drawn: Option<KeptSet>,
}

/// Expectations of one problem.
pub struct SamplerReference {
    stored: Vec<RowExpectation>,
    /// For each logical row, one draw for each number of kept tokens in its band.
    draws: Vec<Vec<Draw>>,
}

impl SamplerReference {
    pub fn new(logits: &HostTensor, filters: Filters) -> Self {
        let (rows, period) = (logits.rows(), logits.distinct_rows());
        let by_period: Vec<(RowExpectation, Vec<Vec<Draw>>)> = (0..period)
            .into_par_iter()
            .map(|stored| {
                let distribution = RowDistribution::new(&logits.row_f64(stored), &filters);
                let drawn: Vec<usize> = (stored..rows).step_by(period).collect();
                expect_row(&distribution, &drawn, &filters)
            })
            .collect();
        let mut stored = Vec::with_capacity(period);
        let mut draws = vec![Vec::new(); rows];
        for (first, (expectation, row_draws)) in by_period.into_iter().enumerate() {
            stored.push(expectation);
            for (row, draw) in (first..rows).step_by(period).zip(row_draws) {
                draws[row] = draw;
            }
        }
        Self { stored, draws }
    }

    fn expectation(&self, row: usize) -> &RowExpectation {
        &self.stored[row % self.stored.len()]
    }

    /// The draw that goes with what a device says it kept; what f64 keeps if that is outside the band.
    fn draw(&self, row: usize, kept: usize) -> Option<&Draw> {
        let Band { least, predicted, most } = self.expectation(row).kept;
        let kept = if (least..=most).contains(&kept) { kept } else { predicted };
        self.draws[row].get(kept - least)
    }

    fn judge_detail(&self, detail: &HostTensor) -> OutputJudgement {
        let check = |row: usize| -> Option<Finding> {
            let expected = self.expectation(row);
            let [flags, kept, last] = detail_words(detail, row);
            let Band { least, predicted, most } = expected.kept;
            let finding = |column: usize, wanted: u32, sentence: String| {
                let given = [flags, kept, last][column];
                Some(Finding { row, column, wanted, given, sentence })
            };
            if flags != expected.flags {
                return finding(0, expected.flags, format!("flags are {flags} instead of {}", expected.flags));
            }
            if !(least..=most).contains(&(kept as usize)) {
                let sentence = format!("{kept} tokens are kept, {least} to {most} are right within rounding");
                return finding(1, predicted as u32, sentence);
            }
            let wanted = expected.last.get(kept as usize - least).copied().unwrap_or(NO_TOKEN);
            (last != wanted).then_some(())?;
            finding(2, wanted, format!("the last of {kept} kept tokens is {last} instead of {wanted}"))
        };
        let findings = findings(self.draws.len(), check);
        let mut judgement = judgement("detail", (self.draws.len() * DETAIL_COLUMNS) as u64, &findings);
        let free = self.stored.iter().filter(|row| row.kept.least != row.kept.most).count();
        if free > 0 {
            judgement.notes.push(format!("rows whose top-p or min-p edge lies in the rounding band: {free}"));
        }
        judgement
    }

    fn judge_token(&self, token: &HostTensor, detail: &HostTensor) -> OutputJudgement {
        let check = |row: usize| -> Option<Finding> {
            let given = token_of(token, row);
            let Some(draw) = self.draw(row, detail_words(detail, row)[1] as usize) else {
                let sentence = format!("a row without a finite logit gives token {given}, not the marker {NO_TOKEN}");
                return (given != NO_TOKEN).then_some(Finding { row, column: 0, wanted: NO_TOKEN, given, sentence });
            };
            (!draw.accepted.contains(&given)).then(|| Finding {
                row,
                column: 0,
                wanted: draw.predicted,
                given,
                sentence: format!("u = {:.17} gives token {given} instead of {}", draw.u, draw.predicted),
            })
        };
        let rows = self.draws.len();
        let findings = findings(rows, check);
        let mut judgement = judgement("token", rows as u64, &findings);
        if findings.is_empty() {
            self.bound_ambiguous_draws(token, detail, &mut judgement);
        }
        if judgement.failures.is_empty() {
            judgement.failures = self.statistics(token);
            judgement.only_statistical = !judgement.failures.is_empty();
        }
        judgement
    }

    /// Rounding decides few draws; a kernel that hides behind the band would show here.
    fn bound_ambiguous_draws(&self, token: &HostTensor, detail: &HostTensor, judgement: &mut OutputJudgement) {
        let rows = self.draws.len();
        let is_ambiguous = |row: &usize| {
            let draw = self.draw(*row, detail_words(detail, *row)[1] as usize);
            draw.is_some_and(|draw| draw.predicted != token_of(token, *row))
        };
        let ambiguous = (0..rows).into_par_iter().filter(is_ambiguous).count();
        let expected: f64 = (0..rows).map(|row| self.expectation(row).ambiguous_share).sum();
        if ambiguous > 0 {
            judgement.notes.push(format!("draws decided by rounding: {ambiguous} of {rows}"));
        }
        let limit = FEW_AMBIGUOUS + GROSS * expected;
        if ambiguous as f64 > limit {
            judgement.failures.push(format!(
                "{ambiguous} of {rows} draws differ from f64 within the rounding band, at most {limit:.0} are chance"
            ));
        }
    }

    fn statistics(&self, token: &HostTensor) -> Vec<String> {
        let rows = self.draws.len();
        let often_drawn =
            self.stored.iter().enumerate().filter_map(|(row, expected)| Some((row, expected.often_drawn.as_ref()?)));
        let failures = often_drawn.flat_map(|(first, kept)| {
            let drawn = (first..rows).step_by(self.stored.len());
            let places: Vec<usize> =
                drawn.filter_map(|row| kept.tokens.binary_search(&token_of(token, row)).ok()).collect();
            statistical_failures(kept, &places)
        });
        failures.collect()
    }
}

fn expect_row(distribution: &RowDistribution, drawn: &[usize], filters: &Filters) -> (RowExpectation, Vec<Vec<Draw>>) {
    let kept = distribution.kept;
    let mut expectation =
        RowExpectation { flags: distribution.flags, kept, last: Vec::new(), ambiguous_share: 0.0, often_drawn: None };
    let mut draws = vec![Vec::new(); drawn.len()];
    if kept.predicted == 0 {
        return (expectation, draws);
    }
    for count in kept.least..=kept.most {
        let set = KeptSet::new(distribution, count);
        expectation.last.push(set.last);
        expectation.ambiguous_share = expectation.ambiguous_share.max(set.ambiguous_share());
        for (draws, &row) in draws.iter_mut().zip(drawn) {
            draws.push(set.draw(uniform_bits(filters.stream, row as u32, filters.step)));
        }
        if kept.least == kept.most && drawn.len() >= LEAST_DRAWS {
            expectation.often_drawn = Some(set);
        }
    }
    (expectation, draws)
}

struct Finding {
    row: usize,
    column: usize,
    wanted: u32,
    given: u32,
    sentence: String,
}

/// The findings of all rows, in their order.
fn findings(rows: usize, check: impl Fn(usize) -> Option<Finding> + Send + Sync) -> Vec<Finding> {
    (0..rows).into_par_iter().filter_map(check).collect()
}

fn judgement(output: &str, elements: u64, findings: &[Finding]) -> OutputJudgement {
    let failed = findings.len() as u64;
    let mut judgement = OutputJudgement {
        output: output.to_string(),
        elements,
        failed_elements: failed,
        bit_equal: if elements == 0 { 1.0 } else { 1.0 - failed as f64 / elements as f64 },
        ..Default::default()
    };
    if let Some(first) = findings.first() {
        judgement.max_ulp = u64::from(first.wanted.abs_diff(first.given));
        judgement.failures.push(format!("wrong in {failed} rows; first in row {}: {}", first.row, first.sentence));
        judgement.worst = Some(WorstElement {
            row: first.row,
            column: first.column,
            expected: f64::from(first.wanted),
            actual: f64::from(first.given),
            ulp: judgement.max_ulp,
        });
    }
    judgement
}

fn token_of(token: &HostTensor, row: usize) -> u32 {
    token.row_u32(row)[0]
}

fn detail_words(detail: &HostTensor, row: usize) -> [u32; DETAIL_COLUMNS] {
    detail.row_u32(row).try_into().expect("detail has three columns")
}

impl Reference for SamplerReference {
    fn judge(&self, outputs: &[HostTensor]) -> Vec<OutputJudgement> {
        vec![self.judge_token(&outputs[0], &outputs[1]), self.judge_detail(&outputs[1])]
    }

    fn expected(&self) -> Vec<HostTensor> {
        let rows = self.draws.len();
        let mut token = HostTensor::zeros(DType::U32, rows, 1);
        let mut detail = HostTensor::zeros(DType::U32, rows, DETAIL_COLUMNS);
        for row in 0..rows {
            let expected = self.expectation(row);
            let kept = expected.kept.predicted;
            let last = expected.last.get(kept - expected.kept.least).copied().unwrap_or(NO_TOKEN);
            let drawn = self.draw(row, kept).map_or(NO_TOKEN, |draw| draw.predicted);
            token.row_bytes_mut(row).copy_from_slice(&drawn.to_le_bytes());
            let words = [expected.flags, kept as u32, last];
            detail.row_bytes_mut(row).copy_from_slice(bytemuck::cast_slice(&words));
        }
        vec![token, detail]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILTERS: Filters = Filters { k: Some(2), p: None, min_p: 0.0, temperature: 1.0, stream: 3, step: 0 };

    fn outputs() -> (SamplerReference, Vec<HostTensor>) {
        let mut values = vec![0.5, 2.0, 1.0, f64::NEG_INFINITY];
        values.extend([f64::NAN, f64::NEG_INFINITY, f64::INFINITY, f64::NEG_INFINITY]);
        let logits = HostTensor::from_f64(DType::F32, 2, 4, &values);
        let reference = SamplerReference::new(&logits, FILTERS);
        let expected = reference.expected();
        (reference, expected)
    }

    #[test]
    fn accepts_itself_and_marks_rows_without_a_finite_logit() {
        let (reference, expected) = outputs();
        assert!(reference.judge(&expected).iter().all(OutputJudgement::passed));
        assert_eq!(expected[1].row_u32(0), [0, 2, 2]);
        assert_eq!(expected[1].row_u32(1), [7, 0, NO_TOKEN]);
        assert_eq!(expected[0].row_u32(1), [NO_TOKEN]);
    }

    #[test]
    fn rejects_each_word_that_is_wrong() {
        let (reference, expected) = outputs();
        for (output, row, column, value) in
            [(0, 0, 0, 3.0), (0, 1, 0, 2.0), (1, 0, 0, 1.0), (1, 0, 1, 3.0), (1, 0, 2, 1.0)]
        {
            let mut wrong = expected.clone();
            wrong[output].set(row, column, value);
            let judgements = reference.judge(&wrong);
            assert!(!judgements[output].passed(), "output {output} [{row}, {column}]");
            assert!(!judgements[output].only_statistical);
        }
    }
}
