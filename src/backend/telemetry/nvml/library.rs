//! The loaded library.

use std::ffi::{CStr, c_char, c_int};
use std::path::PathBuf;

use libloading::Library;

use crate::backend::telemetry::TelemetryError;

/// `NVML_SUCCESS`.
pub const SUCCESS: c_int = 0;

/// A function of the library under the name that it was found by.
#[derive(Clone, Copy)]
pub struct Found<F> {
    pub name: &'static str,
    pub call: F,
}

/// NVML between its init and its shutdown, both of which it counts itself.
pub struct NvmlLibrary {
    library: Library,
    path: PathBuf,
}

impl NvmlLibrary {
    /// Loads the first library that there is, and initialises it.
    pub fn open(paths: &[PathBuf]) -> Result<Self, TelemetryError> {
        let mut attempts = Vec::new();
        for path in paths {
            // SAFETY: NVML's constructors have no preconditions; the path is the driver's own or the caller's.
            match unsafe { Library::new(path) } {
                Ok(library) => return Self { library, path: path.clone() }.initialised(),
                Err(error) => attempts.push(format!("{}: {error}", path.display())),
            }
        }
        Err(TelemetryError::NoLibrary { attempts: attempts.join("; ") })
    }

    fn initialised(self) -> Result<Self, TelemetryError> {
        // SAFETY: both versions are `nvmlReturn_t (void)`.
        let init = unsafe { self.find::<unsafe extern "C" fn() -> c_int>(&["nvmlInit_v2", "nvmlInit"]) }?;
        // SAFETY: may be called at any time, from any thread.
        let code = unsafe { (init.call)() };
        self.check(init.name, String::new, code)?;
        Ok(self)
    }

    /// The first of `names`, newest first, that the library has.
    ///
    /// # Safety
    /// `F` is the type of a function pointer with the signature that nvml.h gives each of the names.
    pub unsafe fn find<F: Copy>(&self, names: &[&'static str]) -> Result<Found<F>, TelemetryError> {
        let found = names.iter().find_map(|name| {
            // SAFETY: the caller vouches for the type.
            let symbol = unsafe { self.library.get::<F>(name.as_bytes()) };
            symbol.ok().map(|symbol| Found { name, call: *symbol })
        });
        found.ok_or_else(|| TelemetryError::NoSymbol {
            library: self.path.display().to_string(),
            names: names.join(", "),
        })
    }

    /// Turns a code that is not success into an error.
    pub fn check(
        &self,
        call: &'static str,
        arguments: impl FnOnce() -> String,
        code: c_int,
    ) -> Result<(), TelemetryError> {
        if code == SUCCESS {
            return Ok(());
        }
        Err(TelemetryError::Call { call, arguments: arguments(), code, message: self.message(code) })
    }

    fn message(&self, code: c_int) -> String {
        // SAFETY: `const char *nvmlErrorString(nvmlReturn_t)`, in every version.
        let text = unsafe { self.find::<unsafe extern "C" fn(c_int) -> *const c_char>(&["nvmlErrorString"]) };
        let Ok(text) = text else { return "no text for this code".to_owned() };
        // SAFETY: takes any code.
        let text = unsafe { (text.call)(code) };
        if text.is_null() {
            return "no text for this code".to_owned();
        }
        // SAFETY: not null, so a static string of the library, which stays loaded meanwhile.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }
}

impl Drop for NvmlLibrary {
    fn drop(&mut self) {
        // SAFETY: `nvmlReturn_t nvmlShutdown(void)`.
        if let Ok(shutdown) = unsafe { self.find::<unsafe extern "C" fn() -> c_int>(&["nvmlShutdown"]) } {
            // SAFETY: no device handle of this init is used any more: their owner holds this library. A failed
            // init makes this an error that has no consequence.
            unsafe { (shutdown.call)() };
        }
    }
}
