//! `run.json` of a TTFT run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::backend::DeviceInfo;
use crate::engine::EngineDescription;
use crate::profiling::{Conditions, Roofs};
use crate::report::{Build, Machine, RunStatus, UtcTime};
use crate::ttft::{CheckOutcome, Floors, Plan};

/// What `kind` is in `run.json` of these runs; others have none.
pub const KIND: &str = "ttft";

/// The layout of TTFT runs that this program writes.
const FORMAT: u32 = 1;

/// The model that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Name of the file or directory, or of the synthetic model; no path.
    pub name: String,
    /// `sha256:` and the digest over all weights' names, types, shapes and bytes, or `synthetic:` with name, type and
    /// seed, which say the same.
    pub identity: String,
    pub architecture: String,
    pub parameters: u64,
    pub context_length: u64,
    /// Whether requests had a tokenizer's stages.
    pub tokenizer: bool,
}

/// What ran the model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineRecord {
    pub device: String,
    /// `native` or `device`.
    pub path: String,
    /// Type of activations and cache.
    pub compute: String,
    pub matrix_library: String,
    pub weight_bytes: u64,
    pub cache_bytes: u64,
}

impl From<EngineDescription> for EngineRecord {
    fn from(description: EngineDescription) -> Self {
        Self {
            device: description.device,
            path: description.path.name().to_string(),
            compute: description.compute.to_string(),
            matrix_library: description.matrix_library,
            weight_bytes: description.weight_bytes,
            cache_bytes: description.cache_bytes,
        }
    }
}

/// What `--check` saw.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckRecord {
    /// Greedy tokens of each sequence looked at.
    pub tokens_per_sequence: u32,
    pub passed: bool,
    #[serde(flatten)]
    pub outcome: CheckOutcome,
}

/// Everything in `run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TtftRecord {
    pub format: u32,
    pub kind: String,
    pub status: RunStatus,
    /// The command line, program name first.
    pub command: Vec<String>,
    /// UTC, RFC 3339.
    pub started: String,
    pub ended: Option<String>,
    pub build: Build,
    pub machine: Machine,
    /// None on the host's native path.
    pub device: Option<DeviceInfo>,
    pub model: ModelRecord,
    pub engine: EngineRecord,
    pub plan: Plan,
    pub floors: Floors,
    /// None where they were not measured.
    pub roofs: Option<Roofs>,
    pub conditions: Option<Conditions>,
    /// None without `--check`.
    pub check: Option<CheckRecord>,
    /// What two runs must have in common before their times may be compared.
    pub comparability: BTreeMap<String, String>,
    /// What a reader of the numbers should know.
    pub notes: Vec<String>,
    /// What ended the run before its time, in the words of the error; Ctrl-C and a limit of time are no failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

impl TtftRecord {
    /// The record of a run that starts now. Its keys of comparability are the model's, the engine's and the machine's;
    /// `conditions` add those of a device.
    pub fn begin(
        command: Vec<String>,
        build: Build,
        device: Option<DeviceInfo>,
        model: ModelRecord,
        engine: EngineRecord,
        plan: Plan,
    ) -> Self {
        let machine = Machine::detect();
        let comparability = [
            ("model", model.identity.clone()),
            ("path", engine.path.clone()),
            ("compute", engine.compute.clone()),
            ("matrix_library", engine.matrix_library.clone()),
            ("host_processor", machine.cpu.clone()),
            ("host_threads", machine.cores.to_string()),
        ];
        Self {
            format: FORMAT,
            kind: KIND.to_string(),
            status: RunStatus::Running,
            command,
            started: UtcTime::now().to_string(),
            ended: None,
            build,
            device,
            model,
            engine,
            plan,
            floors: Floors::default(),
            roofs: None,
            conditions: None,
            check: None,
            comparability: comparability.map(|(key, value)| (key.to_string(), value)).into(),
            notes: Vec::new(),
            failure: None,
            machine,
        }
    }

    /// Adds a device's conditions, and its keys.
    pub fn set_conditions(&mut self, conditions: Conditions) {
        for (key, value) in conditions.comparability.entries() {
            if let Some(value) = value {
                self.comparability.insert(key, value);
            }
        }
        self.conditions = Some(conditions);
    }
}
