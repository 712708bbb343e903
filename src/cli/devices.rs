//! `hipgauge devices`: what is there, and for what is not, where it was looked for.

use std::io;

use clap::Args;
use hipgauge::backend::{
    Attempt, BackendError, BackendKind, BackendSurvey, DeviceInfo, OpenOptions, matrix_library_attempts, open, survey,
};
use serde_json::json;

use super::arguments::OutputFormat;
use super::exit_code::Exit;
use super::failure::{CommandResult, OrExit};
use super::output::{FAINT, GOOD, STRONG, Stdout, styled};

const EXAMPLES: &str = "\
Examples:
  hipgauge devices
  hipgauge devices --verbose                     every place that was looked at, and the loader's answer";

#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Also show the places that were looked at where a backend has devices
    #[arg(long, short)]
    verbose: bool,

    /// Form of the output: with json, one object a backend
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: OutputFormat,
}

/// A machine without a GPU is an ordinary answer, so this is always good.
pub fn run(arguments: &Arguments) -> CommandResult {
    let mut stdout = Stdout::new();
    for backend in survey() {
        let products = MatrixProducts::of(&backend);
        match arguments.format {
            OutputFormat::Human => print_backend(&mut stdout, &backend, products.as_ref(), arguments.verbose),
            OutputFormat::Json => stdout.line(to_json(&backend, products.as_ref())),
        }
        .or_exit(Exit::HarnessFault)?;
    }
    Ok(Exit::Good)
}

/// A backend's matrix library, as its first device opened it: nothing less tells whether it is of use.
struct MatrixProducts {
    /// `cuBLASLt 12.8.4 (/usr/lib/libcublasLt.so.12)`, or why there is none.
    answer: Result<String, String>,
    attempts: &'static [Attempt],
}

impl MatrixProducts {
    /// `None` where there is no GPU.
    fn of(backend: &BackendSurvey) -> Option<Self> {
        let device = backend.devices.first().filter(|device| device.backend != BackendKind::Host)?;
        let library = open(&device.id, &OpenOptions::default()).and_then(|opened| opened.device.matrix_library());
        let answer = match library {
            Ok(library) => Ok(format!("{} {} ({})", library.name(), library.version(), library.place())),
            Err(BackendError::NoMatrixLibrary { reason, .. }) => Err(reason),
            Err(error) => Err(error.to_string()),
        };
        Some(Self { answer, attempts: matrix_library_attempts(backend.backend) })
    }
}

fn print_backend(
    stdout: &mut Stdout,
    backend: &BackendSurvey,
    products: Option<&MatrixProducts>,
    verbose: bool,
) -> io::Result<()> {
    let name = styled(STRONG, format!("{:<5}", backend.backend.name()));
    match (&backend.absence, &backend.runtime) {
        (Some(absence), _) if backend.devices.is_empty() => stdout.line(format!("{name} none: {absence}"))?,
        (Some(absence), _) => stdout.line(format!("{name} not all: {absence}"))?,
        (None, Some(runtime)) => stdout.line(format!("{name} {runtime}"))?,
        (None, None) => stdout.line(&name)?,
    }
    for device in &backend.devices {
        print_device(stdout, device)?;
    }
    if let Some(products) = products {
        stdout.line(match &products.answer {
            Ok(library) => format!("  matrix products by {library}"),
            Err(reason) => format!("  no matrix library: {reason}"),
        })?;
    }
    let libraries = products.map_or(&[][..], |products| products.attempts);
    let shown = [(&backend.attempts[..], backend.absence.is_some()), (libraries, false)];
    for attempt in shown.iter().filter(|(_, always)| verbose || *always).flat_map(|(attempts, _)| *attempts) {
        stdout.line(styled(FAINT, format!("      {}: {}", attempt.place, attempt.outcome)))?;
    }
    Ok(())
}

fn print_device(stdout: &mut Stdout, device: &DeviceInfo) -> io::Result<()> {
    let mut facts = vec![
        device.architecture.clone(),
        format!("wave {}", device.wave_size),
        format!("{} multiprocessors", device.multiprocessors),
    ];
    let sizes =
        [("memory", device.memory_bytes), ("L2", device.l2_bytes), ("last-level cache", device.last_level_bytes)];
    facts.extend(
        sizes.iter().filter(|(_, bytes)| *bytes > 0).map(|(what, bytes)| format!("{} {what}", binary_size(*bytes))),
    );
    facts.extend(
        [("driver", &device.driver_version), ("runtime", &device.runtime_version), ("compiler", &device.compiler)]
            .iter()
            .filter(|(_, version)| !version.is_empty())
            .map(|(what, version)| format!("{what} {version}")),
    );
    facts.extend(device.details.iter().map(|(key, value)| format!("{key} {value}")));
    stdout.line(format!("  {}  {}", styled(GOOD, &device.id), device.name))?;
    stdout.line(styled(FAINT, format!("      {}", facts.join(", "))))
}

/// Bytes in the largest binary unit of which there is at least one.
fn binary_size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (bytes.max(1).ilog2() / 10).min(units.len() as u32 - 1);
    let value = bytes as f64 / 2f64.powi(10 * power as i32);
    if value.fract() == 0.0 {
        format!("{value} {}", units[power as usize])
    } else {
        format!("{value:.1} {}", units[power as usize])
    }
}

fn to_json(backend: &BackendSurvey, products: Option<&MatrixProducts>) -> String {
    let libraries = products.map_or(&[][..], |products| products.attempts);
    let attempts: Vec<_> = backend
        .attempts
        .iter()
        .chain(libraries)
        .map(|attempt| json!({ "place": attempt.place, "outcome": attempt.outcome }))
        .collect();
    json!({
        "backend": backend.backend,
        "runtime": backend.runtime,
        "devices": backend.devices,
        "absence": backend.absence,
        "matrix_library": products.and_then(|products| products.answer.as_ref().ok()),
        "matrix_library_absence": products.and_then(|products| products.answer.as_ref().err()),
        "attempts": attempts,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_as_people_write_them() {
        assert_eq!(binary_size(256 << 20), "256 MiB");
        assert_eq!(binary_size(3 << 29), "1.5 GiB");
        assert_eq!(binary_size(0), "0 B");
    }
}
