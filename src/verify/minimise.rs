//! Shrinks a failing case: fewer rows, then fewer columns, as long as it still fails.

use crate::operation::Case;

/// The smallest case found that `fails`, starting from one that does. Sizes are tried at 1, at a half, at three
/// quarters and one less, again and again, until none of them fails; shapes that the contract refuses count
/// as not failing.
pub fn minimise(case: &Case, mut fails: impl FnMut(&Case) -> bool) -> Case {
    let mut smallest = case.clone();
    shrink(&mut smallest, |case| &mut case.problem.rows, &mut fails);
    shrink(&mut smallest, |case| &mut case.problem.columns, &mut fails);
    smallest
}

fn shrink(smallest: &mut Case, size: impl Fn(&mut Case) -> &mut usize, fails: &mut impl FnMut(&Case) -> bool) {
    loop {
        let current = *size(smallest);
        let mut candidates = vec![1, current / 2, current - current / 4, current.saturating_sub(1)];
        candidates.retain(|&candidate| 0 < candidate && candidate < current);
        candidates.dedup();
        let found = candidates.into_iter().find_map(|candidate| {
            let mut smaller = smallest.clone();
            *size(&mut smaller) = candidate;
            let possible = smaller.operation.check(&smaller.problem).is_ok();
            (possible && fails(&smaller)).then_some(smaller)
        });
        match found {
            Some(smaller) => *smallest = smaller,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::fake_operation::FAKE_OPERATIONS;
    use crate::suite::parse_case_id;

    #[test]
    fn finds_the_smallest_shape_that_fails_and_keeps_to_the_contract() {
        let case = parse_case_id("fake/f32/989x4097/k=5/normal", FAKE_OPERATIONS).unwrap();
        let mut tried = 0;
        let smallest = minimise(&case, |case| {
            tried += 1;
            case.problem.rows >= 3 && case.problem.columns > 64
        });
        assert_eq!((smallest.problem.rows, smallest.problem.columns), (3, 65));
        assert!(tried < 80, "{tried} launches");
        // k = 5 does not fit into fewer than 5 columns.
        assert_eq!(minimise(&case, |_| true).problem.columns, 5);
    }
}
