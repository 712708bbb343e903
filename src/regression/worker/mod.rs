//! Child processes that hold one device with one set of kernels, and answer requests of their parent.
//!
//! A kernel that crashes, hangs or eats the device's memory ends its own process and nothing else: how it ended
//! is a value.

mod child;
mod client;
mod end;
mod loaded_case;
mod protocol;
mod server;
mod stages;
mod target;

pub use crate::operation::CodeIdentity;
pub(in crate::regression) use child::die_with;
pub use client::{Revival, Worker};
pub use end::{ChildEnd, Refusal, WorkerError};
pub use protocol::{Block, BlockRequest, CaseFacts, Hello, PROTOCOL, Unit, Verification};
pub use server::{ServeError, serve};
pub use target::{Target, WorkerLimits};
