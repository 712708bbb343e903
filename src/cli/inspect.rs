//! `hipgauge inspect`: what compiled kernels need, with nothing launched.

use std::io;
use std::path::PathBuf;

use clap::Args;
use hipgauge::backend::{
    AmdCodeObjects, CodeObjectError, Device, KernelAttributes, KernelId, KernelLibrary, LaunchDimensions, amd_occupancy,
};
use hipgauge::registry::OPERATIONS;
use hipgauge::suite::find_operation;
use serde_json::json;

use super::arguments::{DeviceArguments, OutputFormat, Switch};
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit, exit_of_backend};
use super::kernel_table::kernel_table;
use super::operation_kernels::kernels_of;
use super::output::{FAINT, Stdout, styled};

const EXAMPLES: &str = "\
Examples:
  hipgauge inspect                               every kernel as compiled for gfx942 (MI300), no GPU needed
  hipgauge inspect --arch gfx1100 --op top_k     the kernels of one operation on RDNA 3
  hipgauge inspect --kernels ../candidate/kernels --arch gfx90a --format json
  hipgauge inspect --device cuda:0               what the driver says of the kernels it loaded";

/// Architecture that is shown when none is asked for.
const DEFAULT_ARCHITECTURE: &str = "gfx942";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Architecture whose code objects are read; may be repeated [default: gfx942]
    #[arg(long = "arch", value_name = "GFX")]
    architectures: Vec<String>,

    /// Only kernels of this operation; may be repeated
    #[arg(long = "op", value_name = "OPERATION")]
    operations: Vec<String>,

    /// Threads of a block, for the occupancy [default: the most that each kernel allows]
    #[arg(long, value_name = "COUNT")]
    threads: Option<u32>,

    /// Ask the driver of this GPU instead of reading code objects: hip:N or cuda:N
    #[arg(long, value_name = "DEVICE", conflicts_with = "architectures")]
    device: Option<String>,

    /// Take kernels from this folder instead of those built in
    #[arg(long, value_name = "DIR")]
    kernels: Option<PathBuf>,

    /// Form of the output: with json, one object a kernel
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: OutputFormat,
}

/// One kernel's line.
pub struct InspectedKernel {
    pub kernel: KernelId,
    pub architecture: String,
    pub wave_size: u32,
    /// Threads of the block that the occupancy is for.
    pub threads: u32,
    /// What the compiler calls occupancy: waves per SIMD, whole blocks or not. AMD code objects only.
    pub waves_per_simd: Option<u32>,
    pub attributes: KernelAttributes,
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let device = DeviceArguments {
        device: arguments.device.clone().unwrap_or_default(),
        wave: None,
        schedule: None,
        memory_check: None,
        kernels: arguments.kernels.clone(),
    };
    let library = device.library()?;
    let wanted = wanted_kernels(&library, &arguments.operations)?;
    if wanted.is_empty() {
        return Err(Failure::new(Exit::NothingRan, anyhow::anyhow!("no kernel of these operations is in the folder")));
    }
    let kernels = match arguments.device {
        Some(_) => on_device(&device, &wanted, arguments.threads)?,
        None => in_code_objects(arguments, &library, &wanted)?,
    };
    print(&kernels, arguments.format).or_exit(Exit::HarnessFault)?;
    Ok(Exit::Good)
}

/// The kernels of the library, or those that the operations launch.
fn wanted_kernels(library: &KernelLibrary, operations: &[String]) -> Result<Vec<KernelId>, Failure> {
    let mut launched = Vec::new();
    for name in operations {
        launched.extend(kernels_of(find_operation(name, OPERATIONS).map_err(Failure::usage)?)?);
    }
    let all = library
        .modules()
        .iter()
        .flat_map(|module| module.functions.iter().map(|function| KernelId::new(&*module.name, &**function)));
    Ok(all.filter(|kernel| operations.is_empty() || launched.contains(kernel)).collect())
}

fn in_code_objects(
    arguments: &Arguments,
    library: &KernelLibrary,
    wanted: &[KernelId],
) -> Result<Vec<InspectedKernel>, Failure> {
    let default = [DEFAULT_ARCHITECTURE.to_string()];
    let architectures = if arguments.architectures.is_empty() { &default[..] } else { &arguments.architectures };
    let mut inspected = Vec::new();
    for architecture in architectures {
        let objects = AmdCodeObjects::new(architecture).map_err(failure)?;
        for module in library.modules() {
            if !wanted.iter().any(|kernel| kernel.module == module.name) {
                continue;
            }
            for found in objects.kernels(library, module).map_err(failure)? {
                let kernel = KernelId::new(&*module.name, &found.name);
                if !wanted.contains(&kernel) {
                    continue;
                }
                let most = found.attributes.most_threads_per_block.unwrap_or(found.wave_size);
                let threads = arguments.threads.unwrap_or(most);
                let occupancy = amd_occupancy(architecture, found.wave_size, &found.attributes, &block_of(threads))
                    .filter(|_| threads <= most);
                inspected.push(InspectedKernel {
                    kernel,
                    architecture: architecture.clone(),
                    wave_size: found.wave_size,
                    threads,
                    waves_per_simd: occupancy.map(|occupancy| occupancy.waves_per_simd),
                    attributes: KernelAttributes {
                        blocks_per_multiprocessor: occupancy.map(|occupancy| occupancy.blocks_per_multiprocessor),
                        occupancy: occupancy.map(|occupancy| occupancy.share),
                        ..found.attributes
                    },
                });
            }
        }
    }
    Ok(inspected)
}

fn on_device(
    arguments: &DeviceArguments,
    wanted: &[KernelId],
    threads: Option<u32>,
) -> Result<Vec<InspectedKernel>, Failure> {
    let device = arguments.open(Switch::Off)?.device;
    if device.info().emulated {
        let message = "the emulator runs machine code of the host, which has no registers, spills or occupancy of a \
                       GPU; read code objects with --arch, or name a GPU with --device";
        return Err(Failure::new(Exit::NotReproducible, anyhow::anyhow!(message)));
    }
    wanted.iter().map(|kernel| loaded(device.as_ref(), kernel, threads)).collect()
}

fn loaded(device: &dyn Device, id: &KernelId, threads: Option<u32>) -> Result<InspectedKernel, Failure> {
    let failed = |error| Failure::new(exit_of_backend(&error), error);
    let kernel = device.load(id).map_err(failed)?;
    let most = kernel.attributes.most_threads_per_block.unwrap_or(device.info().wave_size);
    let threads = threads.unwrap_or(most);
    let attributes = device.attributes(&kernel, block_of(threads)).map_err(failed)?.unwrap_or(kernel.attributes);
    Ok(InspectedKernel {
        kernel: id.clone(),
        architecture: device.info().architecture.clone(),
        wave_size: device.info().wave_size,
        threads,
        waves_per_simd: None,
        attributes,
    })
}

fn block_of(threads: u32) -> LaunchDimensions {
    LaunchDimensions { grid: [1; 3], block: [threads, 1, 1], dynamic_shared_bytes: 0 }
}

/// A missing compiler is a matter of this machine, everything else of what was given.
fn failure(error: CodeObjectError) -> Failure {
    let exit = match &error {
        CodeObjectError::NoCompiler { .. } | CodeObjectError::NoFolder(_) => Exit::NotReproducible,
        CodeObjectError::Compiler(_) => Exit::Undecided,
        CodeObjectError::Unreadable { .. }
        | CodeObjectError::OtherArchitecture { .. }
        | CodeObjectError::UnknownArchitecture { .. } => Exit::Usage,
    };
    Failure::new(exit, error)
}

fn print(kernels: &[InspectedKernel], format: OutputFormat) -> io::Result<()> {
    let mut stdout = Stdout::new();
    if format == OutputFormat::Json {
        for inspected in kernels {
            let line = json!({
                "kernel": inspected.kernel.to_string(),
                "architecture": inspected.architecture,
                "wave_size": inspected.wave_size,
                "threads": inspected.threads,
                "waves_per_simd": inspected.waves_per_simd,
                "attributes": inspected.attributes,
            });
            stdout.line(line)?;
        }
        return Ok(());
    }
    stdout.line(kernel_table(kernels))?;
    let spilling = kernels.iter().filter(|one| one.attributes.spilled_registers.unwrap_or(0) > 0).count();
    let note = format!("{} kernels, {spilling} with spills; `-`: not said", kernels.len());
    stdout.line(styled(FAINT, note))
}
