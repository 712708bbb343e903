//! For tests of the runner: an operation that copies x to y, and a device with memory that can do it wrong.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::backend::{
    AllocationLedger, Argument, BackendError, BackendKind, Buffer, BufferStorage, Device, DeviceInfo, Event,
    FenceViolation, Graph, Kernel, KernelId, LaunchDimensions,
};
use crate::operation::{
    Case, ContractError, Cost, InputClass, LaunchPlan, Layout, Operation, OutputJudgement, ParameterSpec, Parameters,
    PlanArgument, PlannedLaunch, Problem, Reference, TensorRole, TensorSpec, WorstElement,
};
use crate::tensor::{DType, HostTensor};

/// y = x. Class `uniform` fails a statistical gate with seed 0, and `dominant` with every seed.
struct CopyOperation;

struct CopyReference {
    x: HostTensor,
    unlucky: bool,
}

/// A case of the copy.
pub fn copy_case(rows: usize, class: InputClass) -> Case {
    let problem =
        Problem { dtype: DType::F32, rows, columns: 4, parameters: Parameters::default(), layout: Layout::default() };
    Case { operation: &CopyOperation, problem, class, seed: 0 }
}

impl Reference for CopyReference {
    fn judge(&self, outputs: &[HostTensor]) -> Vec<OutputJudgement> {
        let mut judgement = OutputJudgement { output: "y".to_string(), ..OutputJudgement::default() };
        let places = (0..self.x.rows()).flat_map(|row| (0..self.x.columns()).map(move |column| (row, column)));
        for (row, column) in places {
            let (expected, actual) = (self.x.get(row, column), outputs[0].get(row, column));
            judgement.elements += 1;
            if expected != actual {
                judgement.failed_elements += 1;
                judgement.failures = vec!["not equal".to_string()];
                judgement.worst = Some(WorstElement { row, column, expected, actual, ulp: 7 });
            }
        }
        if judgement.passed() && self.unlucky {
            judgement.failures.push("improbable".to_string());
            judgement.only_statistical = true;
        }
        vec![judgement]
    }

    fn expected(&self) -> Vec<HostTensor> {
        vec![self.x.clone()]
    }
}

impl Operation for CopyOperation {
    fn name(&self) -> &'static str {
        "copy"
    }

    fn summary(&self) -> &'static str {
        "y = x"
    }

    fn parameters(&self) -> &'static [ParameterSpec] {
        &[]
    }

    fn input_classes(&self) -> &'static [InputClass] {
        &[InputClass::Normal, InputClass::Uniform, InputClass::Dominant]
    }

    fn check(&self, _problem: &Problem) -> Result<(), ContractError> {
        Ok(())
    }

    fn tensors(&self, problem: &Problem) -> Vec<TensorSpec> {
        let spec = |name, role| TensorSpec::new(name, role, problem.dtype, problem.rows, problem.columns);
        vec![spec("x", TensorRole::Input), spec("y", TensorRole::Output)]
    }

    fn generate(&self, problem: &Problem, class: InputClass, seed: u64) -> Vec<HostTensor> {
        let count = problem.rows * problem.columns;
        // The first element tells the reference which seed and class it is.
        let first =
            if class == InputClass::Dominant || (class == InputClass::Uniform && seed == 0) { -1.0 } else { 1.0 };
        let values: Vec<f64> = (0..count).map(|element| if element == 0 { first } else { element as f64 }).collect();
        vec![HostTensor::from_f64(problem.dtype, problem.rows, problem.columns, &values)]
    }

    fn reference(&self, _problem: &Problem, inputs: &[HostTensor]) -> Box<dyn Reference> {
        Box::new(CopyReference { x: inputs[0].clone(), unlucky: inputs[0].rows() > 0 && inputs[0].get(0, 0) < 0.0 })
    }

    fn plan(&self, _device: &DeviceInfo, _problem: &Problem) -> Result<LaunchPlan, ContractError> {
        let dimensions = LaunchDimensions { grid: [1; 3], block: [1; 3], dynamic_shared_bytes: 0 };
        let arguments = vec![PlanArgument::Tensor(0), PlanArgument::Tensor(1), PlanArgument::Workspace(0)];
        let launch = PlannedLaunch { kernel: KernelId::new("test/copy", "copy_f32"), dimensions, arguments };
        Ok(LaunchPlan::of_launches(4, vec![launch]))
    }

    fn cost(&self, _problem: &Problem) -> Cost {
        Cost::default()
    }

    fn describe_element(&self, _: &Problem, inputs: &[HostTensor], _: usize, row: usize, column: usize) -> String {
        format!("x = {}", inputs[0].get(row, column))
    }
}

/// How the copy is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Right,
    DropsTheLastElement,
    ChangesItsInput,
    CountsItsLaunches,
    BelievesItsWorkspace,
    WritesBehindItsOutput,
    Faults,
    RunsOutOfMemory,
    DoesNotCompile,
    Panics,
}

/// See the module.
pub struct CopyDevice {
    info: DeviceInfo,
    ledger: AllocationLedger,
    behaviour: Behaviour,
    launches: AtomicU32,
    memory: Arc<Memory>,
}

/// Bytes by address.
type Memory = Mutex<BTreeMap<u64, Vec<u8>>>;

struct Storage {
    memory: Arc<Memory>,
    address: u64,
    bytes: usize,
}

impl BufferStorage for Storage {
    fn address(&self) -> u64 {
        self.address
    }

    fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.memory.lock().expect("no test panics while it holds the lock").remove(&self.address);
    }
}

impl CopyDevice {
    pub fn open(behaviour: Behaviour) -> Arc<dyn Device> {
        let info = DeviceInfo {
            id: "hip:0".to_string(),
            backend: BackendKind::Hip,
            name: String::new(),
            architecture: "gfx942".to_string(),
            wave_size: 64,
            multiprocessors: 1,
            l2_bytes: 0,
            last_level_bytes: 0,
            memory_bytes: 0,
            shared_bytes_per_block: 0,
            max_threads_per_block: 1,
            driver_version: String::new(),
            runtime_version: String::new(),
            compiler: String::new(),
            emulated: false,
            details: Vec::new(),
        };
        let ledger = AllocationLedger::new(&info.id);
        Arc::new(Self { info, ledger, behaviour, launches: AtomicU32::new(0), memory: Arc::default() })
    }

    fn with_memory<T>(&self, buffer: &Buffer, work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut memory = self.memory.lock().expect("no test panics while it holds the lock");
        work(memory.get_mut(&buffer.address()).expect("a live buffer"))
    }
}

impl Device for CopyDevice {
    fn info(&self) -> &DeviceInfo {
        &self.info
    }

    fn ledger(&self) -> &AllocationLedger {
        &self.ledger
    }

    fn set_deadline(&self, _limit: Option<Duration>) {}

    fn allocate(&self, bytes: usize, label: &str) -> Result<Buffer, BackendError> {
        if self.behaviour == Behaviour::RunsOutOfMemory {
            let (device, backtrace) = (self.info.id.clone(), String::new());
            return Err(BackendError::OutOfMemory {
                device,
                label: label.into(),
                requested: bytes,
                live: 0,
                backtrace,
            });
        }
        let mut memory = self.memory.lock().expect("no test panics while it holds the lock");
        let address = memory.last_key_value().map_or(0x1000, |(address, bytes)| address + bytes.len() as u64 + 256);
        memory.insert(address, vec![0; bytes]);
        Ok(Buffer::new(Arc::new(Storage { memory: self.memory.clone(), address, bytes }), label))
    }

    fn check_fences(&self, buffer: &Buffer) -> Result<Option<FenceViolation>, BackendError> {
        let hit = self.behaviour == Behaviour::WritesBehindItsOutput && buffer.label() == "copy.y";
        let (label, bytes) = (buffer.label().to_string(), buffer.bytes());
        Ok(hit.then_some(FenceViolation { label, offset: bytes as i64, bytes }))
    }

    fn upload(&self, destination: &Buffer, offset: usize, source: &[u8]) -> Result<(), BackendError> {
        self.with_memory(destination, |bytes| bytes[offset..offset + source.len()].copy_from_slice(source));
        Ok(())
    }

    fn download(&self, source: &Buffer, offset: usize, destination: &mut [u8]) -> Result<(), BackendError> {
        self.with_memory(source, |bytes| destination.copy_from_slice(&bytes[offset..offset + destination.len()]));
        Ok(())
    }

    fn copy(&self, _: &Buffer, _: usize, _: &Buffer, _: usize, _: usize) -> Result<(), BackendError> {
        Ok(())
    }

    fn fill(&self, buffer: &Buffer, offset: usize, bytes: usize, value: u8) -> Result<(), BackendError> {
        self.with_memory(buffer, |memory| memory[offset..offset + bytes].fill(value));
        Ok(())
    }

    fn load(&self, kernel: &KernelId) -> Result<Kernel, BackendError> {
        if self.behaviour == Behaviour::DoesNotCompile {
            return Err(BackendError::Compile {
                kernel: kernel.to_string(),
                architecture: self.info.architecture.clone(),
                compiler: "none".to_string(),
                log: "syntax".to_string(),
            });
        }
        Ok(Kernel::of_nothing(kernel))
    }

    fn launch(
        &self,
        kernel: &Kernel,
        _dimensions: LaunchDimensions,
        arguments: &[Argument<'_>],
    ) -> Result<(), BackendError> {
        let buffers: Vec<&Buffer> = arguments
            .iter()
            .filter_map(|argument| match argument {
                Argument::Buffer { buffer, .. } => Some(*buffer),
                _ => None,
            })
            .collect();
        let launches = self.launches.fetch_add(1, Ordering::Relaxed);
        let mut result = self.with_memory(buffers[0], |bytes| bytes.clone());
        let workspace = self.with_memory(buffers[2], |bytes| bytes.clone());
        let last = result.len().saturating_sub(4);
        match self.behaviour {
            Behaviour::DropsTheLastElement => result.truncate(last),
            Behaviour::ChangesItsInput => self.with_memory(buffers[0], |bytes| bytes[last] ^= 1),
            Behaviour::CountsItsLaunches => result[last] ^= launches as u8,
            Behaviour::BelievesItsWorkspace => result[last] ^= workspace[0] ^ 0xFF,
            Behaviour::Faults => {
                let (kernel, fault) = (kernel.id.to_string(), "thread 3 reads past x".to_string());
                return Err(BackendError::KernelFault { kernel, fault });
            }
            Behaviour::Panics => panic!("a defect"),
            _ => {}
        }
        self.with_memory(buffers[1], |bytes| bytes[..result.len()].copy_from_slice(&result));
        Ok(())
    }

    fn synchronize(&self) -> Result<(), BackendError> {
        Ok(())
    }

    fn create_event(&self) -> Result<Box<dyn Event>, BackendError> {
        Err(BackendError::Unsupported { device: self.info.id.clone(), capability: "events" })
    }

    fn record(&self, _event: &dyn Event) -> Result<(), BackendError> {
        Ok(())
    }

    fn elapsed_seconds(&self, _start: &dyn Event, _stop: &dyn Event) -> Result<f64, BackendError> {
        Ok(0.0)
    }

    fn capture(
        &self,
        _work: &mut dyn FnMut() -> Result<(), BackendError>,
    ) -> Result<Option<Box<dyn Graph>>, BackendError> {
        Ok(None)
    }
}
