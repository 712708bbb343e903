//! How much extra work makes a kernel slower by a wanted share.

/// Enough for a factor of a million between the first guess and the answer, and then bisection to 1 %.
const MOST_TRIALS: usize = 30;

/// What is known of a curve that rises from (0, 0): the amount of work and the relative change that it made. All sizes of
/// one case share one curve.
#[derive(Clone, Debug, Default)]
pub struct AmountSearch {
    /// Ascending by amount, without the origin.
    points: Vec<(u32, f64)>,
}

impl AmountSearch {
    /// Adds what was measured of an amount; a second measurement of it replaces the first.
    pub fn add(&mut self, amount: u32, change: f64) {
        match self.points.binary_search_by_key(&amount, |point| point.0) {
            Ok(place) => self.points[place].1 = change,
            Err(place) => self.points.insert(place, (amount, change)),
        }
    }

    /// The amount to try next for a wanted change: between the known points around it, or beyond the largest. `guess` is
    /// tried first when nothing is known. `None` when there is nothing between the neighbours left to try.
    pub fn next(&self, wanted: f64, guess: u32) -> Option<u32> {
        if self.points.is_empty() {
            return Some(guess.max(1));
        }
        if self.points.len() >= MOST_TRIALS {
            return None;
        }
        // Noise may let the curve fall here and there: the last point below and the first one above it count.
        let above = self.points.iter().position(|point| point.1 >= wanted);
        let below = match above {
            Some(0) => (0, 0.0),
            Some(place) => self.points[place - 1],
            None => *self.points.last().expect("not empty"),
        };
        let Some(above) = above.map(|place| self.points[place]) else {
            // Work that hides behind waiting for memory shows nothing until there is enough of it.
            let factor = if below.1 > 0.0 { (1.2 * wanted / below.1).clamp(1.5, 8.0) } else { 8.0 };
            return Some((f64::from(below.0) * factor).ceil().min(f64::from(u32::MAX / 2)) as u32)
                .filter(|next| *next > below.0);
        };
        let width = above.0 - below.0;
        if width <= 1 {
            return None;
        }
        // By the straight line between the two, but not so near to one of them that the other end never moves.
        let share = ((wanted - below.1) / (above.1 - below.1)).clamp(0.1, 0.9);
        let share = if share.is_finite() { share } else { 0.5 };
        Some(below.0 + ((f64::from(width) * share).round() as u32).clamp(1, width - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches until the change is within a tenth of the wanted one; gives the amount and the trials it took.
    fn search(curve: impl Fn(u32) -> f64, wanted: f64, guess: u32) -> (u32, usize) {
        let mut known = AmountSearch::default();
        for trial in 1..=MOST_TRIALS {
            let amount = known.next(wanted, guess).expect("the curve reaches it");
            let change = curve(amount);
            if (change / wanted - 1.0).abs() <= 0.1 {
                return (amount, trial);
            }
            known.add(amount, change);
        }
        panic!("{wanted} was not found");
    }

    #[test]
    fn straight_and_bent_curves_are_found_from_far_guesses() {
        for wanted in [0.01, 0.02, 0.05, 0.1] {
            for guess in [1, 1000, 1_000_000] {
                let (_, trials) = search(|amount| f64::from(amount) * 1e-6, wanted, guess);
                assert!(trials <= 15, "{trials} trials for {wanted} from {guess}");
                let hidden = |amount: u32| (f64::from(amount) - 30_000.0).max(0.0) * 2e-6;
                assert!(search(hidden, wanted, guess).1 <= 20);
                let square = |amount: u32| (f64::from(amount) * 1e-5).powi(2);
                assert!(search(square, wanted, guess).1 <= 20);
            }
        }
    }

    #[test]
    fn a_second_size_starts_from_what_the_first_one_taught() {
        let mut known = AmountSearch::default();
        known.add(1000, 0.01);
        known.add(5000, 0.05);
        assert_eq!(known.next(0.03, 1), Some(3000));
        assert_eq!(known.next(0.005, 1), Some(500));
        assert_eq!(known.next(0.1, 1), Some(12_000));
    }

    #[test]
    fn a_step_that_falls_between_two_amounts_is_given_up() {
        let mut known = AmountSearch::default();
        known.add(4, 0.001);
        known.add(5, 0.5);
        assert_eq!(known.next(0.01, 1), None);
        known.add(5, f64::NAN);
        assert!(known.next(0.01, 1).is_some(), "what is not a number is above nothing");
        let flat: AmountSearch = AmountSearch { points: vec![(u32::MAX / 2, 0.0)] };
        assert_eq!(flat.next(0.01, 1), None);
    }
}
