//! The instruction set of a HIP device, which no attribute tells.

use std::ffi::c_int;

use super::table::{GetProperties, HipTable};

/// Larger than `hipDeviceProp_t` of any ROCm: 792 bytes in 5, 1472 in 6 and 7.
const PROPERTIES_BYTES: usize = 64 << 10;

/// `gfx942:sramecc+:xnack-`, as the device says it.
///
/// `gcnArchName` moved between ROCm 5, 6 and 7, and which layout a symbol fills depends on the library, so the
/// name is looked for in the zeroed buffer: it is the only text in the struct that starts with `gfx`.
pub fn architecture(table: &HipTable, ordinal: c_int) -> Option<String> {
    [table.properties_r0600, table.properties].into_iter().flatten().find_map(|get| read(get, ordinal))
}

fn read(get: GetProperties, ordinal: c_int) -> Option<String> {
    // Words, so that the struct's alignment is right.
    let mut properties = vec![0_u64; PROPERTIES_BYTES / 8];
    // SAFETY: the buffer is larger than the struct of any version, and aligned for it.
    let status = unsafe { get(properties.as_mut_ptr().cast(), ordinal) };
    let found = (status == hip_sys::hipError_t_hipSuccess).then(|| find_name(bytemuck::cast_slice(&properties)));
    found.flatten()
}

/// The first zero-terminated text that reads like an AMD architecture.
fn find_name(bytes: &[u8]) -> Option<String> {
    let starts = bytes.windows(4).enumerate().filter(|(_, window)| *window == b"\0gfx").map(|(at, _)| at + 1);
    starts.into_iter().find_map(|start| {
        let text = bytes[start..].split(|byte| *byte == 0).next()?;
        let text = std::str::from_utf8(text).ok()?;
        let name = base(text).strip_prefix("gfx")?;
        let is_name = (3..=5).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_name.then(|| text.to_owned())
    })
}

/// `gfx942` of `gfx942:sramecc+:xnack-`.
pub fn base(full: &str) -> &str {
    full.split(':').next().unwrap_or(full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_found_wherever_the_struct_has_it() {
        for offset in [396, 1160, 3000] {
            let mut bytes = vec![0_u8; 4096];
            bytes[..16].copy_from_slice(b"AMD gfx something"[..16].as_ref());
            bytes[offset..offset + 22].copy_from_slice(b"gfx942:sramecc+:xnack-");
            assert_eq!(find_name(&bytes).as_deref(), Some("gfx942:sramecc+:xnack-"));
        }
        let mut bytes = vec![0_u8; 64];
        bytes[8..15].copy_from_slice(b"gfx1100");
        assert_eq!(find_name(&bytes).as_deref(), Some("gfx1100"));
        bytes[8..15].copy_from_slice(b"gfxtool");
        assert_eq!(find_name(&bytes), None);
        assert_eq!(base("gfx90a:xnack+"), "gfx90a");
    }
}
