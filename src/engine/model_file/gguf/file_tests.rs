//! What a GGUF file gives, and what is refused.

use std::fs;

use super::super::{GgufFile, MetadataArray, MetadataValue, ModelFileError, TensorType};
use super::writer::{Writer, file_of, string};

fn open(writer: &Writer) -> Result<GgufFile, ModelFileError> {
    GgufFile::open(file_of(&writer.bytes()).path())
}

fn refusal(writer: &Writer) -> String {
    open(writer).expect_err("refused").to_string()
}

fn array(kind: u32, count: u64, elements: &[u8]) -> Vec<u8> {
    [&kind.to_le_bytes()[..], &count.to_le_bytes(), elements].concat()
}

#[test]
fn both_versions_give_metadata_and_tensors() {
    for version in [2, 3] {
        let tokens = array(8, 2, &[string("a"), string("é")].concat());
        let nested = array(9, 1, &array(5, 1, &(-7i32).to_le_bytes()));
        let writer = Writer::new()
            .version(version)
            .alignment(64)
            .entry("name", 8, &string("tiny"))
            .entry("tokens", 9, &tokens)
            .entry("nested", 9, &nested)
            .entry("eps", 6, &1e-5f32.to_le_bytes())
            .entry("layers", 4, &2u32.to_le_bytes())
            .entry("flag", 7, &[1])
            .tensor("x", &[2, 3], 0, &[1; 24])
            .tensor("y", &[32], 8, &[2; 34]);
        let file = open(&writer).expect("a whole file");
        let metadata = file.metadata();
        assert_eq!(metadata.string("name").unwrap(), Some("tiny"));
        assert_eq!(metadata.strings("tokens").unwrap(), Some(&["a".to_string(), "é".to_string()][..]));
        let inner = MetadataArray::Array(vec![MetadataArray::I32(vec![-7])]);
        assert_eq!(metadata.get("nested"), Some(&MetadataValue::Array(inner)));
        assert_eq!(metadata.float("eps").unwrap(), Some(f64::from(1e-5f32)));
        assert_eq!(metadata.unsigned("layers").unwrap(), Some(2));
        assert_eq!(metadata.boolean("flag").unwrap(), Some(true));
        assert_eq!(metadata.string("absent").unwrap(), None);
        let wrong = metadata.string("layers").unwrap_err().to_string();
        assert!(wrong.contains("`layers` is a u32, not a string"), "{wrong}");
        let x = file.tensor("x").expect("a tensor");
        assert_eq!((x.tensor_type, x.shape, x.bytes), (TensorType::F32, &[3, 2][..], &[1; 24][..]));
        let y = file.tensor("y").expect("a tensor");
        assert_eq!((y.tensor_type, y.bytes), (TensorType::Q8_0, &[2; 34][..]));
        assert_eq!(file.tensors().map(|tensor| tensor.name).collect::<Vec<_>>(), ["x", "y"]);
    }
}

#[test]
fn metadata_is_read_where_tensors_cannot_be() {
    let writer = Writer::new().entry("name", 8, &string("tiny")).tensor("x", &[256], 10, &[0; 84]);
    let message = refusal(&writer);
    assert!(message.contains("`x` is stored as Q2_K (ggml type 10)") && message.contains("Q6_K are read"), "{message}");
    let file = file_of(&writer.bytes());
    assert_eq!(GgufFile::read_metadata(file.path()).unwrap().string("name").unwrap(), Some("tiny"));
}

#[test]
fn other_files_are_named_for_what_they_are() {
    assert!(refusal(&Writer::new().version(1)).contains("GGUF version 1; versions 2 and 3 are read"));
    assert!(refusal(&Writer::new().version(3u32.swap_bytes())).contains("big-endian"));
    let text = GgufFile::open(file_of(b"hello").path()).unwrap_err();
    assert!(matches!(text, ModelFileError::NotGguf { .. }), "{text}");
    let empty = GgufFile::open(file_of(b"").path()).unwrap_err();
    assert!(matches!(empty, ModelFileError::NotGguf { .. }), "{empty}");
    let folder = GgufFile::open(tempfile::tempdir().unwrap().path()).unwrap_err();
    assert!(folder.to_string().contains("not a regular file"), "{folder}");
}

#[test]
fn damaged_headers_are_refused_with_the_place() {
    let one = |kind: u32, value: &[u8]| refusal(&Writer::new().entry("k", kind, value));
    let cases = [
        (one(8, &u64::MAX.to_le_bytes()), "18446744073709551615 bytes of text"),
        (one(9, &array(8, 1 << 40, &[])), "1099511627776 strings"),
        (one(9, &array(10, u64::MAX / 8 + 1, &[])), "array elements"),
        (one(9, &array(13, 1, &[0])), "13 is no metadata type"),
        (one(13, &[0; 8]), "value of `k`: 13 is no metadata type"),
        (one(7, &[2]), "2 is no bool"),
        (one(8, &[&1u64.to_le_bytes()[..], &[0xFF]].concat()), "not UTF-8"),
        (one(9, &array(9, 1, &[]).repeat(70)), "nested more than 64 deep"),
        (refusal(&Writer::new().entry("k", 7, &[1]).entry("k", 7, &[1])), "`k` comes twice"),
        (refusal(&Writer::new().entry("", 7, &[1, 0])), "key is empty"),
    ];
    for (message, expected) in cases {
        assert!(message.contains(expected), "{message}, not {expected}");
        assert!(message.contains("byte ") && message.contains("download or convert it again"), "{message}");
    }
}

#[test]
fn damaged_tensor_lists_are_refused() {
    let at = |dimensions: &[u64], kind: u32, offset: u64| {
        refusal(&Writer::new().tensor("fine", &[8], 0, &[0; 32]).tensor_at("x", dimensions, kind, offset))
    };
    let cases = [
        (at(&[8], 0, 32), "ends after the file"),
        (at(&[8], 0, 0), "`fine` and `x` overlap"),
        (at(&[8], 0, 4), "offset 4 is no multiple of 32"),
        (at(&[8], 0, u64::MAX - 31), "too many"),
        (at(&[u64::MAX, 2], 0, 32), "a dimension of"),
        (at(&[0], 0, 32), "a dimension of 0 elements"),
        (at(&[], 0, 32), "0 dimensions"),
        (at(&[1; 5], 0, 32), "5 dimensions"),
        (at(&[31, 32], 8, 32), "rows of 31 elements are no whole blocks of 32 (Q8_0)"),
        (refusal(&Writer::new().alignment(48).tensor("x", &[8], 0, &[0; 32])), "`general.alignment` is 48"),
        (refusal(&Writer::new().tensor("x", &[8], 0, &[0; 32]).tensor("x", &[8], 0, &[0; 32])), "`x` comes twice"),
    ];
    for (message, expected) in cases {
        assert!(message.contains(expected), "{message}, not {expected}");
    }
}

#[test]
fn parts_are_read_from_the_name_of_any() {
    let folder = tempfile::tempdir().expect("a folder");
    let part = |number: u16, total: i32| {
        Writer::new()
            .entry("split.no", 2, &number.to_le_bytes())
            .entry("split.count", 2, &2u16.to_le_bytes())
            .entry("split.tensors.count", 5, &total.to_le_bytes())
            .tensor(["first", "second"][usize::from(number)], &[1], 0, &(f32::from(number)).to_le_bytes())
            .bytes()
    };
    let path = |number: u16| folder.path().join(format!("m-{number:05}-of-00002.gguf"));
    fs::write(path(1), part(0, 2)).unwrap();
    let missing = GgufFile::open(&path(1)).unwrap_err().to_string();
    assert!(missing.contains("m-00002-of-00002.gguf"), "{missing}");
    fs::write(path(2), part(1, 2)).unwrap();
    let file = GgufFile::open(&path(2)).expect("both parts");
    assert_eq!(file.tensor("second").unwrap().bytes, 1f32.to_le_bytes());
    assert_eq!(file.tensors().count(), 2);

    let lone = folder.path().join("lone.gguf");
    fs::copy(path(2), &lone).unwrap();
    assert!(GgufFile::open(&lone).unwrap_err().to_string().contains("but it is part 2 of 2"));
    fs::write(path(1), part(0, 3)).unwrap();
    assert!(GgufFile::open(&path(1)).unwrap_err().to_string().contains("has 3 tensors, its parts hold 2"));
    fs::write(path(2), part(0, 3)).unwrap();
    assert!(GgufFile::open(&path(1)).unwrap_err().to_string().contains("is that of part 2 of 2"));
}
