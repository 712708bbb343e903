//! The files of a tokenizer in a Hugging Face directory, with what transformers makes of them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::TokenizerError;

/// `tokenizer.json` as transformers sets it up, and what its neighbours add.
pub struct HuggingFaceFiles {
    /// Of `tokenizer.json`, for error messages.
    pub path: PathBuf,
    pub tokenizer: Value,
    /// `bos_token`, `eos_token` and others, by name.
    pub special_tokens: BTreeMap<String, String>,
    pub chat_template: Option<String>,
    /// `eos_token_id` of `generation_config.json`.
    pub end_of_generation: Vec<u32>,
}

impl HuggingFaceFiles {
    /// Reads a `tokenizer.json`, or the one in a directory, and the files beside it: `tokenizer_config.json`,
    /// `chat_template.jinja`, `generation_config.json`. Only the first must be there.
    pub fn read(path: &Path) -> Result<Self, TokenizerError> {
        let path = if path.is_dir() { path.join("tokenizer.json") } else { path.to_path_buf() };
        let mut tokenizer = read_json(&path)?.ok_or_else(|| TokenizerError::Unreadable {
            path: path.clone(),
            source: io::Error::new(io::ErrorKind::NotFound, "no such file"),
        })?;
        let beside = |name: &str| path.with_file_name(name);
        let config = read_json(&beside("tokenizer_config.json"))?.unwrap_or(Value::Null);
        let special_tokens = special_tokens(&config);
        let id = |name: &str| {
            let text = special_tokens.get(name)?;
            Some((text.clone(), id_of(&tokenizer, text)?))
        };
        let flag = |name: &str| config.get(name).and_then(Value::as_bool);
        let (add_bos, add_eos) = (flag("add_bos_token"), flag("add_eos_token"));
        // transformers' update_post_processor: settings that are there replace what tokenizer.json says, both at once.
        if add_bos.is_some() || add_eos.is_some() {
            let bos = id("bos_token").filter(|_| add_bos == Some(true));
            let eos = id("eos_token").filter(|_| add_eos == Some(true));
            tokenizer["post_processor"] = template_processing(bos, eos);
        }
        tokenizer["truncation"] = Value::Null;
        tokenizer["padding"] = Value::Null;
        let template_file = match fs::read_to_string(beside("chat_template.jinja")) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(TokenizerError::Unreadable { path: beside("chat_template.jinja"), source }),
        };
        let generation = read_json(&beside("generation_config.json"))?.unwrap_or(Value::Null);
        Ok(Self {
            chat_template: template_file.or_else(|| chat_template(&config)),
            end_of_generation: ids(&generation["eos_token_id"]),
            path,
            tokenizer,
            special_tokens,
        })
    }

    /// The id of a special token by its role, such as `bos_token`.
    pub fn special_id(&self, role: &str) -> Option<u32> {
        id_of(&self.tokenizer, self.special_tokens.get(role)?)
    }
}

/// `None` if there is no such file.
fn read_json(path: &Path) -> Result<Option<Value>, TokenizerError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(TokenizerError::Unreadable { path: path.to_path_buf(), source }),
    };
    let flaw = |problem: String| TokenizerError::HuggingFace { path: path.to_path_buf(), problem };
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| flaw(format!("it is no JSON: {error}")))?;
    if !value.is_object() {
        return Err(flaw("it is no JSON object".to_string()));
    }
    Ok(Some(value))
}

/// Special tokens are strings or objects with `content`.
fn special_tokens(config: &Value) -> BTreeMap<String, String> {
    let entries = config.as_object().into_iter().flatten();
    entries
        .filter(|(name, _)| name.ends_with("_token"))
        .filter_map(|(name, value)| {
            let text = value.as_str().or_else(|| value["content"].as_str())?;
            Some((name.clone(), text.to_string()))
        })
        .collect()
}

fn id_of(tokenizer: &Value, text: &str) -> Option<u32> {
    let added = tokenizer["added_tokens"].as_array().into_iter().flatten();
    let id = added.filter(|token| token["content"] == text).find_map(|token| token["id"].as_u64());
    id.or_else(|| tokenizer["model"]["vocab"].get(text)?.as_u64())?.try_into().ok()
}

/// A template, or a list of named ones of which `default` is meant.
fn chat_template(config: &Value) -> Option<String> {
    let template = &config["chat_template"];
    let named = template.as_array().into_iter().flatten().find(|entry| entry["name"] == "default");
    template.as_str().or_else(|| named?["template"].as_str()).map(str::to_string)
}

fn ids(value: &Value) -> Vec<u32> {
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    values.iter().filter_map(|id| id.as_u64()?.try_into().ok()).collect()
}

fn template_processing(bos: Option<(String, u32)>, eos: Option<(String, u32)>) -> Value {
    let special = |token: &Option<(String, u32)>, kind: u32| {
        token.as_ref().map(|(text, _)| json!({"SpecialToken": {"id": text, "type_id": kind}}))
    };
    let sequence = |name: &str, kind: u32| {
        let text = json!({"Sequence": {"id": name, "type_id": kind}});
        special(&bos, kind).into_iter().chain([text]).chain(special(&eos, kind)).collect::<Vec<_>>()
    };
    let mut tokens = serde_json::Map::new();
    for (text, id) in bos.iter().chain(&eos) {
        tokens.insert(text.clone(), json!({"id": text, "ids": [id], "tokens": [text]}));
    }
    let single = sequence("A", 0);
    let pair = [single.clone(), sequence("B", 1)].concat();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens})
}
