//! The directory that private copies of commits, builds and searches are kept in. Never the user's checkout.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::error::RepositoryError;

/// A cache directory; made when it is first needed.
///
/// `trees/ID` has the files of a tree object, `builds/COMMAND/ID` a built one, `logs/` what compilers and builds
/// said, `searches/` what searches have kept, `partial/` what is in the making. Everything but searches can be deleted
/// at any time while no hipgauge uses it.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache at `root`. Clears away what killed processes left half done.
    pub fn open(root: &Path) -> Result<Self, RepositoryError> {
        fs::create_dir_all(root).map_err(|error| RepositoryError::cache("make", root, error))?;
        let root = root.canonicalize().map_err(|error| RepositoryError::cache("find", root, error))?;
        let cache = Self { root };
        cache.clear_leftovers()?;
        Ok(cache)
    }

    /// `$HIPGAUGE_CACHE_DIR/commits`, or `hipgauge/commits` in the user's cache directory, or in the temporary one.
    pub fn default_root() -> PathBuf {
        let from = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let base = from("HIPGAUGE_CACHE_DIR")
            .or_else(|| from("XDG_CACHE_HOME").map(|path| path.join("hipgauge")))
            .or_else(|| from("HOME").map(|path| path.join(".cache/hipgauge")))
            .unwrap_or_else(|| env::temp_dir().join("hipgauge"));
        base.join("commits")
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A folder of the cache, made if it is not there.
    pub fn folder(&self, name: &str) -> Result<PathBuf, RepositoryError> {
        let path = self.root.join(name);
        fs::create_dir_all(&path).map_err(|error| RepositoryError::cache("make", &path, error))?;
        Ok(path)
    }

    /// A name in `partial/` that only this process uses.
    pub(super) fn partial(&self, name: &str) -> Result<PathBuf, RepositoryError> {
        Ok(self.folder("partial")?.join(format!("{name}.{}", std::process::id())))
    }

    /// Removes what processes that are gone were making.
    fn clear_leftovers(&self) -> Result<(), RepositoryError> {
        let folder = self.folder("partial")?;
        let entries = fs::read_dir(&folder).map_err(|error| RepositoryError::cache("read", &folder, error))?;
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let process = name.split('.').find_map(|part| part.parse::<i32>().ok());
            if process.is_none_or(is_gone) {
                remove(&path)?;
            }
        }
        Ok(())
    }

    /// Claims a folder of the cache for this process until the file is dropped, or the process dies.
    pub fn claim(&self, name: &str) -> Result<(PathBuf, File), RepositoryError> {
        let folder = self.folder(name)?;
        let path = folder.join("lock");
        let file = File::create(&path).map_err(|error| RepositoryError::cache("make", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok((folder, file)),
            Err(TryLockError::WouldBlock) => Err(RepositoryError::InUse { path: folder }),
            Err(TryLockError::Error(error)) => Err(RepositoryError::cache("lock", &path, error)),
        }
    }
}

/// Removes a file or a folder; one that is not there is fine.
pub(super) fn remove(path: &Path) -> Result<(), RepositoryError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(RepositoryError::cache("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Whether no process has that id.
fn is_gone(process: i32) -> bool {
    // SAFETY: signal 0 is sent to nobody; only the id is looked up.
    let found = process > 0 && unsafe { libc::kill(process, 0) } == 0;
    !found && (process <= 0 || std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_dead_processes_go_and_those_of_living_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let mine = cache.partial("tree").unwrap();
        fs::create_dir(&mine).unwrap();
        // No process has an id above the largest that Linux gives.
        let theirs = folder.path().join("partial/tree.2147483646");
        fs::create_dir(&theirs).unwrap();
        fs::write(folder.path().join("partial/tree.2147483646.index"), "").unwrap();
        Cache::open(folder.path()).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path().join("partial")).unwrap().flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(mine.is_dir() && !theirs.exists());
    }

    #[test]
    fn a_folder_is_claimed_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(folder.path()).unwrap();
        let (_, claim) = cache.claim("searches/a").unwrap();
        assert!(matches!(cache.claim("searches/a"), Err(RepositoryError::InUse { .. })));
        assert!(cache.claim("searches/b").is_ok());
        drop(claim);
        assert!(cache.claim("searches/a").is_ok());
    }
}
