//! The cases that a worker holds ready.

use std::sync::Arc;

use crate::backend::Device;
use crate::operation::Case;
use crate::profiling::statistics::SplitMix64;

use super::loaded_case::LoadedCase;
use super::server::Stop;

/// Cases stay ready while their prototypes take at most this share of the device's memory together.
const MEMORY_SHARE: u64 = 8;

/// Cases with their inputs on the device, the one used last at the end.
pub(super) struct Stages {
    device: Arc<dyn Device>,
    ready: Vec<LoadedCase>,
    random: SplitMix64,
}

impl Stages {
    pub fn new(device: &Arc<dyn Device>) -> Self {
        // Two workers must not place their buffers alike, so each has a sequence of its own.
        let random = SplitMix64::new(u64::from(std::process::id()));
        Self { device: device.clone(), ready: Vec::new(), random }
    }

    /// The case, verified. One that failed is verified again when it is asked for again.
    pub fn staged(&mut self, case: Case) -> Result<&mut LoadedCase, Stop> {
        let id = case.id();
        match self.ready.iter().position(|ready| ready.id() == id) {
            Some(place) => {
                let case = self.ready.remove(place);
                self.ready.push(case);
            }
            None => {
                let budget = self.device.info().memory_bytes / MEMORY_SHARE;
                let loaded = LoadedCase::load(&self.device, &case, self.random.next_word())?;
                let held = |ready: &[LoadedCase]| ready.iter().map(LoadedCase::device_bytes).sum::<u64>();
                while !self.ready.is_empty() && held(&self.ready) + loaded.device_bytes() > budget {
                    self.ready.remove(0);
                }
                self.ready.push(loaded);
            }
        }
        Ok(self.ready.last_mut().expect("pushed above"))
    }
}
