//! `compare` and `gate` of programs that speak as workers on a GPU do: times, compiled code, crashes, a device that gives up.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const CASE: &str = "swiglu/f32/4x64/normal";
const OTHER: &str = "swiglu/f32/2x64/normal";

/// Answers requests with what the variables say: microseconds of every sample, registers, and a name of the code.
/// `at_start`, `at_verify` and `at_block` are more shell, run before the hello and before those answers.
struct Fake {
    us: &'static str,
    registers: u32,
    code: &'static str,
    at_start: &'static str,
    at_verify: &'static str,
    at_block: &'static str,
}

const BASE: Fake = Fake { us: "20", registers: 40, code: "a", at_start: "", at_verify: "", at_block: "" };

struct Stage {
    folder: TempDir,
}

impl Stage {
    /// With the hello of a worker that holds a GPU.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_hipgauge"))
            .args(["worker", "--device", "host"])
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let hello = String::from_utf8(output.stdout).unwrap().replace("\"emulated\":true", "\"emulated\":false");
        assert!(hello.contains("\"protocol\":"), "{hello}");
        fs::write(folder.path().join("hello"), hello).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, fake: &Fake) -> String {
        let Fake { us, registers, code, at_start, at_verify, at_block } = fake;
        let text = format!(
            "#!/bin/sh\ncd '{}'\nUS={us}\n{at_start}\ncat hello\nwhile read -r line; do\n\
             number=${{line#*\\\"number\\\":}}; number=${{number%%,*}}\n\
             say() {{ printf '{{\"number\":%s,\"answer\":%s}}\\n' \"$number\" \"$1\"; }}\n\
             case \"$line\" in\n\
             *'\"probe\"'*) say '\"alive\"' ;;\n\
             *'\"verify\"'*) {at_verify}\n\
             say '\"verified\",\"seconds\":0.01' ;;\n\
             *'\"facts\"'*) say '\"facts\",\"identity\":\"{code}\",\"kernels\":[],\"attributes\":{{\"registers\":{registers}}}' ;;\n\
             *'\"block\"'*) {at_block}\n\
             say '\"block\",\"unit\":\"seconds\",\"values\":['\"${{US}}e-6,${{US}}e-6,${{US}}e-6\"'],\"rejected\":0,\
             \"launches\":1,\"before\":null,\"after\":null,\"checked_launches\":3' ;;\n\
             esac\ndone\n",
            self.folder.path().display()
        );
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_hipgauge"))
            .args(arguments)
            .args(["--device", "host", "--case", CASE, "--case", OTHER])
            .current_dir(self.folder.path())
            .output()
            .expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
    }

    fn compare(&self, base: &Fake, candidate: &Fake) -> (i32, Value, String) {
        let (base, candidate) = (self.program("base", base), self.program("candidate", candidate));
        let (code, stdout, stderr) = self.run(&["compare", &base, &candidate, "--format", "json", "--out", "written"]);
        (code, serde_json::from_str(&stdout).unwrap_or(Value::Null), stderr)
    }

    fn gate(&self, base: &Fake, candidate: &Fake) -> (i32, Value, String) {
        let (base, candidate) = (self.program("base", base), self.program("candidate", candidate));
        let sides = ["gate", "--baseline", &base, "--candidate", &candidate, "--mode", "hot"];
        let (code, stdout, stderr) = self.run(&[&sides[..], &["--format", "json", "--out", "gate"]].concat());
        (code, serde_json::from_str::<Value>(&stdout).unwrap_or(Value::Null)["gate"].take(), stderr)
    }
}

fn verdicts(document: &Value) -> Vec<&str> {
    let cases = document["cases"].as_array().expect("cases");
    cases.iter().map(|case| case["decision"]["verdict"].as_str().expect("a verdict")).collect()
}

#[test]
fn times_have_shift_interval_and_power_with_the_compiled_code_beside_them() {
    let stage = Stage::new();
    let (code, document, stderr) = stage.compare(&BASE, &Fake { us: "21", registers: 48, code: "b", ..BASE });
    assert_eq!((code, verdicts(&document)), (1, vec!["SLOWER"; 2]), "{stderr}");
    let case = &document["cases"][0];
    let decision = &case["decision"];
    assert!((decision["shift"].as_f64().unwrap() - 0.05).abs() < 1e-9, "{decision}");
    assert!(decision["least_detectable"].as_f64().unwrap() > 0.0 && decision["interval"]["low"].is_number());
    assert_eq!((decision["pairs"].as_u64(), case["pairs"].as_array().map(Vec::len)), (Some(12), Some(12)));
    assert_eq!((&case["unit"], case["base"]["median"].as_f64()), (&"microseconds".into(), Some(20.0)));
    assert_eq!(case["statics"][0]["property"], "registers");
    let reasons = decision["reasons"].as_array().unwrap();
    assert!(reasons.contains(&"noise-assumed".into()) && reasons.contains(&"clocks-unknown".into()), "{reasons:?}");
    let written = |name: &str| fs::read_to_string(stage.path("written").join(name)).unwrap();
    assert!(written("comparison.html").contains("<circle class=\"base\""), "pairs are drawn");
    assert!(written("comparison.csv").contains("registers 40 -> 48,40,48,"), "{}", written("comparison.csv"));
    assert!(written("comparison.md").contains("hipgauge calibrate"), "{}", written("comparison.md"));

    let (code, document, stderr) = stage.compare(&BASE, &Fake { us: "19", code: "b", ..BASE });
    assert_eq!((code, verdicts(&document)), (0, vec!["FASTER"; 2]), "{stderr}");
    let (code, document, stderr) = stage.compare(&BASE, &Fake { us: "20.1", code: "b", ..BASE });
    assert_eq!(
        (code, verdicts(&document), &document["cases"][0]["decision"]["pairs"]),
        (0, vec!["SAME"; 2], &6.into()),
        "{stderr}"
    );
    let (_, document, _) = stage.compare(&BASE, &Fake { us: "30", ..BASE });
    assert_eq!(document["cases"][0]["decision"]["reasons"][0], "identical-code", "equal code is not measured");
    let unasked = Fake { at_verify: "kill -SEGV $$", ..BASE };
    let (code, document, stderr) = stage.compare(&unasked, &BASE);
    assert_eq!((code, verdicts(&document)), (0, vec!["SAME"; 2]), "equal code is judged once: {stderr}");
    let (code, document, stderr) = stage.compare(&BASE, &unasked);
    assert_eq!((code, &document["outcomes"][0]["kind"]), (0, &"wrong-in-both".into()), "{stderr}");
}

#[test]
fn a_worker_that_ends_is_a_finding_about_its_case() {
    let stage = Stage::new();
    let with = |at_block| Fake { code: "b", at_block, ..BASE };
    let crash = with("case \"$line\" in *4x64*) kill -SEGV $$ ;; esac");
    let (code, document, stderr) = stage.compare(&BASE, &crash);
    assert_eq!((code, verdicts(&document)), (2, vec!["SAME"]), "{stderr}");
    let outcome = &document["outcomes"][0];
    assert_eq!((&outcome["case"], &outcome["kind"]), (&CASE.into(), &"now-wrong".into()));
    assert!(outcome["reason"].as_str().unwrap().contains("crashed with SIGSEGV"), "{outcome}");
    assert!(outcome["reproduce"].as_str().unwrap().contains("/candidate verify --device host --case"), "{outcome}");

    let full = with("case \"$line\" in *4x64*) say '\"out-of-memory\",\"reason\":\"no room\"'; exit ;; esac");
    let (code, document, stderr) = stage.compare(&BASE, &full);
    assert_eq!((code, &document["outcomes"][0]["kind"]), (125, &"no-longer-measured".into()), "{stderr}");
    // The other way round the base gives nothing.
    let (code, document, stderr) = stage.compare(&full, &BASE);
    assert_eq!((code, &document["outcomes"][0]["kind"]), (125, &"no-longer-measured".into()), "{stderr}");
    assert!(document["outcomes"][0]["reason"].as_str().unwrap().starts_with("the base: "), "{document}");
    let wrong = with("say '\"refused\",\"why\":\"wrong-result\",\"reason\":\"y differs\",\"goes_on\":true'; continue");
    let (code, document, stderr) = stage.compare(&BASE, &wrong);
    assert_eq!((code, document["outcomes"].as_array().map(Vec::len)), (2, Some(2)), "{stderr}");
    assert_eq!(document["cases"], Value::Array(Vec::new()), "what is wrong has no times");
}

#[test]
fn a_device_that_gives_up_ends_the_comparison_with_what_there_is() {
    let stage = Stage::new();
    // The second process of the candidate gets no answer from the device.
    let at_start = "if [ -e died ]; then exit 3; fi";
    let at_block = "case \"$line\" in *2x64*) touch died; kill -SEGV $$ ;; esac";
    let (code, document, stderr) = stage.compare(&BASE, &Fake { code: "b", at_start, at_block, ..BASE });
    assert_eq!((code, verdicts(&document)), (3, vec!["SAME"]), "{stderr}");
    assert!(stderr.contains("no fresh process gets an answer from the device"), "{stderr}");
    assert!(document["warnings"][0].as_str().unwrap().starts_with("stopped after 1 of 2 cases"), "{document}");
}

#[test]
fn alarms_are_raised_only_if_fresh_processes_show_them_again() {
    let stage = Stage::new();
    let (code, document, stderr) = stage.gate(&BASE, &Fake { us: "21", code: "b", ..BASE });
    assert_eq!((code, verdicts(&document), &document["questioned"]), (1, vec!["SLOWER"; 2], &2.into()), "{stderr}");
    assert_eq!(document["cases"][0]["confirmation"]["verdict"], "SLOWER");
    assert_eq!(document["cases"][0]["mode"], "hot");

    // Slow in its first process only.
    let at_start = "if [ -e again ]; then US=20; fi; touch again";
    let (code, document, stderr) = stage.gate(&BASE, &Fake { us: "21", code: "b", at_start, ..BASE });
    assert_eq!((code, verdicts(&document), &document["questioned"]), (0, vec!["AMBIGUOUS"; 2], &2.into()), "{stderr}");
    let reasons = document["cases"][0]["decision"]["reasons"].as_array().unwrap();
    assert!(reasons.contains(&"not-confirmed".into()), "{reasons:?}");
    assert_eq!(document["cases"][0]["confirmation"]["verdict"], "SAME");

    // Wrong the second time only.
    let at_start = "if [ -e third ]; then BAD=1; fi; touch third";
    let at_block = "if [ \"$BAD\" ]; then say '\"refused\",\"why\":\"wrong-result\",\"reason\":\"y\",\"goes_on\":true'; continue; fi";
    let (code, document, stderr) = stage.gate(&BASE, &Fake { us: "21", code: "b", at_start, at_block, ..BASE });
    assert_eq!((code, &document["outcomes"][0]["kind"]), (2, &"now-wrong".into()), "{stderr}");
}

#[test]
fn sides_must_stay_what_they_were_and_share_the_device() {
    let stage = Stage::new();
    let hello = fs::read_to_string(stage.path("hello")).unwrap();
    let restore = || fs::write(stage.path("hello"), &hello).unwrap();
    let other = |at_start| Fake { code: "b", at_start, ..BASE };
    let (code, _, stderr) =
        stage.compare(&BASE, &other("sed -i 's/\"device\":\"[^\"]*\"/\"device\":\"another\"/' hello"));
    assert!(code == 64 && stderr.contains("do not run on the same device") && stderr.contains("`another`"), "{stderr}");
    restore();
    let compiler = other("sed -i 's/\"compiler\":\"[^\"]*\"/\"compiler\":\"newer\"/g' hello");
    let (code, document, stderr) = stage.compare(&BASE, &compiler);
    assert_eq!((code, verdicts(&document)), (0, vec!["SAME"; 2]), "compilers may be what is compared: {stderr}");
    assert!(document["warnings"][0].as_str().unwrap().starts_with("the sides differ in compiler: "), "{document}");
    restore();
    // Somebody edits the kernels, and a crash has them read again.
    let at_start =
        "if [ -e edited ]; then sed -i 's/\"kernels_sha256\":\"[0-9a-f]*\"/\"kernels_sha256\":\"00\"/' hello; fi";
    let edited = Fake { at_block: "touch edited; kill -SEGV $$", ..other(at_start) };
    let (code, _, stderr) = stage.compare(&BASE, &edited);
    assert!(code == 3 && stderr.contains("changed while they were measured"), "{code} {stderr}");
}

#[test]
fn the_noise_of_a_calibration_is_used() {
    let stage = Stage::new();
    let (code, _, stderr) = stage.run(&["calibrate", "--comparisons", "5"]);
    assert_eq!(code, 0, "{stderr}");
    // 1.2 % is within the noise that is assumed, and above what was learned here.
    let (code, document, stderr) = stage.compare(&BASE, &Fake { us: "20.24", code: "b", ..BASE });
    assert_eq!((code, verdicts(&document)), (1, vec!["SLOWER"; 2]), "{stderr}");
    assert!(stderr.contains("noise from reports/calibration/"), "{stderr}");
    let reasons = document["cases"][0]["decision"]["reasons"].as_array().unwrap();
    assert!(reasons.contains(&"noise-calibrated".into()), "{reasons:?}");
    let (base, candidate) = (stage.path("base"), stage.path("candidate"));
    let sides = [base.to_str().unwrap(), candidate.to_str().unwrap()];
    let (code, stdout, _) = stage.run(&["compare", sides[0], sides[1], "--noise", "2%"]);
    assert!(code == 0 && stdout.ends_with("2 same\n"), "what is given goes first: {stdout}");
}
