//! Products with weights: the one place that chooses between kernels.

use std::ops::Range;

use crate::matrix::{AddBias, Dequantise, MatrixProduct, MatrixVector, VendorMatrixProduct, beats_library};
use crate::operation::{Operation, ParameterValue, Place};
use crate::tensor::{DType, QuantFormat};

use super::DeviceModelError;
use super::composer::{Composer, Shape, whole};
use super::device_matrix::{DeviceMatrix, MatrixPart};
use super::products::ProductShape;
use super::program::Work;

/// Up to this many rows go through products with a vector, one for each: they read the weights again for each row, and a
/// tile of a matrix product would be mostly empty.
const MOST_VECTORS: usize = 4;

fn vector_operation(format: Option<QuantFormat>) -> &'static dyn Operation {
    match format {
        None => &MatrixVector::NUMBERS,
        Some(QuantFormat::Q8_0) => &MatrixVector::Q8_0,
        Some(QuantFormat::Q4_0) => &MatrixVector::Q4_0,
        Some(QuantFormat::Q4K) => &MatrixVector::Q4_K,
        Some(QuantFormat::Q5K) => &MatrixVector::Q5_K,
        Some(QuantFormat::Q6K) => &MatrixVector::Q6_K,
    }
}

fn widening_operation(format: QuantFormat) -> &'static dyn Operation {
    match format {
        QuantFormat::Q8_0 => &Dequantise::Q8_0,
        QuantFormat::Q4_0 => &Dequantise::Q4_0,
        QuantFormat::Q4K => &Dequantise::Q4_K,
        QuantFormat::Q5K => &Dequantise::Q5_K,
        QuantFormat::Q6K => &Dequantise::Q6_K,
    }
}

/// A product with some rows of a part: where they are in the part, and the columns of the result that they make.
struct Piece<'a> {
    part: &'a MatrixPart,
    /// Byte of the first row in the part's buffer.
    offset: usize,
    rows: usize,
    /// First column of the result.
    column: usize,
}

fn pieces(matrix: &DeviceMatrix, wanted: Range<usize>, dtype: DType) -> Vec<Piece<'_>> {
    let inside = matrix.parts.iter().filter_map(|part| {
        let first = wanted.start.max(part.first_row);
        let end = wanted.end.min(part.first_row + part.rows);
        (first < end).then(|| Piece {
            part,
            offset: (first - part.first_row) * part.row_bytes(matrix.columns, dtype),
            rows: end - first,
            column: first - wanted.start,
        })
    });
    inside.collect()
}

/// Rows to multiply: both places say how far apart their rows lie.
#[derive(Clone, Copy)]
pub struct Operands<'a> {
    pub rows: usize,
    pub x: &'a Place,
    pub y: &'a Place,
}

/// What is added to a product with a vector.
#[derive(Clone, Copy)]
enum Added<'a> {
    Nothing,
    /// A number for each output.
    Bias(&'a Place),
    /// What is in `y`.
    Onto,
}

/// Which kernels make a product.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kernels {
    /// A product with a vector for each row.
    Vectors,
    /// The vendor's matrix product.
    Library,
    /// This crate's.
    Own,
}

impl Composer<'_> {
    /// Numbers go through a product of several rows as soon as there are two: this crate's where it is the faster one, else a
    /// library's. Quantised weights would have to be widened for it. Without either, few rows go one by one: tiles of our own
    /// product would be mostly empty.
    fn kernels(&self, piece: &Piece<'_>, columns: usize, rows: usize) -> Kernels {
        let few = rows <= MOST_VECTORS;
        let own = beats_library(self.bench.device.info(), self.dtype(), rows, columns);
        match (piece.part.format, self.bench.products.has_library()) {
            _ if rows == 1 => Kernels::Vectors,
            (Some(_), _) if few => Kernels::Vectors,
            _ if own => Kernels::Own,
            (_, true) => Kernels::Library,
            (_, false) if few => Kernels::Vectors,
            (_, false) => Kernels::Own,
        }
    }

    /// `y = x W^T (+ bias)` with the rows `outputs` of a matrix; the bias has a number for each of them.
    pub fn project(
        &mut self,
        matrix: &DeviceMatrix,
        outputs: Range<usize>,
        operands: Operands<'_>,
        bias: Option<&Place>,
    ) -> Result<(), DeviceModelError> {
        let Operands { rows, y, .. } = operands;
        for piece in pieces(matrix, outputs, self.dtype()) {
            if self.kernels(&piece, matrix.columns, rows) == Kernels::Vectors {
                self.vectors(&piece, matrix.columns, operands, bias.map_or(Added::Nothing, Added::Bias))?;
                continue;
            }
            self.product(&piece, matrix.columns, operands)?;
            if let Some(bias) = bias {
                let shape = Shape { in_place: true, ..Shape::plain(rows, piece.rows) };
                let places = [y, bias].map(|place| place.skip(piece.column, self.dtype()));
                self.push(&AddBias, &shape, &places)?;
            }
        }
        Ok(())
    }

    /// Adds `x W^T` to the residual stream: now, where products with vectors do, else with the next norm.
    pub fn project_onto_stream(
        &mut self,
        matrix: &DeviceMatrix,
        rows: usize,
        x: &Place,
    ) -> Result<(), DeviceModelError> {
        let (memory, width) = (&self.bench.memory, matrix.rows);
        let pieces = pieces(matrix, 0..width, self.dtype());
        if pieces.iter().any(|piece| self.kernels(piece, matrix.columns, rows) != Kernels::Vectors) {
            let branch = Place::start(&memory.branch).with_row_stride(width);
            self.project(matrix, 0..width, Operands { rows, x, y: &branch }, None)?;
            self.branch_is_pending();
            return Ok(());
        }
        let hidden = Place::start(&memory.hidden).with_row_stride(width);
        let operands = Operands { rows, x, y: &hidden };
        pieces.iter().try_for_each(|piece| self.vectors(piece, matrix.columns, operands, Added::Onto))
    }

    /// A product with a vector for each row.
    fn vectors(
        &mut self,
        piece: &Piece<'_>,
        columns: usize,
        operands: Operands<'_>,
        added: Added<'_>,
    ) -> Result<(), DeviceModelError> {
        let dtype = self.dtype();
        let (bias, onto) = (matches!(added, Added::Bias(_)), matches!(added, Added::Onto));
        let flags = [("bias", ParameterValue::Flag(bias)), ("residual", ParameterValue::Flag(onto))];
        let shape = Shape { parameters: &flags, ..Shape::plain(piece.rows, columns) };
        let row_of = |place: &Place, row, width| place.skip(row * place.row_stride.unwrap_or(width), dtype);
        for row in 0..operands.rows {
            let x = row_of(operands.x, row, columns);
            let y = row_of(operands.y, row, piece.rows).skip(piece.column, dtype);
            let mut places = vec![weight_of(piece), x];
            match added {
                Added::Nothing => {}
                Added::Bias(bias) => places.push(bias.skip(piece.column, dtype)),
                Added::Onto => places.push(y.clone()),
            }
            places.push(y);
            self.push(vector_operation(piece.part.format), &shape, &places)?;
        }
        Ok(())
    }

    /// A matrix product, of weights widened to numbers first where they are quantised.
    fn product(&mut self, piece: &Piece<'_>, columns: usize, operands: Operands<'_>) -> Result<(), DeviceModelError> {
        let mut weight = weight_of(piece);
        if let Some(format) = piece.part.format {
            let widened = Place::start(&self.bench.memory.widened);
            let shape = Shape::plain(piece.rows, columns);
            self.push(widening_operation(format), &shape, &[weight, widened.clone()])?;
            weight = widened;
        }
        let (dtype, rows, kernels) = (self.dtype(), operands.rows, self.kernels(piece, columns, operands.rows));
        let places = [operands.x.clone(), weight, operands.y.skip(piece.column, dtype)];
        let shape = ProductShape { dtype, rows, outputs: piece.rows, columns };
        if kernels == Kernels::Library
            && let Some(product) = self.bench.products.product(shape, places.clone())?
        {
            self.push_work(VendorMatrixProduct.name(), Work::Library(product));
            return Ok(());
        }
        let outputs = [("outputs", whole(piece.rows))];
        let shape = Shape { parameters: &outputs, ..Shape::plain(rows, columns) };
        self.push(&MatrixProduct, &shape, &places)
    }
}

fn weight_of(piece: &Piece<'_>) -> Place {
    Place { offset: piece.offset, ..Place::constant(&piece.part.buffer) }
}
