//! Calendar days, for allowances that end.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::report::UtcTime;

/// A day of the Gregorian calendar, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CalendarDate {
    year: u16,
    month: u8,
    day: u8,
}

impl CalendarDate {
    pub fn today() -> Self {
        let now = UtcTime::now().to_string();
        now.get(..10).and_then(|date| date.parse().ok()).expect("RFC 3339 begins with a date")
    }
}

impl FromStr for CalendarDate {
    type Err = String;

    /// `2026-12-31`.
    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("`{text}` is not a day; write it as 2026-12-31");
        let digits = |part: &str, count: usize| {
            (part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit())).then(|| part.parse::<u16>().ok())?
        };
        let mut parts = text.split('-');
        let mut part = |count| parts.next().and_then(|part| digits(part, count)).ok_or_else(refuse);
        let (year, month, day) = (part(4)?, part(2)?, part(2)?);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => 0,
        };
        if parts.next().is_some() || !(1..=days).contains(&day) {
            return Err(refuse());
        }
        Ok(Self { year, month: month as u8, day: day as u8 })
    }
}

impl fmt::Display for CalendarDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl Serialize for CalendarDate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_exist_are_read_and_ordered() {
        let day = |text: &str| text.parse::<CalendarDate>();
        assert!(day("2026-12-31").unwrap() < day("2027-01-01").unwrap());
        assert_eq!(day("2028-02-29").unwrap().to_string(), "2028-02-29");
        let bad = ["2026-02-29", "2100-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-1-1", "26-01-01"];
        for bad in bad.into_iter().chain(["", "2026-12", "2026-12-31-1", "2026-12-3x", "+026-12-31", "2026/12/31"]) {
            assert!(day(bad).is_err(), "{bad}");
        }
        assert!(CalendarDate::today() > day("2025-01-01").unwrap());
    }
}
