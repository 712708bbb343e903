//! Chat templates, rendered as transformers renders them (`render_jinja_template`): Jinja2 with `trim_blocks`,
//! `lstrip_blocks` and loop controls, Python's methods and spellings, and its own `tojson`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value, ValueKind};
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State};
use regex::Regex;

use super::TokenizerError;
use super::python_json;

const NAME: &str = "chat_template";

/// Instructions, and units of 64 bytes, that one rendering may take: templates come with models and may run away.
const MOST_WORK: u64 = 10_000_000;

/// What is rendered.
#[derive(Clone, Copy, Debug)]
pub struct Chat<'a> {
    /// Objects with `role`, `content` and whatever else the template knows.
    pub messages: &'a [serde_json::Value],
    /// JSON schemas of functions, if there are any.
    pub tools: Option<&'a serde_json::Value>,
    /// End with the header of the assistant's answer.
    pub add_generation_prompt: bool,
}

impl<'a> Chat<'a> {
    /// A conversation that waits for an answer.
    pub fn new(messages: &'a [serde_json::Value]) -> Self {
        Self { messages, tools: None, add_generation_prompt: true }
    }
}

/// A compiled template with the special tokens it may write.
pub struct ChatTemplate {
    environment: Environment<'static>,
    special_tokens: BTreeMap<String, String>,
}

fn template_error(error: &Error) -> TokenizerError {
    let mut problem = error.detail().map_or_else(|| error.kind().to_string(), str::to_string);
    if let (Some(line), true) = (error.line(), error.kind() != REFUSED) {
        let _ = write!(problem, " (line {line})");
    }
    TokenizerError::ChatTemplate { problem }
}

/// The kind of error that `raise_exception` makes: the template's own words say it all.
const REFUSED: ErrorKind = ErrorKind::EvalBlock;

impl ChatTemplate {
    /// Compiles a template. `special_tokens` are variables such as `bos_token`.
    ///
    /// # Errors
    /// [`TokenizerError::ChatTemplate`] with the line that is not Jinja.
    pub fn new(source: &str, special_tokens: BTreeMap<String, String>) -> Result<Self, TokenizerError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(|error| template_error(&error))?);
        environment.set_fuel(Some(MOST_WORK));
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_formatter(format_value);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        let source = without_generation_tags(source)?.into_owned();
        environment.add_template_owned(NAME, source).map_err(|error| template_error(&error))?;
        Ok(Self { environment, special_tokens })
    }

    /// The text of a conversation, special tokens and all: encode it with [`super::EncodeOptions::RENDERED`].
    ///
    /// # Errors
    /// [`TokenizerError::ChatTemplate`] if the template refuses the messages or cannot be evaluated.
    pub fn render(&self, chat: &Chat) -> Result<String, TokenizerError> {
        let mut context: BTreeMap<&str, Value> =
            self.special_tokens.iter().map(|(name, text)| (name.as_str(), Value::from(text.as_str()))).collect();
        context.insert("messages", Value::from(Serde(chat.messages)));
        context.insert("tools", Value::from(Serde(chat.tools)));
        context.insert("documents", Value::from(()));
        context.insert("add_generation_prompt", Value::from(chat.add_generation_prompt));
        let template = self.environment.get_template(NAME).map_err(|error| template_error(&error))?;
        template.render(context).map_err(|error| template_error(&error))
    }
}

/// transformers' tag `{% generation %}` marks what an assistant wrote and renders what is in it.
fn without_generation_tags(source: &str) -> Result<Cow<'_, str>, TokenizerError> {
    let tags = Regex::new(r"\{%([-+]?)\s*(end)?generation\s*([-+]?)%\}")
        .map_err(|error| TokenizerError::ChatTemplate { problem: error.to_string() })?;
    Ok(tags.replace_all(source, |tag: &regex::Captures| {
        let word = if tag.get(2).is_some() { "endif" } else { "if true" };
        format!("{{%{} {word} {}%}}", &tag[1], &tag[3])
    }))
}

/// Writes values as Python's `str` does, where that differs.
fn format_value(output: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    let written = match value.kind() {
        ValueKind::Bool => output.write_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::None => output.write_str("None"),
        _ => return minijinja::escape_formatter(output, state, value),
    };
    written.map_err(Error::from)
}

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(REFUSED, message))
}

fn strftime_now(format: String) -> Result<String, Error> {
    let mut text = String::new();
    write!(text, "{}", chrono::Local::now().format(&format)).map_err(|_| {
        Error::new(ErrorKind::InvalidOperation, format!("strftime_now: `{format}` is no format of a date"))
    })?;
    Ok(text)
}

fn to_json(value: Value, options: Kwargs) -> Result<Value, Error> {
    let wrong = |problem: String| Error::new(ErrorKind::InvalidOperation, format!("tojson: {problem}"));
    if value.is_undefined() {
        return Err(wrong("the value is undefined".to_string()));
    }
    let style = python_json::Style {
        indent: options.get::<Option<usize>>("indent")?,
        ensure_ascii: options.get::<Option<bool>>("ensure_ascii")?.unwrap_or(false),
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
        separators: options.get::<Option<Vec<String>>>("separators")?,
    };
    options.assert_all_used()?;
    let value = serde_json::to_value(&value).map_err(|error| wrong(error.to_string()))?;
    Ok(Value::from(python_json::dumps(&value, &style)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(source: &str) -> Result<String, TokenizerError> {
        ChatTemplate::new(source, BTreeMap::new())?.render(&Chat::new(&[]))
    }

    #[test]
    fn the_date_is_today() {
        let text = render("{{ strftime_now('%Y-%m-%d') }}").unwrap();
        let today = chrono::Local::now().format("%Y-%m-%d").to_string();
        assert!(text.len() == 10 && text[..7] == today[..7], "{text}");
        let error = render("{{ strftime_now('%Q') }}").unwrap_err().to_string();
        assert!(error.contains("`%Q` is no format of a date"), "{error}");
    }

    #[test]
    fn a_template_that_is_no_jinja_is_refused_with_its_line() {
        let error = ChatTemplate::new("a\n{% for %}", BTreeMap::new()).err().expect("no Jinja").to_string();
        assert!(error.contains("(line 2)"), "{error}");
        let error = render("\n\n{{ messages[0].content.nothing() }}").unwrap_err().to_string();
        assert!(error.contains("(line 3)"), "{error}");
        let error = render("{{ missing | tojson }}").unwrap_err().to_string();
        assert!(error.contains("undefined"), "{error}");
    }

    #[test]
    fn json_takes_the_options_of_python() {
        let text =
            render("{{ {'b': 'é', 'a': [1, 2]} | tojson(sort_keys=true, ensure_ascii=true, separators=(',', ':')) }}");
        assert_eq!(text.unwrap(), r#"{"a":[1,2],"b":"\u00e9"}"#);
    }
}
