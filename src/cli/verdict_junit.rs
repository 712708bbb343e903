//! Verdicts as JUnit XML, for the test tabs of CI systems.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hipgauge::verify::{Status, Verdict, VerdictSink};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::exit_code::Exit;
use super::failure::{Failure, OrExit};

pub struct VerdictJunit {
    path: PathBuf,
    /// Opened before the first case, so that a place that cannot be written is an error before the work.
    file: File,
    suites: BTreeMap<String, TestSuite>,
}

impl VerdictJunit {
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let file = File::create(path).or_exit_with(Exit::Usage, || {
            format!("cannot write --junit {}; name a file in a folder that exists", path.display())
        })?;
        Ok(Self { path: path.to_path_buf(), file, suites: BTreeMap::new() })
    }

    /// Writes the file: one test suite per operation.
    pub fn finish(self) -> Result<(), Failure> {
        let mut report = Report::new("hipgauge verify");
        report.add_test_suites(self.suites.into_values());
        report.serialize(self.file).or_exit_with(Exit::Usage, || format!("cannot write {}", self.path.display()))
    }
}

impl VerdictSink for VerdictJunit {
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        let failure = |kind: NonSuccessKind| {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(verdict.reason.lines().next().unwrap_or_default());
            status.set_description(format!("{}\nagain: {}", verdict.reason, verdict.reproduce));
            status
        };
        let status = match verdict.status {
            Status::Passed => TestCaseStatus::success(),
            Status::Failed => failure(NonSuccessKind::Failure),
            Status::Errored => failure(NonSuccessKind::Error),
            Status::Skipped => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(&verdict.reason);
                status
            }
        };
        let mut case = TestCase::new(&verdict.case, status);
        case.set_classname(format!("{}.{}.{}", verdict.device, verdict.operation, verdict.dtype));
        case.set_time(Duration::from_secs_f64(verdict.seconds));
        let name = verdict.operation.as_str();
        self.suites.entry(name.to_string()).or_insert_with(|| TestSuite::new(name)).add_test_case(case);
        Ok(())
    }
}
