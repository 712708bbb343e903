//! Where a device sits on the PCI bus: the one name that drivers, NVML and sysfs share.

use std::fmt;
use std::str::FromStr;

use super::TelemetryError;

/// Domain, bus, device and function. NVML writes the domain with eight digits, CUDA, HIP and sysfs with four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PciBusId {
    pub domain: u32,
    pub bus: u8,
    pub device: u8,
    pub function: u8,
}

impl PciBusId {
    /// Bus, device and function in 16 bits, as the kernel's KFD topology writes it.
    pub fn location(self) -> u32 {
        u32::from(self.bus) << 8 | u32::from(self.device) << 3 | u32::from(self.function)
    }
}

impl FromStr for PciBusId {
    type Err = TelemetryError;

    fn from_str(text: &str) -> Result<Self, TelemetryError> {
        let invalid = || TelemetryError::BusId { text: text.to_owned() };
        let number = |part: &str, most: u32| {
            // `from_str_radix` alone would also take `+1`.
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_hexdigit());
            let value = digits.then(|| u32::from_str_radix(part, 16).ok()).flatten();
            value.filter(|value| *value <= most).ok_or_else(invalid)
        };
        let (place, function) = text.trim().rsplit_once('.').ok_or_else(invalid)?;
        let (place, device) = place.rsplit_once(':').ok_or_else(invalid)?;
        let (domain, bus) = place.rsplit_once(':').unwrap_or(("0", place));
        // PCI has 256 buses of 32 devices with 8 functions in each domain.
        Ok(Self {
            domain: number(domain, u32::MAX)?,
            bus: number(bus, 0xff)? as u8,
            device: number(device, 0x1f)? as u8,
            function: number(function, 7)? as u8,
        })
    }
}

impl fmt::Display for PciBusId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04x}:{:02x}:{:02x}.{:x}", self.domain, self.bus, self.device, self.function)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_place_is_the_same_id() {
        let expected = PciBusId { domain: 0, bus: 0xc1, device: 0, function: 0 };
        for text in ["0000:c1:00.0", "00000000:C1:00.0", "c1:00.0", "0000:c1:00.0\n"] {
            assert_eq!(text.parse::<PciBusId>().expect(text), expected);
        }
        assert_eq!(expected.to_string(), "0000:c1:00.0");
        assert_eq!("0001:65:1f.7".parse::<PciBusId>().expect("valid").location(), 0x65ff);
    }

    #[test]
    fn other_text_is_refused_with_an_example() {
        for text in ["", "c1", "c1:00", "0000:c1:00.8", "0000:c1:20.0", "0000:100:00.0", "0000:+1:00.0", "a:b:c:d.0"] {
            let error = text.parse::<PciBusId>().expect_err(text);
            assert!(error.to_string().ends_with("0000:c1:00.0"), "{error}");
        }
    }
}
