//! One mapped safetensors file. The crate checks that lengths, offsets and shapes agree with each other and the file.

use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};

use super::super::mapped_file::map_file;
use super::super::{ModelFileError, StoredTensor, TensorType};

/// Bytes before the JSON header: its length.
const LENGTH_BYTES: usize = 8;

#[derive(Debug)]
pub struct SafetensorsFile {
    map: Mmap,
    tensors: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: String,
    tensor_type: TensorType,
    shape: Vec<usize>,
    bytes: Range<usize>,
}

impl SafetensorsFile {
    pub fn open(path: &Path) -> Result<Self, ModelFileError> {
        let map = map_file(path)?;
        let damaged = |place: &str, problem: String| ModelFileError::Damaged {
            path: path.to_path_buf(),
            place: place.to_string(),
            problem,
        };
        let (header, metadata) =
            SafeTensors::read_metadata(&map).map_err(|error| damaged("the header", error.to_string()))?;
        let mut tensors = Vec::new();
        for (name, info) in metadata.tensors() {
            let tensor_type = match info.dtype {
                Dtype::F32 => TensorType::F32,
                Dtype::F16 => TensorType::F16,
                Dtype::BF16 => TensorType::BF16,
                other => {
                    let (path, found) = (path.to_path_buf(), other.to_string());
                    return Err(ModelFileError::UnsupportedTensorType { path, tensor: name, found });
                }
            };
            let (start, end) = info.data_offsets;
            let data = LENGTH_BYTES + header;
            let range = data.checked_add(start).zip(data.checked_add(end)).map(|(start, end)| start..end);
            let elements = info.shape.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
            let length = elements.and_then(|elements| tensor_type.bytes_of(elements));
            let bytes = range.filter(|range| Some(range.len()) == length && range.end <= map.len());
            let Some(bytes) = bytes else {
                let problem = format!("bytes {start} to {end} do not hold {:?} of {tensor_type}", info.shape);
                return Err(damaged(&format!("tensor `{name}`"), problem));
            };
            tensors.push(Entry { name, tensor_type, shape: info.shape.clone(), bytes });
        }
        tensors.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { map, tensors })
    }

    pub fn tensors(&self) -> impl Iterator<Item = StoredTensor<'_>> {
        self.tensors.iter().map(|entry| StoredTensor {
            name: &entry.name,
            tensor_type: entry.tensor_type,
            shape: &entry.shape,
            bytes: &self.map[entry.bytes.clone()],
        })
    }

    pub fn tensor(&self, name: &str) -> Option<StoredTensor<'_>> {
        let place = self.tensors.binary_search_by(|entry| entry.name.as_str().cmp(name)).ok()?;
        self.tensors().nth(place)
    }
}
