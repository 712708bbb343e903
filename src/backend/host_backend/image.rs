//! Constants of the program and of the shared objects that it has loaded.

use std::ffi::{c_int, c_void};

/// First address and bytes.
pub(super) type ImageRange = (usize, usize);

struct Search {
    address: usize,
    found: Option<ImageRange>,
}

/// The read-only part of a loaded program or library that holds an address.
pub(super) fn read_only_range(address: usize) -> Option<ImageRange> {
    let mut search = Search { address, found: None };
    // SAFETY: the callback gets this search and the loader's own records, and keeps neither.
    unsafe { libc::dl_iterate_phdr(Some(look_at), (&raw mut search).cast()) };
    search.found
}

unsafe extern "C" fn look_at(object: *mut libc::dl_phdr_info, _bytes: usize, search: *mut c_void) -> c_int {
    // SAFETY: `dl_iterate_phdr` gives a valid record, and `search` is the one passed to it.
    let (object, search) = unsafe { (&*object, &mut *search.cast::<Search>()) };
    // SAFETY: the record says how many headers there are.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum as usize) };
    let constant = headers.iter().filter(|header| {
        // Constants that hold addresses are relocated first and then made read-only.
        header.p_type == libc::PT_GNU_RELRO || header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0
    });
    for header in constant {
        let range = (object.dlpi_addr as usize + header.p_vaddr as usize, header.p_memsz as usize);
        if search.address.wrapping_sub(range.0) < range.1 {
            search.found = Some(range);
            return 1;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    static CONSTANT: [u32; 4] = [1, 2, 3, 4];

    #[test]
    fn constants_are_found_and_variables_are_not() {
        let variable = 1u32;
        assert!(read_only_range(CONSTANT.as_ptr() as usize).is_some());
        assert_eq!(read_only_range(&raw const variable as usize), None);
    }
}
