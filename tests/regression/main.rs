//! Comparisons of commits, bisection and the worker processes behind them.

#[path = "../support/git_history/mod.rs"]
mod git_history;
#[path = "../support/interrupt.rs"]
mod interrupt;

mod bisect_code;
mod bisect_history;
mod bisect_interrupted;
mod commit_snapshots;
mod compare_live;
mod gate_live;
mod live_workers;
mod worker_processes;
