//! The sentences that every form of the report shares.

use super::super::judge::Judge;
use super::super::observation::Regress;
use super::super::record::{Conclusion, Record};
use super::super::state::State;

/// One line: what was found.
pub fn headline(state: &State) -> String {
    let culprits: Vec<String> =
        state.searches.iter().filter_map(Record::culprit).map(|commit| commit.short().to_string()).collect();
    let deed = state.question.regress.deed(state.question.inverted);
    match (&culprits[..], state.searches.first().and_then(|search| search.conclusion.as_ref())) {
        ([culprit], _) => format!("{culprit} {deed}"),
        ([first @ .., last], _) => format!("{} and {last} {deed}", first.join(", ")),
        (_, Some(Conclusion::NotConfirmed { culprit, .. })) => {
            format!("not confirmed: the search led to {}", culprit.short())
        }
        (_, Some(Conclusion::Undecidable { candidates, .. })) => {
            format!("undecidable: one of {} commits {deed}", candidates.len())
        }
        (_, Some(Conclusion::NotReproducible { .. })) => "not reproducible here".to_string(),
        (_, _) => "not finished".to_string(),
    }
}

/// What is to be said about one search beside its headline, a sentence each.
pub fn explanations(state: &State, search: &Record) -> Vec<String> {
    let judge = Judge::new(state.question.regress, state.question.inverted);
    let mut sentences = Vec::new();
    for confirmation in &search.confirmations {
        let parent = confirmation.parent.short();
        let before = match &confirmation.of_parent {
            Some(observation) => format!("; the parent: {}", judge.describe(observation)),
            None => String::new(),
        };
        let verb = if confirmation.confirmed { "Confirmed" } else { "Not confirmed" };
        sentences.push(format!("{verb} beside its parent {parent}: {}{before}.", confirmation.finding));
    }
    match &search.conclusion {
        Some(Conclusion::Found { residual: Some(residual), .. }) => {
            let size = match state.question.regress {
                Regress::Perf => format!("{:+.2} %", 100.0 * residual),
                _ => format!("{residual:+}"),
            };
            let more = if state.question.every { "" } else { " Add --every to search for it." };
            sentences.push(format!(
                "This commit does not explain all of the difference between the ends: {size} is left, \
                 from at least one other commit.{more}"
            ));
        }
        Some(Conclusion::NotConfirmed { why, .. }) => sentences.push(format!(
            "Measured once more it does not show the change: {why}. Something else changed meanwhile, or the change comes and goes."
        )),
        Some(Conclusion::Undecidable { why, .. }) => sentences.push(format!("The search cannot go on: {why}.")),
        Some(Conclusion::NotReproducible { .. }) if is_further(state, search) => sentences.push(format!(
            "Nothing more lies between {} and {}.",
            search.good.short(),
            search.bad.short()
        )),
        Some(Conclusion::NotReproducible { why }) => sentences.push(format!("{}.", capitalised(why))),
        Some(Conclusion::Found { residual: None, .. }) | None => {}
    }
    if state.question.regress == Regress::Perf
        && state.question.device.iter().any(|word| word == "host")
        && search.ends.is_some()
        && !is_further(state, search)
    {
        sentences.push(
            "Costs are steps of the host emulator: they say that a kernel does more, not that a GPU takes longer."
                .to_string(),
        );
    }
    sentences
}

/// Whether a search is one of those on both sides of a culprit.
pub(super) fn is_further(state: &State, search: &Record) -> bool {
    state.searches.first().is_some_and(|first| (&first.good.id, &first.bad.id) != (&search.good.id, &search.bad.id))
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Facts about a search in rows of name and value.
pub(super) fn facts(state: &State, search: &Record) -> Vec<(&'static str, String)> {
    let question = &state.question;
    let judge = Judge::new(question.regress, question.inverted);
    let named = |commit: &super::super::history::Commit| format!("{} {}", commit.short(), commit.subject);
    let mut rows = Vec::new();
    if let Some(Conclusion::Found { culprit, .. } | Conclusion::NotConfirmed { culprit, .. }) = &search.conclusion {
        rows.push(("Culprit", format!("{} {}", culprit.id, culprit.subject)));
    }
    rows.extend(search.confirmations.iter().map(|confirmation| ("Parent", named(&confirmation.parent))));
    rows.push(("Good", named(&search.good)));
    rows.push(("Bad", named(&search.bad)));
    if let Some(ends) = &search.ends {
        let of_good = ends.good.as_ref().map(|good| format!("{}; ", judge.describe(good))).unwrap_or_default();
        rows.push(("Ends", format!("{of_good}{}", judge.describe(&ends.bad))));
    }
    let what = match &question.kernels {
        Some(folder) => format!("change {folder}/"),
        None => "change any file".to_string(),
    };
    rows.push(("Range", format!("{} commits, {} of them {what}", search.commits, search.candidates)));
    rows.push(("Cases", question.cases.join(", ")));
    rows
}

/// The command that asks about the culprit and its parent alone; about the ends where there is none.
pub(super) fn reproduce(state: &State, search: &Record) -> String {
    let parent = search.confirmations.first().map(|confirmation| &confirmation.parent.id);
    match (search.culprit(), parent) {
        (Some(culprit), Some(parent)) => state.question.reproduce(parent, &culprit.id),
        _ => state.question.reproduce(&search.good.id, &search.bad.id),
    }
}
