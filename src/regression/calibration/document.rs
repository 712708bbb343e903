//! A calibration on disk: JSON, one file per machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::profiling::statistics::{median, rate_upper_bound, sorted};
use crate::profiling::{ComparabilityKeys, Mode};
use crate::regression::comparison::NoiseSource;
use crate::regression::decision::{Decision, noise_of_shifts};
use crate::regression::worker::{Hello, Unit};
use crate::report::{Build, UtcTime};

/// The layout of these files.
const FORMAT: u32 = 1;

/// Hexadecimal digits of the keys' digest in a file's name.
const NAME_DIGITS: usize = 16;

/// A calibration that cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    #[error("cannot write {}: {error}; choose another --out", path.display())]
    NotWritten { path: PathBuf, error: io::Error },
    #[error("cannot read {}: {error}; run `hipgauge calibrate` again, or remove the file", path.display())]
    NotRead { path: PathBuf, error: io::Error },
    #[error("{} is no calibration of this version: {problem}; run `hipgauge calibrate` again", path.display())]
    Corrupt { path: PathBuf, problem: String },
}

/// What is known of one case in one mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseCalibration {
    pub case: String,
    pub mode: Mode,
    pub unit: Unit,
    /// Median of all blocks' medians: seconds per launch, or steps.
    pub typical: f64,
    /// Relative shift that each comparison of the case with itself showed.
    pub shifts: Vec<f64>,
    /// Relative change that 99.9 % of such comparisons stay below; `None` of fewer than five.
    pub noise: Option<f64>,
    /// Median of the least relative changes that these comparisons would have told from none.
    pub least_detectable: Option<f64>,
    /// Comparisons that were called a change.
    pub alarms: u64,
}

/// What a machine's comparisons of programs with themselves showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    format: u32,
    /// UTC, RFC 3339.
    pub created: String,
    pub build: Build,
    /// What another machine must share to use this.
    pub keys: ComparabilityKeys,
    /// Pairs in each comparison.
    pub pairs: usize,
    /// Pairs of fresh processes that the comparisons of each case are spread over.
    pub processes: usize,
    /// Whether the calibration was stopped before its end.
    pub partial: bool,
    pub cases: Vec<CaseCalibration>,
    /// Cases that could not be measured, and why.
    pub problems: Vec<(String, String)>,
    /// Least detectable changes, by place of the case; they become medians in the end.
    #[serde(skip)]
    detectable: Vec<Vec<f64>>,
}

impl Calibration {
    /// Nothing is known yet.
    pub fn new(hello: &Hello, pairs: usize, processes: usize) -> Self {
        Self {
            format: FORMAT,
            created: UtcTime::now().to_string(),
            build: hello.build.clone(),
            keys: hello.keys.clone(),
            pairs,
            processes,
            partial: true,
            cases: Vec::new(),
            problems: Vec::new(),
            detectable: Vec::new(),
        }
    }

    /// Takes one comparison of a case with itself into account. `typical` is what the two sides' values were.
    pub(super) fn add(&mut self, case: &str, mode: Mode, unit: Unit, typical: f64, decision: &Decision) {
        let place = self.cases.iter().position(|known| known.case == case && known.mode == mode);
        let place = place.unwrap_or_else(|| {
            let (case, shifts) = (case.to_string(), Vec::new());
            let (noise, least_detectable, alarms) = (None, None, 0);
            self.cases.push(CaseCalibration { case, mode, unit, typical, shifts, noise, least_detectable, alarms });
            self.detectable.push(Vec::new());
            self.cases.len() - 1
        });
        let known = &mut self.cases[place];
        known.shifts.extend(decision.shift);
        known.noise = noise_of_shifts(&known.shifts);
        known.alarms += u64::from(decision.verdict.is_change());
        let detectable = &mut self.detectable[place];
        detectable.extend(decision.least_detectable);
        known.least_detectable = median(&sorted(detectable));
    }

    /// Comparisons of all cases with themselves.
    pub fn comparisons(&self) -> u64 {
        self.cases.iter().map(|case| case.shifts.len() as u64).sum()
    }

    /// Comparisons that were called a change although nothing had changed.
    pub fn alarms(&self) -> u64 {
        self.cases.iter().map(|case| case.alarms).sum()
    }

    /// Upper end of the one-sided 95 % interval of the rate of such alarms.
    pub fn alarm_rate_bound(&self) -> Option<f64> {
        rate_upper_bound(self.alarms(), self.comparisons())
    }

    /// The file that a machine's calibration is kept in.
    pub fn path_in(folder: &Path, keys: &ComparabilityKeys) -> PathBuf {
        let mut digest = Sha256::new();
        for (key, value) in keys.entries() {
            for text in [key, value.unwrap_or_default()] {
                digest.update((text.len() as u64).to_le_bytes());
                digest.update(text);
            }
        }
        let name: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        folder.join(format!("{}.json", &name[..NAME_DIGITS]))
    }

    /// The calibration of a machine in `folder`, if it has one there.
    pub fn find(folder: &Path, keys: &ComparabilityKeys) -> Result<Option<Self>, CalibrationError> {
        let path = Self::path_in(folder, keys);
        if !path.exists() {
            return Ok(None);
        }
        let found = Self::load(&path)?;
        Ok(found.keys.differences(keys).is_empty().then_some(found))
    }

    /// Reads a file that `save` wrote.
    pub fn load(path: &Path) -> Result<Self, CalibrationError> {
        let corrupt = |problem: String| CalibrationError::Corrupt { path: path.to_path_buf(), problem };
        let text =
            fs::read_to_string(path).map_err(|error| CalibrationError::NotRead { path: path.to_path_buf(), error })?;
        let found: Self = serde_json::from_str(&text).map_err(|error| corrupt(error.to_string()))?;
        if found.format == FORMAT { Ok(found) } else { Err(corrupt(format!("its format is {}", found.format))) }
    }

    /// Writes it aside and then in place, so that a reader sees the whole file or the one before.
    pub fn save(&self, path: &Path) -> Result<(), CalibrationError> {
        let failed = |error| CalibrationError::NotWritten { path: path.to_path_buf(), error };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let aside = path.with_extension(format!("json-{}", std::process::id()));
        let text = serde_json::to_string_pretty(self).expect("plain data") + "\n";
        fs::write(&aside, text).and_then(|()| fs::rename(&aside, path)).map_err(failed)
    }
}

impl NoiseSource for Calibration {
    /// Of interleaved comparisons. A case that was not calibrated has none, whatever others show.
    fn noise(&self, case: &str, mode: Mode) -> Option<f64> {
        self.cases.iter().find(|known| known.case == case && known.mode == mode)?.noise
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regression::decision::{Pair, Thresholds, decide_pairs};

    fn calibration() -> Calibration {
        let build = Build::new("0.1.0", "", false, &crate::backend::KernelLibrary::embedded());
        let keys = ComparabilityKeys { device: Some("Made-up Instinct".to_string()), ..ComparabilityKeys::default() };
        Calibration {
            format: FORMAT,
            created: UtcTime::now().to_string(),
            build,
            keys,
            pairs: 12,
            processes: 2,
            partial: false,
            cases: Vec::new(),
            problems: vec![("case".to_string(), "reason".to_string())],
            detectable: Vec::new(),
        }
    }

    fn add(calibration: &mut Calibration, candidate: f64) {
        let decision = decide_pairs(&[Pair { base: 1.0, candidate }; 12], &Thresholds::new(0.01, None));
        calibration.add("case", Mode::Cold, Unit::Seconds, 1.0, &decision);
    }

    #[test]
    fn noise_is_learned_from_five_comparisons_on_and_alarms_are_counted() {
        let mut learned = calibration();
        assert_eq!(learned.alarm_rate_bound(), None);
        for shift in [0.001, -0.001, 0.002, -0.0005] {
            add(&mut learned, 1.0 + shift);
        }
        assert_eq!(learned.noise("case", Mode::Cold), None);
        add(&mut learned, 1.001);
        let noise = learned.noise("case", Mode::Cold).expect("five comparisons");
        assert!(noise > 0.002 && noise < 0.03, "{noise}");
        assert_eq!((learned.noise("case", Mode::Hot), learned.noise("other", Mode::Cold)), (None, None));
        assert_eq!((learned.comparisons(), learned.alarms()), (5, 0));
        add(&mut learned, 1.2);
        assert_eq!((learned.comparisons(), learned.alarms()), (6, 1));
        assert!(learned.alarm_rate_bound().expect("six comparisons") > 0.5);
        assert!(learned.cases[0].least_detectable.is_some());
    }

    #[test]
    fn files_are_found_by_the_machines_keys_and_by_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let mut learned = calibration();
        (0..6).for_each(|_| add(&mut learned, 1.001));
        let path = Calibration::path_in(folder.path(), &learned.keys);
        learned.save(&path).unwrap();
        let found = Calibration::find(folder.path(), &learned.keys).unwrap().expect("just saved");
        assert_eq!(found, Calibration { detectable: Vec::new(), ..learned.clone() });
        let other = ComparabilityKeys { power_cap: Some("300 W".to_string()), ..learned.keys.clone() };
        assert_eq!(Calibration::find(folder.path(), &other).unwrap(), None);
        // A file under another machine's name is not believed.
        fs::rename(&path, Calibration::path_in(folder.path(), &other)).unwrap();
        assert_eq!(Calibration::find(folder.path(), &other).unwrap(), None);
    }

    #[test]
    fn damaged_files_say_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.json");
        for text in ["", "{", "{\"format\":99}"] {
            fs::write(&path, text).unwrap();
            let error = Calibration::load(&path).unwrap_err().to_string();
            assert!(error.contains("c.json") && error.ends_with("run `hipgauge calibrate` again"), "{error}");
        }
        let missing = Calibration::load(&folder.path().join("absent")).unwrap_err();
        assert!(matches!(missing, CalibrationError::NotRead { .. }));
        let blocked = calibration().save(&path.join("below-a-file.json")).unwrap_err();
        assert!(blocked.to_string().contains("--out"), "{blocked}");
    }
}
