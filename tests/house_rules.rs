//! Rules of the house that a reviewer should not have to check by hand. ARCHITECTURE.md says why.

use std::fs;
use std::path::{Path, PathBuf};

/// Which top-level modules each one may use. Layers point one way; a new module gets a line here.
const LAYERS: &[(&str, &[&str])] = &[
    ("tensor", &[]),
    ("backend", &[]),
    ("operation", &["backend", "tensor"]),
    ("attention", &["backend", "matrix", "operation", "tensor"]),
    ("embedding", &["backend", "operation", "tensor"]),
    ("matrix", &["backend", "operation", "tensor"]),
    ("mlp", &["backend", "matrix", "operation", "tensor"]),
    ("sampler", &["backend", "operation", "tensor"]),
    ("registry", &["attention", "embedding", "matrix", "mlp", "operation", "sampler"]),
    ("profiling", &["backend", "operation", "tensor"]),
    ("progress", &[]),
    ("suite", &["backend", "operation", "tensor"]),
    ("verify", &["backend", "operation", "suite", "tensor"]),
    ("sweep", &["backend", "operation", "profiling", "progress", "tensor", "verify"]),
    ("report", &["backend", "engine", "operation", "profiling", "sweep", "tensor", "ttft", "verify"]),
    ("engine", &["attention", "backend", "embedding", "matrix", "mlp", "operation", "profiling", "sampler", "tensor"]),
    ("ttft", &["backend", "engine", "matrix", "operation", "profiling", "tensor"]),
    (
        "regression",
        &["backend", "operation", "profiling", "registry", "report", "suite", "sweep", "tensor", "ttft", "verify"],
    ),
];

/// The longest file that still holds one idea.
const MOST_LINES: usize = 450;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files_under(folder: &str, extensions: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("folders of the repository are readable") {
            let path = entry.expect("entries are readable").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extensions.iter().any(|known| extension == *known)) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no {extensions:?} files under {folder}");
    found
}

fn sources() -> Vec<PathBuf> {
    let mut all = files_under("src", &["rs"]);
    all.extend(files_under("kernels", &["hip", "h"]));
    all.extend(files_under("tests", &["rs"]));
    all.extend(files_under("suites", &["rs"]));
    all.push(root().join("build.rs"));
    all
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

fn broken(rule: &str, places: &[String]) {
    assert!(places.is_empty(), "{rule}:\n  {}", places.join("\n  "));
}

/// Names of the crate's modules that a source text uses: `crate::name` outside of comments.
fn used_modules(text: &str) -> Vec<String> {
    let mut used = Vec::new();
    for line in text.lines() {
        let code = line.split("//").next().unwrap_or("");
        for (at, found) in code.match_indices("crate::") {
            let rest = &code[at + found.len()..];
            used.push(rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect());
        }
    }
    used.sort();
    used.dedup();
    used
}

#[test]
fn layers_point_one_way() {
    let mut places = Vec::new();
    for path in files_under("src", &["rs"]) {
        let relative = path.strip_prefix(root().join("src")).expect("under src").to_path_buf();
        let module = relative.components().next().expect("a file").as_os_str().to_string_lossy().replace(".rs", "");
        if matches!(module.as_str(), "cli" | "main" | "lib") {
            continue;
        }
        let Some((_, allowed)) = LAYERS.iter().find(|(layer, _)| *layer == module) else {
            places.push(format!("{}: `{module}` has no line in LAYERS", name(&path)));
            continue;
        };
        for used in used_modules(&read(&path)) {
            if used != module && !allowed.contains(&used.as_str()) {
                places.push(format!("{}: `{module}` must not use `{used}`", name(&path)));
            }
        }
    }
    broken("a module uses a layer above it", &places);
}

#[test]
fn nothing_below_the_command_line_prints_or_exits() {
    let forbidden = ["println!(", "eprintln!(", "print!(", "eprint!(", "dbg!(", "process::exit"];
    let mut places = Vec::new();
    for path in files_under("src", &["rs"]) {
        let relative = name(&path);
        if relative.starts_with("src/cli") || relative == "src/main.rs" {
            continue;
        }
        for (number, line) in read(&path).lines().enumerate() {
            if forbidden.iter().any(|word| line.contains(word)) {
                places.push(format!("{relative}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    broken("printing or exiting below src/cli", &places);
}

#[test]
fn everything_compiles_unconditionally() {
    // Spelled in two parts so that this file does not find itself.
    let gates = [["cfg(", "feature"].concat(), ["cfg(not(", "feature"].concat(), ["cfg_attr(", "feature"].concat()];
    let mut places = Vec::new();
    for path in sources() {
        for (number, line) in read(&path).lines().enumerate() {
            if gates.iter().any(|gate| line.contains(gate.as_str())) {
                places.push(format!("{}:{}", name(&path), number + 1));
            }
        }
    }
    broken("a feature gate", &places);
    assert!(!read(&root().join("Cargo.toml")).contains("[features]"), "Cargo.toml must not define features");
}

#[test]
fn mod_files_only_declare_and_re_export() {
    let code = ["fn ", "struct ", "enum ", "impl ", "trait "];
    let mut places = Vec::new();
    for path in files_under("src", &["rs"]).into_iter().filter(|path| path.ends_with("mod.rs")) {
        for (number, line) in read(&path).lines().enumerate() {
            if code.iter().any(|word| line.trim_start_matches("pub ").starts_with(word)) {
                places.push(format!("{}:{}: {}", name(&path), number + 1, line.trim()));
            }
        }
    }
    broken("a mod.rs with code of its own", &places);
}

#[test]
fn files_stay_small_and_finished() {
    // Spelled in two parts so that this file does not find itself.
    let unfinished =
        [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["todo", "!("].concat(), ["unimpl", "emented!("].concat()];
    let mut places = Vec::new();
    for path in sources() {
        let text = read(&path);
        let lines = text.lines().count();
        if lines > MOST_LINES {
            places.push(format!("{}: {lines} lines, at most {MOST_LINES}", name(&path)));
        }
        for (number, line) in text.lines().enumerate() {
            if unfinished.iter().any(|word| line.contains(word.as_str())) {
                places.push(format!("{}:{}: unfinished: {}", name(&path), number + 1, line.trim()));
            }
        }
    }
    broken("long or unfinished files", &places);
}
