//! Kernels broken on purpose: `verify` must reject every one of them, or its verdicts mean nothing.
//!
//! Each mutant is a copy of `kernels/` with one text replaced, run on the host emulator through `--kernels`.
//! The same cases pass on the kernels as they are, so that it is the mutation which is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

mod engine_kernels;
mod matrix_core_sums;
mod tiles;

pub struct Mutant {
    /// The mistake, in words.
    mistake: &'static str,
    file: &'static str,
    /// Text that stands in the file exactly once, and what it becomes.
    replacements: &'static [(&'static str, &'static str)],
    case: &'static str,
    wave: &'static str,
    /// What the failure must speak of, so that a mutant is not rejected for some other reason.
    expects: &'static str,
}

const MUTANTS: &[Mutant] = &[
    Mutant {
        mistake: "SiLU on the wrong operand",
        file: "mlp/swiglu.hip",
        replacements: &[(
            "value(get_element(gate, i), get_element(up, i))",
            "value(get_element(up, i), get_element(gate, i))",
        )],
        case: "swiglu/bf16/3x64/normal",
        wave: "32",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "epsilon outside the root",
        file: "include/rms_scale.h",
        replacements: &[(
            "square_root(divide(sum, float(columns)) + epsilon)",
            "square_root(divide(sum, float(columns))) + epsilon",
        )],
        case: "rms_norm/f32/3x65/normal",
        wave: "32",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "the last element dropped at odd sizes",
        file: "mlp/rms_norm.hip",
        replacements: &[(
            "shape.singles = columns - shape.vectors * Vector16<T>::COUNT;",
            "shape.singles = columns - shape.vectors * Vector16<T>::COUNT - (columns & 1);",
        )],
        case: "rms_norm/f16/1x65/normal",
        wave: "32",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "a tie goes to the higher index",
        file: "include/logits.h",
        replacements: &[
            ("uint64_t(key) << 32 | uint32_t(~index)", "uint64_t(key) << 32 | uint32_t(index + 1)"),
            ("return ~uint32_t(composite);", "return uint32_t(composite) - 1;"),
        ],
        case: "top_k/f16/2x257/k=50/boundary_ties",
        wave: "32",
        expects: "wrong indices: ",
    },
    Mutant {
        mistake: "k off by one",
        file: "include/candidates.h",
        replacements: &[("return {entries, count, keep, 0, 0};", "return {entries, count, keep + 1, 0, 0};")],
        case: "top_k_sampling/f32/8x1000/k=40/normal",
        wave: "32",
        expects: "wrong detail: ",
    },
    Mutant {
        mistake: "p compared with the wrong side: the token that reaches p is dropped",
        file: "include/sampling.h",
        replacements: &[("scratch.words[0] = i + 1;", "scratch.words[0] = i > 0 ? i : 1;")],
        case: "top_p_sampling/f32/8x1000/p=0.5/normal",
        wave: "32",
        expects: "wrong detail: ",
    },
    Mutant {
        mistake: "a missing barrier",
        file: "include/candidates.h",
        replacements: &[(
            "        __syncthreads();\n        const uint32_t total = *candidates.count;\n",
            "        const uint32_t total = *candidates.count;\n",
        )],
        case: "top_k/f32/2x4096/k=50/normal",
        wave: "32",
        expects: "race",
    },
    Mutant {
        mistake: "the first threshold is the largest maximum, not the k-th largest",
        file: "include/candidates.h",
        replacements: &[("larger == candidates.keep - 1", "larger == 0")],
        case: "top_k/f32/2x4096/k=50/normal",
        wave: "64",
        expects: "wrong ",
    },
    Mutant {
        mistake: "thinning out drops the interval of the k-th key",
        file: "include/candidates.h",
        replacements: &[("first + (interval << shift)", "first + ((interval + 1) << shift)")],
        case: "top_k/bf16/17x12001/k=256/normal",
        wave: "32",
        expects: "wrong ",
    },
    Mutant {
        mistake: "of each part's list only the first element bounds the merge",
        file: "include/logit_candidates.h",
        replacements: &[("lists[threadIdx.x * keep + of_each - 1]", "lists[threadIdx.x * keep]")],
        case: "top_k/f32/1x32000/k=256/normal",
        wave: "32",
        expects: "wrong ",
    },
    Mutant {
        mistake: "a batch that does not fit is left out",
        file: "include/candidates.h",
        replacements: &[("    __syncthreads();\n    return false;", "    __syncthreads();\n    return true;")],
        case: "top_k/f32/17x12001/k=50/ascending",
        wave: "32",
        expects: "wrong ",
    },
    Mutant {
        mistake: "a word of shared memory is given more pieces of masses than it has room for",
        file: "include/radix_descent.h",
        replacements: &[("++rounds == MOST_ROUNDS", "++rounds == 1000 * MOST_ROUNDS")],
        case: "top_p_sampling/f32/17x140001/p=0.5/nearly_equal",
        wave: "32",
        expects: "wrong ",
    },
    Mutant {
        mistake: "the best of the last part is never looked at",
        file: "sampler/best_logit.hip",
        replacements: &[(
            "block_maximum(threadIdx.x < splits ? parts",
            "block_maximum(threadIdx.x + 1 < splits ? parts",
        )],
        case: "top_k/f32/2x9001/k=1/ascending",
        wave: "32",
        expects: "wrong ",
    },
    Mutant {
        mistake: "a wave of 32 assumed",
        file: "include/reduce.h",
        replacements: &[(
            "group_reduce<Operator>(value, wave_size());\n    if (waves == 1)",
            "group_reduce<Operator>(value, 32);\n    if (waves == 1)",
        )],
        case: "rms_norm/f32/1x4097/normal",
        wave: "64",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "a stale output: the last row is never written",
        file: "mlp/swiglu.hip",
        replacements: &[(
            "for (uint64_t row = first; row < rows; row += step)",
            "for (uint64_t row = first; row + 1 < rows; row += step)",
        )],
        case: "swiglu_packed/f32/3x64/normal",
        wave: "32",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "a 32-bit row offset, in bytes",
        file: "mlp/swiglu.hip",
        replacements: &[(
            "swiglu_row<T>({gate + r * gate_stride, up + r * up_stride, y + r * y_stride}",
            "swiglu_row<T>({gate + int32_t(r * gate_stride * sizeof(T)) / int32_t(sizeof(T)), up + r * up_stride, y + r * y_stride}",
        )],
        case: "swiglu_packed/f32/2x64/pad=536870912/normal",
        wave: "32",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "a NaN ranks first",
        file: "include/logits.h",
        replacements: &[(
            "if (magnitude > LogitTraits<T>::INFINITY_BITS) return 0;",
            "if (magnitude > LogitTraits<T>::INFINITY_BITS) return ~0u;",
        )],
        case: "top_k/f32/2x257/k=50/nan_middle",
        wave: "32",
        expects: "wrong indices: ",
    },
    Mutant {
        mistake: "minus zero ranks below plus zero",
        file: "include/logits.h",
        replacements: &[("(bits & sign) && magnitude ? sign - 1 - magnitude", "(bits & sign) ? sign - 1 - magnitude")],
        case: "top_k/bf16/2x257/k=50/signed_zeros",
        wave: "32",
        expects: "wrong indices: ",
    },
    Mutant {
        mistake: "temperature multiplies",
        file: "include/probability_mass.h",
        replacements: &[("(logit - maximum) * inverse_temperature", "(logit - maximum) / inverse_temperature")],
        case: "fused_sampler/f32/8x1000/k=50,p=0.9,temperature=0.7/normal",
        wave: "32",
        expects: "wrong ",
    },
    Mutant {
        mistake: "every row draws with the first row's random number",
        file: "include/sampling.h",
        replacements: &[(
            "draw_bits(sampling.stream, row, sampling.step)",
            "draw_bits(sampling.stream, 0, sampling.step)",
        )],
        case: "top_k_sampling/f32/8x1000/k=40/normal",
        wave: "32",
        expects: "wrong token: ",
    },
    Mutant {
        mistake: "a biased random number",
        file: "include/philox.h",
        replacements: &[(
            "return uint64_t(words.word[1]) << 32 | words.word[0];",
            "return (uint64_t(words.word[1]) << 32 | words.word[0]) / 8 * 7;",
        )],
        case: "top_k_sampling/f32/64x1000/k=40/normal",
        wave: "32",
        expects: "wrong token: ",
    },
    Mutant {
        mistake: "the residual is normalised before it is rounded",
        file: "mlp/rms_norm.hip",
        replacements: &[("return to_float(sum);", "return value + to_float(row.residual[column]);")],
        case: "rms_norm_residual/bf16/64x7/normal",
        wave: "32",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "one element beyond the end of the row",
        file: "mlp/rms_norm.hip",
        replacements: &[("if (lane < shape.singles) {", "if (lane <= shape.singles) {")],
        case: "rms_norm/f32/1x65/normal",
        wave: "64",
        expects: "past its end",
    },
];

fn all() -> Vec<&'static Mutant> {
    [MUTANTS, engine_kernels::MUTANTS, matrix_core_sums::MUTANTS, tiles::MUTANTS].into_iter().flatten().collect()
}

fn kernels() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels")
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a temporary folder is writable");
    for entry in fs::read_dir(from).expect("kernels/ is readable") {
        let path = entry.expect("entries are readable").path();
        let target = to.join(path.file_name().expect("an entry has a name"));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a temporary folder is writable");
        }
    }
}

/// Runs one case on the kernels of a folder, or on those built in; gives the exit code and everything printed.
fn verify(folder: Option<(&Path, &Path)>, case: &str, wave: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hipgauge"));
    command.args(["verify", "--device", "host", "--wave", wave, "--case", case]).env("NO_COLOR", "1");
    if let Some((kernels, cache)) = folder {
        command.arg("--kernels").arg(kernels).env("HIPGAUGE_CACHE_DIR", cache);
    }
    let output = command.output().expect("the program runs");
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&text).into_owned())
}

/// Applies `work` to every mutant, on as many threads as there are cores.
fn for_each_mutant(work: impl Fn(usize, &Mutant) -> Option<String> + Sync) -> Vec<String> {
    let (next, mutants) = (AtomicUsize::new(0), all());
    let problems = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some(mutant) = mutants.get(number) else { return };
                    if let Some(problem) = work(number, mutant) {
                        problems.lock().expect("no thread panics with it").push(problem);
                    }
                }
            });
        }
    });
    problems.into_inner().expect("no thread panicked")
}

fn mutate(mutant: &Mutant, folder: &Path) {
    copy_folder(&kernels(), folder);
    let file = folder.join(mutant.file);
    let mut text = fs::read_to_string(&file).expect("a kernel source");
    for (from, to) in mutant.replacements {
        assert_eq!(text.matches(from).count(), 1, "{}: `{from}` in {}", mutant.mistake, mutant.file);
        text = text.replace(from, to);
    }
    fs::write(&file, text).expect("a temporary folder is writable");
}

#[test]
fn every_mutant_is_rejected() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = folder.path().join("cache");
    let survivors = for_each_mutant(|number, mutant| {
        let mutated = folder.path().join(number.to_string());
        mutate(mutant, &mutated);
        let (code, printed) = verify(Some((&mutated, &cache)), mutant.case, mutant.wave);
        let caught = code == Some(2) && printed.contains(mutant.expects);
        println!("{} {} ({})", if caught { "rejected" } else { "SURVIVED" }, mutant.mistake, mutant.case);
        (!caught).then(|| format!("{}: exit {code:?}\n{printed}", mutant.mistake))
    });
    let count = all().len();
    println!("kill rate: {} of {count}", count - survivors.len());
    assert!(survivors.is_empty(), "mutants that verify let pass:\n{}", survivors.join("\n"));
}

#[test]
fn the_same_cases_pass_on_the_kernels_as_they_are() {
    let failures = for_each_mutant(|_, mutant| {
        let (code, printed) = verify(None, mutant.case, mutant.wave);
        (code != Some(0)).then(|| format!("{}: exit {code:?}\n{printed}", mutant.case))
    });
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
