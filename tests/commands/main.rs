//! The commands, as a person or a script runs them.

#[path = "../support/chromium.rs"]
mod chromium;
#[path = "../support/interrupt.rs"]
mod interrupt;
#[path = "../support/speaking_model.rs"]
mod speaking_model;
#[path = "../support/synthetic_run.rs"]
mod synthetic_run;

mod calibrate;
mod command_line;
mod compare;
mod gate;
mod generate;
mod inspect;
mod interrupted_runs;
mod large_suite;
mod merge;
mod report;
mod report_page;
mod run_directory;
mod run_files;
mod sweep;
mod time_budget;
mod tokenize;
mod trend;
mod ttft;
mod ttft_server;
mod verify;
