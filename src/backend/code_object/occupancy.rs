//! How many waves of a kernel an AMD multiprocessor holds at a time.
//!
//! Sources: the limits are those of LLVM's `AMDGPUBaseInfo.cpp` (`IsaInfo`) and of the ISA documents "CDNA 3" and
//! "RDNA 3" (occupancy). `docs/methodology.md` has the formula; `tests/kernels/amd_kernels.rs` holds it against the compiler's
//! own resource remarks for every kernel and five architectures.

use crate::backend::{KernelAttributes, LaunchDimensions};

/// What a multiprocessor has: a compute unit on GCN and CDNA, a work-group processor (two compute units) on RDNA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Limits {
    simds: u32,
    waves_per_simd: u32,
    /// 32-bit vector registers per thread slot of a SIMD, shared out in units of `register_granule`.
    registers: u32,
    register_granule: u32,
    shared_bytes: u32,
    shared_granule: u32,
    /// Blocks of several waves each; bounded by barriers.
    blocks: u32,
    /// Whether scalar registers are shared out among waves; from gfx10 on every wave has its own 128.
    scalar_registers_count: bool,
}

/// The room that one launch finds on a multiprocessor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AmdOccupancy {
    /// Waves that registers and shared memory leave room for on one SIMD, whole blocks or not: the compiler's number.
    pub waves_per_simd: u32,
    /// Whole blocks on a multiprocessor.
    pub blocks_per_multiprocessor: u32,
    /// Threads of those blocks over the threads that the multiprocessor has room for, 0 to 1.
    pub share: f64,
}

/// Architectures whose limits are known. RDNA's come with 1.5 times the registers where marked so in LLVM
/// (`Feature1_5xVGPRs`).
const GCN: &[&str] = &["gfx900", "gfx902", "gfx904", "gfx906", "gfx908", "gfx909", "gfx90c"];
const CDNA: &[&str] = &["gfx90a", "gfx940", "gfx941", "gfx942", "gfx950"];
const RDNA1: &[&str] = &["gfx1010", "gfx1011", "gfx1012", "gfx1013"];
const RDNA2: &[&str] = &["gfx1030", "gfx1031", "gfx1032", "gfx1033", "gfx1034", "gfx1035", "gfx1036"];
const RDNA3_SMALL: &[&str] = &["gfx1102", "gfx1103", "gfx1150", "gfx1152", "gfx1153"];
const RDNA3_LARGE: &[&str] = &["gfx1100", "gfx1101", "gfx1151", "gfx1200", "gfx1201"];

/// Every architecture that `amd_occupancy` knows.
pub fn known_amd_architectures() -> Vec<&'static str> {
    [GCN, CDNA, RDNA1, RDNA2, RDNA3_SMALL, RDNA3_LARGE].concat()
}

fn limits(architecture: &str, wave_size: u32) -> Option<Limits> {
    let gcn = Limits {
        simds: 4,
        waves_per_simd: 10,
        registers: 256,
        register_granule: 4,
        shared_bytes: 64 << 10,
        shared_granule: 512,
        blocks: 16,
        scalar_registers_count: true,
    };
    // A work-group processor; a wave of 64 takes two slots of each register.
    let rdna = |waves_per_simd, registers, register_granule| Limits {
        waves_per_simd,
        registers: if wave_size == 64 { registers / 2 } else { registers },
        register_granule: if wave_size == 64 { register_granule / 2 } else { register_granule },
        shared_bytes: 128 << 10,
        blocks: 32,
        scalar_registers_count: false,
        ..gcn
    };
    let cdna = Limits { waves_per_simd: 8, registers: 512, register_granule: 8, ..gcn };
    match architecture {
        "gfx950" => Some(Limits { shared_bytes: 160 << 10, shared_granule: 1280, ..cdna }),
        name if GCN.contains(&name) => Some(gcn),
        name if CDNA.contains(&name) => Some(cdna),
        name if RDNA1.contains(&name) => Some(rdna(20, 1024, 8)),
        name if RDNA2.contains(&name) || RDNA3_SMALL.contains(&name) => Some(rdna(16, 1024, 16)),
        name if RDNA3_LARGE.contains(&name) => Some(rdna(16, 1536, 24)),
        _ => None,
    }
}

/// Waves per SIMD that scalar registers leave room for on GCN and CDNA: 800 per SIMD, shared out in units of 16, of
/// which LLVM counts these steps.
fn waves_of_scalar_registers(registers: u32) -> u32 {
    match registers {
        0..=80 => 10,
        81..=88 => 9,
        89..=100 => 8,
        _ => 7,
    }
}

/// The room for a launch of a kernel with these registers and this shared memory. `None` for an architecture whose
/// limits are not known, for attributes without registers or shared memory, and for a launch without threads.
pub fn amd_occupancy(
    architecture: &str,
    wave_size: u32,
    attributes: &KernelAttributes,
    launch: &LaunchDimensions,
) -> Option<AmdOccupancy> {
    let limits = limits(architecture, wave_size)?;
    let (registers, fixed_bytes) = (attributes.registers?, attributes.shared_bytes?);
    let shared_bytes = fixed_bytes.saturating_add(launch.dynamic_shared_bytes);
    let waves_of_block = launch.threads_per_block().div_ceil(wave_size);
    if waves_of_block == 0 {
        return None;
    }
    let granules = registers.max(1).div_ceil(limits.register_granule);
    let mut by_registers = (limits.registers / (granules * limits.register_granule)).min(limits.waves_per_simd);
    if limits.scalar_registers_count {
        by_registers = by_registers.min(waves_of_scalar_registers(attributes.scalar_registers.unwrap_or(0)));
    }
    let most_waves = limits.waves_per_simd * limits.simds;
    // A block of one wave has no barrier to run out of.
    let by_slots = if waves_of_block == 1 { most_waves } else { (most_waves / waves_of_block).min(limits.blocks) };
    let by_shared = match shared_bytes.div_ceil(limits.shared_granule) * limits.shared_granule {
        0 => by_slots,
        bytes => (limits.shared_bytes / bytes).min(by_slots),
    };
    let blocks = by_shared.min(by_registers * limits.simds / waves_of_block);
    Some(AmdOccupancy {
        waves_per_simd: by_registers.min((by_shared * waves_of_block).div_ceil(limits.simds)),
        blocks_per_multiprocessor: blocks,
        share: f64::from(blocks * waves_of_block) / f64::from(most_waves),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(architecture: &str, wave_size: u32, registers: u32, shared_bytes: u32, threads: u32) -> AmdOccupancy {
        let attributes = KernelAttributes {
            registers: Some(registers),
            scalar_registers: Some(32),
            shared_bytes: Some(shared_bytes),
            ..KernelAttributes::default()
        };
        let launch = LaunchDimensions { grid: [1; 3], block: [threads, 1, 1], dynamic_shared_bytes: 0 };
        amd_occupancy(architecture, wave_size, &attributes, &launch).expect("a known architecture")
    }

    #[test]
    fn registers_bound_the_waves_in_steps_of_their_granule() {
        // AMD's register tables: 512 per SIMD lane on CDNA 3 in eights; 1536 on gfx1100 in units of 24.
        for (registers, waves) in [(1, 8), (64, 8), (65, 7), (72, 7), (73, 6), (128, 4), (129, 3), (256, 2), (512, 1)] {
            assert_eq!(of("gfx942", 64, registers, 0, 256).waves_per_simd, waves, "{registers} registers");
        }
        for (registers, waves) in [(96, 16), (97, 12), (120, 12), (121, 10), (192, 8), (256, 5)] {
            assert_eq!(of("gfx1100", 32, registers, 0, 256).waves_per_simd, waves, "{registers} registers");
        }
        assert_eq!(of("gfx1030", 32, 64, 0, 256).waves_per_simd, 16);
        assert_eq!(of("gfx1030", 32, 65, 0, 256).waves_per_simd, 12);
        assert_eq!(of("gfx1030", 64, 33, 0, 256).waves_per_simd, 12);
        assert_eq!(of("gfx906", 64, 24, 0, 256).waves_per_simd, 10);
        assert_eq!(of("gfx906", 64, 25, 0, 256).waves_per_simd, 9);
    }

    #[test]
    fn only_whole_blocks_are_held() {
        // Seven waves per SIMD are 28 a compute unit: one block of 16 waves, and not a second one.
        let large = of("gfx942", 64, 72, 0, 1024);
        assert_eq!((large.waves_per_simd, large.blocks_per_multiprocessor, large.share), (7, 1, 0.5));
        let small = of("gfx942", 64, 72, 0, 256);
        assert_eq!((small.blocks_per_multiprocessor, small.share), (7, 28.0 / 32.0));
    }

    #[test]
    fn shared_memory_and_barriers_bound_the_blocks() {
        let shared = of("gfx942", 64, 16, 20 << 10, 256);
        assert_eq!((shared.blocks_per_multiprocessor, shared.waves_per_simd), (3, 3));
        // 32,769 bytes take 65 units of 512: one block.
        assert_eq!(of("gfx942", 64, 16, 32769, 64).blocks_per_multiprocessor, 1);
        assert_eq!(of("gfx950", 64, 16, 32769, 64).blocks_per_multiprocessor, 4);
        assert_eq!(of("gfx1100", 32, 16, 64 << 10, 1024).blocks_per_multiprocessor, 2);
        assert_eq!(of("gfx942", 64, 16, 0, 64).blocks_per_multiprocessor, 32, "one wave a block needs no barrier");
        assert_eq!(of("gfx942", 64, 16, 0, 128).blocks_per_multiprocessor, 16);
        assert_eq!(of("gfx942", 64, 16, 128 << 10, 64).share, 0.0, "more than there is holds no block");
    }

    #[test]
    fn scalar_registers_count_until_gfx10() {
        let attributes = |scalar| KernelAttributes {
            registers: Some(8),
            scalar_registers: Some(scalar),
            shared_bytes: Some(0),
            ..KernelAttributes::default()
        };
        let launch = LaunchDimensions { grid: [1; 3], block: [64, 1, 1], dynamic_shared_bytes: 0 };
        let waves = |architecture, scalar| {
            amd_occupancy(architecture, 64, &attributes(scalar), &launch).expect("known").waves_per_simd
        };
        assert_eq!([80, 88, 100, 106].map(|scalar| waves("gfx906", scalar)), [10, 9, 8, 7]);
        assert_eq!((waves("gfx942", 100), waves("gfx942", 106), waves("gfx1030", 106)), (8, 7, 16));
    }

    #[test]
    fn what_is_not_known_has_no_occupancy() {
        let launch = LaunchDimensions { grid: [1; 3], block: [64, 1, 1], dynamic_shared_bytes: 0 };
        let known = KernelAttributes { registers: Some(8), shared_bytes: Some(0), ..KernelAttributes::default() };
        assert_eq!(amd_occupancy("gfx9999", 64, &known, &launch), None);
        assert_eq!(amd_occupancy("gfx942", 64, &KernelAttributes::default(), &launch), None);
        let nobody = LaunchDimensions { block: [0, 1, 1], ..launch };
        assert_eq!(amd_occupancy("gfx942", 64, &known, &nobody), None);
        assert!(known_amd_architectures().iter().all(|name| limits(name, 32).is_some()));
    }
}
