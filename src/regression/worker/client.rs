//! A parent's handle of a worker.

use std::collections::HashMap;
use std::time::Duration;

use crate::operation::CodeIdentity;

use super::child::Child;
use super::end::{ChildEnd, WorkerError};
use super::protocol::{Answer, Block, BlockRequest, CaseFacts, Hello, Numbered, PROTOCOL, Request, Verification};
use super::target::{Target, WorkerLimits};

/// A child process that answers requests about one target on one device.
///
/// Each request has a deadline, at which the child is killed with all that it started. How it ended is in the
/// error; `revive` then starts a fresh one and asks whether the device is well.
pub struct Worker {
    target: Target,
    limits: WorkerLimits,
    child: Child,
    hello: Hello,
    requests: u64,
    verified: HashMap<String, Verification>,
    facts: HashMap<String, CaseFacts>,
    /// How the child ended, if it did.
    end: Option<ChildEnd>,
}

/// What a fresh child found out about the device.
#[derive(Debug)]
pub enum Revival {
    /// The old child was still well.
    NotNeeded,
    /// A launch ran: the device is well, and what ended the old child was the child's own.
    DeviceAnswers,
    /// No fresh child gets an answer from the device.
    DeviceSilent(WorkerError),
}

impl Worker {
    /// Starts the target's program and waits until it holds the device. The child dies with the calling thread.
    pub fn start(target: &Target, limits: &WorkerLimits) -> Result<Self, WorkerError> {
        let (child, hello) = begin(target, limits)?;
        Ok(Self {
            target: target.clone(),
            limits: *limits,
            child,
            hello,
            requests: 0,
            verified: HashMap::new(),
            facts: HashMap::new(),
            end: None,
        })
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn label(&self) -> &str {
        &self.target.label
    }

    /// What the child said of itself.
    pub fn hello(&self) -> &Hello {
        &self.hello
    }

    /// Whether the child still answers.
    pub fn is_running(&self) -> bool {
        self.end.is_none()
    }

    /// Whether the device runs a launch.
    pub fn probe(&mut self) -> Result<(), WorkerError> {
        let request = Request::Probe;
        match self.ask(&request, self.limits.probe)? {
            Answer::Alive => Ok(()),
            other => Err(self.unexpected(&request, &other)),
        }
    }

    /// Has the case judged against its reference, once in the life of the child.
    pub fn verify(&mut self, case: &str) -> Result<Verification, WorkerError> {
        if let Some(verification) = self.verified.get(case) {
            return Ok(verification.clone());
        }
        let request = Request::Verify { case: case.to_string() };
        match self.ask(&request, self.limits.verify)? {
            Answer::Verified(verification) => {
                self.verified.insert(case.to_string(), verification.clone());
                Ok(verification)
            }
            other => Err(self.unexpected(&request, &other)),
        }
    }

    /// What the case's kernels are; nothing is launched.
    pub fn facts(&mut self, case: &str) -> Result<CaseFacts, WorkerError> {
        if let Some(facts) = self.facts.get(case) {
            return Ok(facts.clone());
        }
        let request = Request::Facts { case: case.to_string() };
        match self.ask(&request, self.limits.verify)? {
            Answer::Facts(facts) => {
                let facts = *facts;
                self.facts.insert(case.to_string(), facts.clone());
                Ok(facts)
            }
            other => Err(self.unexpected(&request, &other)),
        }
    }

    /// Equal identities of two workers on one device mean the same code with the same arguments.
    pub fn code_identity(&mut self, case: &str) -> Result<CodeIdentity, WorkerError> {
        self.facts(case).map(|facts| facts.identity)
    }

    /// Takes a block of samples of a case; one that was not verified yet is verified first.
    pub fn block(&mut self, block: &BlockRequest) -> Result<Block, WorkerError> {
        self.verify(&block.case)?;
        let request = Request::Block(block.clone());
        match self.ask(&request, self.limits.block)? {
            Answer::Block(block) => Ok(*block),
            other => Err(self.unexpected(&request, &other)),
        }
    }

    /// After an error: if the child is gone, starts a fresh one and asks whether the device is well.
    pub fn revive(&mut self) -> Revival {
        if self.is_running() {
            return Revival::NotNeeded;
        }
        let fresh = begin(&self.target, &self.limits);
        let outcome = fresh.and_then(|(child, hello)| {
            (self.child, self.hello, self.end, self.requests) = (child, hello, None, 0);
            self.verified.clear();
            self.facts.clear();
            self.probe()
        });
        match outcome {
            Ok(()) => Revival::DeviceAnswers,
            Err(error) => Revival::DeviceSilent(error),
        }
    }

    fn ask(&mut self, request: &Request, limit: Duration) -> Result<Answer, WorkerError> {
        if let Some(end) = &self.end {
            return Err(self.error(request, end.clone()));
        }
        self.requests += 1;
        let numbered = Numbered { number: self.requests, content: request };
        self.child.send(&serde_json::to_string(&numbered).expect("plain data"));
        let answer = self.child.receive(limit).and_then(|line| match serde_json::from_str::<Numbered<Answer>>(&line) {
            Ok(Numbered { number, content }) if number == self.requests => Ok(content),
            _ => Err(self.child.garbled(&line)),
        });
        let (end, goes_on) = match answer {
            Ok(Answer::Refused { why, reason, goes_on }) => (ChildEnd::Refused { why, reason }, goes_on),
            Ok(Answer::OutOfMemory { reason }) => (ChildEnd::OutOfMemory { reason }, false),
            Ok(Answer::Hung { reason }) => (ChildEnd::Hung { reason }, false),
            Ok(Answer::LostDevice { reason }) => (ChildEnd::LostDevice { reason }, false),
            Ok(Answer::Fault { reason }) => (ChildEnd::Fault { reason }, false),
            Ok(answer) => return Ok(answer),
            Err(end) => (end, false),
        };
        if !goes_on {
            self.child.kill();
            self.end = Some(end.clone());
        }
        Err(self.error(request, end))
    }

    fn error(&self, request: &Request, end: ChildEnd) -> WorkerError {
        failure(&self.target, &self.child, request.name(), end)
    }

    /// An answer of the protocol, but to another request.
    fn unexpected(&mut self, request: &Request, answer: &Answer) -> WorkerError {
        let end = self.child.garbled(&serde_json::to_string(answer).expect("plain data"));
        self.end = Some(end.clone());
        self.error(request, end)
    }
}

/// Starts a child and reads its hello.
fn begin(target: &Target, limits: &WorkerLimits) -> Result<(Child, Hello), WorkerError> {
    let mut child = Child::start(target, limits.device).map_err(|error| WorkerError::NotStarted {
        label: target.label.clone(),
        program: target.program.clone(),
        error,
    })?;
    match read_hello(&mut child, limits.hello) {
        Ok(hello) => Ok((child, hello)),
        Err(end) => Err(failure(target, &child, "starting".to_string(), end)),
    }
}

fn read_hello(child: &mut Child, limit: Duration) -> Result<Hello, ChildEnd> {
    let line = child.receive(limit)?;
    // Another version may say more or less in its hello, but it says its version.
    let protocol = serde_json::from_str::<serde_json::Value>(&line).ok().and_then(|value| value["protocol"].as_u64());
    match protocol {
        None => Err(child.garbled(&line)),
        Some(theirs) if theirs != u64::from(PROTOCOL) => {
            child.kill();
            Err(ChildEnd::WrongProtocol { theirs: theirs as u32, ours: PROTOCOL })
        }
        Some(_) => serde_json::from_str(&line).map_err(|_| child.garbled(&line)),
    }
}

fn failure(target: &Target, child: &Child, doing: String, end: ChildEnd) -> WorkerError {
    // A child that goes on has not ended its standard error, and its reason says all.
    let stderr = if end.is_fatal() { child.stderr_of_the_dead() } else { String::new() };
    WorkerError::Ended { label: target.label.clone(), doing, end, stderr }
}
