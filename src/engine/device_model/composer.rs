//! Strings operations together over a model's memory.

use std::sync::Arc;

use crate::backend::Device;
use crate::engine::model_file::ModelConfig;
use crate::matrix::beats_library;
use crate::mlp::{FusedGateUp, GateUpSwiGlu, RmsNorm, SwiGlu};
use crate::operation::{BoundPlan, Layout, Operation, ParameterValue, Parameters, Place, Problem};
use crate::tensor::DType;

use super::DeviceModelError;
use super::device_memory::DeviceMemory;
use super::device_weights::{DeviceLayer, DeviceWeights};
use super::products::Products;
use super::program::{Step, Work};
use super::projection::Operands;

/// Everything that operations are bound to.
pub struct Bench {
    pub device: Arc<dyn Device>,
    pub config: ModelConfig,
    pub weights: DeviceWeights,
    pub products: Products,
    pub memory: DeviceMemory,
}

/// A problem's rows, columns and parameters.
pub struct Shape<'a> {
    pub rows: usize,
    pub columns: usize,
    pub parameters: &'a [(&'static str, ParameterValue)],
    pub in_place: bool,
}

impl Shape<'_> {
    pub const fn plain(rows: usize, columns: usize) -> Self {
        Self { rows, columns, parameters: &[], in_place: false }
    }

    /// The problem of an operation; fails on parameters that it does not take.
    pub fn problem(&self, operation: &dyn Operation, dtype: DType) -> Result<Problem, DeviceModelError> {
        let given: Vec<_> = self.parameters.iter().map(|(name, value)| (name.to_string(), *value)).collect();
        let parameters = Parameters::new(operation.name(), operation.parameters(), &given)?;
        let layout = Layout { in_place: self.in_place, ..Layout::default() };
        Ok(Problem { dtype, rows: self.rows, columns: self.columns, parameters, layout })
    }
}

/// A whole number as a parameter.
pub fn whole(value: usize) -> ParameterValue {
    ParameterValue::Integer(value as i64)
}

/// Collects the operations of a program.
pub struct Composer<'a> {
    pub bench: &'a Bench,
    pub steps: Vec<Step>,
    /// That the operations belong to.
    pub layer: Option<usize>,
    /// Whether `branch` has still to be added to `hidden`; the next norm does it on its way.
    pending: bool,
}

impl<'a> Composer<'a> {
    pub fn new(bench: &'a Bench) -> Self {
        Self { bench, steps: Vec::new(), layer: None, pending: false }
    }

    pub fn dtype(&self) -> DType {
        self.bench.memory.sizes.dtype
    }

    /// Appends an operation over places in slot order.
    pub fn push(
        &mut self,
        operation: &dyn Operation,
        shape: &Shape<'_>,
        places: &[Place],
    ) -> Result<(), DeviceModelError> {
        let (bench, layer) = (self.bench, self.layer);
        let problem = shape.problem(operation, self.dtype())?;
        let work = BoundPlan::new(&bench.device, operation, &problem, places, &bench.memory.scratch)?;
        self.steps.push(Step { layer, operation: operation.name(), work: Work::Kernels(work) });
        Ok(())
    }

    /// Appends work that is no operation's plan.
    pub fn push_work(&mut self, operation: &'static str, work: Work) {
        self.steps.push(Step { layer: self.layer, operation, work });
    }

    /// Says that `branch` is to be added to `hidden`.
    pub fn branch_is_pending(&mut self) {
        self.pending = true;
    }

    /// What is in `branch` is not wanted any more.
    pub fn forget_pending(&mut self) {
        self.pending = false;
    }

    /// Normalises rows of the stream that lie `stride` elements apart, from `first` of them on, and gives where the result
    /// is. What waits in `branch` is added to the stream on the way.
    pub fn norm(
        &mut self,
        weight: &Place,
        rows: usize,
        first: usize,
        stride: usize,
    ) -> Result<Place, DeviceModelError> {
        let (memory, columns, dtype) = (&self.bench.memory, self.bench.config.hidden, self.dtype());
        let at = |buffer| Place::start(buffer).skip(first * columns, dtype).with_row_stride(stride);
        let (hidden, branch) = (at(&memory.hidden), at(&memory.branch));
        let epsilon = [self.epsilon()];
        let shape = Shape { rows, columns, parameters: &epsilon, in_place: self.pending };
        let weight = weight.clone();
        match self.pending {
            true => self.push(&RmsNorm::WITH_RESIDUAL, &shape, &[branch.clone(), hidden, weight])?,
            false => self.push(&RmsNorm::PLAIN, &shape, &[hidden, weight, branch.clone()])?,
        }
        self.pending = false;
        Ok(branch)
    }

    /// Whether the stream's one row is whole in `hidden` and meets numbers: what the fused kernels of one token take.
    pub fn is_one_token(&self, rows: usize) -> bool {
        rows == 1 && !self.pending
    }

    /// Whether products of so many rows of the stream go by tiles, of which one kernel makes gate, up and activation.
    fn goes_by_tiles(&self, rows: usize) -> bool {
        rows > 1 && beats_library(self.bench.device.info(), self.dtype(), rows, self.bench.config.hidden)
    }

    /// The norm's epsilon as a parameter.
    pub fn epsilon(&self) -> (&'static str, ParameterValue) {
        ("eps", ParameterValue::Float(f64::from(self.bench.config.norm_epsilon)))
    }

    /// The MLP of `rows` rows of the stream: norm, gate and up, SwiGLU, down, onto the stream.
    pub fn mlp_swiglu(&mut self, layer: &DeviceLayer, rows: usize) -> Result<(), DeviceModelError> {
        let (memory, config) = (&self.bench.memory, &self.bench.config);
        let (wide, norm) = (config.intermediate, Place::constant(&layer.mlp_norm));
        let activated = Place::start(&memory.activated).with_row_stride(wide);
        let numbers = layer.gate_up.numbers();
        if let Some(weights) = numbers.filter(|_| self.is_one_token(rows)) {
            let epsilon = [self.epsilon()];
            let shape = Shape { parameters: &epsilon, ..Shape::plain(wide, config.hidden) };
            let hidden = Place::start(&memory.hidden);
            self.push(&FusedGateUp, &shape, &[hidden, norm, Place::constant(weights), activated.clone()])?;
            return self.project_onto_stream(&layer.down, rows, &activated);
        }
        let normed = self.norm(&norm, rows, 0, config.hidden)?;
        if let Some(weights) = numbers.filter(|_| self.goes_by_tiles(rows)) {
            let outputs = [("outputs", whole(wide))];
            let shape = Shape { parameters: &outputs, ..Shape::plain(rows, config.hidden) };
            self.push(&GateUpSwiGlu, &shape, &[normed, Place::constant(weights), activated.clone()])?;
        } else {
            let gate_up = Place::start(&memory.gate_up).with_row_stride(2 * wide);
            self.project(&layer.gate_up, 0..2 * wide, Operands { rows, x: &normed, y: &gate_up }, None)?;
            self.push(&SwiGlu::PACKED, &Shape::plain(rows, wide), &[gate_up, activated.clone()])?;
        }
        self.project_onto_stream(&layer.down, rows, &activated)
    }
}
