//! Bindings of one problem that share some of their memory, and copies between them.

use crate::backend::{BackendError, Buffer};

use super::bound_problem::cleared;
use super::{BoundProblem, TensorRole, TensorSpec};

/// Bytes of device memory that a bound problem's tensors take, padding included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    pub inputs: u64,
    /// Outputs with memory of their own.
    pub outputs: u64,
    /// All outputs, those that lie over inputs too.
    pub written: u64,
    /// Counters included.
    pub workspace: u64,
}

impl Footprint {
    /// Everything that one copy of the buffers takes.
    pub fn total(&self) -> u64 {
        self.inputs + self.outputs + self.workspace
    }
}

impl BoundProblem {
    /// Device bytes held by tensors and workspace.
    pub fn footprint(&self) -> Footprint {
        let bytes = |wanted: &dyn Fn(TensorRole) -> bool| {
            let slots = self.specs.iter().zip(&self.buffers).filter(|(spec, _)| wanted(spec.role));
            slots.map(|(_, buffer)| buffer.bytes() as u64).sum()
        };
        Footprint {
            inputs: bytes(&|role| role == TensorRole::Input),
            outputs: bytes(&|role| role == TensorRole::Output),
            written: bytes(&|role| role != TensorRole::Input),
            workspace: self.workspace.iter().chain(&self.counters).map(|scratch| scratch.bytes() as u64).sum(),
        }
    }

    /// The same launches on the same inputs, writing to the outputs and the workspace of `other`, a binding of the
    /// same problem without outputs in place.
    pub fn with_outputs_of(&self, other: &Self) -> Self {
        let slots = self.specs.iter().zip(self.buffers.iter().zip(&other.buffers));
        let buffers = slots.map(|(spec, (mine, theirs))| if spec.is_output() { theirs } else { mine }).cloned();
        self.over(buffers.collect(), other.workspace.clone())
    }

    /// A place to keep inputs: memory of its own for them, the rest shared.
    pub fn with_own_inputs(&self) -> Result<Self, BackendError> {
        self.with_own(|spec| spec.role == TensorRole::Input)
    }

    /// A place to keep outputs: memory of its own for each of them, also where they lie over inputs here.
    pub fn with_own_outputs(&self) -> Result<Self, BackendError> {
        self.with_own(TensorSpec::is_output)
    }

    fn with_own(&self, own: impl Fn(&TensorSpec) -> bool) -> Result<Self, BackendError> {
        let slots = self.specs.iter().zip(&self.buffers);
        let buffers = slots.map(|(spec, buffer)| match own(spec) {
            true => self.device.allocate(buffer.bytes(), &format!("{}.kept", buffer.label())),
            false => Ok(buffer.clone()),
        });
        Ok(self.over(buffers.collect::<Result<_, _>>()?, self.workspace.clone()))
    }

    /// The same launches over memory of their own throughout; its contents are undefined. Kernels are loaded again: after
    /// `Device::forget_modules` their code lies elsewhere too.
    pub fn renewed(&self) -> Result<Self, BackendError> {
        let mut buffers: Vec<Buffer> = Vec::with_capacity(self.buffers.len());
        for (spec, buffer) in self.specs.iter().zip(&self.buffers) {
            buffers.push(match spec.role {
                TensorRole::InPlace { input } => buffers[input].clone(),
                TensorRole::Input | TensorRole::Output => self.device.allocate(buffer.bytes(), buffer.label())?,
            });
        }
        let workspace = self.workspace.as_ref();
        let workspace = workspace.map(|own| self.device.allocate(own.bytes(), own.label())).transpose()?;
        let counters = self.counters.as_ref();
        let counters = counters.map(|own| cleared(&*self.device, own.bytes(), own.label())).transpose()?;
        let steps = self.steps.iter().map(|step| step.loaded_again(&*self.device));
        let steps = steps.collect::<Result<_, _>>()?;
        Ok(Self { steps, counters, ..self.over(buffers, workspace) })
    }

    /// The same launches over the same memory.
    pub fn shared(&self) -> Self {
        self.over(self.buffers.clone(), self.workspace.clone())
    }

    fn over(&self, buffers: Vec<Buffer>, workspace: Option<Buffer>) -> Self {
        let (device, specs, steps) = (self.device.clone(), self.specs.clone(), self.steps.clone());
        Self { device, specs, buffers, workspace, counters: self.counters.clone(), steps }
    }

    /// Copies the inputs, as they are on the device, from another binding of the same problem, on the stream.
    pub fn copy_inputs_from(&self, other: &Self) -> Result<(), BackendError> {
        self.copy_from(other, |spec| spec.role == TensorRole::Input)
    }

    /// Copies the outputs likewise.
    pub fn copy_outputs_from(&self, other: &Self) -> Result<(), BackendError> {
        self.copy_from(other, TensorSpec::is_output)
    }

    fn copy_from(&self, other: &Self, wanted: impl Fn(&TensorSpec) -> bool) -> Result<(), BackendError> {
        let slots = self.specs.iter().zip(self.buffers.iter().zip(&other.buffers));
        for (_, (mine, theirs)) in slots.filter(|(spec, _)| wanted(spec)) {
            self.device.copy(mine, 0, theirs, 0, mine.bytes())?;
        }
        Ok(())
    }

    /// The output tensors, in slot order, with their memory.
    pub fn outputs(&self) -> impl Iterator<Item = (&TensorSpec, &Buffer)> {
        self.specs.iter().zip(&self.buffers).filter(|(spec, _)| spec.is_output())
    }

    /// Whether a launch overwrites its own inputs.
    pub fn in_place(&self) -> bool {
        self.specs.iter().any(|spec| matches!(spec.role, TensorRole::InPlace { .. }))
    }
}
