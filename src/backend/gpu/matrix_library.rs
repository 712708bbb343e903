//! `MatrixLibrary` over a vendor's functions, on a GPU's own stream.

use std::ffi::c_int;
use std::ptr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::backend::matrix_library::{
    Dialect, HEURISTIC_RESULT_WORDS, HeuristicResult, MatrixFunctions, Pointer, Status,
};
use crate::backend::{BackendError, Buffer, MatrixLibrary, MatrixOperand, MatrixProductShape, PreparedProduct};

use super::driver::{DriverError, ErrorKind, GpuDriver};
use super::event::GpuEvent;
use super::matrix_descriptors::{Descriptors, Preference};
use super::memory::Memory;
use super::stream::{Stream, invalid};

/// Bytes of the workspace that all products of a device share. What NVIDIA advises for Hopper; the heuristics find the same
/// algorithms with more.
pub const WORKSPACE_BYTES: usize = 32 << 20;

/// Algorithms that the heuristic is asked for. The first that fits the workspace is taken unless they are timed.
const ALGORITHMS: usize = 8;

/// Runs of an algorithm before and in the interval that times it.
const WARM_UP_RUNS: usize = 2;
const TIMED_RUNS: usize = 10;

/// A library with its handle on one device.
pub struct GpuMatrixLibrary<D: GpuDriver> {
    pub stream: Arc<Stream<D>>,
    memory: Arc<Memory<D>>,
    pub functions: Arc<MatrixFunctions>,
    handle: usize,
    workspace: Buffer,
    version: String,
    /// The libraries do not say which of their calls may run at the same time with one handle.
    calls: Mutex<()>,
    /// Itself, for products to keep.
    own: std::sync::Weak<Self>,
}

impl<D: GpuDriver> GpuMatrixLibrary<D> {
    /// Makes a handle on the stream's device. `workspace` is that device's.
    pub fn open(
        memory: &Arc<Memory<D>>,
        functions: Arc<MatrixFunctions>,
        workspace: Buffer,
    ) -> Result<Arc<Self>, BackendError> {
        let stream = Arc::clone(&memory.stream);
        stream.enter_outside_capture("matrix_library")?;
        let mut handle: Pointer = ptr::null_mut();
        // SAFETY: `handle` is writable, and the device is current.
        let status = unsafe { (functions.create)(&mut handle) };
        let place = functions.place.clone();
        check(&functions, functions.dialect.calls.create, status)
            .map_err(|error| stream.error(error, format!("a handle of {place}")))?;
        // From here on the handle is owned, and destroyed with its owner.
        let mut library = Self {
            stream,
            memory: Arc::clone(memory),
            functions,
            handle: handle as usize,
            workspace,
            version: String::new(),
            calls: Mutex::new(()),
            own: std::sync::Weak::new(),
        };
        // SAFETY: the handle is the one just made.
        let version = unsafe { library.functions.version(handle) };
        let version =
            version.map_err(|status| library.failed(library.dialect().calls.version, status, place.clone()))?;
        let [major, minor, patch] = version;
        library.version = format!("{major}.{minor}.{patch}");
        let [oldest_major, oldest_minor] = library.dialect().oldest;
        if [major, minor] < [oldest_major, oldest_minor] {
            return Err(BackendError::UnusableMatrixLibrary {
                device: library.stream.device.clone(),
                reason: format!(
                    "{place} is {} {}, older than {oldest_major}.{oldest_minor}: install a newer one",
                    library.dialect().name,
                    library.version
                ),
            });
        }
        Ok(Arc::new_cyclic(|own| {
            library.own = own.clone();
            library
        }))
    }

    fn dialect(&self) -> &'static Dialect {
        self.functions.dialect
    }

    pub fn handle(&self) -> Pointer {
        self.handle as Pointer
    }

    fn failed(&self, call: &'static str, status: Status, arguments: String) -> BackendError {
        match check(&self.functions, call, status) {
            Ok(()) => invalid(call, "a success was taken for a failure"),
            Err(error) => self.stream.error(error, arguments),
        }
    }

    /// The algorithms that fit the workspace, with their ranks.
    fn algorithms(&self, descriptors: &Descriptors<D>) -> Result<Vec<(usize, HeuristicResult)>, BackendError> {
        let shape = descriptors.shape();
        let preference = Preference::new(descriptors, WORKSPACE_BYTES)?;
        let mut written = vec![0_u64; ALGORITHMS * HEURISTIC_RESULT_WORDS];
        let mut count: c_int = 0;
        let [x, weight, y] = descriptors.layouts();
        // A is W and B is x: see `Descriptors`.
        // SAFETY: handle and descriptors are alive; there is room for as many results as are asked for, of either library.
        let status = unsafe {
            (self.functions.heuristic)(
                self.handle(),
                descriptors.operation(),
                weight,
                x,
                y,
                y,
                preference.pointer(),
                ALGORITHMS as c_int,
                written.as_mut_ptr().cast(),
                &mut count,
            )
        };
        if status != 0 {
            return Err(self.failed(self.dialect().calls.heuristic, status, shape.to_string()));
        }
        let count = usize::try_from(count).unwrap_or(0).min(ALGORITHMS);
        let results = self.functions.results(&written, count).into_iter().enumerate();
        let usable: Vec<_> =
            results.filter(|(_, result)| result.status == 0 && result.workspace_bytes <= WORKSPACE_BYTES).collect();
        if usable.is_empty() {
            return Err(BackendError::NoMatrixAlgorithm {
                device: self.stream.device.clone(),
                library: format!("{} {}", self.dialect().name, self.version),
                shape: shape.to_string(),
                offered: count,
                workspace_bytes: WORKSPACE_BYTES,
            });
        }
        Ok(usable)
    }

    /// The product with each algorithm that fits, as ranked.
    fn products(&self, shape: &MatrixProductShape) -> Result<Vec<GpuPreparedProduct<D>>, BackendError> {
        shape.check()?;
        let own = self.own.upgrade().ok_or_else(|| invalid("prepare", "the library is being dropped"))?;
        self.stream.enter_outside_capture("prepare")?;
        let _calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let descriptors = Arc::new(Descriptors::new(own, shape)?);
        let algorithms = self.algorithms(&descriptors)?.into_iter();
        Ok(algorithms
            .map(|(rank, result)| GpuPreparedProduct {
                descriptors: Arc::clone(&descriptors),
                rank,
                algorithm: result.words,
                workspace_bytes: result.workspace_bytes,
            })
            .collect())
    }

    /// The address of a matrix, if the buffer is this device's, has room for it and is aligned as promised.
    fn address(
        &self,
        name: &str,
        operand: MatrixOperand<'_>,
        bytes: usize,
        alignment: usize,
    ) -> Result<u64, BackendError> {
        let MatrixOperand { buffer, offset } = operand;
        if !self.memory.ledger.holds(buffer.address()) {
            return Err(invalid("enqueue", format!("{name}: {buffer:?} is not a buffer of {}", self.stream.device)));
        }
        if offset.checked_add(bytes).is_none_or(|end| end > buffer.bytes()) {
            return Err(invalid(
                "enqueue",
                format!("{name}: {bytes} bytes at offset {offset} do not fit in {buffer:?}"),
            ));
        }
        let address = buffer.address() + offset as u64;
        if !address.is_multiple_of(alignment as u64) {
            let problem = format!("{name} at {address:#x} is not aligned to {alignment} bytes, as its shape says");
            return Err(invalid("enqueue", problem));
        }
        Ok(address)
    }
}

/// Turns a status into a result.
pub fn check(functions: &MatrixFunctions, call: &'static str, status: Status) -> Result<(), DriverError> {
    match status {
        0 => Ok(()),
        // A device that failed before says so itself at the next driver call.
        code => Err(DriverError {
            call,
            code: i64::from(code),
            message: functions.status_name(code),
            kind: ErrorKind::Refused,
        }),
    }
}

impl<D: GpuDriver> MatrixLibrary for GpuMatrixLibrary<D> {
    fn name(&self) -> &'static str {
        self.dialect().name
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn place(&self) -> &str {
        &self.functions.place
    }

    fn prepare(&self, shape: &MatrixProductShape) -> Result<Arc<dyn PreparedProduct>, BackendError> {
        Ok(Arc::new(self.products(shape)?.swap_remove(0)))
    }

    fn prepare_timed(
        &self,
        shape: &MatrixProductShape,
        x: MatrixOperand<'_>,
        weight: MatrixOperand<'_>,
        y: MatrixOperand<'_>,
    ) -> Result<Arc<dyn PreparedProduct>, BackendError> {
        let (start, stop) = (GpuEvent::new(&self.stream)?, GpuEvent::new(&self.stream)?);
        let mut fastest: Option<(f64, GpuPreparedProduct<D>)> = None;
        for product in self.products(shape)? {
            (0..WARM_UP_RUNS).try_for_each(|_| product.enqueue(x, weight, y))?;
            start.record()?;
            (0..TIMED_RUNS).try_for_each(|_| product.enqueue(x, weight, y))?;
            stop.record()?;
            let seconds = start.seconds_until(&stop)?;
            if fastest.as_ref().is_none_or(|(least, _)| seconds < *least) {
                fastest = Some((seconds, product));
            }
        }
        let fastest = fastest.ok_or_else(|| invalid("prepare_timed", "no algorithm and no error"))?;
        Ok(Arc::new(fastest.1))
    }
}

impl<D: GpuDriver> Drop for GpuMatrixLibrary<D> {
    fn drop(&mut self) {
        // Destroying a handle may wait for the device, so after a hung kernel it stays until the process ends.
        if self.stream.wait("drop of a matrix library").is_ok() {
            // SAFETY: the handle is this library's own, every product that used it is gone, and the stream is idle.
            let _ = unsafe { (self.functions.destroy)(self.handle()) };
        }
    }
}

/// A product on one device.
struct GpuPreparedProduct<D: GpuDriver> {
    descriptors: Arc<Descriptors<D>>,
    rank: usize,
    /// Starts with the library's algorithm.
    algorithm: [u64; HEURISTIC_RESULT_WORDS],
    workspace_bytes: usize,
}

impl<D: GpuDriver> PreparedProduct for GpuPreparedProduct<D> {
    fn shape(&self) -> &MatrixProductShape {
        self.descriptors.shape()
    }

    fn algorithm_rank(&self) -> usize {
        self.rank
    }

    fn enqueue(
        &self,
        x: MatrixOperand<'_>,
        weight: MatrixOperand<'_>,
        y: MatrixOperand<'_>,
    ) -> Result<(), BackendError> {
        let (library, shape) = (self.descriptors.library(), self.shape());
        let [x_bytes, weight_bytes, y_bytes] = shape.spans();
        let x_address = library.address("x", x, x_bytes, shape.alignment)?;
        let weight_address = library.address("W", weight, weight_bytes, shape.alignment)?;
        let y_address = library.address("y", y, y_bytes, shape.alignment)?;
        let stream = &library.stream;
        stream.enter("enqueue of a matrix product")?;
        let name = format_args!("{} {shape}", library.name());
        stream.note(name);
        stream.keep_for_graph(None, [x.buffer, weight.buffer, y.buffer, &library.workspace].into_iter());
        stream.keep_product_for_graph(&self.descriptors, &name);
        let (alpha, beta) = (1.0_f32, 0.0_f32);
        let [x_layout, weight_layout, y_layout] = self.descriptors.layouts();
        let _calls = library.calls.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: handle and descriptors live in self, the addresses were checked against what the layouts say, the workspace
        // has at least the bytes that the algorithm asked for, and both scalars are read before the call returns.
        let status = unsafe {
            (library.functions.multiply)(
                library.handle(),
                self.descriptors.operation(),
                &alpha,
                weight_address,
                weight_layout,
                x_address,
                x_layout,
                &beta,
                y_address,
                y_layout,
                y_address,
                y_layout,
                self.algorithm.as_ptr().cast(),
                library.workspace.address(),
                self.workspace_bytes,
                stream.handle.pointer(),
            )
        };
        match status {
            0 => Ok(()),
            code => Err(library.failed(library.dialect().calls.multiply, code, shape.to_string())),
        }
    }
}
