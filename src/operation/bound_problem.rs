//! A problem bound to one device: buffers allocated, kernels loaded, ready to launch any number of times.

use std::sync::Arc;

use crate::backend::{BackendError, Buffer, Device, Kernel, KernelAttributes};
use crate::tensor::{DType, HostTensor};

use super::bound_memory::{self, Memory};
use super::bound_step::{BoundLaunch, BoundStep};
use super::{ContractError, LaunchPlan, Operation, Problem, TensorRole, TensorSpec};

/// Every byte of an output before a launch: a NaN in each float type, 4,294,967,295 in u32.
const POISON: u8 = 0xFF;

/// Padding of more bytes than this between rows is not copied along with them.
const WIDE_PADDING: usize = 1 << 20;

/// Padding is read back in pieces of at most this many bytes.
const LARGEST_PIECE: usize = 64 << 20;

/// A problem that could not be bound to a device.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(transparent)]
    Backend(#[from] BackendError),
}

impl BindError {
    /// Of an operation that needs a matrix library on a device that has none: the device cannot run it, which is nobody's
    /// failure.
    pub(super) fn of_operation(self, operation: &'static str) -> Self {
        match self {
            Self::Backend(BackendError::NoMatrixLibrary { device, reason }) => {
                let rule = format!("it needs a matrix library, and there is none: {reason}");
                Self::Contract(ContractError::Device { operation, device, rule })
            }
            other => other,
        }
    }
}

/// Buffers and kernels of one problem on one device.
pub struct BoundProblem {
    pub(super) device: Arc<dyn Device>,
    pub(super) specs: Vec<TensorSpec>,
    /// One per spec; an in-place output shares its input's buffer.
    pub(super) buffers: Vec<Buffer>,
    pub(super) workspace: Option<Buffer>,
    /// Shared by everything that is made of this binding: one stream runs it all.
    pub(super) counters: Option<Buffer>,
    pub(super) steps: Arc<[BoundStep]>,
}

impl BoundProblem {
    /// Checks the contract, plans, allocates and loads; launches nothing.
    pub fn new(device: &Arc<dyn Device>, operation: &dyn Operation, problem: &Problem) -> Result<Self, BindError> {
        operation.check(problem)?;
        let plan = operation.plan(device.info(), problem)?;
        let specs = operation.tensors(problem);
        Self::from_plan(device, operation.name(), specs, plan).map_err(|error| error.of_operation(operation.name()))
    }

    /// Binds a plan over the given tensors; `owner` prefixes the buffers' labels.
    pub fn from_plan(
        device: &Arc<dyn Device>,
        owner: &str,
        specs: Vec<TensorSpec>,
        plan: LaunchPlan,
    ) -> Result<Self, BindError> {
        let mut buffers: Vec<Buffer> = Vec::with_capacity(specs.len());
        for spec in &specs {
            let buffer = match spec.role {
                TensorRole::InPlace { input } => buffers[input].clone(),
                TensorRole::Input | TensorRole::Output => {
                    let bytes = spec.base_offset * spec.dtype.size() + spec.span_bytes();
                    device.allocate(bytes, &format!("{owner}.{}", spec.name))?
                }
            };
            buffers.push(buffer);
        }
        let workspace = match plan.workspace_bytes {
            0 => None,
            bytes => Some(device.allocate(bytes, &format!("{owner}.workspace"))?),
        };
        let counters = match plan.counters {
            0 => None,
            words => Some(cleared(&**device, words * DType::U32.size(), &format!("{owner}.counters"))?),
        };
        let steps = plan.steps.into_iter().map(|step| BoundStep::new(&**device, step, &plan.overlapping));
        let steps = steps.collect::<Result<_, BackendError>>()?;
        Ok(Self { device: device.clone(), specs, buffers, workspace, counters, steps })
    }

    pub fn device(&self) -> &Arc<dyn Device> {
        &self.device
    }

    pub fn specs(&self) -> &[TensorSpec] {
        &self.specs
    }

    /// The loaded kernels in launch order.
    pub fn kernels(&self) -> impl Iterator<Item = &Kernel> {
        self.steps.iter().filter_map(BoundStep::launch).map(|launch| &launch.kernel)
    }

    /// Kernel launches of one `enqueue`; a library's product counts as two, which is the most that it may take.
    pub fn launches(&self) -> usize {
        self.steps.iter().map(BoundStep::launches).sum()
    }

    /// What the plan's kernels need together, each launched as planned. `None` for a plan without launches, for one with a
    /// product by a library, which does not tell, and on a device whose kernels have no such attributes.
    pub fn attributes(&self) -> Result<Option<KernelAttributes>, BackendError> {
        let mut seen: Vec<&BoundLaunch> = Vec::new();
        let mut all: Option<KernelAttributes> = None;
        for step in self.steps.iter() {
            let Some(launch) = step.launch() else { return Ok(None) };
            let mut attributes = match self.device.attributes(&launch.kernel, launch.dimensions)? {
                Some(attributes) => attributes,
                None => return Ok(None),
            };
            if seen.iter().any(|earlier| earlier.kernel.id == launch.kernel.id) {
                // Its code is there once, however often it runs.
                attributes.code_bytes = attributes.code_bytes.map(|_| 0);
            }
            seen.push(launch);
            all = Some(all.map_or(attributes, |all| all.combined(attributes)));
        }
        Ok(all)
    }

    /// Copies the inputs, in slot order, to the device. Padding is poisoned, so that a kernel that reads it
    /// computes NaN.
    pub fn upload(&self, inputs: &[HostTensor]) -> Result<(), BackendError> {
        let slots = self.specs.iter().zip(&self.buffers).filter(|(spec, _)| spec.role == TensorRole::Input);
        for ((spec, buffer), tensor) in slots.zip(inputs) {
            self.upload_tensor(spec, buffer, tensor)?;
        }
        Ok(())
    }

    fn upload_tensor(&self, spec: &TensorSpec, buffer: &Buffer, tensor: &HostTensor) -> Result<(), BackendError> {
        let size = spec.dtype.size();
        let row_bytes = spec.columns * size;
        let stride_bytes = spec.row_stride * size;
        let base = spec.base_offset * size;
        self.device.fill(buffer, 0, buffer.bytes(), POISON)?;
        if spec.rows == 0 || spec.columns == 0 {
            return Ok(());
        }
        if has_wide_padding(spec) {
            // The padding is poisoned already, and may be larger than host memory.
            for row in 0..spec.rows {
                self.device.upload(buffer, base + row * stride_bytes, tensor.row_bytes(row))?;
            }
            return Ok(());
        }
        let period = tensor.distinct_rows();
        let mut block = vec![POISON; period * stride_bytes];
        for row in 0..period {
            block[row * stride_bytes..row * stride_bytes + row_bytes].copy_from_slice(tensor.row_bytes(row));
        }
        let end = base + spec.span_bytes();
        let mut offset = base;
        while offset < end {
            let bytes = block.len().min(end - offset);
            self.device.upload(buffer, offset, &block[..bytes])?;
            offset += bytes;
        }
        Ok(())
    }

    /// Fills every output that has memory of its own with NaN bytes, and the workspace with `workspace_byte`
    /// (a dirty workspace must not change a result).
    pub fn poison(&self, workspace_byte: u8) -> Result<(), BackendError> {
        for (spec, buffer) in self.specs.iter().zip(&self.buffers) {
            if spec.role == TensorRole::Output {
                self.device.fill(buffer, 0, buffer.bytes(), POISON)?;
            }
        }
        if let Some(workspace) = &self.workspace {
            self.device.fill(workspace, 0, workspace.bytes(), workspace_byte)?;
        }
        Ok(())
    }

    /// Enqueues the plan's steps once.
    pub fn enqueue(&self) -> Result<(), BackendError> {
        bound_memory::enqueue(&*self.device, &self.steps, self, false)
    }

    /// Looks for inputs that a launch changed, those of in-place outputs left out. One sentence each.
    pub fn changed_inputs(&self, inputs: &[HostTensor]) -> Result<Vec<String>, BackendError> {
        let aliased = |slot| self.specs.iter().any(|spec| spec.role == TensorRole::InPlace { input: slot });
        let slots = self.specs.iter().zip(&self.buffers).enumerate();
        let kept = slots.filter(|(_, (spec, _))| spec.role == TensorRole::Input).zip(inputs);
        let mut sentences = Vec::new();
        for ((_, (spec, buffer)), input) in kept.filter(|((slot, _), _)| !aliased(*slot)) {
            let now = self.download_tensor(spec, buffer)?;
            if let Some(row) = (0..spec.rows).find(|&row| now.row_bytes(row) != input.row_bytes(row)) {
                sentences.push(format!("input {} was changed by the launch, first in row {row}", buffer.label()));
            }
        }
        Ok(sentences)
    }

    /// Waits, then reads the outputs, in slot order, without padding; every row is stored.
    pub fn download(&self) -> Result<Vec<HostTensor>, BackendError> {
        self.outputs().map(|(spec, buffer)| self.download_tensor(spec, buffer)).collect()
    }

    fn download_tensor(&self, spec: &TensorSpec, buffer: &Buffer) -> Result<HostTensor, BackendError> {
        let mut tensor = HostTensor::zeros(spec.dtype, spec.rows, spec.columns);
        let size = spec.dtype.size();
        let base = spec.base_offset * size;
        if spec.row_stride == spec.columns {
            self.device.download(buffer, base, tensor.bytes_mut())?;
            return Ok(tensor);
        }
        let stride_bytes = spec.row_stride * size;
        if has_wide_padding(spec) {
            for row in 0..spec.rows {
                self.device.download(buffer, base + row * stride_bytes, tensor.row_bytes_mut(row))?;
            }
            return Ok(tensor);
        }
        let mut span = vec![0u8; spec.span_bytes()];
        self.device.download(buffer, base, &mut span)?;
        for row in 0..spec.rows {
            let start = row * stride_bytes;
            tensor.row_bytes_mut(row).copy_from_slice(&span[start..start + spec.columns * size]);
        }
        Ok(tensor)
    }

    /// Looks for writes outside the tensors: in fences, row padding and the gap before a misaligned base.
    /// One sentence each, with the tensor and the offset.
    pub fn stray_writes(&self) -> Result<Vec<String>, BackendError> {
        let mut found = Vec::new();
        for buffer in self.buffers.iter().chain(&self.workspace).chain(&self.counters) {
            if let Some(violation) = self.device.check_fences(buffer)? {
                found.push(format!(
                    "write outside {}: byte {} of a buffer of {} bytes",
                    violation.label, violation.offset, violation.bytes
                ));
            }
        }
        for (spec, buffer) in self.specs.iter().zip(&self.buffers) {
            if spec.row_stride != spec.columns || spec.base_offset != 0 {
                found.extend(self.stray_padding_write(spec, buffer)?);
            }
        }
        Ok(found)
    }

    /// Looks for a counter that the last launch did not leave at zero, and says so.
    pub fn uncleared_counter(&self) -> Result<Option<String>, BackendError> {
        let Some(counters) = &self.counters else { return Ok(None) };
        let mut bytes = vec![0u8; counters.bytes()];
        self.device.download(counters, 0, &mut bytes)?;
        let words = bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let left = words.enumerate().find(|(_, word)| *word != 0);
        Ok(left.map(|(index, word)| format!("counter {index} of {} was left at {word}, not 0", counters.label())))
    }

    fn stray_padding_write(&self, spec: &TensorSpec, buffer: &Buffer) -> Result<Option<String>, BackendError> {
        let size = spec.dtype.size();
        let base = spec.base_offset * size;
        if let Some(offset) = self.first_written(buffer, 0, base)? {
            return Ok(Some(format!("write before the first element of {}, at byte {offset}", buffer.label())));
        }
        let (row_bytes, stride_bytes) = (spec.columns * size, spec.row_stride * size);
        for row in 0..spec.rows.saturating_sub(1) {
            let start = base + row * stride_bytes + row_bytes;
            if let Some(offset) = self.first_written(buffer, start, stride_bytes - row_bytes)? {
                let column = spec.columns + offset / size;
                return Ok(Some(format!("write into the padding of {}, row {row}, column {column}", buffer.label())));
            }
        }
        Ok(None)
    }

    /// The first of `bytes` bytes from `start` on that is not poison, counted from `start`.
    fn first_written(&self, buffer: &Buffer, start: usize, bytes: usize) -> Result<Option<usize>, BackendError> {
        let mut piece = vec![0u8; bytes.min(LARGEST_PIECE)];
        for offset in (0..bytes).step_by(LARGEST_PIECE) {
            let piece = &mut piece[..LARGEST_PIECE.min(bytes - offset)];
            self.device.download(buffer, start + offset, piece)?;
            if let Some(place) = piece.iter().position(|&byte| byte != POISON) {
                return Ok(Some(offset + place));
            }
        }
        Ok(None)
    }
}

impl Memory for BoundProblem {
    fn tensor(&self, slot: usize) -> (&Buffer, usize) {
        let spec = &self.specs[slot];
        (&self.buffers[slot], spec.base_offset * spec.dtype.size())
    }

    fn row_stride(&self, slot: usize) -> usize {
        self.specs[slot].row_stride
    }

    fn workspace(&self) -> Option<&Buffer> {
        self.workspace.as_ref()
    }

    fn counters(&self) -> Option<&Buffer> {
        self.counters.as_ref()
    }
}

/// Memory of zeros.
pub(super) fn cleared(device: &dyn Device, bytes: usize, label: &str) -> Result<Buffer, BackendError> {
    let buffer = device.allocate(bytes, label)?;
    device.fill(&buffer, 0, bytes, 0)?;
    Ok(buffer)
}

/// Whether rows lie so far apart that they are copied one by one.
fn has_wide_padding(spec: &TensorSpec) -> bool {
    (spec.row_stride - spec.columns) * spec.dtype.size() > WIDE_PADDING
}
