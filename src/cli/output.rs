//! Results go to stdout, everything about the work in progress to stderr.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

pub const GOOD: Style = AnsiColor::Green.on_default();
pub const BAD: Style = AnsiColor::Red.on_default().bold();
pub const FAINT: Style = Style::new().dimmed();
pub const STRONG: Style = Style::new().bold();
pub const NOTE: Style = AnsiColor::Yellow.on_default();

/// `text` in `style`. `Stdout` strips the colours again where they do not belong: not a terminal, NO_COLOR.
pub fn styled(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Standard output that outlives its reader: after a broken pipe (`hipgauge list | head`) lines go nowhere,
/// the work goes on and the exit code stays true.
pub struct Stdout {
    stream: anstream::AutoStream<io::Stdout>,
    closed: bool,
}

impl Stdout {
    pub fn new() -> Self {
        Self { stream: anstream::AutoStream::auto(io::stdout()), closed: false }
    }

    /// Writes one line.
    pub fn line(&mut self, text: impl std::fmt::Display) -> io::Result<()> {
        if self.closed {
            return Ok(());
        }
        match writeln!(self.stream, "{text}").and_then(|()| self.stream.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed = true;
                Ok(())
            }
            other => other,
        }
    }
}
