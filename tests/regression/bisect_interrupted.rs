//! `hipgauge bisect` killed in the middle, beside a checkout that somebody works in.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::git_history::Repository;
use crate::git_history::slow_kernels::{CASE, Version, line};
use crate::interrupt::{heed_interrupts, signal};
use serde_json::Value;

fn command(repository: &Repository, cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    heed_interrupts(&mut command);
    command.args(["bisect", "--device", "host", "--case", CASE, "--format", "json", "--bad", "main", "--good"]);
    command.arg(&repository.hashes[0]).arg("--cache").arg(cache).env("HIPGAUGE_CACHE_DIR", cache);
    // From inside of the checkout, as a person would.
    command.current_dir(repository.path().join("kernels"));
    command
}

/// 12 commits, the eighth of which is slow.
fn repository() -> Repository {
    let versions: Vec<Version> = (1..=12)
        .map(|number| Version { extra: u32::from(number >= 8), note: number % 4, ..Version::default() })
        .collect();
    Repository::new(&line(&versions))
}

/// Starts a search and waits until it says a line that starts like that; gives the child and what it said.
fn start_and_wait(mut command: Command, awaited: &str) -> (Child, Vec<String>) {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let stderr = BufReader::new(child.stderr.take().expect("piped"));
    let mut said = Vec::new();
    for line in stderr.lines().map_while(Result::ok) {
        said.push(line);
        if said.last().is_some_and(|line| line.starts_with(awaited)) {
            return (child, said);
        }
    }
    child.wait().expect("it can be waited for");
    panic!("it never said `{awaited}`: {said:?}");
}

/// Command lines of processes that name a folder.
fn processes_of(folder: &Path) -> Vec<String> {
    let needle = folder.display().to_string();
    let entries = std::fs::read_dir("/proc").expect("proc").flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "));
    lines.filter(|line| line.contains(&needle)).collect()
}

fn assert_gone(cache: &Path) {
    let start = Instant::now();
    loop {
        let left = processes_of(cache);
        if left.is_empty() {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{left:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn culprit(result: &Value) -> String {
    result["searches"][0]["conclusion"]["culprit"]["id"].as_str().unwrap_or_default().to_string()
}

fn changed(repository: &Repository, before: &std::collections::BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let after = repository.contents();
    let differs = |path: &&PathBuf| before.get(*path) != after.get(*path);
    after.keys().chain(before.keys()).filter(differs).cloned().collect()
}

#[test]
fn killed_again_and_again_it_ends_with_the_same_culprit_and_leaves_nothing() {
    let repository = repository();
    repository.make_dirty();
    let before = repository.contents();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = folder.path().canonicalize().expect("it is there");
    // Each attempt is killed later than the one before.
    for awaited in ["measuring the ends", "bad end", "  1 ", "  2 ", "  3 ", "measuring "] {
        let mut search = command(&repository, &cache);
        search.arg("--resume");
        let (mut child, said) = start_and_wait(search, awaited);
        child.kill().expect("it is ours");
        child.wait().expect("it ends");
        let again = said.iter().any(|line| line.starts_with("measuring the ends"));
        assert_eq!(again, ["measuring the ends", "bad end"].contains(&awaited), "what was seen is kept: {said:?}");
        assert_gone(&cache);
    }
    let output = command(&repository, &cache).arg("--resume").output().expect("it runs");
    let result: Value = serde_json::from_slice(&output.stdout).expect("a result");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), culprit(&result)), (Some(0), repository.hashes[8].clone()), "{stderr}");
    // Resuming what is finished gives the answer again without measuring.
    let again = command(&repository, &cache).arg("--resume").output().expect("it runs");
    let repeated: Value = serde_json::from_slice(&again.stdout).expect("a result");
    assert_eq!(repeated["searches"], result["searches"]);
    assert!(!String::from_utf8_lossy(&again.stderr).contains("measuring"), "{again:?}");
    assert_gone(&cache);
    assert_eq!(changed(&repository, &before), Vec::<PathBuf>::new());
    let status = repository.git(&["--no-optional-locks", "status", "--porcelain"]);
    assert!(status.contains("MM README") && status.contains("?? \"new file\""), "{status}");
    assert_eq!(std::fs::read_dir(cache.join("partial")).expect("the cache").count(), 0);
}

#[test]
fn ctrl_c_ends_in_good_order_and_the_search_goes_on() {
    let repository = repository();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = folder.path().canonicalize().expect("it is there");
    let (mut child, said) = start_and_wait(command(&repository, &cache), "bad end");
    assert!(said.iter().any(|line| line.starts_with("bad end")), "{said:?}");
    signal(&child, libc::SIGINT);
    assert_eq!(child.wait().expect("it ends").code(), Some(130));
    assert_gone(&cache);
    let output = command(&repository, &cache).arg("--resume").output().expect("it runs");
    let result: Value = serde_json::from_slice(&output.stdout).expect("a result");
    assert_eq!((output.status.code(), culprit(&result)), (Some(0), repository.hashes[8].clone()));
    assert!(!String::from_utf8_lossy(&output.stderr).contains("measuring the ends"), "{output:?}");
}

#[test]
fn a_search_of_other_circumstances_is_not_gone_on_with() {
    let repository = repository();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = folder.path().canonicalize().expect("it is there");
    let output = command(&repository, &cache).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0));
    let searches: Vec<_> = std::fs::read_dir(cache.join("searches")).unwrap().flatten().collect();
    assert_eq!(searches.len(), 1);
    let file = searches[0].path().join("state.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("hipgauge emulator", "another emulator")).unwrap();
    let output = command(&repository, &cache).arg("--resume").output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(64) && stderr.contains("driver was another emulator"), "{stderr}");
    // Other arguments are another search.
    let output = command(&repository, &cache).args(["--resume", "--first-parent"]).output().expect("it runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("this one starts now"), "{output:?}");
    assert_eq!(output.status.code(), Some(0));
}
