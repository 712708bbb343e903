//! Spans of time as people write them.

use std::time::Duration;

/// Longer ones are mistakes, and would overflow the clock.
const LONGEST_HOURS: f64 = 1000.0;

/// Reads `90s`, `5m`, `1h30m`, `1.5h` or `200ms`. Zero, a number without a unit and anything over 1000 hours are
/// errors that say what to write.
pub fn parse_span(text: &str) -> Result<Duration, String> {
    let advice = || format!("`{text}` is not a span of time; write one such as 90s, 5m or 1h30m, at most 1000h");
    let mut seconds = 0.0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let unit_at = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').ok_or_else(advice)?;
        let (number, tail) = rest.split_at(unit_at);
        let unit_ends = tail.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_ends);
        let scale = match unit {
            "h" => 3600.0,
            "m" | "min" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            _ => return Err(advice()),
        };
        seconds += number.parse::<f64>().map_err(|_| advice())? * scale;
        rest = tail.trim_start();
    }
    let allowed = seconds > 0.0 && seconds <= LONGEST_HOURS * 3600.0;
    if allowed { Duration::try_from_secs_f64(seconds).map_err(|_| advice()) } else { Err(advice()) }
}

/// A span in as many digits as a reader wants: `85 ms`, `4.2 s`, `42 s`, `5m 02s`, `1h 30m`.
pub fn span_text(span: Duration) -> String {
    let seconds = span.as_secs_f64();
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 0.9995 => format!("{:.0} ms", seconds * 1e3),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{}m {:02}s", whole / 60, whole % 60),
        _ => format!("{}h {:02}m", whole / 3600, whole % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        for (text, seconds) in
            [("90s", 90.0), ("5m", 300.0), ("5min", 300.0), ("1h", 3600.0), ("1h30m", 5400.0), (" 1h 0.5m ", 3630.0)]
        {
            assert_eq!(parse_span(text), Ok(Duration::from_secs_f64(seconds)), "{text}");
        }
        assert_eq!(parse_span("200ms"), Ok(Duration::from_millis(200)));
        assert_eq!(parse_span("1000h"), Ok(Duration::from_secs(3_600_000)));
    }

    #[test]
    fn what_is_no_span_is_refused_with_advice() {
        for text in ["", " ", "5", "m", "0s", "-5m", "5 m", "1e9s", "5x", "inf", "nan", "1.2.3s", "5m3", "1001h", "5µs"]
        {
            let error = parse_span(text).expect_err(text);
            assert!(error.contains("90s, 5m or 1h30m"), "{error}");
        }
    }

    #[test]
    fn spans_are_written_with_the_digits_that_matter() {
        for (seconds, text) in [
            (0.0, "0 ms"),
            (0.0851, "85 ms"),
            (0.9996, "1.0 s"),
            (4.24, "4.2 s"),
            (9.96, "10 s"),
            (59.6, "1m 00s"),
            (302.0, "5m 02s"),
            (3599.7, "1h 00m"),
            (5400.0, "1h 30m"),
        ] {
            assert_eq!(span_text(Duration::from_secs_f64(seconds)), text);
        }
    }
}
