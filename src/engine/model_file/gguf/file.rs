//! A mapped GGUF model, of one file or of several parts.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use memmap2::Mmap;

use super::super::mapped_file::map_file;
use super::super::{ModelFileError, StoredTensor};
use super::cursor::{Cursor, Flaw};
use super::metadata::Metadata;
use super::metadata_value::MetadataValue;
use super::parse_metadata::{LEAST_ENTRY_BYTES, parse_metadata};
use super::parse_tensors::{LEAST_TENSOR_BYTES, TensorEntry, TensorFlaw, parse_tensors, place_tensors};
use super::shards::shard_paths;

const MAGIC: &[u8] = b"GGUF";

/// The key of the data section's alignment in bytes, and what holds without it.
const ALIGNMENT_KEY: &str = "general.alignment";
const DEFAULT_ALIGNMENT: u64 = 32;

/// A GGUF model: its metadata and its tensors, mapped into memory.
#[derive(Debug)]
pub struct GgufFile {
    metadata: Metadata,
    shards: Vec<Shard>,
    /// Tensor name to shard and place in it.
    places: HashMap<String, (usize, usize)>,
}

#[derive(Debug)]
struct Shard {
    map: Mmap,
    tensors: Vec<TensorEntry>,
}

/// What stands before the list of tensors.
struct Header {
    entries: BTreeMap<String, MetadataValue>,
    tensor_count: usize,
    end: usize,
}

impl GgufFile {
    /// Opens a file, or all parts of a model from the name of any part. Only the headers are read; weights come from
    /// disk when they are used.
    pub fn open(path: &Path) -> Result<Self, ModelFileError> {
        let paths = shard_paths(path)
            .ok_or_else(|| shard_error(path, "the name is that of a part beyond the number of parts"))?;
        let mut metadata = None;
        let mut shards = Vec::with_capacity(paths.len());
        let mut places = HashMap::new();
        for (number, path) in paths.iter().enumerate() {
            let map = map_file(path)?;
            let header = parse_header(path, &map)?;
            check_split(path, &header.entries, number, paths.len())?;
            let tensors = tensors(path, &map, &header)?;
            for (place, tensor) in tensors.iter().enumerate() {
                if places.insert(tensor.name.clone(), (number, place)).is_some() {
                    let problem = format!("tensor `{}` comes twice", tensor.name);
                    return Err(damaged(path, Flaw { offset: header.end, problem }));
                }
            }
            shards.push(Shard { map, tensors });
            metadata.get_or_insert_with(|| Metadata::new(path.clone(), header.entries));
        }
        let metadata = metadata.ok_or_else(|| shard_error(path, "there are no parts"))?;
        if let Some(wanted) = metadata.unsigned("split.tensors.count")?
            && wanted != places.len() as u64
        {
            let problem = format!("the model has {wanted} tensors, its parts hold {}", places.len());
            return Err(shard_error(path, problem));
        }
        Ok(Self { metadata, shards, places })
    }

    /// The metadata alone, of the first part: enough for a tokenizer, whatever types the weights have.
    pub fn read_metadata(path: &Path) -> Result<Metadata, ModelFileError> {
        let paths = shard_paths(path)
            .ok_or_else(|| shard_error(path, "the name is that of a part beyond the number of parts"))?;
        let first = &paths[0];
        Ok(Metadata::new(first.clone(), parse_header(first, &map_file(first)?)?.entries))
    }

    /// The first file.
    pub fn path(&self) -> &Path {
        self.metadata.path()
    }

    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// All tensors, in the order of the file.
    pub fn tensors(&self) -> impl Iterator<Item = StoredTensor<'_>> {
        self.shards.iter().flat_map(|shard| shard.tensors.iter().map(|entry| shard.view(entry)))
    }

    pub fn tensor(&self, name: &str) -> Option<StoredTensor<'_>> {
        let (shard, place) = *self.places.get(name)?;
        Some(self.shards[shard].view(&self.shards[shard].tensors[place]))
    }
}

impl Shard {
    fn view<'a>(&'a self, entry: &'a TensorEntry) -> StoredTensor<'a> {
        StoredTensor {
            name: &entry.name,
            tensor_type: entry.tensor_type,
            shape: &entry.shape,
            bytes: &self.map[entry.bytes.clone()],
        }
    }
}

fn shard_error(path: &Path, problem: impl Into<String>) -> ModelFileError {
    ModelFileError::Shards { path: path.to_path_buf(), problem: problem.into() }
}

fn damaged(path: &Path, flaw: Flaw) -> ModelFileError {
    let place = format!("byte {}", flaw.offset);
    ModelFileError::Damaged { path: path.to_path_buf(), place, problem: flaw.problem }
}

fn parse_header(path: &Path, bytes: &[u8]) -> Result<Header, ModelFileError> {
    if !bytes.starts_with(MAGIC) {
        return Err(ModelFileError::NotGguf {
            path: path.to_path_buf(),
            found: bytes.iter().take(4).copied().collect(),
        });
    }
    let mut cursor = Cursor::new(bytes, MAGIC.len());
    let version = cursor.u32().map_err(|flaw| damaged(path, flaw))?;
    match version {
        2 | 3 => {}
        _ if matches!(version.swap_bytes(), 1..=3) => {
            return Err(ModelFileError::BigEndian { path: path.to_path_buf() });
        }
        found => return Err(ModelFileError::Version { path: path.to_path_buf(), found }),
    }
    let mut parse = || {
        let tensor_count = cursor.count("tensors", LEAST_TENSOR_BYTES)?;
        let entry_count = cursor.count("metadata entries", LEAST_ENTRY_BYTES)?;
        let entries = parse_metadata(&mut cursor, entry_count)?;
        Ok(Header { entries, tensor_count, end: cursor.offset() })
    };
    parse().map_err(|flaw| damaged(path, flaw))
}

fn tensors(path: &Path, bytes: &[u8], header: &Header) -> Result<Vec<TensorEntry>, ModelFileError> {
    let alignment = match header.entries.get(ALIGNMENT_KEY) {
        None => DEFAULT_ALIGNMENT,
        Some(value) => value.as_unsigned().unwrap_or(0),
    };
    if !alignment.is_power_of_two() || alignment > bytes.len() as u64 {
        let problem = format!("`{ALIGNMENT_KEY}` is {alignment}, not a power of two within the file");
        return Err(damaged(path, Flaw { offset: header.end, problem }));
    }
    let mut cursor = Cursor::new(bytes, header.end);
    let mut entries = parse_tensors(&mut cursor, header.tensor_count).map_err(|flaw| match flaw {
        TensorFlaw::Damaged(flaw) => damaged(path, flaw),
        TensorFlaw::UnsupportedType { tensor, found } => {
            ModelFileError::UnsupportedTensorType { path: path.to_path_buf(), tensor, found }
        }
    })?;
    place_tensors(&mut entries, cursor.offset(), alignment as usize, bytes.len())
        .map_err(|flaw| damaged(path, flaw))?;
    Ok(entries)
}

/// A part says which one it is of how many; its name must say the same.
fn check_split(
    path: &Path,
    entries: &BTreeMap<String, MetadataValue>,
    number: usize,
    count: usize,
) -> Result<(), ModelFileError> {
    let stored = |key: &str| entries.get(key).and_then(MetadataValue::as_unsigned);
    let stored_count = stored("split.count").unwrap_or(1).max(1);
    let stored_number = stored("split.no").unwrap_or(0);
    if (stored_number, stored_count) != (number as u64, count as u64) {
        let named = if count == 1 { "a whole model".to_string() } else { format!("part {} of {count}", number + 1) };
        let problem = format!("its name is that of {named}, but it is part {} of {stored_count}", stored_number + 1);
        return Err(shard_error(path, problem));
    }
    Ok(())
}
