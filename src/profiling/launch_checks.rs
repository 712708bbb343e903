//! What checking the timed launches of one measurement found.

use std::fmt;

/// A timed launch: the sample's ordinal, and the copy of the buffers that the launch wrote to, both from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedLaunch {
    pub ordinal: u32,
    pub copy: u32,
}

impl fmt::Display for CheckedLaunch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "sample {} over copy {} of the buffers", self.ordinal, self.copy)
    }
}

/// What checking the timed launches found; docs/methodology.md says what is checked in which mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchChecks {
    /// Timed launches whose outputs were hashed and compared.
    pub launches: u64,
    /// The verified hash of the outputs of each input set.
    pub hashes: Vec<u64>,
    /// Launches that left other bits than the judged launch on the same inputs.
    pub differing: u64,
    /// One with the least ordinal among those.
    pub first_differing: Option<CheckedLaunch>,
    /// The launch drawn at random whose outputs were downloaded whole; none if there was no launch.
    pub fully_checked: Option<CheckedLaunch>,
    /// Whether these were, byte for byte, outputs that the reference had judged.
    pub full_check_passed: bool,
}

impl LaunchChecks {
    /// Input sets that launches took in turn.
    pub fn input_sets(&self) -> usize {
        self.hashes.len()
    }

    /// The verified hashes in hexadecimal, in the order of the input sets, separated by spaces.
    pub fn hash_text(&self) -> String {
        let hashes: Vec<_> = self.hashes.iter().map(|hash| format!("{hash:016x}")).collect();
        hashes.join(" ")
    }

    /// One sentence on what is wrong with the timed launches; `None` if nothing is.
    pub fn failure(&self) -> Option<String> {
        if let Some(first) = self.first_differing {
            return Some(format!(
                "{} of {} timed launches left other bits than the judged launch on the same inputs, first in {first}: the kernel skips work, or is not deterministic",
                self.differing, self.launches
            ));
        }
        match self.fully_checked {
            Some(launch) if !self.full_check_passed => Some(format!(
                "the timed launch drawn for the full check, {launch}, left other bytes than the judged launch on the same inputs"
            )),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_first_launch_and_a_hash_that_lied_is_still_found() {
        let launch = CheckedLaunch { ordinal: 7, copy: 2 };
        let good = LaunchChecks {
            launches: 9,
            hashes: vec![0xAB, 1 << 60],
            differing: 0,
            first_differing: None,
            fully_checked: Some(launch),
            full_check_passed: true,
        };
        assert_eq!(good.failure(), None);
        assert_eq!(good.hash_text(), "00000000000000ab 1000000000000000");
        let differing = LaunchChecks { differing: 3, first_differing: Some(launch), ..good.clone() };
        let text = differing.failure().expect("three launches differ");
        assert!(text.starts_with("3 of 9 timed launches left other bits"), "{text}");
        assert!(text.contains("first in sample 7 over copy 2"), "{text}");
        let collision = LaunchChecks { full_check_passed: false, ..good };
        assert!(collision.failure().expect("other bytes").contains("drawn for the full check, sample 7"));
    }
}
