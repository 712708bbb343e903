//! Spans of time as a trace that <https://ui.perfetto.dev> and `chrome://tracing` open: the JSON form of "Trace Event
//! Format" (Chromium, 2016), complete events in microseconds.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::ReportError;

/// A row of the picture: spans of one track follow or enclose one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track {
    process: u64,
    thread: u64,
}

/// A trace that grows, group by group and track by track.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    events: Vec<Value>,
    /// Tracks of each group.
    groups: Vec<u64>,
}

impl Trace {
    /// Opens a group of tracks under a heading.
    pub fn group(&mut self, name: &str) {
        self.groups.push(0);
        let process = self.groups.len() as u64;
        self.events.push(json!({"ph": "M", "name": "process_name", "pid": process, "args": {"name": name}}));
        self.events
            .push(json!({"ph": "M", "name": "process_sort_index", "pid": process, "args": {"sort_index": process}}));
    }

    /// Opens a track in the group opened last; without one it opens a group of the same name.
    pub fn track(&mut self, name: &str) -> Track {
        if self.groups.is_empty() {
            self.group(name);
        }
        let process = self.groups.len() as u64;
        let threads = self.groups.last_mut().expect("a group was opened");
        *threads += 1;
        let track = Track { process, thread: *threads };
        let (pid, tid) = (track.process, track.thread);
        self.events.push(json!({"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}}));
        self.events
            .push(json!({"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": {"sort_index": tid}}));
        track
    }

    /// Draws a span; times in seconds from the trace's beginning. `facts` are shown when it is clicked. A span that has
    /// no length, or none that is a number, is left out.
    pub fn span(&mut self, track: Track, name: &str, start_s: f64, seconds: f64, facts: &[(&str, Value)]) {
        if !(start_s.is_finite() && seconds.is_finite() && seconds > 0.0) {
            return;
        }
        let facts: Map<String, Value> = facts.iter().map(|(key, value)| (key.to_string(), value.clone())).collect();
        self.events.push(json!({
            "ph": "X", "name": name, "pid": track.process, "tid": track.thread,
            "ts": start_s * 1e6, "dur": seconds * 1e6, "args": facts,
        }));
    }

    /// The whole document, one event a line.
    pub fn to_json(&self) -> String {
        let events: Vec<String> = self.events.iter().map(Value::to_string).collect();
        format!("{{\"displayTimeUnit\": \"ns\", \"traceEvents\": [\n{}\n]}}\n", events.join(",\n"))
    }

    /// Writes the document.
    pub fn write(&self, file: &Path) -> Result<(), ReportError> {
        fs::write(file, self.to_json()).map_err(|source| ReportError::NotWritten { file: file.to_path_buf(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_lie_on_named_tracks_in_microseconds() {
        let mut trace = Trace::default();
        trace.group("2048 tokens");
        let stages = trace.track("stages");
        let layers = trace.track("layers");
        trace.span(stages, "prefill", 0.5, 0.25, &[("tokens", json!(2048))]);
        trace.span(layers, "layer \"0\"", 0.5, 0.125, &[]);
        trace.span(layers, "nothing", 0.5, 0.0, &[]);
        trace.span(layers, "unknown", f64::NAN, 1.0, &[]);
        let document: Value = serde_json::from_str(&trace.to_json()).expect("JSON");
        let events = document["traceEvents"].as_array().expect("events");
        let spans: Vec<_> = events.iter().filter(|event| event["ph"] == "X").collect();
        assert_eq!(spans.len(), 2, "spans without a length are no spans");
        assert_eq!((&spans[0]["ts"], &spans[0]["dur"]), (&json!(500_000.0), &json!(250_000.0)));
        assert_eq!(spans[0]["args"]["tokens"], 2048);
        assert_eq!((&spans[1]["pid"], &spans[1]["tid"]), (&json!(1), &json!(2)));
        let names = events.iter().filter(|event| event["name"] == "thread_name");
        assert_eq!(
            names.map(|event| event["args"]["name"].as_str().unwrap()).collect::<Vec<_>>(),
            ["stages", "layers"]
        );
    }

    #[test]
    fn a_track_without_a_group_makes_its_own() {
        let mut trace = Trace::default();
        let track = trace.track("alone");
        assert_eq!(track, Track { process: 1, thread: 1 });
    }
}
