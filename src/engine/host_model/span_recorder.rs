//! Times of operations, where they are asked for.

use std::time::Instant;

use crate::engine::OperationSpan;

/// Keeps the spans of a pass while it is on.
#[derive(Default)]
pub struct SpanRecorder {
    on: Option<(Instant, Vec<OperationSpan>)>,
}

impl SpanRecorder {
    /// A pass begins, and its operations are kept from now on.
    pub fn start(&mut self) {
        self.on = Some((Instant::now(), Vec::new()));
    }

    /// The spans since `start`; nothing is kept after it.
    pub fn finish(&mut self) -> Vec<OperationSpan> {
        self.on.take().map(|(_, spans)| spans).unwrap_or_default()
    }

    /// Does `work`, one operation, in `layer`.
    pub fn time<T>(&mut self, layer: Option<usize>, operation: &'static str, work: impl FnOnce() -> T) -> T {
        let Some((origin, spans)) = &mut self.on else { return work() };
        let begun = Instant::now();
        let result = work();
        let duration = begun.elapsed();
        spans.push(OperationSpan { layer, operation, start: begun.duration_since(*origin), duration });
        result
    }
}
