//! Every operation hipgauge knows, in the order that reports show them. A new operation is one line here.

use crate::operation::Operation;

/// All operations.
pub const OPERATIONS: &[&dyn Operation] = &[];

/// The operation of that name.
pub fn find(name: &str) -> Option<&'static dyn Operation> {
    OPERATIONS.iter().copied().find(|operation| operation.name() == name)
}
