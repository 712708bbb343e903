//! Which commit the program is built from.

use std::process::Command;

/// Exports `HIPGAUGE_COMMIT` (empty outside of a checkout) and `HIPGAUGE_DIRTY` (`true` with uncommitted
/// changes), as they are when this script runs: at each new commit and each change to a kernel.
pub fn export() {
    // The log of HEAD grows with every commit, checkout and rebase; HEAD itself may stay the same text.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
    let commit = git(&["rev-parse", "HEAD"]).unwrap_or_default();
    let dirty = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|changes| !changes.is_empty());
    println!("cargo:rustc-env=HIPGAUGE_COMMIT={commit}");
    println!("cargo:rustc-env=HIPGAUGE_DIRTY={dirty}");
}

/// What git prints, or `None` without git or outside of a checkout.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_string())
}
