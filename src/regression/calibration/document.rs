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
use crate::regression::interleave::Observed;
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
    /// The same of two runs: what the levels of one set of processes and of the next differ by, and never less than `noise`.
    /// `None` of fewer than five such differences.
    pub noise_between_runs: Option<f64>,
    /// Median of the least relative changes that these comparisons would have told from none.
    pub least_detectable: Option<f64>,
    /// Comparisons that were called a change.
    pub alarms: u64,
}

/// What a case is learned from beside what is kept.
#[derive(Clone, Debug, Default, PartialEq)]
struct Working {
    /// Least detectable changes of the comparisons.
    detectable: Vec<f64>,
    /// By set of processes, and by side in it: the median of each comparison's blocks.
    levels: Vec<[Vec<f64>; 2]>,
}

impl Working {
    /// Relative differences of each side's level from that of the set of processes before.
    fn shifts_between_processes(&self) -> Vec<f64> {
        let level = |set: &[Vec<f64>; 2], side: usize| median(&sorted(&set[side]));
        let shift = |sets: &[[Vec<f64>; 2]], side| Some(level(&sets[1], side)? / level(&sets[0], side)? - 1.0);
        self.levels.windows(2).flat_map(|sets| [0, 1].map(|side| shift(sets, side))).flatten().collect()
    }
}

/// One comparison of a case with itself.
pub(super) struct Learned<'a> {
    pub case: &'a str,
    pub mode: Mode,
    /// Which set of fresh processes it was made in, from 0.
    pub processes: usize,
    pub observed: &'a Observed,
    pub decision: &'a Decision,
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
    /// By place of the case.
    #[serde(skip)]
    working: Vec<Working>,
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
            working: Vec::new(),
        }
    }

    /// Takes one comparison of a case with itself into account.
    pub(super) fn add(&mut self, learned: &Learned<'_>) {
        let Learned { case, mode, processes, observed, decision } = *learned;
        let place = self.cases.iter().position(|known| known.case == case && known.mode == mode);
        let place = place.unwrap_or_else(|| {
            self.cases.push(CaseCalibration {
                case: case.to_string(),
                mode,
                unit: observed.unit,
                typical: f64::NAN,
                shifts: Vec::new(),
                noise: None,
                noise_between_runs: None,
                least_detectable: None,
                alarms: 0,
            });
            self.working.push(Working::default());
            self.cases.len() - 1
        });
        let (known, working) = (&mut self.cases[place], &mut self.working[place]);
        if working.levels.len() <= processes {
            working.levels.resize_with(processes + 1, Default::default);
        }
        let sides: [Vec<f64>; 2] = [
            observed.pairs.iter().map(|pair| pair.base).collect(),
            observed.pairs.iter().map(|pair| pair.candidate).collect(),
        ];
        for (levels, values) in working.levels[processes].iter_mut().zip(&sides) {
            levels.extend(median(&sorted(values)));
        }
        let levels: Vec<f64> = working.levels.iter().flatten().flatten().copied().collect();
        known.typical = median(&sorted(&levels)).unwrap_or(f64::NAN);
        known.shifts.extend(decision.shift);
        known.noise = noise_of_shifts(&known.shifts);
        let between = noise_of_shifts(&working.shifts_between_processes());
        known.noise_between_runs = known.noise.zip(between).map(|(noise, between)| between.max(noise));
        known.alarms += u64::from(decision.verdict.is_change());
        working.detectable.extend(decision.least_detectable);
        known.least_detectable = median(&sorted(&working.detectable));
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

impl Calibration {
    /// A case that was not calibrated has nothing, whatever others show.
    fn of(&self, case: &str, mode: Mode) -> Option<&CaseCalibration> {
        self.cases.iter().find(|known| known.case == case && known.mode == mode)
    }
}

impl NoiseSource for Calibration {
    /// Of interleaved comparisons.
    fn noise(&self, case: &str, mode: Mode) -> Option<f64> {
        self.of(case, mode)?.noise
    }
}

/// A calibration asked for the noise of runs that were taken one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseBetweenRuns(pub Calibration);

impl NoiseSource for NoiseBetweenRuns {
    fn noise(&self, case: &str, mode: Mode) -> Option<f64> {
        self.0.of(case, mode)?.noise_between_runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::regression::decision::{Pair, Thresholds, decide_pairs};
    use crate::regression::interleave::SideRecord;

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
            working: Vec::new(),
        }
    }

    /// A comparison whose sides lie at these levels, in seconds.
    fn add_levels(calibration: &mut Calibration, processes: usize, base: f64, candidate: f64) {
        let pairs = vec![Pair { base, candidate }; 12];
        let decision = decide_pairs(&pairs, &Thresholds::new(0.01, None));
        let (base, candidate) = (SideRecord::default(), SideRecord::default());
        let observed = Observed { unit: Unit::Seconds, pairs, base, candidate, discarded: 0, throttle: None };
        calibration.add(&Learned {
            case: "case",
            mode: Mode::Cold,
            processes,
            observed: &observed,
            decision: &decision,
        });
    }

    fn add(calibration: &mut Calibration, candidate: f64) {
        add_levels(calibration, 0, 1.0, candidate);
    }

    #[test]
    fn what_sets_of_processes_differ_by_is_noise_between_runs_only() {
        let mut learned = calibration();
        for (processes, level) in [1.0, 1.01, 1.0, 1.01].into_iter().enumerate() {
            add_levels(&mut learned, processes, level, level * 1.001);
            add_levels(&mut learned, processes, level, level * 0.999);
        }
        let case = &learned.cases[0];
        let (within, between) = (case.noise.expect("eight"), case.noise_between_runs.expect("six"));
        assert!(within < 0.01 && between > 0.03, "{within} {between}");
        assert!(case.typical > 1.0 && case.typical < 1.01, "{}", case.typical);
        assert_eq!(NoiseBetweenRuns(learned.clone()).noise("case", Mode::Cold), Some(between));
        assert_eq!(learned.noise("case", Mode::Cold), Some(within));
        // One set of processes says nothing of the next.
        let mut single = calibration();
        (0..6).for_each(|_| add(&mut single, 1.001));
        assert_eq!(single.cases[0].noise_between_runs, None);
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
        assert_eq!(found, Calibration { working: Vec::new(), ..learned.clone() });
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
