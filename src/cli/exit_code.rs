//! What the process tells its caller: one table, the same for every command.

use std::fmt::Write as _;
use std::process::ExitCode;

use hipgauge::regression::comparison::Conclusion;
use hipgauge::verify::Summary;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Good,
    Slower,
    WrongResult,
    NotReproducible,
    NothingRan,
    Usage,
    Undecided,
    HarnessFault,
    Interrupted,
}

impl Exit {
    const ALL: [Exit; 9] = [
        Exit::Good,
        Exit::Slower,
        Exit::WrongResult,
        Exit::NotReproducible,
        Exit::NothingRan,
        Exit::Usage,
        Exit::Undecided,
        Exit::HarnessFault,
        Exit::Interrupted,
    ];

    /// Codes below 125 but 0 read as *bad* to `git bisect run`, 125 as *skip*, and 128 and above stop it.
    pub const fn code(self) -> u8 {
        match self {
            Exit::Good => 0,
            Exit::Slower => 1,
            Exit::WrongResult => 2,
            Exit::NotReproducible => 3,
            Exit::NothingRan => 4,
            Exit::Usage => 64,
            Exit::Undecided => 125,
            Exit::HarnessFault => 128,
            Exit::Interrupted => 130,
        }
    }

    const fn meaning(self) -> &'static str {
        match self {
            Exit::Good => "good: everything that ran is right",
            Exit::Slower => "slower than the baseline",
            Exit::WrongResult => "wrong result, or a kernel that did something undefined",
            Exit::NotReproducible => "not to be had here: no such device, out of memory or time, no change to see",
            Exit::NothingRan => "nothing ran: no case matched, all were skipped, or stopped before the first",
            Exit::Usage => "bad input: arguments, suite, tensors, or a place that cannot be written",
            Exit::Undecided => {
                "undecidable or unbuildable: no compiled kernel, no commit to blame, no time that adds up"
            }
            Exit::HarnessFault => "a fault in hipgauge itself; please report it",
            Exit::Interrupted => "stopped by Ctrl-C with no failure so far; what was done is kept",
        }
    }

    /// What verdicts add up to: the worst that happened, a wrong result before trouble.
    pub fn of_summary(summary: &Summary) -> Exit {
        match summary {
            Summary { failed: 1.., .. } => Exit::WrongResult,
            Summary { harness_faults: 1.., .. } => Exit::HarnessFault,
            Summary { unbuildable: 1.., .. } => Exit::Undecided,
            Summary { errored: 1.., .. } => Exit::NotReproducible,
            Summary { passed: 0, .. } => Exit::NothingRan,
            Summary { interrupted: true, .. } => Exit::Interrupted,
            Summary { out_of_time: true, .. } => Exit::NotReproducible,
            _ => Exit::Good,
        }
    }

    /// What a whole comparison comes to.
    pub const fn of_comparison(conclusion: Conclusion) -> Exit {
        match conclusion {
            Conclusion::Wrong => Exit::WrongResult,
            Conclusion::Slower => Exit::Slower,
            Conclusion::NothingComparable => Exit::NothingRan,
            Conclusion::Undecided => Exit::Undecided,
            Conclusion::Good => Exit::Good,
        }
    }

    /// The table that every `--help` ends with.
    pub fn help() -> String {
        let mut text = String::from("Exit codes:\n");
        for exit in Exit::ALL {
            let _ = writeln!(text, "  {:>3}  {}", exit.code(), exit.meaning());
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit.code())
    }
}
