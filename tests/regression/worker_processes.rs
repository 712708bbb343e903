//! Workers that answer, crash, hang, talk nonsense or die, and what their parent makes of it.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use hipgauge::backend::KernelLibrary;
use hipgauge::profiling::Mode;
use hipgauge::regression::decision::{Reason, Thresholds, Verdict};
use hipgauge::regression::interleave::{DuelError, DuelPlan, Identical, Role, Side, duel, run_duel};
use hipgauge::regression::worker::{
    BlockRequest, ChildEnd, PROTOCOL, Refusal, Revival, Target, Unit, Worker, WorkerError, WorkerLimits,
};
use tempfile::TempDir;

const CASE: &str = "swiglu/f32/4x64/normal";
const OTHER_CASE: &str = "rms_norm/f32/3x65/normal";
static GO: AtomicBool = AtomicBool::new(false);

fn host(label: &str) -> Target {
    Target {
        label: label.to_string(),
        program: PathBuf::from(env!("CARGO_BIN_EXE_hipgauge")),
        kernels: None,
        device: vec!["--device".to_string(), "host".to_string()],
    }
}

fn start(target: &Target) -> Worker {
    Worker::start(target, &WorkerLimits::default()).expect("the program that cargo built is a worker")
}

/// All kernels in a folder, one text of one of them replaced.
fn kernels_with(folder: &Path, file: &str, text: &str, replacement: &str) {
    let library = KernelLibrary::embedded();
    let modules = library.modules().iter().map(|module| (format!("{}.hip", module.name), module.source.to_string()));
    let includes = library.includes().iter().map(|file| (format!("include/{}", file.name), file.text.to_string()));
    let mut replaced = false;
    for (name, source) in modules.chain(includes) {
        let path = folder.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let changed = if name == file { source.replace(text, replacement) } else { source.clone() };
        replaced |= changed != source;
        fs::write(path, changed).unwrap();
    }
    assert!(replaced, "`{text}` is in {file}");
}

/// A program that speaks as a shell script does. `$HELLO` is a file with the line that a worker begins with.
struct Script {
    folder: TempDir,
    target: Target,
}

impl Script {
    fn new(body: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hello = serde_json::to_string(start(&host("model")).hello()).unwrap();
        let hello_path = folder.path().join("hello");
        fs::write(&hello_path, hello + "\n").unwrap();
        let program = folder.path().join("program");
        let text = format!("#!/bin/sh\nHELLO='{}'\ncd '{}'\n{body}\n", hello_path.display(), folder.path().display());
        fs::write(&program, text).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let target = Target { program, ..host("script") };
        Self { folder, target }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, limits: &WorkerLimits) -> Result<Worker, WorkerError> {
        Worker::start(&self.target, limits)
    }

    /// How the script ends when it is asked for a probe.
    fn end_of_probe(&self) -> (ChildEnd, String) {
        let mut worker = self.start(&WorkerLimits::default()).expect("it says hello");
        let error = worker.probe().expect_err("it gives no answer");
        assert!(!worker.is_running());
        (end_of(&error), error.to_string())
    }
}

fn end_of(error: &WorkerError) -> ChildEnd {
    error.end().cloned().unwrap_or_else(|| panic!("{error}"))
}

fn block(case: &str) -> BlockRequest {
    BlockRequest {
        case: case.to_string(),
        mode: Mode::Cold,
        least_samples: 8,
        least_seconds: 0.0,
        warm_up_seconds: 0.0,
        launches: None,
        look_before: false,
        look_after: false,
        full_check: true,
    }
}

/// Whether a process is gone, or only waits to be collected.
fn is_gone(id: &str) -> bool {
    match fs::read_to_string(format!("/proc/{}/stat", id.trim())) {
        Ok(stat) => stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(60), "still waiting until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_worker_says_what_it_is_verifies_once_and_counts_steps() {
    let mut worker = start(&host("base"));
    assert_eq!(worker.hello().protocol, PROTOCOL);
    assert!(worker.hello().device.emulated && worker.hello().keys.emulated);
    assert_eq!(worker.hello().build.version, env!("CARGO_PKG_VERSION"));
    worker.probe().unwrap();
    let first = worker.verify(CASE).unwrap();
    assert_eq!(worker.verify(CASE).unwrap(), first, "the second answer is the first one's");
    let taken = worker.block(&block(CASE)).unwrap();
    assert_eq!((taken.unit, taken.values.len(), taken.checked_launches), (Unit::Steps, 1, 1));
    assert_eq!(worker.block(&block(CASE)).unwrap().values, taken.values, "steps are the same every time");
    let facts = worker.facts(CASE).unwrap();
    assert!(facts.kernels[0].0.starts_with("mlp/swiglu:swiglu_f32"), "{facts:?}");
    assert_eq!(start(&host("candidate")).code_identity(CASE).unwrap(), facts.identity);
}

#[test]
fn what_is_no_case_is_refused_and_the_worker_goes_on() {
    let mut worker = start(&host("base"));
    let error = worker.verify("no/such/case").expect_err("no case");
    assert!(matches!(end_of(&error), ChildEnd::Refused { why: Refusal::Impossible, .. }), "{error}");
    assert!(worker.is_running() && matches!(worker.revive(), Revival::NotNeeded));
    worker.verify(CASE).unwrap();
}

#[test]
fn kernels_that_do_not_compile_or_compute_wrongly_are_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    kernels_with(folder.path(), "mlp/swiglu.hip", "struct SwigluRow {", "this is not C++; struct SwigluRow {");
    let mut worker = start(&Target { kernels: Some(folder.path().into()), ..host("candidate") });
    let error = worker.block(&block(CASE)).expect_err("it does not compile");
    assert!(matches!(end_of(&error), ChildEnd::Refused { why: Refusal::Unbuildable, .. }), "{error}");
    worker.verify(OTHER_CASE).expect("another module compiles");

    let folder = tempfile::tempdir().unwrap();
    kernels_with(folder.path(), "mlp/swiglu.hip", "set_element(result, i, ", "set_element(result, i, -");
    let mut worker = start(&Target { kernels: Some(folder.path().into()), ..host("candidate") });
    let error = worker.block(&block(CASE)).expect_err("the sign is wrong");
    assert!(matches!(end_of(&error), ChildEnd::Refused { why: Refusal::WrongResult, .. }), "{error}");
    assert!(error.to_string().contains("elements outside"), "{error}");
}

#[test]
fn a_kernel_that_crashes_takes_its_worker_along_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let crash = "{ *(volatile uint32_t*)(blockIdx.x + 8) = 1; SWIGLU_BODY; }";
    kernels_with(folder.path(), "mlp/swiglu.hip", "{ SWIGLU_BODY; }", crash);
    let device = ["--device", "host", "--memory-check", "off"].map(str::to_string).to_vec();
    let mut worker = start(&Target { kernels: Some(folder.path().into()), device, ..host("candidate") });
    let error = worker.verify(CASE).expect_err("it crashes");
    assert_eq!(end_of(&error), ChildEnd::Crashed { signal: libc::SIGSEGV });
    assert!(error.to_string().contains("SIGSEGV") && error.to_string().contains(CASE), "{error}");
    assert!(worker.verify(OTHER_CASE).is_err(), "the child is gone until it is revived");
    assert!(matches!(worker.revive(), Revival::DeviceAnswers));
    worker.verify(OTHER_CASE).expect("other cases go on");
}

#[test]
fn a_kernel_that_does_not_end_is_named_and_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let endless = "{ for (volatile uint32_t* word = (volatile uint32_t*)y; *word != 7;) {} SWIGLU_BODY; }";
    kernels_with(folder.path(), "mlp/swiglu.hip", "{ SWIGLU_BODY; }", endless);
    let target = Target { kernels: Some(folder.path().into()), ..host("candidate") };
    let limits = WorkerLimits { device: Duration::from_secs(1), ..WorkerLimits::default() };
    let mut worker = Worker::start(&target, &limits).unwrap();
    let error = worker.verify(CASE).expect_err("it does not end");
    let named = |end: &ChildEnd| matches!(end, ChildEnd::Hung { reason } if reason.contains("swiglu_f32"));
    assert!(named(&end_of(&error)), "{error}");
    assert!(matches!(worker.revive(), Revival::DeviceAnswers));
}

#[test]
fn a_child_that_says_nothing_is_killed_with_all_that_it_started() {
    let script = Script::new("sleep 1000 &\necho $! > started\necho $$ > own\ncat $HELLO\nwait");
    let limits = WorkerLimits { probe: Duration::from_millis(300), ..WorkerLimits::default() };
    let mut worker = script.start(&limits).unwrap();
    let error = worker.probe().expect_err("it says nothing");
    assert!(matches!(end_of(&error), ChildEnd::Hung { .. }), "{error}");
    assert!(error.to_string().contains("no answer in 0.3 s; killed"), "{error}");
    for file in ["started", "own"] {
        let id = fs::read_to_string(script.file(file)).unwrap();
        wait_until("the processes are gone", || is_gone(&id));
    }
    match worker.revive() {
        Revival::DeviceSilent(error) => assert!(matches!(end_of(&error), ChildEnd::Hung { .. }), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_child_that_is_silent_from_the_start_is_killed() {
    let script = Script::new("sleep 1000");
    let limits = WorkerLimits { hello: Duration::from_millis(300), ..WorkerLimits::default() };
    let error = script.start(&limits).err().expect("it says nothing");
    assert!(matches!(end_of(&error), ChildEnd::Hung { .. }), "{error}");
}

#[test]
fn crashes_and_exits_in_the_middle_of_a_request_are_told_apart() {
    let crash = Script::new("cat $HELLO\nread request\nkill -ABRT $$");
    let (end, text) = crash.end_of_probe();
    assert_eq!(end, ChildEnd::Crashed { signal: libc::SIGABRT });
    assert!(text.starts_with("script: crashed with SIGABRT"), "{text}");
    let exit = Script::new("cat $HELLO\nread request\necho 'no more memory' >&2\nexit 7");
    let (end, text) = exit.end_of_probe();
    assert_eq!(end, ChildEnd::Exited { code: 7 });
    assert!(text.ends_with("its standard error ends with:\nno more memory"), "{text}");
}

#[test]
fn what_is_no_answer_ends_the_child() {
    let garbage = ["echo 'Segmentation fault'", "printf '\\377\\376\\n'", "echo '{\"number\":1,\"answer\":\"maybe\"}'"];
    let stale = "echo '{\"number\":7,\"answer\":\"alive\"}'";
    let other = "echo '{\"number\":1,\"answer\":\"verified\",\"seconds\":1}'";
    for line in garbage.into_iter().chain([stale, other]) {
        let script = Script::new(&format!("cat $HELLO\nread request\n{line}\nsleep 1000"));
        let (end, text) = script.end_of_probe();
        assert!(matches!(end, ChildEnd::Garbled { .. }), "{line}: {text}");
    }
}

#[test]
fn another_protocol_and_a_program_that_is_no_worker_are_refused() {
    let newer = Script::new("sed 's/\"protocol\":[0-9]*/\"protocol\":99/' $HELLO\nsleep 1000");
    let error = newer.start(&WorkerLimits::default()).err().expect("another protocol");
    assert_eq!(end_of(&error), ChildEnd::WrongProtocol { theirs: 99, ours: PROTOCOL });
    let error = Script::new("echo hello\nsleep 1000").start(&WorkerLimits::default()).err().expect("no hello");
    assert!(matches!(end_of(&error), ChildEnd::Garbled { .. }), "{error}");
    let error = Script::new("echo 'unrecognized subcommand' >&2\nexit 64").start(&WorkerLimits::default());
    let error = error.err().expect("it ends");
    assert_eq!(end_of(&error), ChildEnd::Exited { code: 64 });
    assert!(error.to_string().contains("unrecognized subcommand"), "{error}");
    let absent = Target { program: "/no/such/program".into(), ..host("absent") };
    let error = Worker::start(&absent, &WorkerLimits::default()).err().expect("no program");
    assert!(matches!(error, WorkerError::NotStarted { .. }) && error.to_string().contains("/no/such/program"));
}

#[test]
fn a_device_without_memory_is_an_end_of_its_own() {
    let answer = r#"{"number":1,"answer":"out-of-memory","reason":"x asked for 5 bytes"}"#;
    let (end, text) = Script::new(&format!("cat $HELLO\nread request\necho '{answer}'")).end_of_probe();
    assert!(matches!(end, ChildEnd::OutOfMemory { .. }) && text.contains("x asked for 5 bytes"), "{text}");
    let answer = r#"{"number":1,"answer":"lost-device","reason":"it fell off the bus"}"#;
    let (end, _) = Script::new(&format!("cat $HELLO\nread request\necho '{answer}'")).end_of_probe();
    assert!(matches!(end, ChildEnd::LostDevice { .. }));
}

#[test]
fn children_end_with_the_thread_that_started_them() {
    let script = Script::new("echo $$ > own\ncat $HELLO\nexec sleep 1000");
    let target = script.target.clone();
    std::thread::spawn(move || {
        // Forgotten, not dropped: a parent that is killed drops nothing either.
        std::mem::forget(Worker::start(&target, &WorkerLimits::default()).unwrap());
    })
    .join()
    .unwrap();
    let id = fs::read_to_string(script.file("own")).unwrap();
    wait_until("the child is gone", || is_gone(&id));
}

#[test]
fn a_worker_that_is_dropped_leaves_no_process() {
    let script = Script::new("echo $$ > own\ncat $HELLO\nread request");
    let worker = script.start(&WorkerLimits::default()).unwrap();
    drop(worker);
    assert!(is_gone(&fs::read_to_string(script.file("own")).unwrap()));
}

#[test]
fn a_program_compared_with_itself_is_the_same_by_construction_and_by_its_steps() {
    let (mut base, mut candidate) = (start(&host("base")), start(&host("candidate")));
    let thresholds = Thresholds::new(0.0, None);
    let trusted = duel(&mut base, &mut candidate, CASE, Mode::Cold, &thresholds, &GO).unwrap();
    assert_eq!((trusted.decision.verdict, trusted.decision.reasons), (Verdict::Same, vec![Reason::IdenticalCode]));
    let plan =
        DuelPlan { case: CASE, mode: Mode::Cold, thresholds: &thresholds, identical: Identical::Measure, pairs: None };
    let measured = run_duel(&mut base, &mut candidate, &plan, &GO).unwrap();
    assert_eq!((measured.decision.verdict, measured.decision.shift), (Verdict::Same, Some(0.0)));
    assert_eq!(measured.measured.unwrap().pairs.len(), 2);
}

#[test]
fn one_more_access_in_a_hundred_is_found_on_the_emulator() {
    let folder = tempfile::tempdir().unwrap();
    // One block of 64 columns has several hundred accesses; one more read per thread is over 1 % of them.
    let more = "{ (void)*(volatile const uint8_t*)gate; SWIGLU_BODY; }";
    kernels_with(folder.path(), "mlp/swiglu.hip", "{ SWIGLU_BODY; }", more);
    let mut base = start(&host("base"));
    let mut candidate = start(&Target { kernels: Some(folder.path().into()), ..host("candidate") });
    let thresholds = Thresholds::new(0.005, None);
    let slower = duel(&mut base, &mut candidate, CASE, Mode::Cold, &thresholds, &GO).unwrap();
    assert_eq!(slower.decision.verdict, Verdict::Slower, "{:?}", slower.decision);
    assert!(slower.decision.shift.unwrap() < 0.2, "{:?}", slower.decision);
    let faster = duel(&mut candidate, &mut base, CASE, Mode::Cold, &thresholds, &GO).unwrap();
    assert_eq!(faster.decision.verdict, Verdict::Faster);
}

#[test]
fn a_side_that_dies_between_blocks_is_named_and_the_other_goes_on() {
    let answers = "cat $HELLO\nread request\necho '{\"number\":1,\"answer\":\"verified\",\"seconds\":0}'\n\
                   read request\nkill -SEGV $$";
    let script = Script::new(answers);
    let mut base = start(&host("base"));
    let mut candidate = script.start(&WorkerLimits::default()).unwrap();
    let thresholds = Thresholds::new(0.01, None);
    let error = duel(&mut base, &mut candidate, CASE, Mode::Cold, &thresholds, &GO).expect_err("it dies");
    match error {
        DuelError::Side(error) => {
            assert_eq!(error.role, Role::Candidate);
            assert_eq!(end_of(&error.source), ChildEnd::Crashed { signal: libc::SIGSEGV });
        }
        other => panic!("{other}"),
    }
    assert!(Side::verify(&mut base, OTHER_CASE).is_ok());
}
