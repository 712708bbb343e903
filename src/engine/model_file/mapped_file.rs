//! A file's bytes in memory without reading them.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use memmap2::Mmap;

use super::ModelFileError;

/// Maps a regular file for reading.
pub fn map_file(path: &Path) -> Result<Mmap, ModelFileError> {
    let unreadable = |source| ModelFileError::Unreadable { path: path.to_path_buf(), source };
    // Asked before opening, because opening a pipe would wait for a writer.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(unreadable(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
    }
    let file = File::open(path).map_err(unreadable)?;
    // SAFETY: the map is read-only and private to this value. That nobody cuts or rewrites the file while it is mapped
    // is up to whoever runs the program, as with every engine that maps its weights; llama.cpp asks the same.
    unsafe { Mmap::map(&file) }.map_err(unreadable)
}
