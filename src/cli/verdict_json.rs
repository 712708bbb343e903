//! Verdicts for programs: one JSON object a line, the last one the summary.

use std::io;

use hipgauge::backend::{DeviceChoice, DeviceInfo};
use hipgauge::verify::{Summary, Verdict, VerdictSink};
use serde_json::json;

use super::exit_code::Exit;
use super::output::Stdout;

pub struct VerdictJson {
    stdout: Stdout,
}

impl VerdictJson {
    pub fn new() -> Self {
        Self { stdout: Stdout::new() }
    }

    /// Prints the summary, with the code that the process will end with.
    pub fn finish(
        &mut self,
        summary: &Summary,
        device: &DeviceInfo,
        choice: &DeviceChoice,
        exit: Exit,
    ) -> io::Result<()> {
        let mut object = serde_json::to_value(summary)?;
        object["device"] = json!(device.id);
        object["device_choice"] = json!(choice);
        object["architecture"] = json!(device.architecture);
        object["wave_size"] = json!(device.wave_size);
        object["exit_code"] = json!(exit.code());
        self.stdout.line(object)
    }
}

impl VerdictSink for VerdictJson {
    fn verdict(&mut self, verdict: &Verdict) -> io::Result<()> {
        self.stdout.line(serde_json::to_string(verdict)?)
    }
}
