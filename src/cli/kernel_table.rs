//! The table of `inspect`.

use comfy_table::{CellAlignment, Table, presets};

use super::inspect::InspectedKernel;

const HEADINGS: [&str; 14] = [
    "kernel",
    "arch",
    "wave",
    "VGPR",
    "SGPR",
    "AGPR",
    "LDS bytes",
    "scratch bytes",
    "spills",
    "code bytes",
    "threads",
    "blocks",
    "waves/SIMD",
    "occupancy",
];

/// One line a kernel; numbers to the right.
pub fn kernel_table(kernels: &[InspectedKernel]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header(HEADINGS);
    for inspected in kernels {
        let attributes = &inspected.attributes;
        table.add_row([
            inspected.kernel.to_string(),
            inspected.architecture.clone(),
            inspected.wave_size.to_string(),
            said(attributes.registers),
            said(attributes.scalar_registers),
            said(attributes.accumulation_registers),
            said(attributes.shared_bytes),
            said(attributes.scratch_bytes),
            said(attributes.spilled_registers),
            said(attributes.code_bytes),
            inspected.threads.to_string(),
            said(attributes.blocks_per_multiprocessor),
            said(inspected.waves_per_simd),
            said(attributes.occupancy.map(|share| format!("{:.0} %", 100.0 * share))),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn said(value: Option<impl ToString>) -> String {
    value.map_or("-".to_string(), |value| value.to_string())
}
