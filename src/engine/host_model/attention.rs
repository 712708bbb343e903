//! Causal attention of grouped heads over the cache.

use rayon::prelude::*;

use super::key_value_cache::LayerCache;
use super::matrix_product::{Matrix, multiply};
use crate::engine::model_file::ModelConfig;

/// Queries of one head that share a product; scores of a block are this many rows.
const QUERY_BLOCK: usize = 64;

/// `[tokens, heads * head_dim]` from queries of the same shape at positions `first..`; keys and values up to and including
/// those positions are in the cache. Query heads share key-value heads in runs of `heads / kv_heads`.
pub fn attend(config: &ModelConfig, cache: &LayerCache<'_>, queries: &[f32], first: usize, output: &mut [f32]) {
    let (width, head_dim) = (config.query_width(), config.head_dim);
    let tokens = queries.len() / width;
    let mut by_head = vec![0.0; queries.len()];
    by_head.par_chunks_mut(tokens * head_dim).enumerate().for_each(|(head, output)| {
        let kv_head = head / (config.heads / config.kv_heads);
        let mut scores = Vec::new();
        for (block, output) in output.chunks_mut(QUERY_BLOCK * head_dim).enumerate() {
            let block_first = block * QUERY_BLOCK;
            let rows = output.len() / head_dim;
            let seen = first + block_first + rows;
            let queries = Matrix::new(&queries[block_first * width + head * head_dim..], rows, head_dim, width);
            let of_head = |all| Matrix::new(&(all as &[f32])[kv_head * head_dim..], seen, head_dim, config.kv_width());
            scores.resize(rows * seen, 0.0);
            multiply(&mut scores, queries, of_head(&*cache.keys).transposed(), 1.0 / (head_dim as f32).sqrt());
            for (row, scores) in scores.chunks_exact_mut(seen).enumerate() {
                let (past, future) = scores.split_at_mut(seen - rows + row + 1);
                softmax(past);
                future.fill(0.0);
            }
            multiply(output, Matrix::new(&scores, rows, seen, seen), of_head(&*cache.values), 1.0);
        }
    });
    output.par_chunks_mut(width).enumerate().for_each(|(token, output)| {
        for (head, output) in output.chunks_exact_mut(head_dim).enumerate() {
            output.copy_from_slice(&by_head[(head * tokens + token) * head_dim..][..head_dim]);
        }
    });
}

fn softmax(scores: &mut [f32]) {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0f64;
    for score in scores.iter_mut() {
        *score = (*score - largest).exp();
        sum += f64::from(*score);
    }
    let scale = (1.0 / sum) as f32;
    scores.iter_mut().for_each(|score| *score *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_sums_to_one_at_any_size() {
        let mut scores = [1000.0, 1000.0, -1000.0];
        softmax(&mut scores);
        assert_eq!(scores, [0.5, 0.5, 0.0]);
    }
}
