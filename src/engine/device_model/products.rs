//! Matrix products of the device's vendor, where there is a library of it: prepared once for each shape.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::backend::{
    BackendError, Device, MatrixElement, MatrixLibrary, MatrixOperand, MatrixProductShape, PreparedProduct,
};
use crate::operation::Place;
use crate::tensor::DType;

use super::settings::ProductChoice;

/// Every allocation begins at a multiple of this many bytes.
const BUFFER_ALIGNMENT: usize = 256;

/// What multiplies matrices: the vendor's library, or this crate's kernels where there is none.
pub struct Products {
    choice: ProductChoice,
    library: Option<Arc<dyn MatrixLibrary>>,
    prepared: Mutex<HashMap<MatrixProductShape, Arc<dyn PreparedProduct>>>,
}

/// One product over fixed memory.
pub struct LibraryProduct {
    product: Arc<dyn PreparedProduct>,
    x: Place,
    weight: Place,
    y: Place,
}

/// The shape of a product, but for what follows from where the matrices lie.
#[derive(Clone, Copy, Debug)]
pub struct ProductShape {
    pub dtype: DType,
    pub rows: usize,
    pub outputs: usize,
    pub columns: usize,
}

impl Products {
    /// A library that is there but broken is an error, not a reason to go on without it.
    pub fn of(device: &dyn Device, choice: ProductChoice) -> Result<Self, BackendError> {
        let library = match device.matrix_library() {
            Ok(library) => Some(library),
            Err(BackendError::NoMatrixLibrary { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Self { choice, library, prepared: Mutex::default() })
    }

    /// Name and version, how algorithms are chosen, and up to how many rows products are this crate's all the same; `own` without
    /// a library.
    pub fn describe(&self, own_rows: Option<usize>) -> String {
        let Some(library) = &self.library else { return "own".to_string() };
        let choice = match self.choice {
            ProductChoice::Ranked => "",
            ProductChoice::Timed => " (warmed shapes: algorithms by time)",
        };
        let own = own_rows.map(|rows| format!("; own up to {rows} rows")).unwrap_or_default();
        format!("{} {}{choice}{own}", library.name(), library.version())
    }

    pub fn has_library(&self) -> bool {
        self.library.is_some()
    }

    /// The library's product of `x` and `weight`, whose rows follow each other; `None` without a library. Timing algorithms
    /// of a shape that was not met before writes `y`.
    pub fn product(
        &self,
        shape: ProductShape,
        [x, weight, y]: [Place; 3],
    ) -> Result<Option<LibraryProduct>, BackendError> {
        let Some(library) = &self.library else { return Ok(None) };
        let ProductShape { dtype, rows, outputs, columns } = shape;
        let element = match dtype {
            DType::F32 | DType::U32 => MatrixElement::F32,
            DType::F16 => MatrixElement::F16,
            DType::BF16 => MatrixElement::Bf16,
        };
        // Of the three first elements; zero for an offset of 0, which is as aligned as the buffer.
        let offsets = x.offset | weight.offset | y.offset | BUFFER_ALIGNMENT;
        let shape = MatrixProductShape {
            x_stride: x.row_stride.unwrap_or(columns),
            y_stride: y.row_stride.unwrap_or(outputs),
            alignment: 1 << offsets.trailing_zeros(),
            ..MatrixProductShape::contiguous(element, rows, outputs, columns)
        };
        let mut prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let product = match prepared.get(&shape) {
            Some(product) => product.clone(),
            None => {
                let [x, weight, y] = [&x, &weight, &y].map(operand);
                let product = match self.choice {
                    ProductChoice::Ranked => library.prepare(&shape)?,
                    ProductChoice::Timed => library.prepare_timed(&shape, x, weight, y)?,
                };
                prepared.insert(shape, product.clone());
                product
            }
        };
        Ok(Some(LibraryProduct { product, x, weight, y }))
    }
}

fn operand(place: &Place) -> MatrixOperand<'_> {
    MatrixOperand { buffer: &place.buffer, offset: place.offset }
}

impl LibraryProduct {
    pub fn enqueue(&self) -> Result<(), BackendError> {
        let [x, weight, y] = [&self.x, &self.weight, &self.y].map(operand);
        self.product.enqueue(x, weight, y)
    }
}
