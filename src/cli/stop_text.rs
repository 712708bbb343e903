//! Text that comes in pieces, up to a text that ends it.

/// Holds back what may be the start of a text that ends the answer.
pub struct StopText<'a> {
    stops: &'a [String],
    pending: String,
    found: bool,
}

impl<'a> StopText<'a> {
    /// No stop is empty.
    pub fn new(stops: &'a [String]) -> Self {
        Self { stops, pending: String::new(), found: false }
    }

    /// What may be shown now. Nothing comes after a stop.
    pub fn push(&mut self, piece: &str) -> String {
        if self.found {
            return String::new();
        }
        self.pending.push_str(piece);
        if let Some(at) = self.stops.iter().filter_map(|stop| self.pending.find(stop.as_str())).min() {
            self.found = true;
            self.pending.truncate(at);
            return std::mem::take(&mut self.pending);
        }
        let held = self.stops.iter().map(|stop| overlap(&self.pending, stop)).max().unwrap_or(0);
        let rest = self.pending.split_off(self.pending.len() - held);
        std::mem::replace(&mut self.pending, rest)
    }

    /// A stop has come.
    pub fn found(&self) -> bool {
        self.found
    }

    /// What was held back for nothing.
    pub fn finish(self) -> String {
        self.pending
    }
}

/// Bytes at the end of `text` that `stop` begins with.
fn overlap(text: &str, stop: &str) -> usize {
    let lengths = stop.char_indices().map(|(at, _)| at).rev();
    lengths.filter(|length| text.ends_with(&stop[..*length])).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stops: &[&str], pieces: &[&str]) -> (Vec<String>, bool, String) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_string()).collect();
        let mut text = StopText::new(&stops);
        let shown = pieces.iter().map(|piece| text.push(piece)).collect();
        let found = text.found();
        (shown, found, text.finish())
    }

    #[test]
    fn a_stop_is_found_across_pieces_and_never_shown() {
        let (pieces, found, rest) = shown(&["END"], &["one E", "N", "D two", "three"]);
        assert_eq!((pieces.concat(), found, rest.as_str()), ("one ".to_string(), true, ""));
        let (pieces, found, _) = shown(&["later", "x"], &["a x later"]);
        assert_eq!((pieces.concat(), found), ("a ".to_string(), true), "the first of several");
    }

    #[test]
    fn what_only_looked_like_a_stop_is_shown_in_the_end() {
        let (pieces, found, rest) = shown(&["END"], &["EN", "EN", "E"]);
        assert_eq!(
            (pieces, found, rest.as_str()),
            (vec![String::new(), "EN".to_string(), "EN".to_string()], false, "E")
        );
        let (pieces, _, rest) = shown(&["é!"], &["caf", "é", "?"]);
        assert_eq!((pieces, rest.as_str()), (vec!["caf".to_string(), String::new(), "é?".to_string()], ""));
        assert_eq!(shown(&[], &["all", " of it"]).0, ["all", " of it"]);
    }
}
