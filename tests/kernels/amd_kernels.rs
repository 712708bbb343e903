//! Every kernel compiles for the AMD architectures we support, with no ROCm installed, and none of them spills.
//!
//! Needs a clang with the AMDGPU target, 16 or newer. Where there is none the test says so and checks nothing;
//! with `HIPGAUGE_REQUIRE_AMD_COMPILER=1`, as in `.ci/run`, that is a failure.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use hipgauge::backend::{AmdCodeObjects, AmdKernel, KernelLibrary, LaunchDimensions, amd_occupancy};

/// One of each family: CDNA2, CDNA3, RDNA2, RDNA3, RDNA4. The first two run waves of 64, the others of 32.
const ARCHITECTURES: [&str; 5] = ["gfx90a", "gfx942", "gfx1030", "gfx1100", "gfx1201"];

/// Local data share that one block may use on all of them.
const LDS_BYTES: u64 = 64 * 1024;

/// What the compiler's remarks say of one kernel. They are the witness for what hipgauge reads in code objects.
#[derive(Debug, Default, PartialEq)]
struct Usage {
    kernel: String,
    vector_registers: u64,
    scalar_registers: u64,
    scratch_bytes: u64,
    /// Of vector and scalar registers.
    spills: u64,
    lds_bytes: u64,
    occupancy: u64,
}

fn compiler() -> Option<String> {
    let newest_first = (16..=24).rev().map(|version| format!("clang++-{version}"));
    let candidates = env::var("HIPGAUGE_HIPCC").ok().into_iter().chain(newest_first).chain(["amdclang++".to_string()]);
    candidates.into_iter().find(|name| {
        let targets = Command::new(name).arg("--print-targets").output();
        targets.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("amdgcn"))
    })
}

fn kernel_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("kernels/ is readable") {
        let path = entry.expect("entries are readable").path();
        if path.is_dir() {
            kernel_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "hip") {
            found.push(path);
        }
    }
}

/// Compiles one file and reads the compiler's resource remarks.
fn compile(compiler: &str, file: &Path, architecture: &str) -> Result<Vec<Usage>, String> {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels/include");
    let output = Command::new(compiler)
        .args(["-x", "hip", "-std=c++17", "-O3", "-ffp-contract=off", "--cuda-device-only", "--no-gpu-bundle-output"])
        .args(["-nogpuinc", "-nogpulib", "-Wall", "-Werror", "-Rpass-analysis=kernel-resource-usage", "-c", "-o"])
        .arg("/dev/null")
        .arg(format!("--offload-arch={architecture}"))
        .arg("-I")
        .arg(include)
        .arg(file)
        .output()
        .map_err(|error| format!("{compiler}: {error}"))?;
    let remarks = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(format!("{} for {architecture} does not compile:\n{remarks}", file.display()));
    }
    Ok(parse_remarks(&remarks))
}

fn parse_remarks(remarks: &str) -> Vec<Usage> {
    let mut kernels: Vec<Usage> = Vec::new();
    for line in remarks.lines() {
        let Some((_, remark)) = line.split_once("remark: ") else { continue };
        let remark = remark.split(" [-Rpass").next().unwrap_or(remark);
        let Some((key, value)) = remark.rsplit_once(": ") else { continue };
        let key = key.rsplit(':').next().unwrap_or(key).trim();
        if key == "Function Name" {
            kernels.push(Usage { kernel: value.trim().to_string(), ..Usage::default() });
            continue;
        }
        let (Some(kernel), Ok(number)) = (kernels.last_mut(), value.trim().parse::<u64>()) else { continue };
        match key {
            "VGPRs" => kernel.vector_registers = number,
            // CDNA's accumulation registers, of the same file, start at a multiple of four.
            "AGPRs" if number > 0 => kernel.vector_registers = kernel.vector_registers.next_multiple_of(4) + number,
            "SGPRs" | "TotalSGPRs" => kernel.scalar_registers = number,
            "ScratchSize [bytes/lane]" => kernel.scratch_bytes = number,
            "VGPRs Spill" | "SGPRs Spill" => kernel.spills += number,
            "LDS Size [bytes/block]" => kernel.lds_bytes = number,
            "Occupancy [waves/SIMD]" => kernel.occupancy = number,
            _ => {}
        }
    }
    kernels
}

/// What hipgauge reads in the kernel's code object, with the occupancy that it computes. Code objects count the
/// architecture's own scalar registers (VCC and others) like the remarks do.
fn usage_of(kernel: &AmdKernel, architecture: &str) -> Usage {
    let attributes = &kernel.attributes;
    let threads = attributes.most_threads_per_block.expect("always written");
    let launch = LaunchDimensions { grid: [1; 3], block: [threads, 1, 1], dynamic_shared_bytes: 0 };
    let occupancy = amd_occupancy(architecture, kernel.wave_size, attributes, &launch).expect("a known architecture");
    let number = |value: Option<u32>| u64::from(value.expect("always written"));
    Usage {
        kernel: kernel.name.clone(),
        vector_registers: number(attributes.registers),
        scalar_registers: number(attributes.scalar_registers),
        scratch_bytes: number(attributes.scratch_bytes),
        spills: number(attributes.spilled_registers),
        lds_bytes: number(attributes.shared_bytes),
        occupancy: occupancy.waves_per_simd.into(),
    }
}

#[test]
fn kernels_compile_for_amd_without_spills() {
    let Some(compiler) = compiler() else {
        assert!(
            env::var_os("HIPGAUGE_REQUIRE_AMD_COMPILER").is_none(),
            "HIPGAUGE_REQUIRE_AMD_COMPILER is set and there is no clang >= 16 with the AMDGPU target: install clang-19"
        );
        println!("skipped: no clang >= 16 with the AMDGPU target; install clang-19 to check the kernels for AMD");
        return;
    };
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels");
    let mut files = Vec::new();
    kernel_files(&kernels, &mut files);
    files.sort();
    // The build script has compiled every file for every architecture. The compiler's remarks, which cost one more compilation,
    // are asked for one architecture of each file: they show that what is read from code objects is what the compiler says.
    let jobs: Vec<_> = files.iter().zip(ARCHITECTURES.iter().cycle()).collect();
    let queue = Mutex::new(jobs.into_iter());
    let remarks = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let job = queue.lock().expect("no thread panics here").next();
                    let Some((file, architecture)) = job else { return };
                    let result = compile(&compiler, file, architecture);
                    remarks.lock().expect("no thread panics here").insert((file, *architecture), result);
                }
            });
        }
    });
    let remarks = remarks.into_inner().expect("no thread panicked");
    let mut problems = Vec::new();
    println!("| kernel | architecture | VGPR | SGPR | LDS bytes | scratch | waves per SIMD |");
    println!("|---|---|--:|--:|--:|--:|--:|");
    let library = KernelLibrary::embedded();
    let readers = ARCHITECTURES.map(|name| (name, AmdCodeObjects::new(name).expect("a compiler was found above")));
    for (file, (architecture, reader)) in files.iter().flat_map(|file| readers.iter().map(move |reader| (file, reader)))
    {
        let source = fs::read_to_string(file).expect("readable");
        let defined = source.matches("\nHG_KERNEL(").count();
        let name = file.strip_prefix(&kernels).expect("listed under kernels").with_extension("");
        let module = library.module(&name.to_string_lossy()).expect("every file is a module");
        let read = reader.kernels(&library, module).expect("the compiler's own output");
        let usages: Vec<_> = read.iter().map(|kernel| usage_of(kernel, architecture)).collect();
        if usages.len() != defined {
            problems.push(format!(
                "{}: {} kernels in its code object, {defined} defined",
                file.display(),
                usages.len()
            ));
        }
        match remarks.get(&(file, *architecture)) {
            Some(Ok(said)) if *said != usages => {
                problems.push(format!("{architecture}: the compiler says {said:?}, the code object {usages:?}"));
            }
            Some(Err(problem)) => problems.push(problem.clone()),
            Some(Ok(_)) | None => {}
        }
        for usage in usages {
            println!(
                "| {} | {architecture} | {} | {} | {} | {} | {} |",
                usage.kernel,
                usage.vector_registers,
                usage.scalar_registers,
                usage.lds_bytes,
                usage.scratch_bytes,
                usage.occupancy
            );
            if usage.scratch_bytes + usage.spills > 0 {
                problems.push(format!("{} on {architecture} spills: {usage:?}", usage.kernel));
            }
            if usage.lds_bytes > LDS_BYTES {
                problems.push(format!("{} on {architecture} uses {} bytes of LDS", usage.kernel, usage.lds_bytes));
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn remarks_are_read() {
    let remarks = "a.hip:3:1: remark: Function Name: copy [-Rpass-analysis=kernel-resource-usage]\n\
                   a.hip:3:1: remark:     VGPRs: 12 [-Rpass-analysis=kernel-resource-usage]\n\
                   a.hip:3:1: remark:     ScratchSize [bytes/lane]: 16 [-Rpass-analysis=kernel-resource-usage]\n\
                   a.hip:3:1: remark:     VGPRs Spill: 4 [-Rpass-analysis=kernel-resource-usage]\n";
    let expected =
        Usage { kernel: "copy".to_string(), vector_registers: 12, scratch_bytes: 16, spills: 4, ..Usage::default() };
    assert_eq!(parse_remarks(remarks), [expected]);
}
