//! Names of files for cases.

use sha2::{Digest, Sha256};

/// Leaves room for a prefix and an ending within the 255 bytes that file systems allow.
const MOST_LETTERS: usize = 180;

/// A case's id as a part of a file name and of an HTML id, the same everywhere: letters, digits and `. = - _`.
pub fn file_name(case: &str) -> String {
    let safe = |letter: char| if letter.is_ascii_alphanumeric() || ".=-".contains(letter) { letter } else { '_' };
    let name: String = case.chars().map(safe).collect();
    if name.len() <= MOST_LETTERS {
        return name;
    }
    let digest: String = Sha256::digest(case).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{digest}", &name[..MOST_LETTERS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_short_and_different() {
        assert_eq!(file_name("top_k/bf16/7x32000/k=50,pad=3/ties"), "top_k_bf16_7x32000_k=50_pad=3_ties");
        assert_eq!(file_name("../a b\n"), ".._a_b_");
        let [long, other] = ["a", "b"].map(|end| format!("{}{end}", "ü/".repeat(200)));
        assert!(file_name(&long).len() < 200 && file_name(&long) != file_name(&other));
    }
}
