//! A headless Chromium, driven over its DevTools pipe: JSON messages, each ended by a zero byte, in on descriptor 3 and
//! out on descriptor 4. <https://chromedevtools.github.io/devtools-protocol/>

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// A browser that does not answer is ended after this many seconds, and the test fails instead of hanging.
const MOST_SECONDS: &str = "300";

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// The program to run: `CHROMIUM`, or the first of the usual names on the PATH.
pub fn find() -> Option<PathBuf> {
    if let Some(named) = env::var_os("CHROMIUM") {
        return Some(PathBuf::from(named));
    }
    let folders: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

pub struct Browser {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    profile: TempDir,
    last_request: u64,
    session: Option<String>,
    /// What the page reported since it was opened.
    events: Vec<Value>,
}

impl Browser {
    pub fn start(program: &Path) -> Self {
        let profile = tempfile::tempdir().expect("a temporary directory");
        let log = File::create(profile.path().join("stderr.txt")).expect("a temporary directory");
        // The shell gives the browser its two descriptors; Rust's standard library has no way to.
        let mut child = Command::new("sh")
            .args(["-c", "exec timeout -k 5 \"$0\" \"$@\" 3<&0 4>&1 1>&2", MOST_SECONDS])
            .arg(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().join("profile").display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("sh runs");
        let requests = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, requests, answers, profile, last_request: 0, session: None, events: Vec::new() }
    }

    /// Opens the page in a new tab of that many CSS pixels and waits for its load event. `scheme`: `light` or `dark`.
    pub fn open(&mut self, url: &str, (width, height): (u32, u32), scheme: &str) {
        self.session = None;
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = self.call("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        self.session = Some(attached["sessionId"].as_str().expect("a session").to_string());
        for domain in ["Page.enable", "Runtime.enable", "Log.enable"] {
            self.call(domain, json!({}));
        }
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size);
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", scheme);
        // Time that the page's thread computed, whatever else the machine did meanwhile.
        self.call("Performance.enable", json!({ "timeDomain": "threadTicks" }));
        self.events.clear();
        let opened = self.call("Page.navigate", json!({ "url": url }));
        assert!(opened.get("errorText").is_none(), "{url}: {opened}");
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let event = self.receive();
            self.events.push(event);
        }
    }

    /// The value of a JavaScript expression; a promise is waited for, an exception fails the test.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}\n{answer:#}");
        answer["result"]["value"].clone()
    }

    /// Milliseconds that the page's main thread has computed since it was opened.
    pub fn computed_ms(&mut self) -> f64 {
        let answer = self.call("Performance.getMetrics", json!({}));
        let metrics = answer["metrics"].as_array().expect("a list of metrics");
        let tasks = metrics.iter().find(|metric| metric["name"] == "TaskDuration").expect("a known metric");
        tasks["value"].as_f64().expect("a number") * 1e3
    }

    /// Presses and releases a key: `Tab`, `Enter`.
    pub fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("no key {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Errors and warnings on the page's console since it was opened.
    pub fn complaints(&mut self) -> Vec<String> {
        // A round trip, so that whatever was on its way has arrived.
        self.evaluate("new Promise((done) => setTimeout(done, 50))");
        let loud = |level: &Value| level == "error" || level == "warning";
        let of = |event: &Value| match event["method"].as_str()? {
            "Runtime.exceptionThrown" => Some(event["params"]["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if loud(&event["params"]["type"]) => Some(event["params"]["args"].to_string()),
            "Log.entryAdded" if loud(&event["params"]["entry"]["level"]) => Some(event["params"]["entry"].to_string()),
            _ => None,
        };
        self.events.iter().filter_map(of).collect()
    }

    /// Saves what is `from` CSS pixels below the page's top, as a PNG.
    pub fn screenshot(&mut self, file: &Path, from: u32, (width, height): (u32, u32)) {
        let clip = json!({ "x": 0, "y": from, "width": width, "height": height, "scale": 1 });
        let shot = self
            .call("Page.captureScreenshot", json!({ "format": "png", "clip": clip, "captureBeyondViewport": true }));
        let bytes = STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        fs::write(file, bytes).expect("the folder of screenshots can be written");
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_request += 1;
        let mut request = json!({ "id": self.last_request, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        let sent = self.requests.write_all(format!("{request}\0").as_bytes()).and_then(|()| self.requests.flush());
        if let Err(error) = sent {
            panic!("{method}: {error}\n{}", self.log());
        }
        loop {
            let message = self.receive();
            if message["id"] == self.last_request {
                assert!(message.get("error").is_none(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.events.push(message);
        }
    }

    fn receive(&mut self) -> Value {
        let mut bytes = Vec::new();
        let count = self.answers.read_until(0, &mut bytes).unwrap_or(0);
        assert!(count > 0, "the browser went away:\n{}", self.log());
        serde_json::from_slice(&bytes[..count - 1]).expect("DevTools messages are JSON")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.profile.path().join("stderr.txt")).unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = json!({ "id": self.last_request + 1, "method": "Browser.close" });
        // If it has gone already there is nothing to close; without an answer `timeout` ends it.
        let _ = self.requests.write_all(format!("{close}\0").as_bytes());
        let _ = self.requests.flush();
        let _ = self.child.wait();
    }
}
