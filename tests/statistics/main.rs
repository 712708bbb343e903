//! Statistics against scipy and against simulation.

mod coverage;
mod vectors;
mod verdict_rates;
