//! Why a verdict is what it is: codes for programs, a sentence each for people.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A reason code. Serialised and displayed in kebab case; codes never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    ClearChange,
    WithinThreshold,
    NearThreshold,
    NotSignificant,
    TooNoisy,
    TooFewValues,
    NoValues,
    InvalidValue,
    ExactCounts,
    CountsVary,
    NoiseCalibrated,
    NoiseAssumed,
    NoiseOverEffect,
    ClocksConfirm,
    ClocksContradict,
    ClocksUnknown,
    ManyCases,
    IdenticalCode,
    EmulatedTime,
    NearFloor,
    Throttled,
    SharedDevice,
    NotConfirmed,
    Forced,
}

impl Reason {
    pub const ALL: [Reason; 24] = [
        Reason::ClearChange,
        Reason::WithinThreshold,
        Reason::NearThreshold,
        Reason::NotSignificant,
        Reason::TooNoisy,
        Reason::TooFewValues,
        Reason::NoValues,
        Reason::InvalidValue,
        Reason::ExactCounts,
        Reason::CountsVary,
        Reason::NoiseCalibrated,
        Reason::NoiseAssumed,
        Reason::NoiseOverEffect,
        Reason::ClocksConfirm,
        Reason::ClocksContradict,
        Reason::ClocksUnknown,
        Reason::ManyCases,
        Reason::IdenticalCode,
        Reason::EmulatedTime,
        Reason::NearFloor,
        Reason::Throttled,
        Reason::SharedDevice,
        Reason::NotConfirmed,
        Reason::Forced,
    ];

    /// As in JSON and CSV.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::ClearChange => "clear-change",
            Reason::WithinThreshold => "within-threshold",
            Reason::NearThreshold => "near-threshold",
            Reason::NotSignificant => "not-significant",
            Reason::TooNoisy => "too-noisy",
            Reason::TooFewValues => "too-few-values",
            Reason::NoValues => "no-values",
            Reason::InvalidValue => "invalid-value",
            Reason::ExactCounts => "exact-counts",
            Reason::CountsVary => "counts-vary",
            Reason::NoiseCalibrated => "noise-calibrated",
            Reason::NoiseAssumed => "noise-assumed",
            Reason::NoiseOverEffect => "noise-over-effect",
            Reason::ClocksConfirm => "clocks-confirm",
            Reason::ClocksContradict => "clocks-contradict",
            Reason::ClocksUnknown => "clocks-unknown",
            Reason::ManyCases => "many-cases",
            Reason::IdenticalCode => "identical-code",
            Reason::EmulatedTime => "emulated-time",
            Reason::NearFloor => "near-floor",
            Reason::Throttled => "throttled",
            Reason::SharedDevice => "shared-device",
            Reason::NotConfirmed => "not-confirmed",
            Reason::Forced => "forced",
        }
    }

    /// One sentence for a person.
    pub const fn sentence(self) -> &'static str {
        match self {
            Reason::ClearChange => "The interval is clear of zero and the shift exceeds the change that matters.",
            Reason::WithinThreshold => "The whole interval lies inside the change that matters.",
            Reason::NearThreshold => "The interval reaches over the change that matters, so neither verdict holds.",
            Reason::NotSignificant => "The shift exceeds the change that matters, but chance could explain it.",
            Reason::TooNoisy => "These values spread too far to tell a change that matters from none; take more.",
            Reason::TooFewValues => "There are too few values for any interval at the confidence a verdict needs.",
            Reason::NoValues => "There is nothing to compare.",
            Reason::InvalidValue => "A value is zero, negative or not a number, so none of them is trusted.",
            Reason::ExactCounts => "The values are counts that repeat exactly, so the difference is exact.",
            Reason::CountsVary => {
                "Counts that should repeat exactly differ between pairs; the kernel is not deterministic."
            }
            Reason::NoiseCalibrated => "The noise is what comparisons of this case with itself showed on this machine.",
            Reason::NoiseAssumed => "This machine was never calibrated, so a default noise is assumed.",
            Reason::NoiseOverEffect => "The noise exceeds the least effect asked for: smaller changes are not seen.",
            Reason::ClocksConfirm => "The change in clock cycles has the same sign as the change in time.",
            Reason::ClocksContradict => {
                "The clocks changed so much that the change in cycles has the other sign or none."
            }
            Reason::ClocksUnknown => "The clocks of a side are not known, so they could not confirm the change.",
            Reason::ManyCases => "Among so many cases a shift like this one is expected by chance.",
            Reason::IdenticalCode => {
                "Code object and arguments are identical, so the case is the same by construction."
            }
            Reason::EmulatedTime => {
                "The emulator's wall time says nothing about a kernel, and no step counts are known."
            }
            Reason::NearFloor => "The time is near that of an empty launch, so it says more about launching.",
            Reason::Throttled => "The device was held back while a side was measured.",
            Reason::SharedDevice => "Another process computed on the device while a side was measured.",
            Reason::NotConfirmed => "A second measurement did not confirm the change.",
            Reason::Forced => "The conditions of the two sides differ, and the comparison was forced.",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_what_json_says_and_sentences_are_sentences() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::to_value(reason).expect("serialises"), reason.code());
            assert!(reason.sentence().ends_with('.') && reason.sentence().len() < 100, "{reason}");
        }
        let mut codes: Vec<_> = Reason::ALL.iter().map(|reason| reason.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Reason::ALL.len());
    }
}
