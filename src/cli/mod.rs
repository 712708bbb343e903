//! The command line: one file per command, argument groups in `arguments`, exit codes in `exit_code`.
//!
//! A new command is a file with `Arguments` (clap) and `run`, and one line in `Command`.

mod annotate;
mod arguments;
mod bisect;
mod bisect_place;
mod bisect_printer;
mod budget_report;
mod calibrate;
mod calibration_printer;
mod compare;
mod compare_first_token;
mod comparison_printer;
mod devices;
mod engine_arguments;
mod engine_failure;
mod exec;
mod exit_code;
mod failure;
mod gate;
mod gate_junit;
mod gate_live;
mod gate_run;
mod generate;
mod inspect;
mod interrupt;
mod kernel_table;
mod list;
mod live;
mod live_printer;
mod logits;
mod measured_run;
mod merge;
mod operation_kernels;
mod output;
mod progress_line;
mod report;
mod run;
mod start;
mod stop_text;
mod sweep;
mod sweep_printer;
mod tensor_file;
mod tokenize;
mod trend;
mod ttft;
mod verdict_json;
mod verdict_junit;
mod verdict_printer;
mod verify;
mod verify_estimate;
mod worker;

pub use start::start;
