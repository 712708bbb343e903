//! Which cases are meant.

use std::collections::HashSet;

use clap::Args;
use hipgauge::backend::DeviceInfo;
use hipgauge::operation::Case;
use hipgauge::registry::OPERATIONS;
use hipgauge::report::PartRecord;
use hipgauge::suite::{
    DEFAULT_HOST_BUDGET, Filter, Partition, SelectedCase, Suite, SuiteCase, digest_of_ids, parse_case_id,
    select_for_device,
};
use hipgauge::tensor::DType;

use crate::cli::exit_code::Exit;
use crate::cli::failure::{Failure, OrExit};

/// The suite that a command takes when none is named.
const DEFAULT_SUITE: &str = "quick";

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cases")]
pub struct SelectionArguments {
    /// Suite: quick, ci, full, peers, or a path to a .toml file; may be repeated [default: quick]
    #[arg(long = "suite", value_name = "NAME|FILE")]
    pub suites: Vec<String>,

    /// Run just the case of this id, whatever it costs; may be repeated
    #[arg(long = "case", value_name = "ID")]
    pub cases: Vec<String>,

    /// Keep cases whose id matches this glob; `!GLOB` drops them; may be repeated
    #[arg(long = "filter", value_name = "GLOB", allow_hyphen_values = true)]
    pub filters: Vec<String>,

    /// Keep cases of this operation; may be repeated
    #[arg(long = "op", value_name = "OPERATION")]
    pub operations: Vec<String>,

    /// Keep cases of this storage type: f32, f16, bf16; may be repeated
    #[arg(long = "dtype", value_name = "DTYPE")]
    pub dtypes: Vec<DType>,

    /// Take only one of N parts of the cases, for runners that share a suite; `hipgauge merge` puts the runs together
    #[arg(long, value_name = "I/N")]
    pub partition: Option<Partition>,

    /// Add this to every case's seed, for fresh inputs, and measure the cases in this order of a shuffle
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub seed: u64,

    /// Skip cases of a suite that cost the host emulator more element visits than this
    #[arg(long, value_name = "VISITS", default_value_t = DEFAULT_HOST_BUDGET)]
    pub host_budget: u64,
}

impl SelectionArguments {
    /// What the cases are called in headings: `suite quick`.
    pub fn title(&self) -> String {
        match (self.suite_names().as_slice(), self.cases.len()) {
            ([], 1) => "1 case".to_string(),
            ([], count) => format!("{count} cases"),
            ([name], 0) => format!("suite {name}"),
            (names, 0) => format!("suites {}", names.join(", ")),
            (names, count) => format!("suites {} and {count} cases", names.join(", ")),
        }
    }

    /// The first argument that was given of these.
    pub fn first_given(&self) -> Option<&'static str> {
        let given = [
            ("--suite", !self.suites.is_empty()),
            ("--case", !self.cases.is_empty()),
            ("--filter", !self.filters.is_empty()),
            ("--op", !self.operations.is_empty()),
            ("--dtype", !self.dtypes.is_empty()),
            ("--partition", self.partition.is_some()),
            ("--seed", self.seed != 0),
        ];
        given.into_iter().find_map(|(name, given)| given.then_some(name))
    }

    /// The suites that were named, or the default one.
    pub fn suite_names(&self) -> Vec<&str> {
        if self.suites.is_empty() && self.cases.is_empty() {
            return vec![DEFAULT_SUITE];
        }
        self.suites.iter().map(String::as_str).collect()
    }

    /// Reads the suites and ids and applies the filters. None at all is a failure: a filter that matches nothing
    /// must not look like success.
    pub fn resolve(&self) -> Result<ResolvedCases, Failure> {
        let filter = Filter::new(&self.filters, &self.operations, &self.dtypes, OPERATIONS).or_exit(Exit::Usage)?;
        let mut seen = HashSet::new();
        let mut all_ids = Vec::new();
        let mut wanted = |case: &mut Case| {
            let id = case.id();
            let mut wanted = filter.matches(case) && seen.insert(id.clone());
            if let Some(partition) = self.partition.filter(|_| wanted) {
                wanted = partition.holds(&id);
                all_ids.push(id);
            }
            case.seed = case.seed.wrapping_add(self.seed);
            wanted
        };
        let mut of_suites = Vec::new();
        for name in self.suite_names() {
            let suite = Suite::load(name, OPERATIONS).or_exit(Exit::Usage)?;
            of_suites.extend(suite.cases.into_iter().filter_map(|mut entry| wanted(&mut entry.case).then_some(entry)));
        }
        let mut by_id = Vec::new();
        for id in &self.cases {
            let mut case = parse_case_id(id, OPERATIONS).or_exit(Exit::Usage)?;
            if wanted(&mut case) {
                by_id.push(SuiteCase { case, skip: None });
            }
        }
        let part = self.partition.map(|partition| PartRecord {
            part: partition.part,
            parts: partition.parts,
            cases_of_all: all_ids.len(),
            ids_sha256: digest_of_ids(&all_ids),
        });
        if of_suites.is_empty() && by_id.is_empty() {
            let title = self.title();
            if let Some(PartRecord { part, parts, cases_of_all: count @ 1.., .. }) = part {
                let error = anyhow::anyhow!("part {part}/{parts} has none of the {count} cases of {title}");
                return Err(Failure::new(Exit::NothingRan, error));
            }
            let error = anyhow::anyhow!("no case of {title} matches the filters; `hipgauge list` shows the ids");
            return Err(Failure::new(Exit::NothingRan, error));
        }
        Ok(ResolvedCases { of_suites, by_id, host_budget: self.host_budget, part })
    }
}

/// The cases that a command line means.
pub struct ResolvedCases {
    of_suites: Vec<SuiteCase>,
    by_id: Vec<SuiteCase>,
    host_budget: u64,
    /// Which part of the cases these are, with --partition.
    pub part: Option<PartRecord>,
}

impl ResolvedCases {
    pub fn iter(&self) -> impl Iterator<Item = &SuiteCase> {
        self.of_suites.iter().chain(&self.by_id)
    }

    /// The cases with the reasons not to run them there; one asked for by its id runs whatever it costs.
    pub fn on_device(&self, device: &DeviceInfo) -> Vec<SelectedCase> {
        let mut selected = select_for_device(&self.of_suites, device, self.host_budget);
        selected.extend(select_for_device(&self.by_id, device, u64::MAX));
        selected
    }
}
