//! GGUF files for tests, right ones and wrong ones.

use std::io::Write as _;

/// Writes a GGUF file piece by piece; nothing is checked.
pub struct Writer {
    version: u32,
    entries: Vec<Vec<u8>>,
    tensors: Vec<Vec<u8>>,
    data: Vec<u8>,
    alignment: usize,
}

pub fn string(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

impl Writer {
    pub fn new() -> Self {
        Self { version: 3, entries: Vec::new(), tensors: Vec::new(), data: Vec::new(), alignment: 32 }
    }

    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// A metadata entry from the number of its type and its bytes.
    pub fn entry(mut self, key: &str, kind: u32, value: &[u8]) -> Self {
        self.entries.push([&string(key), &kind.to_le_bytes()[..], value].concat());
        self
    }

    pub fn alignment(mut self, alignment: u32) -> Self {
        self.alignment = alignment as usize;
        self.entry("general.alignment", 4, &alignment.to_le_bytes())
    }

    /// A tensor with its data at the next aligned place. Dimensions are innermost first, as in the file.
    pub fn tensor(mut self, name: &str, dimensions: &[u64], ggml_type: u32, bytes: &[u8]) -> Self {
        let offset = self.data.len() as u64;
        self.data.extend_from_slice(bytes);
        self.data.resize(self.data.len().next_multiple_of(self.alignment), 0);
        self.tensor_at(name, dimensions, ggml_type, offset)
    }

    /// A tensor said to lie at `offset` of the data section.
    pub fn tensor_at(mut self, name: &str, dimensions: &[u64], ggml_type: u32, offset: u64) -> Self {
        let mut text = string(name);
        text.extend_from_slice(&(dimensions.len() as u32).to_le_bytes());
        dimensions.iter().for_each(|dimension| text.extend_from_slice(&dimension.to_le_bytes()));
        text.extend_from_slice(&ggml_type.to_le_bytes());
        text.extend_from_slice(&offset.to_le_bytes());
        self.tensors.push(text);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend_from_slice(&self.version.to_le_bytes());
        bytes.extend_from_slice(&(self.tensors.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        bytes.extend(self.entries.iter().chain(&self.tensors).flatten());
        if !self.data.is_empty() {
            bytes.resize(bytes.len().next_multiple_of(self.alignment), 0);
            bytes.extend_from_slice(&self.data);
        }
        bytes
    }
}

/// A file that is deleted when the test ends.
pub fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".gguf").tempfile().expect("a temporary file");
    file.write_all(bytes).expect("written");
    file
}
