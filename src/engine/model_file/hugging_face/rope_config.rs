//! RoPE in config.json: `rope_parameters` of transformers 5, `rope_theta` and `rope_scaling` of those before.

use super::super::ModelFileError;
use super::super::rope::{Rope, RopePairing, RopeScaling};
use super::json_object::JsonObject;

/// What transformers takes where a configuration says nothing.
const DEFAULT_BASE: f64 = 10_000.0;

pub fn rope(config: &JsonObject) -> Result<Rope, ModelFileError> {
    let parameters = match config.object("rope_parameters")? {
        None => config.object("rope_scaling")?,
        parameters => parameters,
    };
    let inner_base = parameters.as_ref().map(|inner| inner.float("rope_theta")).transpose()?.flatten();
    let base = match inner_base {
        None => config.float("rope_theta")?.unwrap_or(DEFAULT_BASE),
        Some(base) => base,
    };
    let scaling = parameters.map_or(Ok(RopeScaling::None), |parameters| scaling(&parameters))?;
    Ok(Rope { base, scaling, pairing: RopePairing::HalfSplit })
}

fn scaling(parameters: &JsonObject) -> Result<RopeScaling, ModelFileError> {
    // Older files say `type`.
    let kind = match parameters.string("rope_type")? {
        None => parameters.string("type")?,
        kind => kind,
    };
    let required = |key: &str| parameters.required(key, parameters.float(key)?);
    if let Some(part) = parameters.float("partial_rotary_factor")?.filter(|part| *part != 1.0) {
        return Err(parameters.unsupported("partial_rotary_factor", part.to_string(), "1"));
    }
    match kind {
        None | Some("default") => Ok(RopeScaling::None),
        Some("linear") => Ok(RopeScaling::Linear { factor: required("factor")? }),
        Some("llama3") => Ok(RopeScaling::Llama3 {
            factor: required("factor")?,
            low_frequency_factor: required("low_freq_factor")?,
            high_frequency_factor: required("high_freq_factor")?,
            original_context: required("original_max_position_embeddings")?,
        }),
        Some(other) => Err(parameters.unsupported("rope_type", format!("`{other}`"), "default, linear, llama3")),
    }
}
