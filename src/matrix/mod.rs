//! Products of weights with one vector (decoding) or many (prompts), whatever the weights are stored in.

mod add_bias;
mod dequantise;
mod few_rows;
mod fragment;
mod input_classes;
mod normalised_vector;
mod product;
mod random_blocks;
mod rounding;
mod tiles;
mod vector;
mod vendor_product;
mod wave_share;

pub use add_bias::AddBias;
pub use dequantise::Dequantise;
pub use few_rows::MOST_FEW_ROWS;
pub use fragment::MatrixFragment;
pub use input_classes::CLASSES as PRODUCT_CLASSES;
pub use normalised_vector::{Bounded, EPSILON, NormalisedVector};
pub use product::{MatrixProduct, OUTPUTS, bounded_product, outputs};
pub use tiles::{MOST_TILED_ROWS, Tiled, beats_library, is_aligned};
pub use vector::MatrixVector;
pub use vendor_product::VendorMatrixProduct;
pub use wave_share::{MOST_ROWS, WaveShare};
