//! Kernels in a folder of their own, for `--kernels`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::backend::{DeviceInfo, KernelId, KernelLibrary};
use crate::operation::{Case, ContractError};

use super::transform::{InjectionError, inject};

/// A folder of kernels that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum KernelFolderError {
    #[error("cannot write {}: {error}; free space there or set TMPDIR to another folder", path.display())]
    NotWritten { path: PathBuf, error: io::Error },
    #[error("cannot read the kernels of {module}: {error}")]
    Injection { module: String, error: InjectionError },
    #[error("{0}")]
    Contract(#[from] ContractError),
    #[error("{case} launches {kernel}, which these kernels do not have; give --kernels a folder that has it")]
    NoKernel { case: String, kernel: KernelId },
}

/// The kernels of one case, alone in their modules, so that they compile fast.
pub struct KernelFolder {
    path: PathBuf,
}

impl KernelFolder {
    /// Writes the kernels of `case` to `path`, which is made. With an amount, the kernel of the case's last launch does so
    /// much more work in every block.
    pub fn write(
        path: &Path,
        library: &KernelLibrary,
        device: &DeviceInfo,
        case: &Case,
        amount: Option<u32>,
    ) -> Result<Self, KernelFolderError> {
        let plan = case.operation.plan(device, &case.problem)?;
        let folder = Self { path: path.to_path_buf() };
        for include in library.includes() {
            folder.put(&format!("include/{}", include.name), &include.text)?;
        }
        let slower = plan.launches().next_back().map(|launch| &launch.kernel);
        for module in library.modules() {
            let launched = plan.launches().filter(|launch| launch.kernel.module == module.name);
            let mut kept: Vec<&str> = launched.map(|launch| launch.kernel.function.as_str()).collect();
            kept.sort_unstable();
            kept.dedup();
            if kept.is_empty() {
                continue;
            }
            let here = slower.filter(|kernel| kernel.module == module.name && amount.is_some());
            let slower: Vec<&str> = here.map(|kernel| kernel.function.as_str()).into_iter().collect();
            let text = inject(&module.source, &kept, &slower, amount.unwrap_or(0))
                .map_err(|error| KernelFolderError::Injection { module: module.name.to_string(), error })?;
            folder.put(&format!("{}.hip", module.name), &text)?;
        }
        match plan.launches().find(|launch| library.find(&launch.kernel).is_none()) {
            Some(launch) => Err(KernelFolderError::NoKernel { case: case.id(), kernel: launch.kernel.clone() }),
            None => Ok(folder),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn put(&self, name: &str, text: &str) -> Result<(), KernelFolderError> {
        let path = self.path.join(name);
        let folder = path.parent().unwrap_or(&self.path);
        let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
        written.map_err(|error| KernelFolderError::NotWritten { path, error })
    }
}
