//! How much memory may still be taken.

use std::fs;

use super::HostModelError;

/// Bytes that can be taken without swapping, as Linux tells; `None` elsewhere.
pub fn available_bytes() -> Option<u64> {
    parse(&fs::read_to_string("/proc/meminfo").ok()?)
}

/// `MemAvailable:   23456 kB`, where kB are units of 1024 bytes.
fn parse(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// `elements` zeros, or an error before the system would start to swap or kill.
pub fn zeros(what: &'static str, elements: u64) -> Result<Vec<f32>, HostModelError> {
    let needed = elements.saturating_mul(4);
    let available = available_bytes().unwrap_or(u64::MAX);
    let refused = || HostModelError::Memory { what, needed, available };
    if needed > available {
        return Err(refused());
    }
    let elements = usize::try_from(elements).map_err(|_| refused())?;
    let mut values = Vec::new();
    values.try_reserve_exact(elements).map_err(|_| refused())?;
    values.resize(elements, 0.0);
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let text = "MemTotal:       24000 kB\nMemFree:  1 kB\nMemAvailable:   2048 kB\nBuffers: 5 kB\n";
        assert_eq!(parse(text), Some(2 << 20));
        assert_eq!(parse("MemTotal: 5 kB\n"), None);
        assert_eq!(parse("MemAvailable: many kB\n"), None);
    }

    #[test]
    fn what_cannot_be_is_refused_before_it_is_taken() {
        let error = zeros("a test", u64::MAX / 2).unwrap_err();
        assert!(matches!(error, HostModelError::Memory { needed: u64::MAX, .. }), "{error}");
        assert_eq!(zeros("a test", 3).unwrap(), [0.0; 3]);
    }
}
