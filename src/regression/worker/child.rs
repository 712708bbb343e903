//! The child process: started, spoken to in lines, and killed with everything that it started.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::end::ChildEnd;
use super::target::Target;

/// How much of a child's standard error is kept, in bytes.
const STDERR_KEPT: usize = 4096;

/// The longest line that is read as an answer, in bytes. A block of 10,000 samples has a quarter of it.
const LONGEST_LINE: u64 = 1 << 20;

/// How much of a line that is no answer is shown, in characters.
const GARBLED_SHOWN: usize = 200;

/// How long a child that closed its output, or was killed, may take to be gone. A driver tears a context down
/// in well under a second; one that hangs in the kernel cannot be waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running child. It is killed when this is dropped.
pub(super) struct Child {
    process: std::process::Child,
    input: Option<ChildStdin>,
    lines: Receiver<Vec<u8>>,
    stderr: Arc<Mutex<VecDeque<u8>>>,
    stderr_reader: JoinHandle<()>,
    /// Set when the child was waited for; its id may be another process's from then on.
    reaped: Option<ExitStatus>,
}

impl Child {
    /// Starts the target's program as a worker, in a process group of its own, so that Ctrl-C in a terminal
    /// reaches the parent alone and the parent decides. It dies with the thread that calls this.
    pub fn start(target: &Target, device_deadline: Duration) -> io::Result<Self> {
        let mut command = Command::new(&target.program);
        command
            .args(target.arguments())
            .args(["--device-deadline", &device_deadline.as_secs_f64().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let parent = std::process::id();
        // SAFETY: between fork and exec the closure calls only `prctl` and `getppid`, which are async-signal-safe,
        // and allocates nothing.
        unsafe { command.pre_exec(move || die_with(parent)) };
        let mut process = command.spawn()?;
        let (sender, lines) = mpsc::channel();
        let stdout = process.stdout.take().expect("stdout is piped");
        thread::spawn(move || read_lines(BufReader::new(stdout), &sender));
        let stderr = Arc::new(Mutex::new(VecDeque::with_capacity(STDERR_KEPT)));
        let pipe = process.stderr.take().expect("stderr is piped");
        let kept = Arc::clone(&stderr);
        let stderr_reader = thread::spawn(move || keep_the_end(pipe, &kept));
        let input = process.stdin.take();
        Ok(Self { process, input, lines, stderr, stderr_reader, reaped: None })
    }

    /// Sends one line; a child that is gone shows when its answer is read.
    pub fn send(&mut self, line: &str) {
        if let Some(input) = &mut self.input
            && writeln!(input, "{line}").and_then(|()| input.flush()).is_err()
        {
            self.input = None;
        }
    }

    /// The next line of the child, or how it ended: one that says nothing for so long is killed.
    pub fn receive(&mut self, limit: Duration) -> Result<String, ChildEnd> {
        match self.lines.recv_timeout(limit) {
            Ok(line) => match String::from_utf8(line) {
                Ok(line) => Ok(line),
                Err(error) => Err(self.garbled(&String::from_utf8_lossy(error.as_bytes()))),
            },
            Err(RecvTimeoutError::Timeout) => {
                let killed = if self.kill().is_some() { "killed" } else { "does not go even when killed" };
                Err(ChildEnd::Hung { reason: format!("no answer in {} s; {killed}", limit.as_secs_f64()) })
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.ended()),
        }
    }

    /// The end of a child that said what is no answer: it is killed, because nobody knows what it means next.
    pub fn garbled(&mut self, line: &str) -> ChildEnd {
        self.kill();
        let shown: String = line.trim_end().chars().take(GARBLED_SHOWN).collect();
        ChildEnd::Garbled { line: shown }
    }

    /// The last that the child wrote to its standard error. Waits for the end of it, which comes soon after the
    /// child's own.
    pub fn stderr_of_the_dead(&self) -> String {
        wait_until(Duration::from_secs(1), || self.stderr_reader.is_finished());
        let kept = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = kept.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_string()
    }

    /// How a child ended that closed its output.
    fn ended(&mut self) -> ChildEnd {
        let id = self.process.id();
        wait_until(PATIENCE, || has_exited(id));
        let by_itself = has_exited(id);
        match self.kill() {
            Some(status) if by_itself => match (status.signal(), status.code()) {
                (Some(signal), _) => ChildEnd::Crashed { signal },
                (None, code) => ChildEnd::Exited { code: code.unwrap_or(-1) },
            },
            _ => ChildEnd::Hung { reason: "closed its output but did not end; killed".to_string() },
        }
    }

    /// Kills the child's whole process group: it may have started a compiler. `None` if the child does not go.
    pub fn kill(&mut self) -> Option<ExitStatus> {
        self.input = None;
        if self.reaped.is_none() {
            let id = self.process.id();
            // SAFETY: the child was not waited for, so its id, which is its group's, names no other process.
            unsafe { libc::kill(-(id as i32), libc::SIGKILL) };
            if wait_until(PATIENCE, || has_exited(id)) {
                self.reaped = self.process.wait().ok();
            }
        }
        self.reaped
    }
}

impl Drop for Child {
    /// A child that is well ends when its input does.
    fn drop(&mut self) {
        self.input = None;
        if self.reaped.is_none() {
            let id = self.process.id();
            wait_until(Duration::from_secs(2), || has_exited(id));
        }
        self.kill();
    }
}

/// Asks the system to kill this process when the thread that started it ends, and gives up if that is over.
pub(in crate::regression) fn die_with(parent: u32) -> io::Result<()> {
    // SAFETY: `prctl` with this option reads one integer, and `getppid` nothing.
    unsafe {
        if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
            return Err(io::Error::last_os_error());
        }
        if libc::getppid() != parent as i32 {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(())
}

/// Whether a child has ended, without waiting for it: its id stays its own.
fn has_exited(id: u32) -> bool {
    // SAFETY: an all-zero `siginfo_t` is a valid value of that plain struct, and the call writes to it only.
    unsafe {
        let mut information: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        libc::waitid(libc::P_PID, id, &mut information, options) == 0 && information.si_pid() != 0
    }
}

fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    let mut pause = Duration::from_micros(100);
    while !condition() {
        if start.elapsed() >= patience {
            return false;
        }
        thread::sleep(pause);
        pause = (2 * pause).min(Duration::from_millis(20));
    }
    true
}

/// Hands on lines until the output ends. A line that is too long is handed on cut, which makes it no answer.
fn read_lines(mut output: impl BufRead, sender: &Sender<Vec<u8>>) {
    loop {
        let mut line = Vec::new();
        match output.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(1..) => {
                if sender.send(line).is_err() {
                    return;
                }
            }
            Ok(0) | Err(_) => return,
        }
    }
}

fn keep_the_end(mut pipe: impl Read, kept: &Mutex<VecDeque<u8>>) {
    let mut piece = [0; 1024];
    while let Ok(count @ 1..) = pipe.read(&mut piece) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let surplus = (kept.len() + count).saturating_sub(STDERR_KEPT);
        kept.drain(..surplus);
        kept.extend(&piece[..count]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_long_output_is_kept() {
        let kept = Mutex::new(VecDeque::new());
        let text: Vec<u8> = (0..10_000u32).flat_map(|number| format!("{number}\n").into_bytes()).collect();
        keep_the_end(&text[..], &kept);
        let kept: Vec<u8> = kept.into_inner().unwrap().into();
        assert_eq!(kept, text[text.len() - STDERR_KEPT..]);
    }

    #[test]
    fn endless_lines_are_cut() {
        let (sender, receiver) = mpsc::channel();
        read_lines(BufReader::new(io::repeat(b'x').take(LONGEST_LINE + 5)), &sender);
        drop(sender);
        let lengths: Vec<usize> = receiver.iter().map(|line| line.len()).collect();
        assert_eq!(lengths, [LONGEST_LINE as usize, 5]);
    }
}
