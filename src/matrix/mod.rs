//! Products of weights with one vector (decoding) or many (prompts), and the formats that weights are stored in.

mod add_bias;
mod dequantise;
mod input_classes;
mod product;
mod quantised;
mod rounding;
mod vector;
mod vendor_product;

pub use add_bias::AddBias;
pub use dequantise::Dequantise;
pub use product::MatrixProduct;
pub use quantised::QuantFormat;
pub use vector::MatrixVector;
pub use vendor_product::VendorMatrixProduct;
