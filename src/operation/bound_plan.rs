//! A problem bound to memory that somebody else owns: how an engine strings operations together.

use std::fmt;
use std::sync::Arc;

use crate::backend::{BackendError, Buffer, Device, MatrixProductShape};
use crate::tensor::DType;

use super::bound_memory::{self, Memory};
use super::bound_step::{BoundLaunch, BoundStep};
use super::{BindError, LaunchPlan, Operation, PlanStep, PlannedProduct, Problem, TensorRole, TensorSpec};

/// What allocations are aligned to, in bytes.
const BUFFER_ALIGNMENT: usize = 256;

/// Where a tensor lies: a byte of a buffer, and rows some elements apart.
#[derive(Clone, Debug)]
pub struct Place {
    pub buffer: Buffer,
    /// Of the first element, in bytes.
    pub offset: usize,
    /// In elements; `None` for that of the problem's layout.
    pub row_stride: Option<usize>,
    /// What kernels may read of the buffer before they have waited for those ahead of them.
    pub ahead: Ahead,
}

/// How much of a buffer may be read ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    Nothing,
    /// What nothing enqueued has written since everything before was done: the owner sees to it that a kernel which reads ahead
    /// finds there what it wants.
    Settled,
    /// All: nothing that is enqueued writes it, as long as plans over it run.
    Everything,
}

impl Place {
    /// The beginning of a buffer.
    pub fn start(buffer: &Buffer) -> Self {
        Self { buffer: buffer.clone(), offset: 0, row_stride: None, ahead: Ahead::Nothing }
    }

    /// The beginning of a buffer that nothing enqueued writes, such as weights.
    pub fn constant(buffer: &Buffer) -> Self {
        Self { ahead: Ahead::Everything, ..Self::start(buffer) }
    }

    /// The beginning of a buffer that kernels write in turn, and read ahead where it is settled.
    pub fn settled(buffer: &Buffer) -> Self {
        Self { ahead: Ahead::Settled, ..Self::start(buffer) }
    }

    /// `elements` of a type further on.
    pub fn skip(&self, elements: usize, dtype: DType) -> Self {
        Self { offset: self.offset + elements * dtype.size(), ..self.clone() }
    }

    /// With rows that far apart.
    pub fn with_row_stride(self, elements: usize) -> Self {
        Self { row_stride: Some(elements), ..self }
    }
}

/// What plans that run one after the other share: memory for whatever they like, and words that each finds at zero and leaves
/// at zero.
#[derive(Clone, Debug)]
pub struct Scratch {
    pub workspace: Buffer,
    pub counters: Buffer,
}

/// Kernels of one problem, loaded, over borrowed memory. Clones share the kernels.
#[derive(Clone)]
pub struct BoundPlan {
    device: Arc<dyn Device>,
    steps: Arc<[BoundStep]>,
    /// One per tensor.
    places: Vec<Place>,
    strides: Vec<usize>,
    scratch: Scratch,
}

impl Scratch {
    fn has_room_for(&self, plan: &LaunchPlan) -> bool {
        plan.workspace_bytes <= self.workspace.bytes() && plan.counters * DType::U32.size() <= self.counters.bytes()
    }
}

impl fmt::Display for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a workspace of {} bytes and {} bytes of counters", self.workspace.bytes(), self.counters.bytes())
    }
}

impl BoundPlan {
    /// Checks the contract, plans and loads; launches and allocates nothing. `places` are those of inputs and outputs in
    /// slot order, without the outputs that lie over inputs. Fails if a tensor would not lie inside its buffer, or
    /// `scratch` is too small for the plan.
    pub fn new(
        device: &Arc<dyn Device>,
        operation: &dyn Operation,
        problem: &Problem,
        places: &[Place],
        scratch: &Scratch,
    ) -> Result<Self, BindError> {
        operation.check(problem)?;
        let plan = operation.plan(device.info(), problem)?;
        let specs = operation.tensors(problem);
        let places = assign(operation.name(), &specs, places)?;
        let strides = specs.iter().zip(&places).map(|(spec, place)| place.row_stride.unwrap_or(spec.row_stride));
        let strides: Vec<_> = strides.collect();
        for ((spec, place), stride) in specs.iter().zip(&places).zip(&strides) {
            check_room(operation.name(), spec, place, *stride)?;
        }
        if !scratch.has_room_for(&plan) {
            let LaunchPlan { workspace_bytes, counters, .. } = plan;
            let problem = format!("{scratch}, where the plan needs {workspace_bytes} bytes and {counters} counters");
            return Err(misplaced(operation.name(), problem));
        }
        let steps = plan.steps.into_iter().map(|step| match step {
            PlanStep::Product(product) => {
                BoundStep::new(&**device, PlanStep::Product(placed(product, &places, &strides)), &plan.overlapping)
            }
            launch => BoundStep::new(&**device, launch, &plan.overlapping),
        });
        let steps = steps.collect::<Result<_, _>>()?;
        Ok(Self { device: device.clone(), steps, places, strides, scratch: scratch.clone() })
    }

    /// Enqueues the plan's steps once. Kernels that wait by themselves may begin while those before them still run.
    pub fn enqueue(&self) -> Result<(), BackendError> {
        bound_memory::enqueue(&*self.device, &self.steps, self, true)
    }

    /// The same kernels over the same memory, with the scalars of a problem that differs in nothing that chooses kernels
    /// or places tensors, such as a sampler's step. Loads nothing.
    pub fn with_scalars_of(&self, operation: &dyn Operation, problem: &Problem) -> Result<Self, BindError> {
        operation.check(problem)?;
        let plan = operation.plan(self.device.info(), problem)?;
        let different = || misplaced(operation.name(), "scalars of a problem with other kernels".to_string());
        if plan.steps.len() != self.steps.len() || !self.scratch.has_room_for(&plan) {
            return Err(different());
        }
        let steps = plan.steps.into_iter().zip(&*self.steps).map(|(planned, bound)| match (planned, bound) {
            (PlanStep::Launch(planned), BoundStep::Launch(bound))
                if planned.kernel == bound.kernel.id && planned.dimensions == bound.dimensions =>
            {
                let (kernel, arguments) = (bound.kernel.clone(), planned.arguments);
                let (dimensions, overlapping) = (bound.dimensions, bound.overlapping.clone());
                Ok(BoundStep::Launch(BoundLaunch { kernel, dimensions, arguments, overlapping }))
            }
            _ => Err(different()),
        });
        Ok(Self { steps: steps.collect::<Result<_, _>>()?, ..self.clone() })
    }
}

/// A library's product with the strides of its places, and no more alignment than their addresses have.
fn placed(product: PlannedProduct, places: &[Place], strides: &[usize]) -> PlannedProduct {
    let slots = [product.x, product.weight, product.y];
    let offsets = slots.iter().fold(BUFFER_ALIGNMENT, |offsets, slot| offsets | places[*slot].offset);
    let [x_stride, weight_stride, y_stride] = slots.map(|slot| strides[slot]);
    let alignment = 1 << offsets.trailing_zeros();
    let shape = MatrixProductShape { x_stride, weight_stride, y_stride, alignment, ..product.shape };
    PlannedProduct { shape, ..product }
}

impl Memory for BoundPlan {
    fn tensor(&self, slot: usize) -> (&Buffer, usize) {
        (&self.places[slot].buffer, self.places[slot].offset)
    }

    fn row_stride(&self, slot: usize) -> usize {
        self.strides[slot]
    }

    fn workspace(&self) -> Option<&Buffer> {
        Some(&self.scratch.workspace)
    }

    fn counters(&self) -> Option<&Buffer> {
        Some(&self.scratch.counters)
    }

    fn ahead(&self, slot: usize) -> Ahead {
        self.places[slot].ahead
    }
}

fn misplaced(operation: &'static str, problem: String) -> BindError {
    let problem = format!("{operation}: {problem}");
    BackendError::InvalidUse { call: "BoundPlan", problem }.into()
}

/// A place for every slot.
fn assign(operation: &'static str, specs: &[TensorSpec], given: &[Place]) -> Result<Vec<Place>, BindError> {
    let mut left = given.iter();
    let mut places: Vec<Place> = Vec::with_capacity(specs.len());
    for spec in specs {
        let place = match spec.role {
            TensorRole::InPlace { input } => Some(places[input].clone()),
            TensorRole::Input | TensorRole::Output => left.next().cloned(),
        };
        places.push(place.ok_or_else(|| misplaced(operation, format!("no place for {}", spec.name)))?);
    }
    match left.len() {
        0 => Ok(places),
        more => Err(misplaced(operation, format!("{more} places more than tensors"))),
    }
}

/// Refuses a tensor that would not lie inside its buffer.
fn check_room(operation: &'static str, spec: &TensorSpec, place: &Place, stride: usize) -> Result<(), BindError> {
    let bytes = TensorSpec { row_stride: stride, ..spec.clone() }.span_bytes();
    let there = place.buffer.bytes();
    let aligned = place.offset.is_multiple_of(spec.dtype.size());
    if stride < spec.columns || !aligned || place.offset.checked_add(bytes).is_none_or(|end| end > there) {
        let problem = format!(
            "{} [{}, {}] {} in rows of {stride} at byte {} of {} ({there} bytes)",
            spec.name,
            spec.rows,
            spec.columns,
            spec.dtype,
            place.offset,
            place.buffer.label()
        );
        return Err(misplaced(operation, problem));
    }
    Ok(())
}
