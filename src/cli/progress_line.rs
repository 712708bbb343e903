//! One line on stderr that says how far the work is and how long the rest takes.

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hipgauge::progress::span_text;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

/// Where there is no terminal, a line appears this often: a log should show life and little else.
const BETWEEN_LINES: Duration = Duration::from_secs(30);

/// How often the terminal's line moves on by itself.
const TICK: Duration = Duration::from_millis(200);

/// When the work should be over; counts down between estimates.
type End = Arc<Mutex<Option<Instant>>>;

/// See the module.
pub struct ProgressLine {
    /// `verifying`, `measuring`.
    verb: &'static str,
    total: usize,
    done: usize,
    started: Instant,
    current: String,
    end: End,
    display: Display,
}

enum Display {
    Silent,
    Terminal(ProgressBar),
    Lines { next: Instant },
}

impl ProgressLine {
    /// A bar on a terminal, a line now and then elsewhere, nothing where programs read along.
    pub fn new(verb: &'static str, total: usize, programs_read: bool) -> Self {
        let end = End::default();
        let started = Instant::now();
        let display = match (programs_read, io::stderr().is_terminal()) {
            (true, _) => Display::Silent,
            (false, true) => Display::Terminal(bar(verb, total, &end)),
            (false, false) => Display::Lines { next: started + BETWEEN_LINES },
        };
        Self { verb, total, done: 0, started, current: String::new(), end, display }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The case that is shown as the one in work.
    pub fn set_current(&mut self, case: &str) {
        if matches!(self.display, Display::Silent) {
            return;
        }
        self.current = case.to_string();
        self.show();
    }

    /// So many cases are done, and the others should take that long.
    pub fn set_done(&mut self, done: usize, remaining: Option<Duration>) {
        self.done = done;
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = remaining.map(|span| Instant::now() + span);
        self.show();
    }

    /// Takes the line away while something is printed, so that neither tears the other.
    pub fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.display {
            Display::Terminal(bar) => bar.suspend(print),
            Display::Silent | Display::Lines { .. } => print(),
        }
    }

    /// Takes the line away for good.
    pub fn clear(&self) {
        if let Display::Terminal(bar) = &self.display {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self) {
        let now = Instant::now();
        match &mut self.display {
            Display::Silent => {}
            Display::Terminal(bar) => {
                bar.set_position(self.done as u64);
                bar.set_message(self.current.clone());
            }
            Display::Lines { next } if now < *next => {}
            Display::Lines { next } => {
                *next = now + BETWEEN_LINES;
                anstream::eprintln!("{}", self.text(now));
            }
        }
    }

    /// The line without a terminal: `verifying: 120 of 980 cases in 31 s, 3m 40s to go, at rms_norm/f32/…`.
    fn text(&self, now: Instant) -> String {
        let Self { verb, total, done, .. } = self;
        let elapsed = span_text(now.saturating_duration_since(self.started));
        let to_go = to_go(&self.end, now);
        let at = if self.current.is_empty() { String::new() } else { format!(", at {}", self.current) };
        format!("{verb}: {done} of {total} cases in {elapsed}, {to_go}{at}")
    }
}

fn to_go(end: &End, now: Instant) -> String {
    match *end.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(end) => format!("{} to go", span_text(end.saturating_duration_since(now))),
        None => "no estimate yet".to_string(),
    }
}

fn bar(verb: &str, total: usize, end: &End) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
    let template = format!("{verb} {{bar:24}} {{pos}}/{{len}}, {{elapsed}}, {{to_go}}  {{wide_msg}}");
    let end = end.clone();
    let style = ProgressStyle::with_template(&template)
        .expect("the template's placeholders are indicatif's or the one below")
        .with_key("to_go", move |_: &ProgressState, text: &mut dyn fmt::Write| {
            // Writing to the line cannot fail.
            let _ = text.write_str(&to_go(&end, Instant::now()));
        });
    bar.set_style(style);
    bar.enable_steady_tick(TICK);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(started: Instant) -> ProgressLine {
        let display = Display::Lines { next: started + BETWEEN_LINES };
        let (verb, current, end) = ("verifying", String::new(), End::default());
        ProgressLine { verb, total: 980, done: 0, started, current, end, display }
    }

    #[test]
    fn the_line_says_how_far_how_long_and_where() {
        let started = Instant::now();
        let mut line = lines(started);
        let later = started + Duration::from_secs(31);
        assert_eq!(line.text(later), "verifying: 0 of 980 cases in 31 s, no estimate yet");
        line.done = 120;
        line.current = "rms_norm/f32/1x8/normal".to_string();
        *line.end.lock().unwrap() = Some(started + Duration::from_secs(251));
        let text = "verifying: 120 of 980 cases in 31 s, 3m 40s to go, at rms_norm/f32/1x8/normal";
        assert_eq!(line.text(later), text);
        let overdue = started + Duration::from_secs(300);
        assert!(line.text(overdue).contains("in 5m 00s, 0 ms to go"), "an estimate never turns negative");
    }

    #[test]
    fn a_line_appears_every_half_minute_and_not_before() {
        let mut line = lines(Instant::now());
        line.set_done(1, Some(Duration::from_secs(10)));
        let Display::Lines { next } = line.display else { panic!("no terminal was asked for") };
        assert!(next > Instant::now(), "nothing was due");
        line.display = Display::Lines { next: line.started };
        line.set_current("a/case");
        let Display::Lines { next } = line.display else { panic!("no terminal was asked for") };
        assert!(next > Instant::now() + BETWEEN_LINES / 2, "one was, and the next is not");
    }
}
