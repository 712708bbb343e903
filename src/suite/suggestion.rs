//! "Did you mean": the nearest known name to a misspelt one.

use crate::operation::Operation;

/// The nearest known name, if it is at most a third of the word away: letters left out, put in, changed or swapped.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let most = (name.chars().count() / 3).max(1);
    let distance = |candidate: &&str| strsim::osa_distance(name, candidate);
    // Of names equally far away, the one that begins alike.
    let unlike = |candidate: &&str| 1.0 - strsim::jaro_winkler(name, candidate);
    known
        .iter()
        .copied()
        .filter(|candidate| distance(candidate) <= most)
        .min_by(|a, b| distance(a).cmp(&distance(b)).then(unlike(a).total_cmp(&unlike(b))))
}

/// One sentence for a name that is not known: what it is not, the nearest name, and all names.
pub fn unknown_name(kind: &str, name: &str, known: &[&str]) -> String {
    let guess =
        nearest(name, known).map_or("; known: ".to_string(), |nearest| format!("; did you mean `{nearest}`? Known: "));
    let all = if known.is_empty() { "none".to_string() } else { known.join(", ") };
    format!("unknown {kind} `{name}`{guess}{all}")
}

/// The operation of that name, or the sentence that says which there are.
pub fn find_operation(name: &str, operations: &[&'static dyn Operation]) -> Result<&'static dyn Operation, String> {
    operations.iter().copied().find(|operation| operation.name() == name).ok_or_else(|| {
        let known: Vec<_> = operations.iter().map(|operation| operation.name()).collect();
        unknown_name("operation", name, &known)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_near() {
        let known = ["rms_norm", "swiglu"];
        assert_eq!(
            unknown_name("operation", "rmsnorm", &known),
            "unknown operation `rmsnorm`; did you mean `rms_norm`? Known: rms_norm, swiglu"
        );
        assert_eq!(unknown_name("operation", "conv", &known), "unknown operation `conv`; known: rms_norm, swiglu");
    }
}
