//! Stands in for a vendor's matrix library: products over a device's memory, computed by the host in f64 and rounded once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hipgauge::backend::{
    BackendError, Device, MatrixElement, MatrixLibrary, MatrixOperand, MatrixProductShape, PreparedProduct,
};
use hipgauge::tensor::DType;

pub struct HostLibrary {
    device: Arc<dyn Device>,
    /// Shapes whose algorithms were timed.
    pub timed: AtomicUsize,
}

impl HostLibrary {
    pub fn new(device: Arc<dyn Device>) -> Self {
        Self { device, timed: AtomicUsize::new(0) }
    }
}

struct HostProduct {
    device: Arc<dyn Device>,
    shape: MatrixProductShape,
}

impl MatrixLibrary for HostLibrary {
    fn name(&self) -> &'static str {
        "stand-in"
    }

    fn version(&self) -> &str {
        "1.0"
    }

    fn place(&self) -> &str {
        "tests"
    }

    fn prepare(&self, shape: &MatrixProductShape) -> Result<Arc<dyn PreparedProduct>, BackendError> {
        shape.check()?;
        Ok(Arc::new(HostProduct { device: self.device.clone(), shape: *shape }))
    }

    fn prepare_timed(
        &self,
        shape: &MatrixProductShape,
        _x: MatrixOperand<'_>,
        _weight: MatrixOperand<'_>,
        y: MatrixOperand<'_>,
    ) -> Result<Arc<dyn PreparedProduct>, BackendError> {
        self.timed.fetch_add(1, Ordering::Relaxed);
        // What the runs of a real library leave there must matter to nobody: NaN.
        let [_, _, y_bytes] = shape.spans();
        self.device.fill(y.buffer, y.offset, y_bytes, 0xFF)?;
        self.prepare(shape)
    }
}

impl HostProduct {
    fn dtype(&self) -> DType {
        match self.shape.element {
            MatrixElement::F32 => DType::F32,
            MatrixElement::F16 => DType::F16,
            MatrixElement::Bf16 => DType::BF16,
        }
    }

    /// Refuses an address that is aligned worse than the shape says, as a library does.
    fn bytes(&self, operand: MatrixOperand<'_>, span: usize) -> Result<Vec<u8>, BackendError> {
        assert!((operand.buffer.address() + operand.offset as u64).is_multiple_of(self.shape.alignment as u64));
        let mut bytes = vec![0; span];
        self.device.download(operand.buffer, operand.offset, &mut bytes)?;
        Ok(bytes)
    }
}

impl PreparedProduct for HostProduct {
    fn shape(&self) -> &MatrixProductShape {
        &self.shape
    }

    fn algorithm_rank(&self) -> usize {
        0
    }

    fn enqueue(
        &self,
        x: MatrixOperand<'_>,
        weight: MatrixOperand<'_>,
        y: MatrixOperand<'_>,
    ) -> Result<(), BackendError> {
        let (shape, dtype) = (&self.shape, self.dtype());
        let [x_span, weight_span, y_span] = shape.spans();
        let (xs, weights) = (self.bytes(x, x_span)?, self.bytes(weight, weight_span)?);
        let mut result = self.bytes(y, y_span)?;
        let at = |bytes: &[u8], index: usize| dtype.decode(&bytes[index * dtype.size()..(index + 1) * dtype.size()]);
        for row in 0..shape.rows {
            for output in 0..shape.outputs {
                let place = row * shape.y_stride + output;
                let products = (0..shape.columns).map(|column| {
                    at(&xs, row * shape.x_stride + column) * at(&weights, output * shape.weight_stride + column)
                });
                dtype.encode(products.sum::<f64>(), &mut result[place * dtype.size()..(place + 1) * dtype.size()]);
            }
        }
        self.device.upload(y.buffer, y.offset, &result)
    }
}
