//! The metadata of AMD code objects.
//!
//! Source: "User Guide for AMDGPU Backend" of LLVM, Code Object Metadata, versions 3 to 6: a MessagePack map in the ELF
//! note `NT_AMDGPU_METADATA` of the owner `AMDGPU`.

use object::Endianness;
use object::elf::NoteType;
use object::read::elf::{ElfFile64, ProgramHeader};
use serde::Deserialize;

use crate::backend::KernelAttributes;

use super::elf_symbols::function_sizes;

const NOTE_OWNER: &[u8] = b"AMDGPU";
const NT_AMDGPU_METADATA: NoteType = NoteType(32);

/// One kernel of a code object.
#[derive(Clone, Debug, PartialEq)]
pub struct AmdKernel {
    pub name: String,
    /// Threads of a wave: 32 or 64.
    pub wave_size: u32,
    /// Without occupancy, which depends on a launch: see `amd_occupancy`.
    pub attributes: KernelAttributes,
}

/// A code object's kernels and the architecture that it was compiled for.
#[derive(Clone, Debug, PartialEq)]
pub struct AmdCodeObject {
    /// `gfx942`
    pub architecture: String,
    pub kernels: Vec<AmdKernel>,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "amdhsa.target")]
    target: String,
    #[serde(rename = "amdhsa.kernels", default)]
    kernels: Vec<KernelMetadata>,
}

#[derive(Deserialize)]
struct KernelMetadata {
    #[serde(rename = ".name")]
    name: String,
    #[serde(rename = ".wavefront_size")]
    wave_size: u32,
    #[serde(rename = ".vgpr_count")]
    registers: u32,
    #[serde(rename = ".sgpr_count")]
    scalar_registers: u32,
    #[serde(rename = ".agpr_count")]
    accumulation_registers: Option<u32>,
    #[serde(rename = ".vgpr_spill_count")]
    vector_spills: Option<u32>,
    #[serde(rename = ".sgpr_spill_count")]
    scalar_spills: Option<u32>,
    #[serde(rename = ".group_segment_fixed_size")]
    shared_bytes: u32,
    #[serde(rename = ".private_segment_fixed_size")]
    scratch_bytes: u32,
    #[serde(rename = ".max_flat_workgroup_size")]
    most_threads_per_block: u32,
}

impl AmdCodeObject {
    /// Reads a code object, or says in a phrase why it is none.
    pub fn parse(image: &[u8]) -> Result<Self, String> {
        let file =
            ElfFile64::<Endianness>::parse(image).map_err(|error| format!("it is no 64-bit ELF file: {error}"))?;
        let note = metadata_note(&file)?.ok_or("it has no AMD metadata")?;
        let metadata: Metadata =
            rmp_serde::from_slice(note).map_err(|error| format!("its metadata is malformed: {error}"))?;
        // `amdgcn-amd-amdhsa--gfx942:sramecc+:xnack-`
        let architecture = metadata.target.rsplit('-').find(|part| part.starts_with("gfx"));
        let architecture = architecture.and_then(|part| part.split(':').next());
        let architecture = architecture.ok_or_else(|| format!("its target is `{}`", metadata.target))?.to_owned();
        let sizes = function_sizes(image);
        let size_of = |name: &str| sizes.iter().find(|(known, _)| known == name).map(|(_, bytes)| *bytes);
        let kernels = metadata.kernels.into_iter().map(|kernel| AmdKernel {
            wave_size: kernel.wave_size,
            attributes: KernelAttributes {
                registers: Some(kernel.registers),
                scalar_registers: Some(kernel.scalar_registers),
                accumulation_registers: kernel.accumulation_registers,
                shared_bytes: Some(kernel.shared_bytes),
                scratch_bytes: Some(kernel.scratch_bytes),
                spilled_registers: kernel.vector_spills.zip(kernel.scalar_spills).map(|(a, b)| a.saturating_add(b)),
                code_bytes: size_of(&kernel.name),
                most_threads_per_block: Some(kernel.most_threads_per_block),
                ..KernelAttributes::default()
            },
            name: kernel.name,
        });
        Ok(Self { architecture, kernels: kernels.collect() })
    }
}

fn metadata_note<'data>(file: &ElfFile64<'data, Endianness>) -> Result<Option<&'data [u8]>, String> {
    let damaged = |error: object::Error| format!("its notes are damaged: {error}");
    let endian = file.endian();
    for header in file.elf_program_headers() {
        let Some(mut notes) = header.notes(endian, file.data()).map_err(damaged)? else { continue };
        while let Some(note) = notes.next().map_err(damaged)? {
            if note.name() == NOTE_OWNER && note.n_type(endian) == NT_AMDGPU_METADATA {
                return Ok(Some(note.desc()));
            }
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    // tests/fixtures/code_objects/README.md says how they were made. The numbers below are the compiler's own resource
    // remarks.
    const GFX942: &[u8] = include_bytes!("../../../tests/fixtures/code_objects/gfx942.hsaco");
    const GFX1100: &[u8] = include_bytes!("../../../tests/fixtures/code_objects/gfx1100.hsaco");

    fn kernel<'a>(object: &'a AmdCodeObject, name: &str) -> &'a AmdKernel {
        object.kernels.iter().find(|kernel| kernel.name == name).expect("both kernels are there")
    }

    #[test]
    fn a_cdna_object_says_what_its_compiler_said() {
        let object = AmdCodeObject::parse(GFX942).expect("a code object");
        assert_eq!((object.architecture.as_str(), object.kernels.len()), ("gfx942", 2));
        let plain = kernel(&object, "plain");
        let expected = KernelAttributes {
            registers: Some(3),
            scalar_registers: Some(10),
            accumulation_registers: Some(0),
            shared_bytes: Some(1024),
            scratch_bytes: Some(0),
            spilled_registers: Some(0),
            code_bytes: Some(72),
            most_threads_per_block: Some(256),
            ..KernelAttributes::default()
        };
        assert_eq!((plain.wave_size, plain.attributes), (64, expected));
        let spilling = kernel(&object, "spilling").attributes;
        assert_eq!(
            (spilling.registers, spilling.spilled_registers, spilling.scratch_bytes),
            (Some(47), Some(8), Some(36))
        );
    }

    #[test]
    fn an_rdna_object_has_waves_of_32_and_no_accumulation_registers() {
        let object = AmdCodeObject::parse(GFX1100).expect("a code object");
        assert_eq!(object.architecture, "gfx1100");
        let spilling = kernel(&object, "spilling");
        let attributes = spilling.attributes;
        assert_eq!((spilling.wave_size, attributes.accumulation_registers), (32, None));
        assert_eq!((attributes.registers, attributes.spilled_registers), (Some(24), Some(109)));
        assert_eq!((attributes.scratch_bytes, attributes.most_threads_per_block), (Some(408), Some(1024)));
    }

    #[test]
    fn what_is_no_code_object_is_refused_with_a_reason_and_never_a_panic() {
        let reason = |image: &[u8]| AmdCodeObject::parse(image).expect_err("no code object");
        assert!(reason(b"").contains("no 64-bit ELF file"));
        assert!(reason(b"code").contains("no 64-bit ELF file"));
        // Every prefix, and every byte of the header and the notes turned over: an error or a value.
        for length in 0..GFX942.len() {
            let _ = AmdCodeObject::parse(&GFX942[..length]);
        }
        let mut damaged = GFX942.to_vec();
        for place in 0..0x800 {
            damaged[place] ^= 0xFF;
            let _ = AmdCodeObject::parse(&damaged);
            damaged[place] ^= 0xFF;
        }
        let own = std::fs::read(std::env::current_exe().expect("a test runs from a file")).expect("readable");
        assert_eq!(reason(&own), "it has no AMD metadata");
    }
}
