//! `hipgauge bisect`: which commit did it?

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use hipgauge::operation::Case;
use hipgauge::profiling::{ComparabilityKeys, Mode};
use hipgauge::registry::OPERATIONS;
use hipgauge::regression::bisect::report::{headline, write_report};
use hipgauge::regression::bisect::{
    Conclusion, Effort, Environment, Grader, GraderError, History, Question, Regress, SessionError, State, StateFile,
    run_campaign, steps_for,
};
use hipgauge::regression::comparison::NoiseSource;
use hipgauge::regression::decision::Thresholds;
use hipgauge::regression::grading::{CodeGrader, CommitGrader, Measurement};
use hipgauge::regression::repository::{Git, Measured, RepositoryError, read_history};
use hipgauge::regression::worker::WorkerLimits;
use hipgauge::report::UtcTime;
use hipgauge::suite::parse_case_id;

use super::arguments::{
    CalibrationArguments, CommitArguments, DEFAULT_LEAST_EFFECT, DeviceArguments, OutputFormat, share,
};
use super::bisect_place::{LookingPlace, LooksAt};
use super::bisect_printer::BisectPrinter;
use super::exit_code::Exit;
use super::failure::{CommandResult, Failure, OrExit};
use super::interrupt;
use super::output::Stdout;

const EXAMPLES: &str = "\
The program stays the same and only what is measured varies: the kernels of each commit, from a private copy. Nothing in
the checkout, its index, refs or stash is touched. Both ends are measured first; what does not build is skipped; the
culprit and its parent are measured once more at the end. Every observation is kept at once: after a crash, a power cut
or Ctrl-C, --resume goes on.

Ends with 0 if the culprit was found and confirmed, 3 if the ends do not differ here, 125 if the commits that are left
tell nothing or the culprit does not show the change beside its parent.

Examples:
  hipgauge bisect --good v1.2 --bad HEAD --case rms_norm/bf16/2048x4096/normal --device hip:0
  hipgauge bisect --good v1.2 --bad HEAD --case top_k/f32/16x32768/k=50/normal --regress correctness
  hipgauge bisect --good v1.2 --bad HEAD --case top_k/f32/16x32768/k=50/normal --regress spills --arch gfx942
  hipgauge bisect --good v1.2 --bad HEAD --case swiglu/f16/64x8192/normal --dry-run      how many steps, how long
  hipgauge bisect --good v1.2 --bad HEAD --case swiglu/f16/64x8192/normal \\
      --build 'cargo build --release' --program target/release/hipgauge";

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RegressName {
    /// Slower: time on a GPU, steps on the host emulator
    Perf,
    /// Wrong results
    Correctness,
    /// More scratch memory per thread
    Spills,
    /// More registers per thread
    Registers,
    /// More machine code
    CodeSize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    /// Caches flushed before each launch
    Cold,
    /// Launches back to back over copies of the buffers in turn
    Hot,
}

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
#[command(mut_arg("kernels", |kernels| kernels.help("The folder of kernels inside of each commit [default: kernels]")))]
pub struct Arguments {
    /// A commit from before the change
    #[arg(long, value_name = "REVISION")]
    good: String,

    /// A commit that has the change; a descendant of the good one
    #[arg(long, value_name = "REVISION")]
    bad: String,

    /// The case that shows it, by its id; may be repeated
    #[arg(long = "case", value_name = "ID", required = true)]
    cases: Vec<String>,

    /// What became worse
    #[arg(long, value_name = "WHAT", default_value = "perf")]
    regress: RegressName,

    /// Search for the commit that made it better
    #[arg(long)]
    invert: bool,

    /// Search for every commit that did it: go on on both sides of each one found
    #[arg(long)]
    every: bool,

    /// Follow only the first parents of merges
    #[arg(long)]
    first_parent: bool,

    /// Go on with the search that was interrupted
    #[arg(long, conflicts_with = "dry_run")]
    resume: bool,

    /// Say how many steps it takes and about how long; measures the good end once
    #[arg(long)]
    dry_run: bool,

    /// Write the report into this folder [default: a folder of the cache]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Form of the result on stdout
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: OutputFormat,

    /// Measure times in this mode
    #[arg(long, value_name = "MODE", default_value = "cold", help_heading = "Measurement")]
    mode: ModeName,

    /// Relative change that matters: 1% or 0.01
    #[arg(long, value_name = "SHARE", value_parser = share, default_value = DEFAULT_LEAST_EFFECT, help_heading = "Measurement")]
    least_effect: f64,

    /// Relative change that comparisons of the case with itself stay below 99.9 % of the time here [default: as `hipgauge
    /// calibrate` learned it, else assumed, 1.5%; the emulator has none]
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Measurement")]
    noise: Option<f64>,

    /// Read the code of each commit's kernels as compiled for this AMD architecture (gfx942, …) instead of asking a device:
    /// no GPU is needed. For spills, registers and code-size
    #[arg(long, value_name = "GFX", help_heading = "Device", conflicts_with_all = ["device", "build", "wave", "schedule"])]
    pub arch: Option<String>,

    #[command(flatten, next_help_heading = "Measurement")]
    calibrations: CalibrationArguments,

    #[command(flatten)]
    pub device: DeviceArguments,

    #[command(flatten)]
    pub commits: CommitArguments,
}

impl Arguments {
    pub fn regress(&self) -> Regress {
        match self.regress {
            RegressName::Perf => Regress::Perf,
            RegressName::Correctness => Regress::Correctness,
            RegressName::Spills => Regress::Spills,
            RegressName::Registers => Regress::Registers,
            RegressName::CodeSize => Regress::CodeSize,
        }
    }

    fn mode(&self) -> Mode {
        match self.mode {
            ModeName::Cold => Mode::Cold,
            ModeName::Hot => Mode::Hot,
        }
    }

    fn measured(&self) -> Result<Measured, Failure> {
        if self.commits.build.is_some() {
            return Ok(Measured::Everything);
        }
        self.commits.kernels(&self.device).map(Measured::Folder)
    }

    fn parsed_cases(&self) -> Result<Vec<Case>, Failure> {
        self.cases.iter().map(|text| parse_case_id(text, OPERATIONS).or_exit(Exit::Usage)).collect()
    }

    /// `device` are the arguments that choose where commits are looked at.
    fn question(&self, history: &History, cases: &[Case], device: Vec<String>) -> Result<Question, Failure> {
        let CommitArguments { repository, build, program, .. } = &self.commits;
        let repo =
            repository.canonicalize().or_exit_with(Exit::Usage, || format!("--repo {}", repository.display()))?;
        let build = build.clone().zip(program.as_ref().map(|program| program.display().to_string()));
        Ok(Question {
            repository: repo.display().to_string(),
            good: history.good().id.clone(),
            bad: history.bad().id.clone(),
            first_parent: self.first_parent,
            kernels: if build.is_some() { None } else { Some(self.commits.kernels(&self.device)?) },
            build,
            regress: self.regress(),
            inverted: self.invert,
            every: self.every,
            // As `list` prints them, so that a spelling is no other question.
            cases: cases.iter().map(Case::id).collect(),
            mode: self.mode().to_string(),
            least_effect: self.least_effect,
            noise: self.noise,
            device,
        })
    }

    /// The noise asked for, or the largest that a calibration of the device with these keys knows of the cases. A case that it
    /// does not know leaves it to the assumption.
    fn noise_of(&self, cases: &[String], keys: &ComparabilityKeys) -> Result<Option<f64>, Failure> {
        if self.noise.is_some() {
            return Ok(self.noise);
        }
        let Some(learned) = self.calibrations.find(keys)? else { return Ok(None) };
        let known: Option<Vec<f64>> = cases.iter().map(|case| learned.noise(case, self.mode())).collect();
        Ok(known.and_then(|noises| noises.into_iter().reduce(f64::max)))
    }
}

pub fn run(arguments: &Arguments) -> CommandResult {
    let cases = arguments.parsed_cases()?;
    let git = Git::open(&arguments.commits.repository).or_exit(Exit::Usage)?;
    let measured = arguments.measured()?;
    let history =
        read_history(&git, &arguments.good, &arguments.bad, arguments.first_parent, &measured).or_exit(Exit::Usage)?;
    for end in [history.good(), history.bad()] {
        if let (None, Measured::Folder(folder)) = (&end.measured, &measured) {
            let advice = "name the folder of kernels inside of the commits with --kernels";
            return Err(Failure::usage(format!("{} has no folder {folder}; {advice}", end.short())));
        }
    }
    let cache = arguments.commits.cache()?;
    let place = LookingPlace::find(arguments.arch.as_deref(), &arguments.device, arguments.regress())?;
    let question = arguments.question(&history, &cases, place.words.clone())?;
    let (folder, _claim) = cache.claim(&format!("searches/{}", question.key())).map_err(repository_failure)?;
    let stop = interrupt::watch()?;
    let source = arguments.commits.source(&arguments.device, place.words)?;
    let mut grader: Box<dyn Grader> = match place.looks_at {
        LooksAt::Code { architecture, objects } => {
            Box::new(CodeGrader::new(source, (architecture, objects), question.regress, cases, stop))
        }
        LooksAt::Device(keys) => {
            let noise = arguments.noise_of(&question.cases, &keys)?;
            let measurement = Measurement {
                regress: question.regress,
                cases: question.cases.clone(),
                mode: arguments.mode(),
                thresholds: Thresholds::new(question.least_effect, noise),
                limits: WorkerLimits::default(),
            };
            Box::new(CommitGrader::new(source, measurement, stop))
        }
    };
    if arguments.dry_run {
        return dry_run(&history, grader.as_mut(), &place.name);
    }
    let file = StateFile::new(folder.join("state.json"));
    let state = begin(arguments, &file, question, place.environment)?;
    search(arguments, &history, grader.as_mut(), state, &file, &folder)
}

/// The kept search if `--resume` asks for it, or a new one.
fn begin(
    arguments: &Arguments,
    file: &StateFile,
    question: Question,
    environment: Environment,
) -> Result<State, Failure> {
    let fresh = |question| State::new(question, environment.clone(), UtcTime::now().to_string());
    if !arguments.resume {
        return Ok(fresh(question));
    }
    match file.load().or_exit(Exit::Usage)? {
        Some(state) => {
            let differences = state.environment.differences(&environment);
            if differences.is_empty() {
                return Ok(state);
            }
            Err(Failure::usage(format!(
                "the search cannot go on: {}; start it again without --resume",
                differences.join(", ")
            )))
        }
        None => {
            anstream::eprintln!("no search with these arguments was begun; this one starts now");
            Ok(fresh(question))
        }
    }
}

fn search(
    arguments: &Arguments,
    history: &History,
    grader: &mut dyn Grader,
    state: State,
    file: &StateFile,
    folder: &Path,
) -> CommandResult {
    let question = state.question.clone();
    let records = state.searches.clone();
    let mut printer = BisectPrinter::new(state, file);
    printer.begin(history);
    let asked = (question.regress, question.inverted);
    let outcome = run_campaign(history, asked, question.every, grader, &mut printer, records);
    let mut state = printer.into_state();
    let exit = match outcome {
        Ok(records) => {
            let exit = exit_of(records.first().and_then(|record| record.conclusion.as_ref()));
            state.searches = records;
            exit
        }
        Err(SessionError::Grader(GraderError::Interrupted)) => {
            anstream::eprintln!("stopped; go on with the same arguments and --resume");
            return Ok(Exit::Interrupted);
        }
        Err(error @ SessionError::Grader(_)) => return Err(Failure::new(Exit::NotReproducible, error)),
        Err(error) => return Err(Failure::new(Exit::Usage, error)),
    };
    let out = arguments.out.clone().unwrap_or_else(|| folder.join("report"));
    let files = write_report(&state, history, &out)
        .or_exit_with(Exit::Usage, || format!("cannot write the report into {}", out.display()))?;
    let mut stdout = Stdout::new();
    match arguments.format {
        OutputFormat::Json => {
            let mut object = serde_json::to_value(&state).or_exit(Exit::HarnessFault)?;
            object["headline"] = headline(&state).into();
            object["exit_code"] = exit.code().into();
            stdout.line(object).or_exit(Exit::HarnessFault)?;
        }
        OutputFormat::Human => {
            super::bisect_printer::print_result(&state, &files, &mut stdout).or_exit(Exit::HarnessFault)?;
        }
    }
    Ok(exit)
}

fn exit_of(conclusion: Option<&Conclusion>) -> Exit {
    match conclusion {
        Some(Conclusion::Found { .. }) => Exit::Good,
        Some(Conclusion::NotReproducible { .. }) => Exit::NotReproducible,
        Some(Conclusion::NotConfirmed { .. } | Conclusion::Undecidable { .. }) => Exit::Undecided,
        None => Exit::NothingRan,
    }
}

/// Measures the good end beside itself, and says how long a search would take.
fn dry_run(history: &History, grader: &mut dyn Grader, place: &str) -> CommandResult {
    let start = Instant::now();
    let good = history.good();
    match grader.observe(good, good, Effort::Step) {
        Ok(_) => {}
        Err(GraderError::Interrupted) => return Ok(Exit::Interrupted),
        Err(error) => return Err(Failure::new(Exit::NotReproducible, error)),
    }
    let seconds = start.elapsed().as_secs_f64();
    let steps = steps_for(history.candidates());
    // The ends take about two steps, the culprit beside its parent three.
    let total = seconds * f64::from(steps + 5);
    let mut stdout = Stdout::new();
    let lines = [
        format!("{} commits, {} of them change what is measured", history.commits().len(), history.candidates()),
        format!("about {steps} steps after the ends, then the culprit beside its parent, on {place}"),
        format!("one step took {seconds:.1} s here, build included: about {total:.0} s in all"),
    ];
    lines.iter().try_for_each(|line| stdout.line(line)).or_exit(Exit::HarnessFault)?;
    Ok(Exit::Good)
}

fn repository_failure(error: RepositoryError) -> Failure {
    Failure::new(Exit::Usage, error)
}
