//! One search, and further ones on both sides of the culprit where more than one commit made the difference.

use std::io;

use super::history::History;
use super::observation::{Grader, Regress};
use super::record::{Conclusion, Record};
use super::session::{Event, Keeper, SessionError, run_search};

/// More culprits than anybody reads about.
const MOST_SEARCHES: usize = 32;

/// Keeps all records of a campaign, and hears what happens.
pub trait CampaignKeeper {
    fn keep(&mut self, records: &[Record]) -> io::Result<()>;

    fn event(&mut self, _event: Event<'_>) {}

    /// A further search begins.
    fn search_begins(&mut self, _record: &Record) {}
}

/// Searches for the culprit. With `every` also searches before and after it, as long as ends differ. `records` are
/// what an interrupted campaign has kept.
pub fn run_campaign(
    history: &History,
    question: (Regress, bool),
    every: bool,
    grader: &mut dyn Grader,
    keeper: &mut dyn CampaignKeeper,
    records: Vec<Record>,
) -> Result<Vec<Record>, SessionError> {
    let mut records = records;
    let mut ranges = vec![history.clone()];
    let mut number = 0;
    while number < ranges.len() && number < MOST_SEARCHES {
        let range = ranges[number].clone();
        let record = match records.get(number) {
            Some(kept) if kept.good.id == range.good().id && kept.bad.id == range.bad().id => kept.clone(),
            Some(kept) => return Err(SessionError::Foreign(format!("it has a search up to {}", kept.bad.id))),
            None => {
                let record = Record::new(&range);
                if number > 0 {
                    keeper.search_begins(&record);
                }
                records.push(record.clone());
                record
            }
        };
        let mut one = OneOfMany { keeper, records: &mut records, number };
        let record = run_search(&range, question, grader, &mut one, record)?;
        if let (true, Some(Conclusion::Found { culprit, .. })) = (every, &record.conclusion) {
            let parents = range.place(&culprit.id).map(|place| range.parents_of(place)).unwrap_or_default();
            let before = parents.first().and_then(|parent| range.between(range.good(), parent).ok());
            let after = range.between(culprit, range.bad()).ok();
            ranges.extend([before, after].into_iter().flatten().filter(|part| part.candidates() > 0));
        }
        records[number] = record;
        number += 1;
    }
    Ok(records)
}

struct OneOfMany<'a> {
    keeper: &'a mut dyn CampaignKeeper,
    records: &'a mut Vec<Record>,
    number: usize,
}

impl Keeper for OneOfMany<'_> {
    fn keep(&mut self, record: &Record) -> io::Result<()> {
        self.records[self.number] = record.clone();
        self.keeper.keep(self.records)
    }

    fn event(&mut self, event: Event<'_>) {
        self.keeper.event(event);
    }
}
