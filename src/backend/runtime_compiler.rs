//! NVRTC and hiprtc: compilers loaded as libraries. Their interfaces are the same but for the prefix.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use super::shared_library::LoadedLibrary;
use super::{KernelInclude, KernelModule};

type Program = *mut c_void;
/// `nvrtcResult` or `hiprtcResult`: 0 is success. Kept as an integer because libraries newer than any
/// binding may return new codes.
type Status = c_int;
type TextList = *const *const c_char;

/// What a compilation gave when it gave no code object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileFailure {
    /// The compiler's log, or the call that failed.
    pub log: String,
}

/// How the two libraries spell the calls that differ.
#[derive(Clone, Copy, Debug)]
pub struct Spelling {
    pub prefix: &'static str,
    /// What follows `Get` and `Get…Size`: `CUBIN` or `Code`.
    pub code: &'static str,
}

impl Spelling {
    pub const NVRTC: Self = Self { prefix: "nvrtc", code: "CUBIN" };
    pub const HIPRTC: Self = Self { prefix: "hiprtc", code: "Code" };
}

/// A loaded compiler.
pub struct RuntimeCompiler {
    spelling: Spelling,
    version: String,
    /// Path of the library, for messages.
    pub place: String,
    create: unsafe extern "C" fn(*mut Program, *const c_char, *const c_char, c_int, TextList, TextList) -> Status,
    compile: unsafe extern "C" fn(Program, c_int, TextList) -> Status,
    log_size: unsafe extern "C" fn(Program, *mut usize) -> Status,
    log: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    code_size: unsafe extern "C" fn(Program, *mut usize) -> Status,
    code: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    destroy: unsafe extern "C" fn(*mut Program) -> Status,
    error_string: unsafe extern "C" fn(Status) -> *const c_char,
    _library: LoadedLibrary,
}

impl RuntimeCompiler {
    /// Takes the functions out of a loaded library, or names the first one that it lacks.
    pub fn new(library: LoadedLibrary, spelling: Spelling) -> Result<Self, String> {
        macro_rules! function {
            ($($name:tt)*) => {{
                let name = format!("{}{}", spelling.prefix, format_args!($($name)*));
                // SAFETY: the field's type is the one that NVRTC and hiprtc document for the function.
                unsafe { library.function(&name) }
                    .ok_or_else(|| format!("{} has no {name}: the library is too old", library.place))?
            }};
        }
        let code = spelling.code;
        let version: unsafe extern "C" fn(*mut c_int, *mut c_int) -> Status = function!("Version");
        let (mut major, mut minor) = (0, 0);
        // SAFETY: both pointers are to writable integers.
        let status = unsafe { version(&mut major, &mut minor) };
        let version = match status {
            0 => format!("{} {major}.{minor}", spelling.prefix),
            _ => return Err(format!("{}Version of {} failed with {status}", spelling.prefix, library.place)),
        };
        Ok(Self {
            spelling,
            version,
            place: library.place.clone(),
            create: function!("CreateProgram"),
            compile: function!("CompileProgram"),
            log_size: function!("GetProgramLogSize"),
            log: function!("GetProgramLog"),
            code_size: function!("Get{code}Size"),
            code: function!("Get{code}"),
            destroy: function!("DestroyProgram"),
            error_string: function!("GetErrorString"),
            _library: library,
        })
    }

    /// `nvrtc 13.0`
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Compiles a module with the headers that it may include by name. Needs no GPU.
    pub fn compile(
        &self,
        module: &KernelModule,
        includes: &[KernelInclude],
        options: &[String],
    ) -> Result<Vec<u8>, CompileFailure> {
        let source = text(&module.source)?;
        let file = text(&format!("{}.hip", module.name))?;
        let names = texts(includes.iter().map(|include| &*include.name))?;
        let headers = texts(includes.iter().map(|include| &*include.text))?;
        let options = texts(options.iter().map(String::as_str))?;
        let mut program = OpenProgram { compiler: self, program: ptr::null_mut() };
        // SAFETY: every text ends with a zero byte and outlives the program; both lists have `count` entries.
        let created = unsafe {
            let count = includes.len() as c_int;
            let (headers, names) = (pointers(&headers), pointers(&names));
            let handle = &mut program.program;
            (self.create)(handle, source.as_ptr(), file.as_ptr(), count, headers.as_ptr(), names.as_ptr())
        };
        self.check(created, "CreateProgram")?;
        // SAFETY: the program was created above, and the options outlive the call.
        let compiled = unsafe { (self.compile)(program.program, options.len() as c_int, pointers(&options).as_ptr()) };
        if let Err(failure) = self.check(compiled, "CompileProgram") {
            let log = program.read("GetProgramLog", self.log_size, self.log).map(|log| printable(&log));
            let log = log.unwrap_or_default();
            return Err(CompileFailure { log: format!("{}\n{log}", failure.log).trim_end().to_owned() });
        }
        program.read("Get code", self.code_size, self.code)
    }

    fn check(&self, status: Status, call: &str) -> Result<(), CompileFailure> {
        if status == 0 {
            return Ok(());
        }
        // SAFETY: both libraries answer any code with a static text or null.
        let message = unsafe {
            let message = (self.error_string)(status);
            if message.is_null() { "no text".into() } else { CStr::from_ptr(message).to_string_lossy() }
        };
        Err(CompileFailure { log: format!("{}{call} failed: {status} ({message})", self.spelling.prefix) })
    }
}

/// A program that is destroyed on every way out.
struct OpenProgram<'a> {
    compiler: &'a RuntimeCompiler,
    program: Program,
}

impl OpenProgram<'_> {
    fn read(
        &self,
        call: &str,
        size: unsafe extern "C" fn(Program, *mut usize) -> Status,
        get: unsafe extern "C" fn(Program, *mut c_char) -> Status,
    ) -> Result<Vec<u8>, CompileFailure> {
        let mut bytes = 0;
        // SAFETY: the program is alive and `bytes` is writable.
        self.compiler.check(unsafe { size(self.program, &mut bytes) }, call)?;
        let mut content = vec![0_u8; bytes];
        // SAFETY: the library writes as many bytes as it just said.
        self.compiler.check(unsafe { get(self.program, content.as_mut_ptr().cast()) }, call)?;
        Ok(content)
    }
}

impl Drop for OpenProgram<'_> {
    fn drop(&mut self) {
        if !self.program.is_null() {
            // SAFETY: created by the same library and destroyed once.
            unsafe { (self.compiler.destroy)(&mut self.program) };
        }
    }
}

fn printable(log: &[u8]) -> String {
    String::from_utf8_lossy(log).trim_end_matches('\0').trim().to_owned()
}

fn text(text: &str) -> Result<CString, CompileFailure> {
    let zero = |_| CompileFailure { log: "a source, header or option has a zero byte in it".to_owned() };
    CString::new(text).map_err(zero)
}

fn texts<'a>(all: impl Iterator<Item = &'a str>) -> Result<Vec<CString>, CompileFailure> {
    all.map(text).collect()
}

fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).collect()
}
