//! What counts as a change.

use clap::Args;

/// The relative change that matters where nothing else is asked for.
pub const DEFAULT_LEAST_EFFECT: &str = "1%";

#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Verdicts")]
pub struct ThresholdArguments {
    /// Relative change that matters: 1% or 0.01
    #[arg(long, value_name = "SHARE", default_value = DEFAULT_LEAST_EFFECT, value_parser = share)]
    pub least_effect: f64,

    /// Relative change that comparisons of a case with itself stay below 99.9 % of the time here [default: of sides
    /// measured in turns what `hipgauge calibrate` learned, else assumed: 1.5%, between runs 2%]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    pub noise: Option<f64>,

    /// Compare although conditions differ (device, driver, clocks, power limit …); every output says so
    #[arg(long)]
    pub force: bool,

    /// End with 125 when a case is AMBIGUOUS or UNDERPOWERED, and nothing is worse
    #[arg(long)]
    pub strict: bool,
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
