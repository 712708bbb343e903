//! The parts that a request's time is made of.

use std::time::Duration;

/// A part of a request, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stage {
    /// From the parent's call to the first instruction of `main`.
    ProcessStart,
    DeviceInit,
    ModuleLoad,
    /// Files opened, mapped, and their headers read.
    FileOpen,
    /// Weights of a synthetic model made in host memory, instead of `FileOpen`.
    WeightsMade,
    /// Weights where the model reads them, and the cache taken; ends after the device has finished.
    WeightsToDevice,
    Tokenize,
    PromptToDevice,
    /// Embedding and all layers.
    Prefill,
    LmHead,
    Sample,
    TokenToHost,
    Detokenize,
    /// Of a server: from the request to the first text, whatever it does in between.
    Server,
}

const COUNT: usize = 14;

impl Stage {
    pub const ALL: [Stage; COUNT] = [
        Stage::ProcessStart,
        Stage::DeviceInit,
        Stage::ModuleLoad,
        Stage::FileOpen,
        Stage::WeightsMade,
        Stage::WeightsToDevice,
        Stage::Tokenize,
        Stage::PromptToDevice,
        Stage::Prefill,
        Stage::LmHead,
        Stage::Sample,
        Stage::TokenToHost,
        Stage::Detokenize,
        Stage::Server,
    ];

    /// What every request to an engine has. One that is missing was rejected: its span could not be.
    pub const COMPUTED: [Stage; 3] = [Stage::Prefill, Stage::LmHead, Stage::Sample];

    /// Its column is this with `_ms`.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::ProcessStart => "process_start",
            Stage::DeviceInit => "device_init",
            Stage::ModuleLoad => "module_load",
            Stage::FileOpen => "file_open",
            Stage::WeightsMade => "weights_made",
            Stage::WeightsToDevice => "weights_to_device",
            Stage::Tokenize => "tokenize",
            Stage::PromptToDevice => "prompt_to_device",
            Stage::Prefill => "prefill",
            Stage::LmHead => "lm_head",
            Stage::Sample => "sample",
            Stage::TokenToHost => "token_to_host",
            Stage::Detokenize => "detokenize",
            Stage::Server => "server",
        }
    }
}

impl Stage {
    /// Its name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Stage::ProcessStart => "Process start",
            Stage::DeviceInit => "Device init",
            Stage::ModuleLoad => "Module load",
            Stage::FileOpen => "File open",
            Stage::WeightsMade => "Weights made",
            Stage::WeightsToDevice => "Weights to device",
            Stage::Tokenize => "Tokenize",
            Stage::PromptToDevice => "Prompt to device",
            Stage::Prefill => "Prefill",
            Stage::LmHead => "LM head",
            Stage::Sample => "Sample",
            Stage::TokenToHost => "Token to host",
            Stage::Detokenize => "Detokenize",
            Stage::Server => "Server",
        }
    }
}

/// What each stage took, in seconds; a stage that a request does not have is `None`, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StageTimes([Option<f64>; COUNT]);

impl StageTimes {
    pub fn set(&mut self, stage: Stage, duration: Duration) {
        self.set_seconds(stage, duration.as_secs_f64());
    }

    pub fn set_seconds(&mut self, stage: Stage, seconds: f64) {
        self.0[stage as usize] = Some(seconds);
    }

    pub fn get(&self, stage: Stage) -> Option<f64> {
        self.0[stage as usize]
    }

    /// What one of the two has, `other` first.
    pub fn with(self, other: StageTimes) -> StageTimes {
        StageTimes(std::array::from_fn(|stage| other.0[stage].or(self.0[stage])))
    }

    /// The stages that the request has.
    pub fn iter(&self) -> impl Iterator<Item = (Stage, f64)> + '_ {
        Stage::ALL.into_iter().filter_map(|stage| Some((stage, self.get(stage)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_has_a_place_of_its_own() {
        for (place, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, place, "{}", stage.name());
        }
        let mut times = StageTimes::default();
        times.set(Stage::Sample, Duration::from_millis(3));
        let mut others = StageTimes::default();
        others.set_seconds(Stage::Sample, 1.0);
        others.set_seconds(Stage::Prefill, 2.0);
        assert_eq!(times.iter().collect::<Vec<_>>(), [(Stage::Sample, 0.003)]);
        let both = others.with(times);
        assert_eq!(both.iter().collect::<Vec<_>>(), [(Stage::Prefill, 2.0), (Stage::Sample, 0.003)]);
    }
}
