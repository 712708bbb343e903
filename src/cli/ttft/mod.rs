//! `hipgauge ttft`: how long until the first token, and where the time goes.

mod arguments;
mod command;
mod floors;
mod printer;
mod server;
mod worker;

pub use arguments::Arguments;
pub use command::run;
pub use worker::{Arguments as WorkerArguments, run as run_worker};
