//! Statistics over requests of one kind.

use std::collections::BTreeSet;

use crate::profiling::statistics::{median, percentile, sorted};

use super::fit::fit;
use super::floors::Floors;
use super::mode::{TtftMode, Validity};
use super::rows::{DecodeRow, FitRow, SummaryRow, TtftRow};
use super::stages::Stage;

/// Shares of a total that no stage accounts for: above the first a warning, above the second the run fails.
pub const WARNED_UNATTRIBUTED: f64 = 0.05;
pub const MOST_UNATTRIBUTED: f64 = 0.15;

/// Fewer requests than this say nothing about one in a hundred.
const LEAST_FOR_P99: usize = 100;

/// What a reader must know of intervals between a device's events that cannot be, in requests and profiled operations:
/// nothing, where there were none.
pub fn rejected_intervals(rows: &[TtftRow], operations: usize) -> Option<String> {
    let stages: usize = rows.iter().map(TtftRow::rejected_stages).sum();
    (stages + operations > 0).then(|| {
        format!(
            "the device's events gave an impossible time, negative or not a number, for {stages} stages of requests and \
             {operations} profiled operations: rejected, these have no time, and what is unattributed is longer by it"
        )
    })
}

type Kind = (TtftMode, u32, u32);

/// One row per mode, batch and prompt length that has requests, in that order.
pub fn summarise(rows: &[TtftRow], steps: &[DecodeRow], floors: &Floors) -> Vec<SummaryRow> {
    let kinds: BTreeSet<Kind> = rows.iter().map(|row| (row.mode, row.batch, row.prompt_tokens)).collect();
    kinds.into_iter().map(|kind| summary(kind, rows, steps, floors)).collect()
}

fn summary(kind: Kind, rows: &[TtftRow], steps: &[DecodeRow], floors: &Floors) -> SummaryRow {
    let (mode, batch, prompt_tokens) = kind;
    let rows: Vec<&TtftRow> = rows.iter().filter(|row| (row.mode, row.batch, row.prompt_tokens) == kind).collect();
    let of =
        |value: &dyn Fn(&TtftRow) -> Option<f64>| sorted(&rows.iter().filter_map(|row| value(row)).collect::<Vec<_>>());
    let middle = |value: &dyn Fn(&TtftRow) -> Option<f64>| median(&of(value));
    let stage = |stage: Stage| middle(&|row| row.stage_ms(stage));
    let times = of(&|row| Some(row.ttft_ms));
    let at = |percent| percentile(&times, percent).unwrap_or(f64::NAN);
    let p50 = at(50.0);
    let steps = sorted(&decode_steps(steps, kind));
    let step = median(&steps);
    let flop_floor_ms = floors.flop_ms(u64::from(prompt_tokens) * u64::from(batch));
    let weight_read_floor_ms = floors.weight_read_ms();
    SummaryRow {
        mode,
        prompt_tokens,
        batch,
        requests: rows.len() as u32,
        validity: worst(rows.iter().map(|row| row.validity)),
        ttft_min_ms: at(0.0),
        ttft_p50_ms: p50,
        ttft_p90_ms: at(90.0),
        ttft_p95_ms: at(95.0),
        ttft_p99_ms: (times.len() >= LEAST_FOR_P99).then(|| at(99.0)),
        ttft_max_ms: at(100.0),
        process_start_ms: stage(Stage::ProcessStart),
        device_init_ms: stage(Stage::DeviceInit),
        module_load_ms: stage(Stage::ModuleLoad),
        file_open_ms: stage(Stage::FileOpen),
        weights_made_ms: stage(Stage::WeightsMade),
        weights_to_device_ms: stage(Stage::WeightsToDevice),
        tokenize_ms: stage(Stage::Tokenize),
        prompt_to_device_ms: stage(Stage::PromptToDevice),
        prefill_ms: stage(Stage::Prefill),
        lm_head_ms: stage(Stage::LmHead),
        sample_ms: stage(Stage::Sample),
        token_to_host_ms: stage(Stage::TokenToHost),
        detokenize_ms: stage(Stage::Detokenize),
        server_ms: stage(Stage::Server),
        unattributed_ms: middle(&|row| Some(row.unattributed_ms)).unwrap_or(f64::NAN),
        unattributed_share: middle(&|row| Some(row.unattributed_share())).unwrap_or(f64::NAN),
        prefill_tokens_per_second: f64::from(prompt_tokens) * f64::from(batch) / p50 * 1e3,
        second_token_ms: middle(&|row| row.second_token_ms),
        decode_step_p50_ms: step,
        decode_step_p95_ms: percentile(&steps, 95.0),
        decode_tokens_per_second: step.map(|step| f64::from(batch) / step * 1e3),
        flop_floor_ms,
        flop_floor_share: flop_floor_ms.map(|floor| floor / p50),
        weight_read_floor_ms,
        weight_read_floor_share: weight_read_floor_ms.map(|floor| floor / p50),
        decode_floor_share: weight_read_floor_ms.zip(step).map(|(floor, step)| floor / step),
    }
}

/// The steps of a kind after the second token, whose step may do what only happens once.
pub fn decode_steps(steps: &[DecodeRow], (mode, batch, prompt_tokens): (TtftMode, u32, u32)) -> Vec<f64> {
    let of_kind =
        steps.iter().filter(|step| (step.mode, step.batch, step.prompt_tokens) == (mode, batch, prompt_tokens));
    of_kind.filter(|step| step.token > 2).map(|step| step.step_ms).collect()
}

/// One wrong request spoils all.
fn worst(all: impl Iterator<Item = Validity>) -> Validity {
    let badness = |validity: &Validity| match validity {
        Validity::Valid => 0,
        Validity::Unchecked => 1,
        Validity::Invalid => 2,
    };
    all.max_by_key(badness).unwrap_or(Validity::Unchecked)
}

/// Median TTFT over prompt length, for each mode and batch with at least four lengths.
pub fn fits(summaries: &[SummaryRow]) -> Vec<FitRow> {
    let kinds: BTreeSet<(TtftMode, u32)> = summaries.iter().map(|row| (row.mode, row.batch)).collect();
    let fitted = kinds.into_iter().filter_map(|(mode, batch)| {
        let points: Vec<(f64, f64)> = summaries
            .iter()
            .filter(|row| (row.mode, row.batch) == (mode, batch))
            .map(|row| (f64::from(row.prompt_tokens), row.ttft_p50_ms))
            .collect();
        let found = fit(&points)?;
        Some(FitRow {
            mode,
            batch,
            lengths: points.len() as u32,
            fixed_ms: found.fixed,
            per_token_ms: found.per_token,
            per_token_squared_ms: found.per_token_squared,
            relative_residual: found.relative_residual,
        })
    });
    fitted.collect()
}

#[cfg(test)]
mod tests {
    use super::super::rows::RequestFacts;
    use super::super::stages::StageTimes;
    use super::*;

    fn row(mode: TtftMode, prompt_tokens: u32, repetition: u32, seconds: f64, validity: Validity) -> TtftRow {
        let mut stages = StageTimes::default();
        stages.set_seconds(Stage::Prefill, seconds * 0.75);
        stages.set_seconds(Stage::LmHead, seconds * 0.125);
        let prompt_sha256 = format!("{prompt_tokens}-{repetition}");
        let facts = RequestFacts {
            mode,
            prompt_tokens,
            batch: 2,
            repetition,
            validity,
            prompt_sha256,
            first_tokens: vec![4, 7],
        };
        TtftRow::new(&facts, seconds, seconds, &stages, &[0.5, 0.01, 0.03, 0.02])
    }

    fn step(mode: TtftMode, token: u32, step_ms: f64) -> DecodeRow {
        DecodeRow { mode, prompt_tokens: 32, batch: 2, repetition: 0, token, step_ms }
    }

    #[test]
    fn rows_account_for_all_but_the_rest_that_they_name() {
        let row = row(TtftMode::Steady, 32, 0, 0.016, Validity::Valid);
        assert_eq!((row.prefill_ms, row.lm_head_ms, row.sample_ms), (Some(12.0), Some(2.0), None));
        assert!((row.unattributed_ms - 2.0).abs() < 1e-9 && (row.unattributed_share() - 0.125).abs() < 1e-9);
        assert_eq!((row.second_token_ms, row.decode_step_median_ms, row.decode_tokens), (Some(500.0), Some(20.0), 4));
        assert_eq!(row.first_tokens, "4 7");
    }

    #[test]
    fn modes_are_never_mixed_and_one_wrong_request_spoils_its_kind() {
        let (cold, steady) = (TtftMode::Cold, TtftMode::Steady);
        let mut rows: Vec<_> =
            (0..3).map(|n| row(steady, 32, n, 0.010 + 0.002 * f64::from(n), Validity::Valid)).collect();
        rows.push(row(cold, 32, 0, 5.0, Validity::Invalid));
        rows.push(row(cold, 32, 1, 5.0, Validity::Valid));
        let steps = [step(steady, 2, 90.0), step(steady, 3, 4.0), step(steady, 4, 6.0), step(cold, 3, 50.0)];
        let floors = Floors {
            parameters: 1000,
            weight_bytes: 1000,
            matrix_flops_per_second: Some(1e9),
            matrix_shape: None,
            read_bytes_per_second: Some(1e6),
        };
        let summaries = summarise(&rows, &steps, &floors);
        assert_eq!(summaries.len(), 2);
        let [of_cold, of_steady] = &summaries[..] else { panic!("two kinds") };
        assert_eq!((of_cold.mode, of_cold.requests, of_cold.validity), (cold, 2, Validity::Invalid));
        assert_eq!((of_steady.mode, of_steady.requests, of_steady.validity), (steady, 3, Validity::Valid));
        assert!((of_steady.ttft_p50_ms - 12.0).abs() < 1e-9 && (of_steady.ttft_max_ms - 14.0).abs() < 1e-9);
        assert_eq!(of_steady.ttft_p99_ms, None);
        assert_eq!(of_steady.decode_step_p50_ms, Some(5.0), "the second token's step is no decode step");
        assert_eq!(of_steady.decode_tokens_per_second, Some(400.0));
        assert_eq!(of_steady.flop_floor_ms, Some(0.128), "2 x 1000 parameters x 64 tokens at 1e9 a second");
        assert_eq!((of_steady.weight_read_floor_ms, of_steady.decode_floor_share), (Some(1.0), Some(0.2)));
        let many: Vec<_> = (0..100).map(|n| row(steady, 8, n, 0.01, Validity::Unchecked)).collect();
        assert!(summarise(&many, &[], &Floors::default())[0].ttft_p99_ms.is_some());
        assert!(summarise(&[], &[], &Floors::default()).is_empty());
    }

    #[test]
    fn fits_need_four_lengths_of_one_mode() {
        let rows: Vec<_> = [8u32, 16, 32, 64]
            .into_iter()
            .map(|tokens| row(TtftMode::Steady, tokens, 0, 0.001 * f64::from(tokens) + 0.002, Validity::Valid))
            .collect();
        let summaries = summarise(&rows, &[], &Floors::default());
        let found = fits(&summaries);
        assert_eq!((found.len(), found[0].lengths, found[0].batch), (1, 4, 2));
        assert!((found[0].fixed_ms - 2.0).abs() < 1e-6 && (found[0].per_token_ms - 1.0).abs() < 1e-6, "{found:?}");
        assert!(fits(&summaries[..3]).is_empty());
    }

    #[test]
    fn rows_survive_csv() {
        let rows =
            [row(TtftMode::Warm, 32, 0, 0.1, Validity::Invalid), row(TtftMode::Cold, 8, 1, 0.3, Validity::Unchecked)];
        let mut writer = csv::Writer::from_writer(Vec::new());
        rows.iter().for_each(|row| writer.serialize(row).expect("plain data"));
        let bytes = writer.into_inner().expect("memory");
        let read: Vec<TtftRow> =
            csv::Reader::from_reader(&bytes[..]).deserialize().collect::<Result<_, _>>().expect("written just now");
        assert_eq!(read, rows);
    }

    /// The rows of these tests have no time of the sampler.
    #[test]
    fn what_was_rejected_is_told() {
        let rows = [0, 1].map(|repetition| row(TtftMode::Steady, 8, repetition, 1.0, Validity::Valid));
        let note = rejected_intervals(&rows, 3).expect("two stages and three operations");
        assert!(note.contains("2 stages of requests and 3 profiled operations"), "{note}");
        let whole = rows.map(|row| TtftRow { sample_ms: Some(0.1), ..row });
        assert_eq!(rejected_intervals(&whole, 0), None);
        let served =
            TtftRow { server_ms: Some(1.0), prefill_ms: None, lm_head_ms: None, sample_ms: None, ..whole[0].clone() };
        assert_eq!(rejected_intervals(&[served], 0), None, "a server has no stages inside");
    }
}
