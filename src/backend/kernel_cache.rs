//! Compiled kernels on disk, so that each source is compiled once per device type and compiler.

use std::env;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use super::{KernelInclude, KernelModule};

/// Bytes of a SHA-256 digest, which every entry starts with.
const DIGEST_BYTES: usize = 32;

/// What a code object depends on.
pub struct CacheKey(String);

impl CacheKey {
    /// Digests the source, the headers, and where and how they are compiled.
    pub fn new(
        module: &KernelModule,
        includes: &[KernelInclude],
        architecture: &str,
        compiler: &str,
        options: &[String],
    ) -> Self {
        let mut digest = Sha256::new();
        // Each text is preceded by its length, so that no two lists of texts digest alike.
        let mut add = |text: &str| {
            digest.update((text.len() as u64).to_le_bytes());
            digest.update(text);
        };
        add(&module.name);
        add(&module.source);
        add(architecture);
        add(compiler);
        add(&options.len().to_string());
        options.iter().for_each(|option| add(option));
        for include in includes {
            add(&include.name);
            add(&include.text);
        }
        Self(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// A folder of code objects. One that cannot be read or written costs compilations and nothing else.
#[derive(Clone, Debug)]
pub struct KernelCache {
    folder: Option<PathBuf>,
}

impl KernelCache {
    /// `$HIPGAUGE_CACHE_DIR`, `$XDG_CACHE_HOME/hipgauge` or `~/.cache/hipgauge`; none without any of them.
    pub fn from_environment() -> Self {
        let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = variable("HIPGAUGE_CACHE_DIR")
            .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("hipgauge")))
            .or_else(|| variable("HOME").map(|folder| folder.join(".cache/hipgauge")));
        Self { folder }
    }

    /// A cache that keeps nothing.
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// A cache in `folder`.
    #[cfg(test)]
    pub fn in_folder(folder: &std::path::Path) -> Self {
        Self { folder: Some(folder.to_path_buf()) }
    }

    /// The code object of that key, unless it is absent or damaged.
    pub fn get(&self, key: &CacheKey) -> Option<Vec<u8>> {
        let entry = fs::read(self.path(key)?).ok()?;
        let (digest, code_object) = entry.split_at_checked(DIGEST_BYTES)?;
        (digest == Sha256::digest(code_object).as_slice() && !code_object.is_empty()).then(|| code_object.to_vec())
    }

    /// Keeps a code object. Readers see the whole entry or none: it is written aside and renamed.
    pub fn put(&self, key: &CacheKey, code_object: &[u8]) {
        static WRITES: AtomicU64 = AtomicU64::new(0);
        let Some(path) = self.path(key) else { return };
        let aside = path.with_extension(format!("{}-{}", process::id(), WRITES.fetch_add(1, Ordering::Relaxed)));
        let write = || {
            fs::create_dir_all(path.parent().expect("an entry lies in the cache's folder"))?;
            let mut file = fs::File::create_new(&aside)?;
            file.write_all(&Sha256::digest(code_object))?;
            file.write_all(code_object)?;
            fs::rename(&aside, &path)
        };
        if write().is_err() {
            // Nothing depends on the cache, and what is left of a failed write is never read.
            let _ = fs::remove_file(&aside);
        }
    }

    fn path(&self, key: &CacheKey) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}.code", key.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(source: &'static str) -> KernelModule {
        KernelModule { name: "m".into(), source: source.into(), functions: Vec::new(), amd_code_objects: &[] }
    }

    fn key(
        source: &'static str,
        architecture: &str,
        compiler: &str,
        options: &[&str],
        header: &'static str,
    ) -> CacheKey {
        let includes = [KernelInclude { name: "h".into(), text: header.into() }];
        let options: Vec<_> = options.iter().map(|option| option.to_string()).collect();
        CacheKey::new(&module(source), &includes, architecture, compiler, &options)
    }

    #[test]
    fn the_key_depends_on_everything_that_is_compiled() {
        let keys = [
            key("s", "a", "c", &["-x"], "h"),
            key("t", "a", "c", &["-x"], "h"),
            key("s", "b", "c", &["-x"], "h"),
            key("s", "a", "d", &["-x"], "h"),
            key("s", "a", "c", &["-x", "-y"], "h"),
            key("s", "a", "c", &["-x-y"], "h"),
            key("s", "a", "c", &["-x"], "i"),
        ];
        let mut names: Vec<_> = keys.iter().map(|key| key.0.clone()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len());
        assert_eq!(key("s", "a", "c", &["-x"], "h").0, keys[0].0);
    }

    #[test]
    fn entries_come_back_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let cache = KernelCache::in_folder(&folder.path().join("made/when/needed"));
        let key = key("s", "a", "c", &[], "h");
        assert_eq!(cache.get(&key), None);
        cache.put(&key, b"code object");
        assert_eq!(cache.get(&key).as_deref(), Some(b"code object".as_slice()));
        let path = cache.path(&key).unwrap();
        let whole = fs::read(&path).unwrap();
        for damaged in
            [&whole[..whole.len() - 1], &whole[..DIGEST_BYTES], &whole[..5], &[whole.as_slice(), b"x"].concat()]
        {
            fs::write(&path, damaged).unwrap();
            assert_eq!(cache.get(&key), None, "{} of {} bytes", damaged.len(), whole.len());
        }
        cache.put(&key, b"code object");
        assert_eq!(cache.get(&key).as_deref(), Some(b"code object".as_slice()), "a damaged entry is replaced");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn an_unusable_folder_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a-file");
        fs::write(&file, "").unwrap();
        let cache = KernelCache::in_folder(&file);
        let key = key("s", "a", "c", &[], "h");
        cache.put(&key, b"code object");
        assert_eq!(cache.get(&key), None);
    }
}
