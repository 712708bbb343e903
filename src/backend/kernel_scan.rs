//! Finds the kernels that a source file defines. Shared by build.rs and the program, so that embedded and
//! user-given kernel directories follow one rule.

/// A definition that the scan cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ScanError {
    pub line: usize,
    pub problem: String,
}

/// Names of the kernels defined with `HG_KERNEL(name, …)` in `source`, in order.
///
/// Names must be spelled out: a name that a macro puts together cannot be found without a preprocessor.
pub fn kernel_names(source: &str) -> Result<Vec<&str>, ScanError> {
    let mut names: Vec<&str> = Vec::new();
    let mut in_block_comment = false;
    let mut in_macro = false;
    for (number, text) in source.lines().enumerate() {
        let defines_macro = in_macro || text.trim_start().starts_with("#define");
        in_macro = defines_macro && text.trim_end().ends_with('\\');
        let text = code_of_line(text, &mut in_block_comment);
        let Some(start) = text.find("HG_KERNEL(") else { continue };
        let fail = |problem: String| Err(ScanError { line: number + 1, problem });
        if defines_macro {
            return fail("HG_KERNEL inside a macro: spell each kernel's name out, or it cannot be found".to_string());
        }
        let name = text[start + "HG_KERNEL(".len()..].split(',').next().unwrap_or("").trim();
        let is_identifier = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if !is_identifier {
            return fail(format!("`{name}` is not a kernel name: write HG_KERNEL(name, max_threads, (parameters))"));
        }
        if names.contains(&name) {
            return fail(format!("kernel `{name}` is defined twice: give each kernel of a file its own name"));
        }
        names.push(name);
    }
    Ok(names)
}

/// The part of a line before any comment.
fn code_of_line<'a>(text: &'a str, in_block_comment: &mut bool) -> &'a str {
    let mut text = text;
    if *in_block_comment {
        let Some(end) = text.find("*/") else { return "" };
        *in_block_comment = false;
        text = &text[end + 2..];
    }
    let code = text.split("//").next().unwrap_or("");
    let Some(start) = code.find("/*") else { return code };
    *in_block_comment = !code[start..].contains("*/");
    &code[..start]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_names_in_order_and_skips_comments() {
        let source = "// HG_KERNEL(no, 1, ())\n/* HG_KERNEL(nor, 1, ())\n HG_KERNEL(this, 1, ()) */\n\
                      HG_KERNEL(first_f32, 256, (float* x)) {}\nHG_KERNEL(second, 64,\n    (float* x)) {}\n";
        assert_eq!(kernel_names(source), Ok(vec!["first_f32", "second"]));
    }

    #[test]
    fn a_name_made_by_a_macro_is_refused_with_its_line() {
        let error = kernel_names("\n#define K(t) \\\n  HG_KERNEL(norm_##t, 1, ())\n").unwrap_err();
        assert_eq!(error.line, 3);
        assert!(error.problem.contains("spell"));
        assert!(kernel_names("HG_KERNEL(a##b, 1, ())").is_err());
        assert!(kernel_names("HG_KERNEL(a, 1, ())\nHG_KERNEL(a, 1, ())").unwrap_err().problem.contains("twice"));
    }
}
