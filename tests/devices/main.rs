//! Devices: the contract that all keep, the emulator, vendor libraries, timing and telemetry.

mod checked_timing;
mod device_conformance;
mod elementary_functions;
mod hiprtc;
mod host_emulator;
mod kernel_timer;
mod matrix_libraries;
mod telemetry;
mod vendor_libraries;
