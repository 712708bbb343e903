//! Extra work written into the bodies of kernels, as text.

use std::ops::Range;

/// The header that does the work; see kernels/include/injected_work.h.
const HEADER: &str = "injected_work.h";

const KERNEL: &str = "HG_KERNEL(";

/// A source that the transform cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InjectionError {
    #[error("line {line}: the {what} that begins here does not end; balance the brackets")]
    Unbalanced { line: usize, what: &'static str },
    #[error("line {line}: no body follows this HG_KERNEL; write HG_KERNEL(name, max_threads, (parameters)) {{ body }}")]
    NoBody { line: usize },
    #[error("no kernel named {name} is defined here")]
    NoSuchKernel { name: String },
}

/// One `HG_KERNEL(name, max_threads, (parameters)) { body }`.
struct Definition<'a> {
    name: &'a str,
    /// From the macro's first letter to behind the body's last brace.
    whole: Range<usize>,
    /// Behind the body's first brace.
    body: usize,
}

/// The source with `amount` units of extra work at the start of the kernels named in `slower`, and without the kernels
/// not named in `kept`: those only cost compilation. Lines keep their numbers.
pub fn inject(source: &str, kept: &[&str], slower: &[&str], amount: u32) -> Result<String, InjectionError> {
    let definitions = definitions(source)?;
    for name in kept.iter().chain(slower) {
        if definitions.iter().all(|definition| definition.name != *name) {
            return Err(InjectionError::NoSuchKernel { name: name.to_string() });
        }
    }
    let mut text = format!("#include \"{HEADER}\"\n#line 1\n");
    let mut copied = 0;
    for definition in &definitions {
        text.push_str(&source[copied..definition.whole.start]);
        copied = definition.whole.end;
        if !kept.contains(&definition.name) {
            text.extend(source[definition.whole.clone()].chars().filter(|letter| *letter == '\n'));
            continue;
        }
        text.push_str(&source[definition.whole.start..definition.body]);
        if slower.contains(&definition.name) {
            text.push_str(&format!(" injected_work({amount}u);"));
        }
        text.push_str(&source[definition.body..definition.whole.end]);
    }
    text.push_str(&source[copied..]);
    Ok(text)
}

fn definitions(source: &str) -> Result<Vec<Definition<'_>>, InjectionError> {
    let code = blank_comments_and_literals(source);
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = code[from..].find(KERNEL).map(|place| from + place) {
        let line = 1 + source[..start].matches('\n').count();
        let open = start + KERNEL.len() - 1;
        let arguments = matching(&code, open, b'(', b')').ok_or(InjectionError::Unbalanced { line, what: "list" })?;
        let name = source[open + 1..arguments].split(',').next().unwrap_or("").trim();
        let gap = code[arguments..].find(|letter: char| !letter.is_whitespace());
        let brace = gap.map(|gap| arguments + gap).filter(|place| code.as_bytes()[*place] == b'{');
        let brace = brace.ok_or(InjectionError::NoBody { line })?;
        let end = matching(&code, brace, b'{', b'}').ok_or(InjectionError::Unbalanced { line, what: "body" })?;
        found.push(Definition { name, whole: start..end, body: brace + 1 });
        from = end;
    }
    Ok(found)
}

/// The place behind the bracket that closes the one at `open`.
fn matching(code: &str, open: usize, opening: u8, closing: u8) -> Option<usize> {
    let mut depth = 0usize;
    for (place, byte) in code.bytes().enumerate().skip(open) {
        if byte == opening {
            depth += 1;
        } else if byte == closing {
            depth -= 1;
            if depth == 0 {
                return Some(place + 1);
            }
        }
    }
    None
}

/// The source with spaces for everything in comments, texts and character literals, of the same length.
fn blank_comments_and_literals(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let end = if rest.starts_with(b"//") {
            at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            at + rest.windows(2).skip(2).position(|pair| pair == b"*/").map_or(rest.len(), |place| place + 4)
        } else if rest[0] == b'"' || is_character_literal(bytes, at) {
            literal_end(bytes, at)
        } else {
            at += 1;
            continue;
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    // Whole literals and comments were replaced by ASCII, and the rest was not touched.
    String::from_utf8_lossy(&code).into_owned()
}

/// A quote behind a digit or letter separates digits (`1'000`).
fn is_character_literal(bytes: &[u8], at: usize) -> bool {
    bytes[at] == b'\'' && !at.checked_sub(1).is_some_and(|before| bytes[before].is_ascii_alphanumeric())
}

fn literal_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != bytes[start] && bytes[at] != b'\n' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::KernelLibrary;

    const SOURCE: &str = "// HG_KERNEL(no, 1, ()) {\n#include \"storage.h\"\n\
        HG_KERNEL(first, 64, (float* y,\n const float* x)) {\n  if (x) { y[0] = '{'; } /* } */ // }\n}\n\
        HG_KERNEL(second, 64, ()) {}\nint after;\n";

    #[test]
    fn work_goes_to_the_start_of_the_body_and_lines_keep_their_numbers() {
        let text = inject(SOURCE, &["first", "second"], &["first"], 17).unwrap();
        let body = "#include \"injected_work.h\"\n#line 1\n";
        assert_eq!(text, format!("{body}{}", SOURCE.replace("x)) {\n", "x)) { injected_work(17u);\n")));
        let stripped = inject(SOURCE, &["second"], &["second"], 5).unwrap();
        assert!(!stripped.contains("first") && stripped.contains("HG_KERNEL(second, 64, ()) { injected_work(5u);}"));
        assert_eq!(stripped.lines().count(), SOURCE.lines().count() + 2);
        assert!(stripped.ends_with("\nint after;\n"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_line() {
        let refused = |source: &str, line| match inject(source, &[], &[], 1) {
            Err(InjectionError::Unbalanced { line: found, .. } | InjectionError::NoBody { line: found }) => {
                assert_eq!(found, line, "{source}");
            }
            other => panic!("{source}: {other:?}"),
        };
        refused("\nHG_KERNEL(a, 1, (", 2);
        refused("\n\nHG_KERNEL(a, 1, ()) { {}", 3);
        refused("HG_KERNEL(a, 1, ());", 1);
        refused("HG_KERNEL(a, 1, ())", 1);
        let missing = inject(SOURCE, &["third"], &[], 1);
        assert_eq!(missing, Err(InjectionError::NoSuchKernel { name: "third".to_string() }));
    }

    #[test]
    fn every_kernel_of_the_repository_is_found_and_keeps_its_definition() {
        for module in KernelLibrary::embedded().modules() {
            let names: Vec<&str> = module.functions.iter().map(|name| &**name).collect();
            let text = inject(&module.source, &names, &names, 3).unwrap();
            assert_eq!(text.matches("{ injected_work(3u);").count(), names.len(), "{}", module.name);
            assert_eq!(
                text.replace(" injected_work(3u);", "").lines().skip(2).collect::<Vec<_>>().join("\n"),
                module.source.trim_end()
            );
        }
    }
}
