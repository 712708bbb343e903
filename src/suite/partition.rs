//! One of several parts of a list of cases, for runners that share a suite.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Which part of how many; parts count from 1.
///
/// A case belongs to the part that the hash of its id says, whatever else is in the list and in whatever order: parts
/// never overlap, together they hold every case, and a case that is added or taken away moves no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    pub part: u32,
    pub parts: u32,
}

/// A part that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no part: write I/N with I from 1 to N, such as 2/8")]
pub struct ParsePartitionError {
    text: String,
}

impl Partition {
    /// Whether the case of that id is in this part. The first 64 bits of the id's SHA-256, modulo the parts.
    pub fn holds(&self, id: &str) -> bool {
        let digest = Sha256::digest(id);
        let first = u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
        first % u64::from(self.parts) == u64::from(self.part - 1)
    }
}

impl FromStr for Partition {
    type Err = ParsePartitionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParsePartitionError { text: text.to_string() };
        let (part, parts) = text.split_once('/').ok_or_else(wrong)?;
        let number = |digits: &str| digits.parse::<u32>().map_err(|_| wrong());
        let partition = Self { part: number(part)?, parts: number(parts)? };
        if (1..=partition.parts).contains(&partition.part) { Ok(partition) } else { Err(wrong()) }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.part, self.parts)
    }
}

/// SHA-256 of a list of ids, the same in whatever order they are given: tells whether two parts are parts of one list.
pub fn digest_of_ids(ids: &[String]) -> String {
    let mut sorted: Vec<&String> = ids.iter().collect();
    sorted.sort_unstable();
    let mut hash = Sha256::new();
    for id in sorted {
        hash.update((id.len() as u64).to_le_bytes());
        hash.update(id);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn parts_are_read_and_written_alike() {
        let partition: Partition = "2/8".parse().expect("a part");
        assert_eq!((partition, partition.to_string().as_str()), (Partition { part: 2, parts: 8 }, "2/8"));
        for wrong in ["", "2", "0/8", "9/8", "1/0", "a/8", "1/2/3", "-1/2", "1 / 2", "1/99999999999"] {
            let error = wrong.parse::<Partition>().expect_err(wrong).to_string();
            assert!(error.contains(&format!("`{wrong}` is no part")), "{error}");
        }
    }

    #[test]
    fn a_case_never_moves_between_versions() {
        // python: int.from_bytes(hashlib.sha256(id.encode()).digest()[:8], 'big') % 8 + 1
        for (id, part) in [("rms_norm/bf16/2048x4096/normal", 2), ("top_k/f32/1x262144/k=50/normal", 1)] {
            let parts: Vec<u32> = (1..=8).filter(|part| Partition { part: *part, parts: 8 }.holds(id)).collect();
            assert_eq!(parts, [part], "{id}");
        }
    }

    #[test]
    fn the_parts_of_a_large_list_are_about_equal() {
        let ids: Vec<String> = (0..10_000).map(|row| format!("rms_norm/bf16/{row}x4096/normal")).collect();
        for part in 1..=8 {
            let count = ids.iter().filter(|id| Partition { part, parts: 8 }.holds(id)).count();
            // 1250 on average, 33 its standard deviation.
            assert!((1100..1400).contains(&count), "part {part} has {count}");
        }
    }

    #[test]
    fn the_digest_tells_lists_apart_and_not_orders() {
        let digest = |ids: &[&str]| digest_of_ids(&ids.iter().map(|id| id.to_string()).collect::<Vec<_>>());
        assert_eq!(digest(&["a/b", "c"]), digest(&["c", "a/b"]));
        assert_ne!(digest(&["a/b", "c"]), digest(&["a", "b", "c"]));
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }

    proptest! {
        #[test]
        fn every_case_is_in_exactly_one_part_whatever_the_order(
            ids in prop::collection::hash_set("[a-z_]{1,12}/(f32|bf16)/[0-9]{1,4}x[0-9]{1,5}/[a-z]{1,9}", 1..60),
            parts in 1u32..20,
        ) {
            let in_order: Vec<String> = ids.iter().cloned().collect();
            let mut reversed = in_order.clone();
            reversed.reverse();
            let mut placed = Vec::new();
            for part in 1..=parts {
                let partition = Partition { part, parts };
                let taken: Vec<_> = in_order.iter().filter(|id| partition.holds(id)).cloned().collect();
                let mut again: Vec<_> = reversed.iter().filter(|id| partition.holds(id)).cloned().collect();
                again.reverse();
                prop_assert_eq!(&taken, &again);
                placed.extend(taken);
            }
            placed.sort();
            let mut all = in_order;
            all.sort();
            prop_assert_eq!(placed, all);
        }
    }
}
