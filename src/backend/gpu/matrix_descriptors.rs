//! A product's descriptors, freed in the reverse order of their making.

use std::ffi::c_int;
use std::ptr;
use std::sync::Arc;

use crate::backend::matrix_library::{Dialect, Pointer, Status};
use crate::backend::{BackendError, MatrixProductShape};

use super::driver::GpuDriver;
use super::matrix_library::{GpuMatrixLibrary, check};

/// One object of the library. It lives in host memory, so it can be freed whatever became of the device.
struct Descriptor {
    address: usize,
    destroy: unsafe extern "C" fn(Pointer) -> Status,
}

impl Descriptor {
    fn pointer(&self) -> Pointer {
        self.address as Pointer
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the address is this descriptor's own, and `destroy` is the call that frees its kind. The library stays
        // loaded until the process ends. An error has nobody to go to.
        let _ = unsafe { (self.destroy)(self.pointer()) };
    }
}

/// What the library is told of a product. It counts columns first and our matrices are row-major, so it sees each of them
/// transposed: `y^T = W x^T`, where the first operand W, stored `[columns, outputs]` in its eyes, is the one to transpose.
pub struct Descriptors<D: GpuDriver> {
    // Freed in this order, before the handle of the library.
    operation: Descriptor,
    x: Descriptor,
    weight: Descriptor,
    y: Descriptor,
    shape: MatrixProductShape,
    library: Arc<GpuMatrixLibrary<D>>,
}

impl<D: GpuDriver> Descriptors<D> {
    pub fn new(library: Arc<GpuMatrixLibrary<D>>, shape: &MatrixProductShape) -> Result<Self, BackendError> {
        let functions = &library.functions;
        let dialect = functions.dialect;
        let calls = &dialect.calls;
        let made = |call: &'static str, destroy, make: &dyn Fn(&mut Pointer) -> Status, what: String| {
            let mut pointer: Pointer = ptr::null_mut();
            match check(functions, call, make(&mut pointer)) {
                Ok(()) => Ok(Descriptor { address: pointer as usize, destroy }),
                Err(error) => Err(library.stream.error(error, what)),
            }
        };
        let f32_type = Dialect::data_type(crate::backend::MatrixElement::F32);
        let element = Dialect::data_type(shape.element);
        let operation = made(
            calls.operation_create,
            functions.operation_destroy,
            // SAFETY: the pointer is writable.
            &|pointer| unsafe { (functions.operation_create)(pointer, dialect.compute_f32, f32_type) },
            shape.to_string(),
        )?;
        let [as_it_is, transposed] = dialect.operations;
        for (attribute, value) in dialect.transpose_attributes.into_iter().zip([transposed, as_it_is]) {
            let bytes = size_of::<c_int>();
            // SAFETY: the descriptor was just made, and the attribute is an int.
            let status = unsafe {
                (functions.operation_set)(operation.pointer(), attribute, ptr::from_ref(&value).cast(), bytes)
            };
            check(functions, calls.operation_set, status)
                .map_err(|error| library.stream.error(error, format!("attribute {attribute} = {value} of {shape}")))?;
        }
        let layout = |name: &str, rows: usize, columns: usize, stride: usize| {
            made(
                calls.layout_create,
                functions.layout_destroy,
                // SAFETY: the pointer is writable. Row-major rows are the library's columns.
                &|pointer| unsafe {
                    (functions.layout_create)(pointer, element, columns as u64, rows as u64, stride as i64)
                },
                format!("{name} of {shape}"),
            )
        };
        let x = layout("x", shape.rows, shape.columns, shape.x_stride)?;
        let weight = layout("W", shape.outputs, shape.columns, shape.weight_stride)?;
        let y = layout("y", shape.rows, shape.outputs, shape.y_stride)?;
        Ok(Self { operation, x, weight, y, shape: *shape, library })
    }

    pub fn library(&self) -> &GpuMatrixLibrary<D> {
        &self.library
    }

    pub fn shape(&self) -> &MatrixProductShape {
        &self.shape
    }

    pub fn operation(&self) -> Pointer {
        self.operation.pointer()
    }

    /// Of x, W and y.
    pub fn layouts(&self) -> [Pointer; 3] {
        [self.x.pointer(), self.weight.pointer(), self.y.pointer()]
    }
}

/// What the heuristic must heed.
pub struct Preference(Descriptor);

impl Preference {
    pub fn new<D: GpuDriver>(descriptors: &Descriptors<D>, workspace_bytes: usize) -> Result<Self, BackendError> {
        let (library, shape) = (descriptors.library(), descriptors.shape());
        let functions = &library.functions;
        let dialect = functions.dialect;
        let failed = |call: &'static str, status: Status, what: String| {
            check(functions, call, status).map_err(|error| library.stream.error(error, what))
        };
        let mut pointer: Pointer = ptr::null_mut();
        // SAFETY: the pointer is writable.
        let status = unsafe { (functions.preference_create)(&mut pointer) };
        failed(dialect.calls.preference_create, status, shape.to_string())?;
        let preference = Self(Descriptor { address: pointer as usize, destroy: functions.preference_destroy });
        let set = |attribute: c_int, value: &[u8]| {
            // SAFETY: the preference was just made, and the value has the bytes that it is said to have.
            let status = unsafe { (functions.preference_set)(pointer, attribute, value.as_ptr().cast(), value.len()) };
            failed(dialect.calls.preference_set, status, format!("attribute {attribute} = {value:?} of {shape}"))
        };
        set(dialect.workspace_preference, &(workspace_bytes as u64).to_ne_bytes())?;
        // The libraries look at low bits only; more than 256 bytes are of no use to them.
        let alignment = u32::try_from(shape.alignment).unwrap_or(256).min(256);
        for attribute in dialect.alignment_preferences {
            set(*attribute, &alignment.to_ne_bytes())?;
        }
        if let Some((attribute, scheme)) = dialect.reduction_preference {
            set(attribute, &scheme.to_ne_bytes())?;
        }
        Ok(preference)
    }

    pub fn pointer(&self) -> Pointer {
        self.0.pointer()
    }
}
