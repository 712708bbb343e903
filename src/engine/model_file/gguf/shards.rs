//! Models in several files: `model-00001-of-00003.gguf` and so on, as `llama-gguf-split` names them.

use std::path::{Path, PathBuf};

/// The paths of all parts, in order, from the path of any of them; the path alone if its name is not that of a part.
/// `None` for a name that cannot be: part 4 of 3, or part 0.
pub fn shard_paths(path: &Path) -> Option<Vec<PathBuf>> {
    let Some((prefix, number, count)) = path.file_name().and_then(|name| split_name(name.to_str()?)) else {
        return Some(vec![path.to_path_buf()]);
    };
    if !(1..=count).contains(&number) {
        return None;
    }
    Some((1..=count).map(|part| path.with_file_name(format!("{prefix}-{part:05}-of-{count:05}.gguf"))).collect())
}

fn split_name(name: &str) -> Option<(&str, u32, u32)> {
    let stem = name.strip_suffix(".gguf")?;
    let (rest, count) = stem.rsplit_once("-of-")?;
    let (prefix, number) = rest.rsplit_once('-')?;
    let five_digits = |text: &str| text.len() == 5 && text.bytes().all(|letter| letter.is_ascii_digit());
    if !five_digits(number) || !five_digits(count) {
        return None;
    }
    Some((prefix, number.parse().ok()?, count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_part_names_all() {
        let parts = shard_paths(Path::new("/m/big-00002-of-00003.gguf")).unwrap();
        assert_eq!(parts.len(), 3);
        assert_eq!(parts[0], Path::new("/m/big-00001-of-00003.gguf"));
        assert_eq!(shard_paths(Path::new("/m/one.gguf")), Some(vec![PathBuf::from("/m/one.gguf")]));
        assert_eq!(shard_paths(Path::new("/m/a-1-of-3.gguf")), Some(vec![PathBuf::from("/m/a-1-of-3.gguf")]));
        assert_eq!(shard_paths(Path::new("/m/big-00004-of-00003.gguf")), None);
        assert_eq!(shard_paths(Path::new("/m/big-00000-of-00003.gguf")), None);
    }
}
