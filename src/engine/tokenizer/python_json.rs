//! JSON as Python's `json.dumps` writes it: chat templates put it into prompts, so every space counts.

use serde_json::{Number, Value};

/// The options of `json.dumps` that templates use.
#[derive(Clone, Debug, Default)]
pub struct Style {
    /// Spaces per level; `None` for one line.
    pub indent: Option<usize>,
    pub ensure_ascii: bool,
    pub sort_keys: bool,
    /// Between elements and after a key; `", "` (`","` with `indent`) and `": "` if not given.
    pub separators: Option<Vec<String>>,
}

/// `json.dumps(value, **style)`.
pub fn dumps(value: &Value, style: &Style) -> String {
    let mut text = String::new();
    write(value, style, 0, &mut text);
    text
}

fn write(value: &Value, style: &Style, level: usize, text: &mut String) {
    match value {
        Value::Null => text.push_str("null"),
        Value::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => text.push_str(&number_text(number)),
        Value::String(string) => text.push_str(&quoted(string, style.ensure_ascii)),
        Value::Array(elements) => {
            list(text, style, level, ['[', ']'], elements.iter(), |element, text| {
                write(element, style, level + 1, text)
            });
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            if style.sort_keys {
                entries.sort_by_key(|(key, _)| key.as_str());
            }
            let colon = style.separators.as_ref().and_then(|given| given.get(1)).map_or(": ", String::as_str);
            list(text, style, level, ['{', '}'], entries.into_iter(), |(key, element), text| {
                text.push_str(&quoted(key, style.ensure_ascii));
                text.push_str(colon);
                write(element, style, level + 1, text);
            });
        }
    }
}

fn list<T>(
    text: &mut String,
    style: &Style,
    level: usize,
    [open, close]: [char; 2],
    elements: impl ExactSizeIterator<Item = T>,
    mut each: impl FnMut(T, &mut String),
) {
    let comma = style.separators.as_ref().and_then(|given| given.first()).map(String::as_str);
    let comma = comma.unwrap_or(if style.indent.is_some() { "," } else { ", " });
    let new_line = |text: &mut String, level: usize| {
        if let Some(indent) = style.indent {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent * level));
        }
    };
    text.push(open);
    let empty = elements.len() == 0;
    for (place, element) in elements.enumerate() {
        if place > 0 {
            text.push_str(comma);
        }
        new_line(text, level + 1);
        each(element, text);
    }
    if !empty {
        new_line(text, level);
    }
    text.push(close);
}

fn quoted(string: &str, ensure_ascii: bool) -> String {
    let quoted = Value::from(string).to_string();
    if !ensure_ascii {
        return quoted;
    }
    let mut text = String::with_capacity(quoted.len());
    for letter in quoted.chars() {
        if matches!(letter, ' '..='~') {
            text.push(letter);
        } else {
            text.extend(letter.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    text
}

fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => float_text(value),
        _ => number.to_string(),
    }
}

/// Python's `repr` of a float: the shortest digits, with an exponent below 1e-4 and from 1e16 on.
fn float_text(value: f64) -> String {
    let scientific = format!("{value:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    match exponent.parse::<i32>() {
        Ok(exponent @ -4..16) if exponent < 0 || value.fract() != 0.0 => format!("{value}"),
        Ok(-4..16) => format!("{value:.1}"),
        Ok(exponent) => format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs()),
        Err(_) => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `repr` of CPython 3.11.
    #[test]
    fn floats_are_written_as_python_writes_them() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (2.5e-7, "2.5e-07"),
            (1e-5, "1e-05"),
            (1e-4, "0.0001"),
            (123456.75, "123456.75"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }

    /// `json.dumps` of CPython 3.11.
    #[test]
    fn text_and_nesting_are_written_as_python_writes_them() {
        let value = serde_json::json!({"a": ["é\u{1F600}\n\u{7f}", {}], "b": [], "c": null});
        let line = dumps(&value, &Style { ensure_ascii: true, ..Style::default() });
        assert_eq!(line, r#"{"a": ["\u00e9\ud83d\ude00\n\u007f", {}], "b": [], "c": null}"#);
        let tree = dumps(&value, &Style { indent: Some(2), ..Style::default() });
        let expected = "{\n  \"a\": [\n    \"é\u{1F600}\\n\u{7f}\",\n    {}\n  ],\n  \"b\": [],\n  \"c\": null\n}";
        assert_eq!(tree, expected);
    }
}
