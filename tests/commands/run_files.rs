//! Every file that a real run leaves is described in docs/methodology.md, and so is every column of every CSV file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use assert_cmd::Command;

/// Paths under the folder; those of a folder inside it end in a slash and stand for all in it.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).expect("the run's directory").map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("names in UTF-8");
            if entry.path().is_dir() { format!("{name}/") } else { name }
        })
        .collect()
}

#[test]
fn methodology_describes_every_file_and_column_of_a_run() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let run = folder.path().join("run");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command
        .args(["run", "--suite", "quick", "--device", "host", "--time-limit", "0.01", "--out"])
        .arg(&run)
        .assert()
        .code(0);
    let book =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/methodology.md")).expect("in the checkout");
    let (_, files) = book.split_once("\n## Files of a run\n").expect("the section of files");
    let written = names(&run);
    for known in ["index.html", "junit.xml", "plots/", "report.json", "run.json", "samples.csv", "summary.md"] {
        assert!(written.contains(known), "no {known} among {written:?}");
    }
    for name in &written {
        let (_, section) = files
            .split_once(&format!("\n### `{name}`\n"))
            .unwrap_or_else(|| panic!("docs/methodology.md has no section for {name}"));
        let section = section.split("\n#").next().expect("split gives one part at least");
        assert!(section.len() > 60, "{name} is named and not described");
        if name.ends_with(".csv") {
            let text = fs::read_to_string(run.join(name)).expect("listed");
            let header = text.lines().next().expect("a header");
            let missing: Vec<_> =
                header.split(',').filter(|column| !section.contains(&format!("`{column}`"))).collect();
            assert!(missing.is_empty(), "{name}: docs/methodology.md does not explain {missing:?}");
        }
    }
    let of_figures = fs::read_dir(run.join("plots")).expect("drawn").count();
    assert!(of_figures >= 2 && of_figures.is_multiple_of(2), "an SVG and a PNG of each figure: {of_figures}");
}

#[test]
fn a_report_is_drawn_again_from_csv_and_json_alone() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (run, copy) = (folder.path().join("run"), folder.path().join("copy"));
    let case = ["--case", "swiglu/f32/2x64/normal", "--case", "rms_norm/f32/3x65/normal"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command
        .args(["run", "--device", "host", "--time-limit", "0.01"])
        .args(case)
        .arg("--out")
        .arg(&run)
        .assert()
        .code(0);
    fs::create_dir(&copy).expect("a temporary directory");
    for name in names(&run).iter().filter(|name| *name == "run.json" || name.ends_with(".csv")) {
        fs::copy(run.join(name), copy.join(name)).expect("listed");
    }
    Command::new(env!("CARGO_BIN_EXE_hipgauge")).arg("report").arg(&copy).assert().code(0);
    assert_eq!(names(&copy), names(&run));
    for name in ["index.html", "summary.md", "report.json"] {
        let [first, again] = [&run, &copy].map(|folder| fs::read_to_string(folder.join(name)).expect("drawn"));
        assert!(first == again, "{name} differs when it is drawn again");
    }
}
