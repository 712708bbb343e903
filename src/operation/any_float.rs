//! Floats in JSON with NaN and infinities kept: JSON has no numbers for them, so they become strings.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AnyFloat {
    Number(f64),
    Name(String),
}

impl AnyFloat {
    fn new(value: f64) -> Self {
        if value.is_finite() { Self::Number(value) } else { Self::Name(value.to_string()) }
    }

    fn value<E: serde::de::Error>(self) -> Result<f64, E> {
        match self {
            Self::Number(value) => Ok(value),
            Self::Name(name) => name.parse().map_err(|_| E::custom(format!("`{name}` is not a number, NaN or inf"))),
        }
    }
}

pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    AnyFloat::new(*value).serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    AnyFloat::deserialize(deserializer)?.value()
}

/// The same for a float that may be missing.
pub mod option {
    use super::{AnyFloat, Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(AnyFloat::new).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
        Option::<AnyFloat>::deserialize(deserializer)?.map(AnyFloat::value).transpose()
    }
}
