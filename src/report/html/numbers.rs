//! Numbers as people read them.

/// Four significant digits and no exponent, for times, rates and shares: `0.01234`, `12.34`, `123456`.
pub fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let digits_before = value.abs().log10().floor() as i32 + 1;
    let decimals = (4 - digits_before).clamp(0, 9) as usize;
    format!("{value:.decimals$}")
}

/// `1.2e-6`.
pub fn scientific(value: f64) -> String {
    if value == 0.0 { "0".to_string() } else { format!("{value:.1e}") }
}

/// A distance in ULP; the largest stands for a NaN that met a number.
pub fn ulp(value: Option<u64>) -> String {
    match value {
        None => String::new(),
        Some(u64::MAX) => "NaN".to_string(),
        Some(value) => grouped(value),
    }
}

/// Thousands set apart by narrow spaces.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202F}');
        }
        text.push(digit);
    }
    text
}

/// `64 KiB`, `1.5 MiB`.
pub fn bytes(value: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let power = (value.max(1).ilog2() / 10).min(4);
    let scaled = value as f64 / f64::from(power * 10).exp2();
    let digits = if scaled >= 100.0 || scaled.fract() == 0.0 { 0 } else { 1 };
    format!("{scaled:.digits$} {}", units[power as usize])
}

/// `87.3 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_matter() {
        let written = [0.012_345, 1.0, 12.345, 1234.56, 123_456.7].map(significant);
        assert_eq!(written, ["0.01235", "1.000", "12.35", "1235", "123457"]);
        assert_eq!(significant(0.0), "0");
    }

    #[test]
    fn other_forms() {
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(1 << 21), "2 MiB");
        assert_eq!(bytes(0), "0 B");
        assert_eq!(grouped(1_234_567), "1\u{202F}234\u{202F}567");
        assert_eq!(ulp(Some(u64::MAX)), "NaN");
        assert_eq!(scientific(2.51e-6), "2.5e-6");
        assert_eq!(percent(0.8734), "87.3 %");
    }
}
