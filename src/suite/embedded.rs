//! The suites of `suites/`, built into the binary so that `--suite quick` works from any folder.

/// A suite that is built in.
#[derive(Clone, Copy, Debug)]
pub struct EmbeddedSuite {
    pub name: &'static str,
    /// Where its text comes from, for error messages.
    pub file: &'static str,
    pub text: &'static str,
}

/// All built-in suites, smallest first.
pub const EMBEDDED_SUITES: &[EmbeddedSuite] = &[
    EmbeddedSuite { name: "quick", file: "suites/quick.toml", text: include_str!("../../suites/quick.toml") },
    EmbeddedSuite { name: "ci", file: "suites/ci.toml", text: include_str!("../../suites/ci.toml") },
    EmbeddedSuite { name: "full", file: "suites/full.toml", text: include_str!("../../suites/full.toml") },
    EmbeddedSuite { name: "peers", file: "suites/peers.toml", text: include_str!("../../suites/peers.toml") },
];
