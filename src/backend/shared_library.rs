//! Vendor libraries, looked for at run time.

use std::ffi::OsString;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};

use libloading::Library;

use super::Attempt;

/// Where to look for a library, in order.
#[derive(Clone, Debug, Default)]
pub struct SearchPlan {
    candidates: Vec<OsString>,
    attempts: Vec<Attempt>,
}

/// A library and where it was found. It stays loaded until the process ends: vendor libraries start threads
/// and register exit handlers, which do not survive being unloaded.
#[derive(Debug)]
pub struct LoadedLibrary {
    library: ManuallyDrop<Library>,
    pub place: String,
}

impl SearchPlan {
    /// Tries one path or bare name. The loader searches its own path for a bare name.
    pub fn try_file(&mut self, file: impl Into<OsString>) {
        let file = file.into();
        if !self.candidates.contains(&file) {
            self.candidates.push(file);
        }
    }

    /// Tries each of `names` in a folder, or notes that the folder is not there.
    pub fn try_folder(&mut self, folder: &Path, names: &[&str]) {
        if !folder.is_dir() {
            self.note(&format!("{}/{}*", folder.display(), names.first().unwrap_or(&"")), "no such folder");
            return;
        }
        for name in names {
            self.try_file(folder.join(name));
        }
    }

    /// Tries each of `names` in every folder that `pattern` matches, the last in alphabetical order first,
    /// which is usually the newest version.
    pub fn try_pattern(&mut self, pattern: &str, names: &[&str]) {
        let mut folders: Vec<PathBuf> = glob::glob(pattern).into_iter().flatten().flatten().collect();
        if folders.is_empty() {
            self.note(&format!("{pattern}/{}*", names.first().unwrap_or(&"")), "no such folder");
        }
        folders.sort();
        for folder in folders.iter().rev() {
            self.try_folder(folder, names);
        }
    }

    /// Loads the first candidate that loads, or says in one line why there is none: `missing` if there is no
    /// such file, else the first file that is there but is no use. Gives every attempt, with what the loader said.
    pub fn load(mut self, missing: &str) -> (Result<LoadedLibrary, String>, Vec<Attempt>) {
        let mut unusable = None;
        for candidate in std::mem::take(&mut self.candidates) {
            let place = candidate.to_string_lossy().into_owned();
            if place.contains('/') && !Path::new(&candidate).exists() {
                self.note(&place, "no such file");
                continue;
            }
            // SAFETY: loading runs the library's initialisers. The names searched for are the vendors' own,
            // in the vendors' own places or where the user pointed, which is to trust them.
            match unsafe { Library::new(&candidate) } {
                Ok(library) => {
                    self.note(&place, "loaded");
                    return (Ok(LoadedLibrary { library: ManuallyDrop::new(library), place }), self.attempts);
                }
                Err(error) => {
                    let reason = reason(&place, &error);
                    // The loader found no such file; a name before this would be that of a library it needs.
                    if !reason.starts_with("cannot open shared object file") {
                        unusable.get_or_insert_with(|| {
                            format!("{place} is there but does not load ({reason}): install it again, or point to another one")
                        });
                    }
                    self.note(&place, &reason);
                }
            }
        }
        (Err(unusable.unwrap_or_else(|| missing.to_owned())), self.attempts)
    }

    fn note(&mut self, place: &str, outcome: &str) {
        self.attempts.push(Attempt { place: place.to_owned(), outcome: outcome.to_owned() });
    }
}

impl LoadedLibrary {
    /// The address of `name`, or `None` if the library has no such symbol.
    ///
    /// # Safety
    /// `F` is the function pointer type that the vendor documents for `name`.
    pub unsafe fn function<F: Copy>(&self, name: &str) -> Option<F> {
        // SAFETY: the caller vouches for the type. The pointer stays valid because the library is never
        // unloaded.
        unsafe { self.library.get::<F>(name) }.ok().map(|symbol| *symbol)
    }
}

/// The loader's words, without the wrapping of `libloading` and the name that it was asked for.
fn reason(place: &str, error: &libloading::Error) -> String {
    use std::error::Error;
    let words = error.source().map_or_else(|| error.to_string(), |source| source.to_string());
    match words.strip_prefix(place).and_then(|rest| rest.strip_prefix(": ")) {
        Some(cause) => cause.to_owned(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_named_with_its_outcome() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("libbroken.so"), "not a library").unwrap();
        let mut plan = SearchPlan::default();
        plan.try_folder(&folder.path().join("absent"), &["libbroken.so"]);
        plan.try_folder(folder.path(), &["libbroken.so", "libmissing.so"]);
        plan.try_file("libhipgauge-no-such.so");
        let (library, attempts) = plan.load("not found");
        let reason = library.expect_err("nothing here is a library");
        assert!(reason.contains("libbroken.so is there but does not load"), "{reason}");
        let outcomes: Vec<_> = attempts.iter().map(|attempt| attempt.outcome.as_str()).collect();
        assert_eq!(outcomes.len(), 4, "{attempts:?}");
        assert_eq!(outcomes[0], "no such folder");
        assert!(outcomes[1].contains("file too short"), "the loader's words: {outcomes:?}");
        assert_eq!(outcomes[2], "no such file");
        assert!(outcomes[3].contains("cannot open shared object file"), "{outcomes:?}");
    }

    #[test]
    fn a_library_that_is_nowhere_is_missing_and_not_broken() {
        let mut plan = SearchPlan::default();
        plan.try_file("libhipgauge-no-such.so");
        plan.try_file("/no-such-folder/libhipgauge-no-such.so");
        assert_eq!(plan.load("not found").0.expect_err("there is none"), "not found");
    }

    #[test]
    fn a_library_that_is_there_is_loaded_and_lacks_unknown_symbols() {
        let mut plan = SearchPlan::default();
        plan.try_file("libc.so.6");
        let (library, attempts) = plan.load("not found");
        assert_eq!(attempts.last().unwrap().outcome, "loaded");
        let library = library.unwrap();
        // SAFETY: only the presence of the symbols is looked at.
        unsafe {
            assert!(library.function::<unsafe extern "C" fn()>("getpid").is_some());
            assert!(library.function::<unsafe extern "C" fn()>("hipgauge_no_such").is_none());
        }
    }
}
