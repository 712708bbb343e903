//! The shared memory (LDS) of the block that runs: static arrays and the dynamic one, each between fences.

use std::ffi::c_void;

/// Shared memory one block may use: what every AMD GPU since GCN has.
pub(super) const SHARED_BYTES_LIMIT: u32 = 64 * 1024;

const FENCE_BYTES: usize = 64;
const FENCE_BYTE: u8 = 0xA5;
/// A NaN in every float type.
const POISON: u8 = 0xFF;
const MAX_ARRAYS: usize = 64;
const ARENA_BYTES: usize = SHARED_BYTES_LIMIT as usize + (2 * MAX_ARRAYS + 2) * FENCE_BYTES;

/// One array in the arena.
#[derive(Clone, Debug)]
pub(super) struct SharedArray {
    pub name: String,
    /// Offset of its first byte in the arena.
    pub offset: usize,
    pub bytes: usize,
    /// Address of the declaration's marker, the array's identity; null for the dynamic array.
    site: *const c_void,
}

/// A place in the arena: in an array, or in a fence, with the array it is nearest to.
pub(super) struct SharedPlace<'a> {
    pub array: &'a SharedArray,
    /// Relative to the array's first byte; negative before it.
    pub offset: i64,
}

/// Shared memory of one block. The arena's address stays the same over blocks.
pub(super) struct SharedMemory {
    arena: Box<Arena>,
    arrays: Vec<SharedArray>,
    used: usize,
    payload: usize,
}

#[repr(align(64))]
struct Arena([u8; ARENA_BYTES]);

impl SharedMemory {
    pub fn new() -> Self {
        Self { arena: Box::new(Arena([0; ARENA_BYTES])), arrays: Vec::new(), used: 0, payload: 0 }
    }

    /// Forgets the last block's arrays and makes room for the dynamic one.
    pub fn begin_block(&mut self, dynamic_bytes: usize) {
        self.arrays.clear();
        self.payload = 0;
        self.used = FENCE_BYTES;
        self.arena.0[..FENCE_BYTES].fill(FENCE_BYTE);
        if dynamic_bytes > 0 {
            self.add(std::ptr::null(), "dynamic shared memory", dynamic_bytes);
        }
    }

    /// The dynamic array's address, or `None` if the launch gave none.
    pub fn dynamic(&mut self) -> Option<*mut u8> {
        let first = self.arrays.first().filter(|array| array.site.is_null())?;
        // SAFETY: arrays lie in the arena.
        Some(unsafe { self.arena.0.as_mut_ptr().add(first.offset) })
    }

    /// The address of the static array declared at `site`; poisoned when the block's first thread asks.
    /// `Err` is a sentence.
    pub fn array(&mut self, site: *const c_void, name: &str, bytes: usize) -> Result<*mut u8, String> {
        let known = self.arrays.iter().find(|array| array.site == site && array.bytes == bytes);
        let offset = match known {
            Some(array) => array.offset,
            None if self.arrays.len() == MAX_ARRAYS => {
                return Err(format!("shared array `{name}` is one more than the {MAX_ARRAYS} a block may declare"));
            }
            None if self.payload + bytes > SHARED_BYTES_LIMIT as usize => {
                return Err(format!(
                    "shared array `{name}` of {bytes} bytes does not fit: {} of {SHARED_BYTES_LIMIT} bytes are taken",
                    self.payload
                ));
            }
            None => self.add(site, name, bytes),
        };
        // SAFETY: arrays lie in the arena.
        Ok(unsafe { self.arena.0.as_mut_ptr().add(offset) })
    }

    fn add(&mut self, site: *const c_void, name: &str, bytes: usize) -> usize {
        let offset = self.used;
        let end = offset + bytes;
        // The next array starts on its own 64-byte line, behind a whole fence.
        self.used = (end + FENCE_BYTES).next_multiple_of(FENCE_BYTES);
        self.arena.0[offset..end].fill(POISON);
        self.arena.0[end..self.used].fill(FENCE_BYTE);
        self.payload += bytes;
        self.arrays.push(SharedArray { name: name.to_string(), offset, bytes, site });
        offset
    }

    /// Finds a write into a fence; a sentence.
    pub fn damaged_fence(&self) -> Option<String> {
        let mut start = 0;
        for index in 0..=self.arrays.len() {
            let end = self.arrays.get(index).map_or(self.used, |array| array.offset);
            if let Some(position) = self.arena.0[start..end].iter().position(|&byte| byte != FENCE_BYTE) {
                let place = self.place(start + position)?;
                return Some(format!(
                    "write outside shared array `{}` ({} bytes): byte {} was overwritten",
                    place.array.name, place.array.bytes, place.offset
                ));
            }
            start = self.arrays.get(index).map_or(end, |array| array.offset + array.bytes);
        }
        None
    }

    /// The arena offset of an address, if it is in the arena.
    #[inline]
    pub fn arena_offset(&self, address: usize) -> Option<usize> {
        let offset = address.wrapping_sub(self.arena.0.as_ptr() as usize);
        (offset < ARENA_BYTES).then_some(offset)
    }

    /// Whether `bytes` bytes at an arena offset lie in one array.
    #[inline]
    pub fn is_inside(&self, offset: usize, bytes: usize) -> bool {
        self.arrays.iter().any(|array| offset >= array.offset && offset + bytes <= array.offset + array.bytes)
    }

    /// The array that an arena offset is in or nearest to; `None` if the block has no arrays.
    pub fn place(&self, offset: usize) -> Option<SharedPlace<'_>> {
        let distance = |array: &SharedArray| {
            let end = array.offset + array.bytes;
            array.offset.saturating_sub(offset).max((offset + 1).saturating_sub(end))
        };
        let array = self.arrays.iter().min_by_key(|array| distance(array))?;
        Some(SharedPlace { array, offset: offset as i64 - array.offset as i64 })
    }

    /// Bytes that a shadow of the arena needs to cover.
    pub const fn arena_bytes() -> usize {
        ARENA_BYTES
    }
}
