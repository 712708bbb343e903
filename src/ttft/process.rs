//! A request in a process of its own: started, watched with this process's clock, and killed on Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::TtftError;
use super::request::Response;
use super::stages::{Stage, StageTimes};

/// Lines of the child's standard output, in this order; the last is followed by a `Report` as JSON.
pub const STARTED: &str = "started";
pub const FIRST_TOKEN: &str = "first-token";
pub const TEXT: &str = "text";

/// Before the first token, a line that begins so says what the child does next: where it hangs if nothing follows.
pub const AT: &str = "at ";

/// How often a waiting parent looks for Ctrl-C.
const PATIENCE: Duration = Duration::from_millis(50);

/// How long a parent waits for the end of a child that it killed. One that hangs in a driver may never end.
const REAPED_WITHIN: Duration = Duration::from_secs(5);

/// How much of what a child says of its failure is shown, in bytes.
const STDERR_SHOWN: u64 = 4096;

/// What a child tells of its request.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// The stages before the request, by the child's clock.
    pub loading: StageTimes,
    pub response: Response,
}

/// A report with what this process saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Observed {
    /// From just before the child was started to its first line.
    pub process_start: Duration,
    /// From the same moment to the line that says that the first tokens are on the host.
    pub first_token: Duration,
    /// From the same moment to the line that says that their text is there.
    pub text: Duration,
    pub report: Report,
}

impl Observed {
    /// The stages of a cold request: all of them, and the start of the process.
    pub fn cold_stages(&self) -> StageTimes {
        let mut stages = self.report.loading.with(self.report.response.stages);
        stages.set(Stage::ProcessStart, self.process_start);
        stages
    }
}

/// Runs `command`, which serves one request. `Ok(None)` if `stop` became true first: the child is killed, as it is when it
/// takes longer than `timeout`, which is an error.
pub fn observe(
    mut command: Command,
    request: &str,
    stop: &AtomicBool,
    timeout: Duration,
) -> Result<Option<Observed>, TtftError> {
    // A group of its own: Ctrl-C in a terminal reaches this process alone, which decides.
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let program = command.get_program().to_string_lossy().into_owned();
    let begun = Instant::now();
    let mut child =
        command.spawn().map_err(|source| TtftError::NotStarted { request: request.to_string(), program, source })?;
    let lines = read_lines(child.stdout.take().expect("stdout is piped"));
    let mut stderr = child.stderr.take().expect("stderr is piped");
    let said = thread::spawn(move || {
        let mut text = Vec::new();
        // What is beyond is read too, or the child would wait for it.
        let _ = stderr.by_ref().take(STDERR_SHOWN).read_to_end(&mut text);
        let _ = std::io::copy(&mut stderr, &mut std::io::sink());
        String::from_utf8_lossy(&text).trim().to_string()
    });
    let outcome = watch(&lines, begun, stop, timeout);
    match outcome {
        Watched::Stopped => {
            kill(&mut child);
            Ok(None)
        }
        Watched::Hung(place) => {
            // What it said may never end where the child does not.
            let said = if kill(&mut child) { said.join().unwrap_or_default() } else { String::new() };
            let said = if said.is_empty() { said } else { format!(" It said: {said}") };
            Err(TtftError::Hung { request: request.to_string(), timeout, place, said })
        }
        Watched::Done(observed) => {
            let _ = child.wait();
            Ok(Some(*observed))
        }
        Watched::Garbled(ending) => Err(ended(&mut child, said, request, Some(ending))),
        Watched::Ended => Err(ended(&mut child, said, request, None)),
    }
}

enum Watched {
    Done(Box<Observed>),
    Stopped,
    /// Where.
    Hung(String),
    Ended,
    Garbled(String),
}

fn watch(lines: &Receiver<(Instant, String)>, begun: Instant, stop: &AtomicBool, timeout: Duration) -> Watched {
    let mut moments = Vec::with_capacity(3);
    let mut work = None;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Watched::Stopped;
        }
        let (at, line) = match lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            // What was said in time counts, however late it is read.
            Err(RecvTimeoutError::Timeout) if begun.elapsed() > timeout => {
                return Watched::Hung(place(moments.len(), work.as_deref()));
            }
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return Watched::Ended,
        };
        if let (1, Some(next)) = (moments.len(), line.strip_prefix(AT)) {
            work = Some(next.to_string());
            continue;
        }
        let garbled = || Watched::Garbled(format!("said `{line}`, which is no answer"));
        match [STARTED, FIRST_TOKEN, TEXT].get(moments.len()) {
            Some(expected) if line == *expected => moments.push(at - begun),
            Some(_) => return garbled(),
            None => {
                let Ok(report) = serde_json::from_str(&line) else { return garbled() };
                let (process_start, first_token, text) = (moments[0], moments[1], moments[2]);
                return Watched::Done(Box::new(Observed { process_start, first_token, text, report }));
            }
        }
    }
}

/// Where a child hangs that has given so many of its moments, and said last what it does.
fn place(moments: usize, work: Option<&str>) -> String {
    match (moments, work) {
        (0, _) => "before it said that it had started".to_string(),
        (1, Some(work)) => format!("while {work}"),
        (1, None) => "before its first token".to_string(),
        (2, _) => "between its first token and the token's text".to_string(),
        _ => "in the steps after its first token".to_string(),
    }
}

/// Kills a child; whether it has ended.
fn kill(child: &mut Child) -> bool {
    let _ = child.kill();
    let begun = Instant::now();
    while begun.elapsed() < REAPED_WITHIN {
        match child.try_wait() {
            Ok(None) => thread::sleep(PATIENCE),
            Ok(Some(_)) => return true,
            Err(_) => return false,
        }
    }
    false
}

/// Lines with the moment at which each was there.
fn read_lines(output: ChildStdout) -> Receiver<(Instant, String)> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines() {
            let at = Instant::now();
            let Ok(line) = line else { return };
            if sender.send((at, line)).is_err() {
                return;
            }
        }
    });
    receiver
}

fn ended(child: &mut Child, said: JoinHandle<String>, request: &str, garbled: Option<String>) -> TtftError {
    if garbled.is_some() {
        let _ = child.kill();
    }
    let status = child.wait().map_or_else(|error| error.to_string(), |status| format!("ended with {status}"));
    let said = said.join().unwrap_or_default();
    let said = if said.is_empty() { String::new() } else { format!(": {said}") };
    TtftError::Ended { request: request.to_string(), ending: garbled.unwrap_or(status), said }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: Duration = Duration::from_secs(60);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn report() -> String {
        let mut loading = StageTimes::default();
        loading.set_seconds(Stage::FileOpen, 0.25);
        let response = Response {
            ttft_seconds: 0.5,
            total_seconds: 0.75,
            stages: StageTimes::default(),
            step_seconds: vec![0.1],
            first_tokens: vec![3],
            text: None,
            prompt_sha256: "00".to_string(),
        };
        serde_json::to_string(&Report { loading, response }).expect("plain data")
    }

    #[test]
    fn a_child_is_timed_from_before_its_start_in_the_order_of_its_lines() {
        let script = format!("echo started; sleep 0.05; echo first-token; sleep 0.02; echo text; echo '{}'", report());
        let stop = AtomicBool::new(false);
        let observed = observe(shell(&script), "a test", &stop, AMPLE).expect("a report").expect("nobody stopped it");
        // A busy machine may have the line before read late, so that only what lies behind the start is sure.
        assert!(observed.first_token >= Duration::from_millis(50) && observed.first_token >= observed.process_start);
        assert!(observed.text >= Duration::from_millis(70) && observed.text >= observed.first_token);
        assert_eq!(observed.report.response.first_tokens, [3]);
        let stages = observed.cold_stages();
        assert_eq!(stages.get(Stage::FileOpen), Some(0.25));
        assert_eq!(stages.get(Stage::ProcessStart), Some(observed.process_start.as_secs_f64()));
    }

    #[test]
    fn a_child_that_hangs_is_killed() {
        let stop = AtomicBool::new(false);
        let hung = observe(shell("exec sleep 600"), "a test", &stop, Duration::from_millis(50));
        let message = hung.expect_err("it hung").to_string();
        assert!(
            message.contains("a test took longer than 50ms and hung before it said that it had started"),
            "{message}"
        );
        assert!(message.contains("--request-timeout"), "{message}");
    }

    #[test]
    fn the_place_where_a_child_hangs_is_the_last_that_it_named() {
        let stop = AtomicBool::new(false);
        for (said, place) in [
            (&[][..], "before it said that it had started"),
            (&[STARTED], "before its first token"),
            (&[STARTED, "at opening the device", "at opening the model"], "while opening the model"),
            (&[STARTED, "at opening the device", FIRST_TOKEN], "between its first token and the token's text"),
            (&[STARTED, FIRST_TOKEN, TEXT], "in the steps after its first token"),
        ] {
            let (sender, lines) = mpsc::channel();
            said.iter().for_each(|line| sender.send((Instant::now(), line.to_string())).expect("nobody has hung up"));
            match watch(&lines, Instant::now(), &stop, Duration::ZERO) {
                Watched::Hung(found) => assert_eq!(found, place),
                _ => panic!("{said:?} is no end"),
            }
        }
    }

    #[test]
    fn children_that_fail_lie_or_are_stopped_are_told_apart() {
        let stop = AtomicBool::new(false);
        let error = |script: &str| observe(shell(script), "a test", &stop, AMPLE).expect_err("it failed").to_string();
        let failed = error("echo started; echo no memory >&2; exit 3");
        assert!(failed.contains("a test ended with exit status: 3: no memory"), "{failed}");
        let liar = error("echo started; echo hello; exec sleep 60");
        assert!(liar.contains("said `hello`"), "{liar}");
        let early = error("echo first-token");
        assert!(early.contains("said `first-token`"), "{early}");
        let missing = observe(Command::new("/no/such/program"), "a test", &stop, AMPLE).expect_err("nothing there");
        assert!(matches!(missing, TtftError::NotStarted { .. }), "{missing}");
        let stop = AtomicBool::new(true);
        assert_eq!(observe(shell("sleep 60"), "a test", &stop, AMPLE).expect("stopped"), None);
    }
}
