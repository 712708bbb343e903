//! Commits of real repositories as private folders: read without a trace.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::git_history::{Planned, Repository};
use hipgauge::regression::repository::{Built, Cache, Git, Measured, Recipe, RepositoryError, read_history, snapshot};

/// A line of six with a branch of two: 0 1 2 3 (5 merges 4) 6, where 4 grows from 1.
fn branched() -> Repository {
    Repository::new(&[
        Planned::new(&[], "start").file("kernels/a.hip", "a 0").file("README", "hello\n"),
        Planned::new(&[0], "change the kernel").file("kernels/a.hip", "a 1"),
        Planned::new(&[1], "change the README").file("README", "other\n"),
        Planned::new(&[2], "change the header").file("kernels/include/b.h", "b"),
        Planned::new(&[1], "on a branch: ünïcode").file("kernels/a.hip", "a 2"),
        Planned::new(&[3, 4], "merge the branch").file("kernels/a.hip", "a 2"),
        Planned::new(&[5], "last").file("README", "end\n"),
    ])
}

fn kernels() -> Measured {
    Measured::Folder("kernels".to_string())
}

#[test]
fn the_range_has_parents_before_children_and_says_what_each_changes() {
    let repository = branched();
    let git = Git::open(repository.path()).unwrap();
    let [good, bad] = [0, 6].map(|number| repository.hashes[number].clone());
    let history = read_history(&git, &good, "main", false, &kernels()).unwrap();
    assert_eq!((history.commits().len(), history.bad().id.clone()), (6, bad.clone()));
    assert_eq!(history.good().subject, "start");
    let of = |number: usize| history.place(&repository.hashes[number]).unwrap();
    assert_eq!(history.commits()[of(4)].subject, "on a branch: ünïcode");
    // The README alone changes nothing; the merge has kernels that neither parent has.
    let changes: Vec<bool> = (1..7).map(|number| history.changes(of(number))).collect();
    assert_eq!(changes, [true, false, true, true, true, false]);
    let everything = read_history(&git, &good, &bad, false, &Measured::Everything).unwrap();
    assert_eq!(everything.candidates(), 6);
    let first = read_history(&git, &good, &bad, true, &kernels()).unwrap();
    let ids: Vec<&str> = first.commits().iter().map(|commit| &*commit.id).collect();
    let expected: Vec<&str> = [1, 2, 3, 5, 6].map(|number: usize| &*repository.hashes[number]).to_vec();
    assert_eq!(ids, expected);
    assert_eq!(first.parents_of(3).len(), 1);
    // A good end on the branch leaves the other side of the merge in the range.
    let from_branch = read_history(&git, &repository.hashes[4], &bad, false, &kernels()).unwrap();
    assert_eq!(from_branch.commits().len(), 4);
    // A folder that is not there is no measurement.
    let absent = read_history(&git, &good, &bad, false, &Measured::Folder("nowhere".to_string())).unwrap();
    assert!(absent.good().measured.is_none() && absent.candidates() == 0);
}

#[test]
fn what_is_no_range_is_refused_with_advice() {
    let repository = branched();
    let git = Git::open(repository.path()).unwrap();
    let read = |good: &str, bad: &str| read_history(&git, good, bad, false, &kernels()).expect_err("refused");
    let on_branch = repository.hashes[4].clone();
    let error = read(&on_branch, &repository.hashes[3]);
    assert!(matches!(&error, RepositoryError::NotAncestor { .. }));
    assert!(error.to_string().contains(&repository.hashes[1]), "the merge base: {error}");
    assert!(matches!(read("nonsense", "main"), RepositoryError::NoCommit { .. }));
    assert!(matches!(read("--help", "main"), RepositoryError::NoCommit { .. }));
    assert!(matches!(read("main", "main"), RepositoryError::History(_)));
    assert!(matches!(read("main", "main~2"), RepositoryError::NotAncestor { .. }));
    let nowhere = tempfile::tempdir().unwrap();
    assert!(matches!(Git::open(nowhere.path()), Err(RepositoryError::Git { .. })));
    let shallow = tempfile::tempdir().unwrap();
    let url = format!("file://{}", repository.path().display());
    let clone = Command::new("git").args(["clone", "--quiet", "--depth=2", &url]).arg(shallow.path()).status();
    assert!(clone.unwrap().success());
    let git = Git::open(shallow.path()).unwrap();
    let error = read_history(&git, "main", "main~1", false, &kernels()).expect_err("refused");
    assert!(error.to_string().contains("git fetch --unshallow"), "{error}");
}

#[test]
fn a_snapshot_has_the_commits_files_and_leaves_the_repository_as_it_was() {
    let repository = branched();
    repository.make_dirty();
    let status = || repository.git(&["--no-optional-locks", "status", "--porcelain"]);
    let (before, contents) = (status(), repository.contents());
    assert!(before.contains("MM README") && before.contains("?? \"new file\""), "{before}");
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let git = Git::open(&repository.path().join("kernels")).unwrap();
    let history = read_history(&git, &repository.hashes[0], "HEAD", false, &kernels()).unwrap();
    let mut texts = Vec::new();
    for commit in history.commits() {
        let folder = snapshot(&git, &cache, commit.measured.as_ref().unwrap()).unwrap();
        texts.push(fs::read_to_string(folder.join("a.hip")).unwrap());
        assert!(!folder.join("README").exists(), "only what is measured");
        assert!(!folder.join(".git").exists());
    }
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts, ["a 1", "a 2"]);
    let changed: Vec<_> =
        repository.contents().into_iter().filter(|(path, text)| contents.get(path) != Some(text)).collect();
    assert!(changed.is_empty() && repository.contents().len() == contents.len(), "{changed:?}");
    assert_eq!(status(), before);
    assert!(!repository.path().join(".git/hooks/ran").exists(), "a hook ran");
    assert_eq!(fs::read_dir(folder.path().join("partial")).unwrap().count(), 0);
}

#[test]
fn a_bare_repository_works_too() {
    let repository = branched();
    let bare = tempfile::tempdir().unwrap();
    let mut clone = Command::new("git");
    clone.args(["clone", "--quiet", "--bare"]).arg(repository.path()).arg(bare.path());
    assert!(clone.status().unwrap().success());
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let git = Git::open(bare.path()).unwrap();
    let history = read_history(&git, &repository.hashes[0], "main", false, &Measured::Everything).unwrap();
    let tree = history.bad().measured.clone().unwrap();
    let written = snapshot(&git, &cache, &tree).unwrap();
    assert_eq!(fs::read_to_string(written.join("README")).unwrap(), "end\n");
    assert_eq!(fs::read_to_string(written.join("kernels/include/b.h")).unwrap(), "b");
}

fn recipe(command: &str) -> Recipe {
    Recipe { command: command.to_string(), program: "out/program".into(), limit: Duration::from_secs(60) }
}

#[test]
fn builds_are_kept_by_tree_and_failures_name_their_log() {
    let repository = branched();
    let git = Git::open(repository.path()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cache = Cache::open(folder.path()).unwrap();
    let history = read_history(&git, &repository.hashes[0], "main", false, &Measured::Everything).unwrap();
    let go = AtomicBool::new(false);
    let build = |recipe: &Recipe| {
        let commit = history.bad();
        recipe.build(&git, &cache, (&commit.id, commit.measured.as_ref().unwrap()), &go).unwrap()
    };
    let count = folder.path().join("count");
    let good = recipe(&format!(
        "echo building $HIPGAUGE_BISECT_COMMIT; echo x >> {}; mkdir out && cp README out/program",
        count.display()
    ));
    let Built::Program(program) = build(&good) else { panic!("it builds") };
    assert_eq!(fs::read_to_string(&program).unwrap(), "end\n");
    assert_eq!(build(&good), Built::Program(program.clone()));
    assert_eq!(fs::read_to_string(&count).unwrap(), "x\n", "the second time it was there");
    // A program that a killed build left without its mark is not trusted.
    fs::remove_file(program.parent().unwrap().parent().unwrap().with_extension("done")).unwrap();
    assert_eq!(build(&good), Built::Program(program));
    assert_eq!(fs::read_to_string(&count).unwrap(), "x\nx\n");
    let log_of = |built: Built| {
        let Built::Failed(why) = built else { panic!("it fails") };
        let log = why.split("its output is in ").nth(1).expect("names its log").to_string();
        (why, fs::read_to_string(log).expect("the log is kept"))
    };
    let (why, log) = log_of(build(&recipe("echo some words; echo and an error >&2; exit 3")));
    assert!(why.contains("exit status: 3") && log == "some words\nand an error\n", "{why} {log}");
    let (why, _) = log_of(build(&recipe("true")));
    assert!(why.contains("made no out/program"), "{why}");
    let (why, _) = log_of(build(&Recipe { limit: Duration::from_millis(50), ..recipe("sleep 60 & sleep 60") }));
    assert!(why.contains("took more than 0.05 s"), "{why}");
    go.store(true, Ordering::Relaxed);
    assert_eq!(build(&recipe("sleep 60")), Built::Interrupted);
    assert!(Path::new(&folder.path().join("logs")).is_dir());
}
