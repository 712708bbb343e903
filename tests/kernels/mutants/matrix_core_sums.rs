//! Kernels that leave whole sums to matrix cores, which cut them off. The counts of waves of 32 are those that an H100 gave for the
//! same kernels (docs/methodology.md): they hold the emulator's sums to the hardware's.

use super::Mutant;

/// What `matrix_product_fragments` becomes without ordinary additions between slices.
const WHOLE_SUMS: &[(&str, &str)] = &[
    ("Accumulator of_slice = zero_accumulator();", "Accumulator of_slice = sums[i][j];"),
    ("sums[i][j].value[n] += of_slice.value[n];", "sums[i][j].value[n] = of_slice.value[n];"),
];

const fn whole_sums(case: &'static str, wave: &'static str, expects: &'static str) -> Mutant {
    Mutant {
        mistake: "whole sums of a product are left to matrix cores",
        file: "matrix/matrix_product_fragments.hip",
        replacements: WHOLE_SUMS,
        case,
        wave,
        expects,
    }
}

pub const MUTANTS: &[Mutant] = &[
    whole_sums("matrix_product/f16/65x520/outputs=130/ascending", "32", "wrong y: 16 of 8450 elements"),
    whole_sums("matrix_product/f16/65x4096/outputs=130/ascending", "32", "wrong y: 272 of 8450 elements"),
    whole_sums("matrix_product/bf16/65x4096/outputs=130/ascending", "32", "wrong y: 10 of 8450 elements"),
    whole_sums("matrix_product/f16/65x520/outputs=130/ascending", "64", "wrong y: "),
    Mutant {
        mistake: "sums of several slices of few rows are left to matrix cores",
        file: "matrix/matrix_product_few_rows.hip",
        replacements: &[("if (!SUMS_ARE_CUT_OFF) return", "if (SUMS_ARE_CUT_OFF) return")],
        case: "matrix_product/f16/17x520/outputs=130/ascending",
        wave: "32",
        expects: "wrong y: 4 of 2210 elements",
    },
];
