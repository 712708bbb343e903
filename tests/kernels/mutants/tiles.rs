//! Products by tiles that stream through shared memory.

use super::Mutant;

pub const MUTANTS: &[Mutant] = &[
    Mutant {
        mistake: "gate and up of a tile change places",
        file: "include/tile_sums.h",
        replacements: &[(
            "swiglu_of_sums(group == 0 ? own : other, group == 0 ? other : own)",
            "swiglu_of_sums(group == 0 ? other : own, group == 0 ? own : other)",
        )],
        case: "gate_up_swiglu/bf16/9x512/normal",
        wave: "32",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "both groups take the first half of their own sums",
        file: "include/tile_sums.h",
        replacements: &[(
            "const float own = group == 0 ? sum[n % half] : sum[half + n % half]",
            "const float own = sum[n % half]",
        )],
        case: "gate_up_swiglu/f16/17x72/outputs=65/normal",
        wave: "64",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "a gate of -infinity is taken for -80",
        file: "include/swiglu_value.h",
        replacements: &[(
            "gate == -bits_float(0x7F800000u) ? bits_float(0x7FC00000u) : gate * sigmoid * up",
            "gate * sigmoid * up",
        )],
        case: "gate_up_swiglu/bf16/3x16/outputs=66/infinities",
        wave: "32",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "all tiles of rows are the first",
        file: "include/tile_ring.h",
        replacements: &[("(first + of_group % together) * tile_rows", "first * tile_rows")],
        case: "matrix_product/f16/130x72/outputs=300,tiles/normal",
        wave: "32",
        expects: "wrong y: ",
    },
    Mutant {
        mistake: "a slice of a tile is overwritten while it is multiplied",
        file: "include/warpgroup_product.h",
        replacements: &[(
            "            __syncthreads();\n            copy_slice(x_rows",
            "            copy_slice(x_rows",
        )],
        case: "matrix_product/bf16/17x520/outputs=130,tiles/normal",
        wave: "64",
        expects: "race",
    },
    Mutant {
        mistake: "the columns behind a tile's last slice are taken for more of the row",
        file: "include/warpgroup_product.h",
        replacements: &[("first + row < rows && column + k < columns;", "first + row < rows;")],
        case: "matrix_product/bf16/17x520/outputs=130,tiles/normal",
        wave: "32",
        expects: "past its end",
    },
    Mutant {
        mistake: "sums of several slices of a tile are left to matrix cores",
        file: "include/tile_sums.h",
        replacements: &[
            ("more[j] = zero_accumulator();", "more[j] = sums[i][j];"),
            ("sums[i][j].value[n] += more[j].value[n];", "sums[i][j].value[n] = more[j].value[n];"),
        ],
        case: "matrix_product/f16/65x520/outputs=130,tiles/ascending",
        wave: "32",
        expects: "wrong y: 16 of 8450 elements",
    },
];
