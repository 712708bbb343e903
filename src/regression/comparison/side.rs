//! What a side of a comparison is.

use serde::Serialize;

use crate::report::RunData;

/// Where one side's numbers come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SideInfo {
    /// A run directory, or a commit, folder or program as it was asked for.
    pub name: String,
    /// When measuring began: UTC, RFC 3339.
    pub started: String,
    /// The commit that was measured; of a run the commit of its program. Empty where there is none.
    pub commit: String,
    /// Whether that checkout had uncommitted changes.
    pub dirty: bool,
    pub kernels_sha256: String,
    /// The folder of `--kernels`; none for the kernels built in.
    pub kernels_folder: Option<String>,
    pub device: String,
    pub device_name: String,
    pub architecture: String,
    /// Whether the run stopped before its end.
    pub partial: bool,
}

impl SideInfo {
    pub(super) fn of_run(run: &RunData) -> Self {
        let record = &run.record;
        Self {
            name: run.path.display().to_string(),
            started: record.started.clone(),
            commit: record.build.commit.clone(),
            dirty: record.build.dirty,
            kernels_sha256: record.build.kernels_sha256.clone(),
            kernels_folder: record.build.kernels_folder.clone(),
            device: record.device.id.clone(),
            device_name: record.device.name.clone(),
            architecture: record.device.architecture.clone(),
            partial: record.is_partial(),
        }
    }

    /// The parts that tell two sides apart, in one line.
    pub fn line(&self) -> String {
        let mut parts = vec![self.name.clone()];
        if !self.commit.is_empty() {
            let commit: String = self.commit.chars().take(12).collect();
            parts.push(format!("commit {commit}{}", if self.dirty { " with changes" } else { "" }));
        }
        if let Some(folder) = &self.kernels_folder {
            parts.push(format!("kernels of {folder}"));
        }
        parts.push(format!("{} {} ({})", self.device, self.device_name, self.architecture));
        if !self.started.is_empty() {
            parts.push(self.started.clone());
        }
        if self.partial {
            parts.push("partial".to_string());
        }
        parts.join(", ")
    }
}
