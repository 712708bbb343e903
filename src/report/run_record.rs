//! `run.json`: where the numbers of a run come from.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::backend::{DeviceChoice, DeviceInfo, KernelLibrary, KernelOrigin};
use crate::profiling::{Conditions, Roofs};

use super::{Machine, UtcTime};

/// The layout of run directories that this program writes.
pub const FORMAT: u32 = 1;

/// Whether a run came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunStatus {
    /// At work, or killed before it could say more: what reads it takes it as partial.
    Running,
    Complete,
    /// Stopped before the end; everything that was done is there.
    Partial,
}

/// The program and the kernels in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    pub version: String,
    /// Git commit, empty when built outside of a checkout.
    pub commit: String,
    /// Whether the checkout had uncommitted changes.
    pub dirty: bool,
    /// SHA-256 over the names and texts of all kernel sources and headers that the device could load.
    pub kernels_sha256: String,
    /// The folder that `--kernels` named; none for the kernels built in.
    pub kernels_folder: Option<String>,
}

impl Build {
    /// `commit` and `dirty` are what the program's build script saw.
    pub fn new(version: &str, commit: &str, dirty: bool, kernels: &KernelLibrary) -> Self {
        let mut hash = Sha256::new();
        let modules = kernels.modules().iter().map(|module| (&*module.name, &*module.source));
        for (name, text) in modules.chain(kernels.includes().iter().map(|include| (&*include.name, &*include.text))) {
            // Lengths first, so that no two different sets of files hash alike.
            for part in [name, text] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        }
        let digest = hash.finalize();
        let kernels_sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let kernels_folder = match kernels.origin() {
            KernelOrigin::Embedded => None,
            KernelOrigin::Directory(path) => Some(path.display().to_string()),
        };
        Self { version: version.to_string(), commit: commit.to_string(), dirty, kernels_sha256, kernels_folder }
    }
}

/// Which cases were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    pub suites: Vec<String>,
    /// Seed that every case's own seed is combined with, where one was given.
    pub seed: Option<u64>,
    /// Cases selected, skipped ones included.
    pub cases: usize,
    /// None where all cases were meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<PartRecord>,
}

/// One part of several that share a list of cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRecord {
    /// From 1.
    pub part: u32,
    pub parts: u32,
    /// Cases of all parts together.
    pub cases_of_all: usize,
    /// SHA-256 over the ids of all of them, sorted: parts of one list have the same.
    pub ids_sha256: String,
}

/// The time that a run had to fit in, and how that went.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BudgetRecord {
    /// What the run was given, from its start to its last sample.
    pub seconds: f64,
    /// What verifying took of it.
    pub verifying_seconds: f64,
    /// What the fewest samples of every case were expected to need, known when verifying was over.
    pub least_measuring_seconds: f64,
    /// Cases that were not verified or not measured because the time was over.
    pub unreached_cases: usize,
}

/// Everything in `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub format: u32,
    pub status: RunStatus,
    /// The command line, program name first.
    pub command: Vec<String>,
    /// UTC, RFC 3339.
    pub started: String,
    pub ended: Option<String>,
    pub selection: Selection,
    pub build: Build,
    pub device: DeviceInfo,
    /// What was asked for, and for `auto` why not another device. None in runs from before this was kept.
    #[serde(default)]
    pub device_choice: Option<DeviceChoice>,
    pub machine: Machine,
    /// None where the run may take as long as it takes.
    #[serde(default)]
    pub time_budget: Option<BudgetRecord>,
    /// None on an emulated device, and until they were measured.
    pub roofs: Option<Roofs>,
    /// None until the sweep began.
    pub conditions: Option<Conditions>,
    /// The runs that this one was merged from, each with its own roofs and conditions; none of a run by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<RunRecord>,
}

impl RunRecord {
    /// The record of a run that starts now.
    pub fn begin(command: Vec<String>, selection: Selection, build: Build, device: DeviceInfo) -> Self {
        Self {
            format: FORMAT,
            status: RunStatus::Running,
            command,
            started: UtcTime::now().to_string(),
            ended: None,
            selection,
            build,
            device,
            device_choice: None,
            machine: Machine::detect(),
            time_budget: None,
            roofs: None,
            conditions: None,
            merged_from: Vec::new(),
        }
    }

    pub fn is_partial(&self) -> bool {
        self.status != RunStatus::Complete
    }
}
