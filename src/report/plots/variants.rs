//! Parameter sets of an operation, as a plot tells them apart.

use crate::sweep::Measurement;

/// Sets with fewer shapes than this have no curve of their own.
const LEAST_SHAPES: usize = 3;

/// The parameter sets that a plot shows one by one; all others share a last place.
#[derive(Clone, Debug, PartialEq)]
pub struct Variants {
    /// In the suite's order.
    own: Vec<String>,
    pooled: bool,
}

impl Variants {
    /// Gives the `most` sets with the most shapes a place of their own. Few sets all get one, however small.
    pub fn of(measurements: &[&Measurement], most: usize) -> Self {
        let mut sets: Vec<(String, Vec<(u64, u64)>)> = Vec::new();
        for measurement in measurements {
            let (name, shape) = (parameters(measurement), (measurement.rows, measurement.columns));
            match sets.iter_mut().find(|(known, _)| *known == name) {
                Some((_, shapes)) if shapes.contains(&shape) => {}
                Some((_, shapes)) => shapes.push(shape),
                None => sets.push((name, vec![shape])),
            }
        }
        let all = sets.len();
        if all > most {
            let mut sizes: Vec<usize> = sets.iter().map(|(_, shapes)| shapes.len()).collect();
            sizes.sort_unstable_by(|a, b| b.cmp(a));
            // The sets that tie with the first one left out are left out too: none of them is worth more.
            let least = LEAST_SHAPES.max(sizes[most] + 1);
            sets.retain(|(_, shapes)| shapes.len() >= least);
        }
        let own: Vec<String> = sets.into_iter().map(|(name, _)| name).collect();
        Self { pooled: own.len() < all, own }
    }

    /// How many places there are.
    pub fn count(&self) -> usize {
        self.own.len() + usize::from(self.pooled)
    }

    /// The place that a measurement belongs to.
    pub fn place(&self, measurement: &Measurement) -> usize {
        let name = parameters(measurement);
        self.own.iter().position(|known| *known == name).unwrap_or(self.own.len())
    }

    /// What a place is called; empty for the only set there is if it is the default one.
    pub fn label(&self, place: usize) -> &str {
        match self.own.get(place).map(String::as_str) {
            Some("") if self.count() > 1 => "default parameters",
            Some(name) => name,
            None if self.own.is_empty() => "all parameters",
            None => "other parameters",
        }
    }
}

/// The parameters without the number of stored rows that repeat, which changes nothing about the work.
fn parameters(measurement: &Measurement) -> String {
    let parts = measurement.parameters.split(',').filter(|part| !part.starts_with("distinct="));
    parts.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::super::super::fixture::measurement;
    use super::*;
    use crate::profiling::Mode;

    fn measured(parameters: &str, columns: u64) -> Measurement {
        Measurement { parameters: parameters.to_string(), ..measurement("top_k", columns, Mode::Cold) }
    }

    fn labels(all: &[Measurement], most: usize) -> Vec<String> {
        let variants = Variants::of(&all.iter().collect::<Vec<_>>(), most);
        (0..variants.count()).map(|place| variants.label(place).to_string()).collect()
    }

    #[test]
    fn few_sets_are_all_shown_and_repeated_rows_are_no_parameter() {
        assert_eq!(labels(&[measured("", 64)], 2), [""]);
        assert_eq!(labels(&[measured("k=50", 64), measured("k=50,distinct=61", 128)], 2), ["k=50"]);
        assert_eq!(labels(&[measured("", 64), measured("k=50", 64)], 2), ["default parameters", "k=50"]);
    }

    #[test]
    fn of_many_sets_those_with_curves_are_shown() {
        let mut all: Vec<Measurement> = (0..9).map(|k| measured(&format!("k={k}"), 64)).collect();
        assert_eq!(labels(&all, 4), ["all parameters"]);
        all.extend([64, 128, 256].map(|columns| measured("k=50", columns)));
        assert_eq!(labels(&all, 4), ["k=50", "other parameters"]);
        let variants = Variants::of(&all.iter().collect::<Vec<_>>(), 4);
        assert_eq!([variants.place(&all[0]), variants.place(&all[9])], [1, 0]);
    }
}
