//! `pp_dpm_sclk` and its like: one clock level a line, the current one starred.

/// The clocks of one domain, MHz.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DpmClocks {
    /// `None` where no level is starred.
    pub current: Option<f64>,
    pub most: f64,
}

impl DpmClocks {
    /// Reads lines such as `1: 2100Mhz *`; `S: 19Mhz *` is deep sleep. `None` if any line is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut clocks: Option<DpmClocks> = None;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (_, level) = line.split_once(':')?;
            let (level, starred) = match level.trim().strip_suffix('*') {
                Some(level) => (level.trim(), true),
                None => (level.trim(), false),
            };
            let unit = level.len().checked_sub(3).filter(|at| level.is_char_boundary(*at))?;
            let (number, unit) = level.split_at(unit);
            if !unit.eq_ignore_ascii_case("mhz") {
                return None;
            }
            let clock = f64::from(number.trim().parse::<u32>().ok()?);
            let clocks = clocks.get_or_insert(DpmClocks { current: None, most: clock });
            clocks.most = clocks.most.max(clock);
            if starred {
                clocks.current = Some(clock);
            }
        }
        clocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_every_spelling_of_the_driver() {
        let two = DpmClocks::parse("0: 500Mhz\n1: 2482Mhz *\n").expect("two levels");
        assert_eq!(two, DpmClocks { current: Some(2482.0), most: 2482.0 });
        let asleep = DpmClocks::parse("S: 19Mhz *\n0: 500Mhz \n1: 2526Mhz \n").expect("deep sleep");
        assert_eq!(asleep, DpmClocks { current: Some(19.0), most: 2526.0 });
        assert_eq!(DpmClocks::parse("0: 96MHz\n").expect("no star").current, None);
    }

    #[test]
    fn other_text_has_no_clocks() {
        for text in ["", "\n", "2100", "0: fast *", "0: 2100 *", "0: 21é", "0: -5Mhz", "0: 500Mhz\nerror"] {
            assert_eq!(DpmClocks::parse(text), None, "{text:?}");
        }
    }
}
