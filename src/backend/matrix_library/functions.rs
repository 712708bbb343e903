//! A library's functions, looked up once.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Arc;

use crate::backend::shared_library::LoadedLibrary;

use super::dialect::Dialect;

/// A handle, a descriptor or an address: the library knows which.
pub type Pointer = *mut c_void;
/// `cublasStatus_t` or `hipblasStatus_t`: 0 is success. Kept as an integer because a library newer than this table may
/// return new codes.
pub type Status = c_int;

/// Words of the larger of the two libraries' heuristic results.
pub const HEURISTIC_RESULT_WORDS: usize = 12;

/// One result of the heuristic as the library wrote it; it starts with the algorithm.
#[derive(Clone, Copy, Debug)]
pub struct HeuristicResult {
    pub words: [u64; HEURISTIC_RESULT_WORDS],
    pub workspace_bytes: usize,
    pub status: Status,
}

/// Why there are no functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoMatrixFunctions {
    /// There is no such file; says where it was looked for.
    Absent(String),
    /// There is one, and it is no use.
    Unusable(String),
}

type Set = unsafe extern "C" fn(Pointer, c_int, *const c_void, usize) -> Status;
type Destroy = unsafe extern "C" fn(Pointer) -> Status;

/// Function pointers of one library.
pub struct MatrixFunctions {
    pub dialect: &'static Dialect,
    /// Path of the library, for messages.
    pub place: String,
    pub create: unsafe extern "C" fn(*mut Pointer) -> Status,
    pub destroy: Destroy,
    pub operation_create: unsafe extern "C" fn(*mut Pointer, c_int, c_int) -> Status,
    pub operation_set: Set,
    pub operation_destroy: Destroy,
    pub layout_create: unsafe extern "C" fn(*mut Pointer, c_int, u64, u64, i64) -> Status,
    pub layout_destroy: Destroy,
    pub preference_create: unsafe extern "C" fn(*mut Pointer) -> Status,
    pub preference_set: Set,
    pub preference_destroy: Destroy,
    /// Handle, operation, layouts of A, B, C and D, preference, results asked for, results, results given.
    pub heuristic: unsafe extern "C" fn(
        Pointer,
        Pointer,
        Pointer,
        Pointer,
        Pointer,
        Pointer,
        Pointer,
        c_int,
        *mut c_void,
        *mut c_int,
    ) -> Status,
    /// Handle, operation, alpha, A, B, beta, C and D with their layouts, algorithm, workspace and its bytes, stream.
    pub multiply: unsafe extern "C" fn(
        Pointer,
        Pointer,
        *const f32,
        u64,
        Pointer,
        u64,
        Pointer,
        *const f32,
        u64,
        Pointer,
        u64,
        Pointer,
        *const c_void,
        u64,
        usize,
        Pointer,
    ) -> Status,
    version: Version,
    status_name: Option<unsafe extern "C" fn(Status) -> *const c_char>,
    _library: LoadedLibrary,
}

/// How a library tells its version.
enum Version {
    /// 0 asks for the major, 1 for the minor and 2 for the patch level.
    Property(unsafe extern "C" fn(c_int, *mut c_int) -> Status),
    Number(unsafe extern "C" fn(Pointer, *mut c_int) -> Status),
}

impl MatrixFunctions {
    /// Of what a search gave; `missing` is what it says where there is no such file.
    pub fn found(
        library: Result<LoadedLibrary, String>,
        missing: &str,
        dialect: &'static Dialect,
    ) -> Result<Arc<Self>, NoMatrixFunctions> {
        match library {
            Ok(library) => Self::new(library, dialect).map(Arc::new),
            Err(reason) if reason == missing => Err(NoMatrixFunctions::Absent(reason)),
            Err(reason) => Err(NoMatrixFunctions::Unusable(reason)),
        }
    }

    /// Takes the functions out of a loaded library, or names the first one that it lacks.
    fn new(library: LoadedLibrary, dialect: &'static Dialect) -> Result<Self, NoMatrixFunctions> {
        macro_rules! function {
            ($name:expr) => {
                // SAFETY: the field's type is the one in cublasLt.h and hipblaslt.h, enumerations being ints.
                unsafe { library.function($name) }.ok_or_else(|| {
                    let (place, name) = (&library.place, $name);
                    NoMatrixFunctions::Unusable(format!(
                        "{place} has no {name}: the library is too old or another one, install {} again",
                        dialect.name
                    ))
                })?
            };
        }
        let calls = &dialect.calls;
        Ok(Self {
            dialect,
            place: library.place.clone(),
            create: function!(calls.create),
            destroy: function!(calls.destroy),
            operation_create: function!(calls.operation_create),
            operation_set: function!(calls.operation_set),
            operation_destroy: function!(calls.operation_destroy),
            layout_create: function!(calls.layout_create),
            layout_destroy: function!(calls.layout_destroy),
            preference_create: function!(calls.preference_create),
            preference_set: function!(calls.preference_set),
            preference_destroy: function!(calls.preference_destroy),
            heuristic: function!(calls.heuristic),
            multiply: function!(calls.multiply),
            version: match dialect.version_of_handle {
                true => Version::Number(function!(calls.version)),
                false => Version::Property(function!(calls.version)),
            },
            // SAFETY: as above; hipBLASLt and cuBLASLt before 11.4.2 lack it.
            status_name: unsafe { library.function("cublasLtGetStatusName") },
            _library: library,
        })
    }

    /// Major, minor and patch level, or the status of the call that did not tell them.
    ///
    /// # Safety
    /// The handle is one that `create` made and that is alive.
    pub unsafe fn version(&self, handle: Pointer) -> Result<[c_int; 3], Status> {
        let mut numbers: [c_int; 3] = [0; 3];
        match self.version {
            Version::Property(get) => {
                for (which, number) in numbers.iter_mut().enumerate() {
                    // SAFETY: `number` is writable.
                    let status = unsafe { get(which as c_int, number) };
                    if status != 0 {
                        return Err(status);
                    }
                }
            }
            Version::Number(get) => {
                let mut whole = 0;
                // SAFETY: the handle is alive, says the caller, and `whole` is writable.
                let status = unsafe { get(handle, &mut whole) };
                if status != 0 {
                    return Err(status);
                }
                numbers = [whole / 100_000, whole / 100 % 1000, whole % 100];
            }
        }
        Ok(numbers)
    }

    /// `CUBLAS_STATUS_NOT_SUPPORTED`
    pub fn status_name(&self, status: Status) -> String {
        let known = usize::try_from(status).ok().and_then(|status| self.dialect.statuses.get(status));
        if let Some(known) = known {
            return (*known).to_owned();
        }
        let Some(name) = self.status_name else { return format!("status {status}") };
        // SAFETY: the library answers any code with a static string or null.
        let text = unsafe { name(status) };
        if text.is_null() {
            return format!("status {status}");
        }
        // SAFETY: see above.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }

    /// Reads what the heuristic wrote: results of the dialect's size, one behind the other.
    pub fn results(&self, written: &[u64], count: usize) -> Vec<HeuristicResult> {
        let (each, algorithm) = (self.dialect.result_bytes, self.dialect.algorithm_bytes);
        let bytes: &[u8] = bytemuck::cast_slice(written);
        bytes
            .chunks_exact(each)
            .take(count)
            .map(|result| {
                let mut words = [0_u64; HEURISTIC_RESULT_WORDS];
                bytemuck::cast_slice_mut::<u64, u8>(&mut words)[..each].copy_from_slice(result);
                let workspace = words[algorithm / 8];
                let status = bytemuck::pod_read_unaligned::<c_int>(&result[algorithm + 8..algorithm + 12]);
                HeuristicResult { words, workspace_bytes: workspace as usize, status }
            })
            .collect()
    }
}
