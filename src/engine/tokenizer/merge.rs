//! Merging neighbours, best first: what byte-level BPE and SentencePiece have in common.
//!
//! A heap of candidate pairs and a doubly linked list, so that n symbols take O(n log n) time whatever they are.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

/// A stretch of text that is to become a token, or that has no token of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Bytes of the text that is encoded.
    pub text: Range<usize>,
    /// Bytes of the text as it was given.
    pub source: Range<usize>,
    pub id: Option<u32>,
}

/// A pair that may be merged into the token `id`. The highest priority goes first, the leftmost among equals.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    pub priority: u32,
    pub id: u32,
}

const NONE: u32 = u32::MAX;

struct Link {
    previous: u32,
    next: u32,
    alive: bool,
}

/// A candidate as of when it was found; stale once either side has grown or gone.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    priority: u32,
    left: Reverse<u32>,
    right: u32,
    middle: usize,
    end: usize,
    id: u32,
}

/// Merges neighbours for as long as `candidate` names a token for some pair.
pub fn merge(mut symbols: Vec<Symbol>, candidate: impl Fn(&Symbol, &Symbol) -> Option<Candidate>) -> Vec<Symbol> {
    let count = symbols.len() as u32;
    let mut links: Vec<Link> = (0..count)
        .map(|at| Link {
            previous: at.checked_sub(1).unwrap_or(NONE),
            next: if at + 1 < count { at + 1 } else { NONE },
            alive: true,
        })
        .collect();
    let entry = |symbols: &[Symbol], left: u32, right: u32| {
        let (first, second) = (&symbols[left as usize], &symbols[right as usize]);
        candidate(first, second).map(|Candidate { priority, id }| Entry {
            priority,
            left: Reverse(left),
            right,
            middle: first.text.end,
            end: second.text.end,
            id,
        })
    };
    let mut heap: BinaryHeap<Entry> = (1..count).filter_map(|right| entry(&symbols, right - 1, right)).collect();
    while let Some(Entry { left: Reverse(left), right, middle, end, id, .. }) = heap.pop() {
        let (first, second) = (left as usize, right as usize);
        let fresh = links[first].alive
            && links[second].alive
            && symbols[first].text.end == middle
            && symbols[second].text.end == end;
        if !fresh {
            continue;
        }
        symbols[first].text.end = end;
        symbols[first].source.end = symbols[second].source.end;
        symbols[first].id = Some(id);
        links[second].alive = false;
        let next = links[second].next;
        links[first].next = next;
        if next != NONE {
            links[next as usize].previous = left;
            heap.extend(entry(&symbols, left, next));
        }
        let previous = links[first].previous;
        if previous != NONE {
            heap.extend(entry(&symbols, previous, left));
        }
    }
    let mut alive = links.iter().map(|link| link.alive);
    symbols.retain(|_| alive.next().unwrap_or(false));
    symbols
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(text: &str, rules: &[(&str, u32)]) -> Vec<String> {
        let symbols = (0..text.len()).map(|at| Symbol { text: at..at + 1, source: at..at + 1, id: None }).collect();
        let symbols = merge(symbols, |left, right| {
            let pair = &text[left.text.start..right.text.end];
            let place = rules.iter().position(|(rule, _)| *rule == pair)?;
            Some(Candidate { priority: rules[place].1, id: place as u32 })
        });
        symbols.into_iter().map(|symbol| text[symbol.text].to_string()).collect()
    }

    #[test]
    fn the_best_pair_goes_first_and_the_leftmost_among_equals() {
        assert_eq!(merged("abc", &[("ab", 1), ("bc", 2)]), ["a", "bc"]);
        assert_eq!(merged("abc", &[("ab", 2), ("bc", 2)]), ["ab", "c"]);
        assert_eq!(merged("aaaaa", &[("aa", 1)]), ["aa", "aa", "a"]);
        assert_eq!(merged("abcd", &[("ab", 1), ("cd", 1), ("abcd", 0)]), ["abcd"]);
    }

    #[test]
    fn nothing_and_one_symbol_are_left_alone() {
        assert!(merged("", &[("aa", 1)]).is_empty());
        assert_eq!(merged("a", &[("aa", 1)]), ["a"]);
    }
}
