//! What counts as a change.

use std::path::PathBuf;

use clap::Args;
use hipgauge::profiling::ComparabilityKeys;
use hipgauge::regression::calibration::Calibration;

use crate::cli::exit_code::Exit;
use crate::cli::failure::{Failure, OrExit};
use crate::cli::output::{FAINT, styled};

/// The relative change that matters where nothing else is asked for.
pub const DEFAULT_LEAST_EFFECT: &str = "1%";

/// Where calibrations are kept, and where verdicts look for them.
pub const CALIBRATIONS: &str = "reports/calibration";

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Verdicts")]
pub struct ThresholdArguments {
    /// Relative change that matters: 1% or 0.01
    #[arg(long, value_name = "SHARE", default_value = DEFAULT_LEAST_EFFECT, value_parser = share)]
    pub least_effect: f64,

    /// Relative change that comparisons of a case with itself stay below 99.9 % of the time here [default: as `hipgauge
    /// calibrate` learned it, else assumed: of sides measured in turns 1.5%, between runs 2%]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub noise: Option<f64>,

    #[command(flatten)]
    pub calibrations: CalibrationArguments,

    /// Compare although conditions differ (device, driver, clocks, power limit …); every output says so
    #[arg(long)]
    pub force: bool,

    /// End with 125 when a case is AMBIGUOUS or UNDERPOWERED, and nothing is worse
    #[arg(long)]
    pub strict: bool,
}

/// Where what `hipgauge calibrate` learned is looked for.
#[derive(Args, Clone, Debug)]
pub struct CalibrationArguments {
    /// Folder of calibrations; the one of this device, driver and power limit is used
    #[arg(long = "calibrations", value_name = "DIR", default_value = CALIBRATIONS)]
    pub folder: PathBuf,
}

impl CalibrationArguments {
    /// The calibration of the machine with these keys, if it has one; says on stderr which that is.
    pub fn find(&self, keys: &ComparabilityKeys) -> Result<Option<Calibration>, Failure> {
        let found = Calibration::find(&self.folder, keys).or_exit(Exit::Usage)?;
        if let Some(found) = &found {
            let path = Calibration::path_in(&self.folder, keys);
            let text = format!("noise from {}, {}", path.display(), found.created);
            anstream::eprintln!("{}", styled(FAINT, text));
        }
        Ok(found)
    }
}

/// A share below 1, or per cent.
pub fn share(text: &str) -> Result<f64, String> {
    let advice = || "use a share from 0 to 1, such as 0.01, or per cent, such as 1%".to_string();
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse::<f64>().map_err(|_| advice())? / scale;
    if (0.0..1.0).contains(&share) { Ok(share) } else { Err(advice()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_per_cent_are_taken_and_nonsense_is_not() {
        assert_eq!((share("0.02"), share("2%"), share("0.5 %"), share("0")), (Ok(0.02), Ok(0.02), Ok(0.005), Ok(0.0)));
        for bad in ["", "%", "-1%", "1", "100%", "nan", "inf", "two"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
