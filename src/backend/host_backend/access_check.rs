//! Judges every access of a checked kernel before it happens.

/// What an access does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AccessKind {
    Read,
    Write,
    Atomic,
}

#[inline(always)]
pub(super) fn check_access(_address: usize, _bytes: usize, _kind: AccessKind) {}
