//! Two sides compared while they are measured in turns: commits, folders of kernels, programs.

mod contestant;
mod convert;
mod field;
mod place;
mod standing;

pub use contestant::{Contestant, MakeError, Maker};
pub use convert::LiveCase;
pub use field::{End, Field, LiveError, LivePlan, LiveRecord, LiveSink, MeasuredCase};
pub use place::{Place, PlaceError};
pub use standing::Standing;
