//! How cuBLASLt and hipBLASLt write the same thing. Values from `cublasLt.h` and `library_types.h` of CUDA 11.4 to 13, and
//! from `hipblaslt.h`, `hipblas-common.h` and `library_types.h` of ROCm 6 and 7.

use super::shape::MatrixElement;

/// One library's names and enumeration values.
#[derive(Debug)]
pub struct Dialect {
    pub name: &'static str,
    pub calls: Calls,
    /// `CUBLAS_OP_N`, `CUBLAS_OP_T`
    pub operations: [i32; 2],
    /// `CUBLAS_COMPUTE_32F`: full f32, no TF32, and f32 sums of 16-bit products.
    pub compute_f32: i32,
    /// `CUBLASLT_MATMUL_DESC_TRANSA`, `..._TRANSB`
    pub transpose_attributes: [i32; 2],
    /// `CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES`
    pub workspace_preference: i32,
    /// `CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES` to `..._D_BYTES`. Without them cuBLASLt takes 256 bytes for granted;
    /// hipBLASLt has no such preference, its kernels take any address.
    pub alignment_preferences: &'static [i32],
    /// `CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK`, and the scheme that keeps partial sums of split products in f32. cuBLASLt
    /// may else keep them in the output's 16 bits; hipBLASLt never does.
    pub reduction_preference: Option<(i32, u32)>,
    /// Bytes of `cublasLtMatmulHeuristicResult_t`: the algorithm, then bytes of workspace, then a status.
    pub result_bytes: usize,
    /// Bytes of `cublasLtMatmulAlgo_t`.
    pub algorithm_bytes: usize,
    /// Whether the version is a number that a handle tells (`hipblasLtGetVersion`: 100,000 for each major version, 100 for
    /// each minor one), not three properties (`cublasLtGetProperty`).
    pub version_of_handle: bool,
    /// Major and minor version of the oldest library with these values: hipBLASLt 0.6, of ROCm 6.0, renumbered its types.
    pub oldest: [i32; 2],
    /// Names of statuses, for libraries that do not tell them.
    pub statuses: &'static [&'static str],
}

/// The functions' names, for the loader and for messages.
#[derive(Debug)]
pub struct Calls {
    pub create: &'static str,
    pub destroy: &'static str,
    pub operation_create: &'static str,
    pub operation_set: &'static str,
    pub operation_destroy: &'static str,
    pub layout_create: &'static str,
    pub layout_destroy: &'static str,
    pub preference_create: &'static str,
    pub preference_set: &'static str,
    pub preference_destroy: &'static str,
    pub heuristic: &'static str,
    pub multiply: &'static str,
    pub version: &'static str,
}

macro_rules! calls {
    ($prefix:literal, $version:literal) => {
        Calls {
            create: concat!($prefix, "Create"),
            destroy: concat!($prefix, "Destroy"),
            operation_create: concat!($prefix, "MatmulDescCreate"),
            operation_set: concat!($prefix, "MatmulDescSetAttribute"),
            operation_destroy: concat!($prefix, "MatmulDescDestroy"),
            layout_create: concat!($prefix, "MatrixLayoutCreate"),
            layout_destroy: concat!($prefix, "MatrixLayoutDestroy"),
            preference_create: concat!($prefix, "MatmulPreferenceCreate"),
            preference_set: concat!($prefix, "MatmulPreferenceSetAttribute"),
            preference_destroy: concat!($prefix, "MatmulPreferenceDestroy"),
            heuristic: concat!($prefix, "MatmulAlgoGetHeuristic"),
            multiply: concat!($prefix, "Matmul"),
            version: concat!($prefix, $version),
        }
    };
}

impl Dialect {
    pub const CUBLASLT: Self = Self {
        name: "cuBLASLt",
        calls: calls!("cublasLt", "GetProperty"),
        operations: [0, 1],
        compute_f32: 68,
        transpose_attributes: [3, 4],
        workspace_preference: 1,
        alignment_preferences: &[5, 6, 7, 8],
        reduction_preference: Some((3, 2)),
        result_bytes: 96,
        algorithm_bytes: 64,
        version_of_handle: false,
        oldest: [11, 4],
        statuses: &[],
    };

    pub const HIPBLASLT: Self = Self {
        name: "hipBLASLt",
        calls: calls!("hipblasLt", "GetVersion"),
        operations: [111, 112],
        compute_f32: 2,
        transpose_attributes: [0, 1],
        workspace_preference: 1,
        alignment_preferences: &[],
        reduction_preference: None,
        result_bytes: 56,
        algorithm_bytes: 24,
        version_of_handle: true,
        oldest: [0, 6],
        statuses: &[
            "HIPBLAS_STATUS_SUCCESS",
            "HIPBLAS_STATUS_NOT_INITIALIZED",
            "HIPBLAS_STATUS_ALLOC_FAILED",
            "HIPBLAS_STATUS_INVALID_VALUE",
            "HIPBLAS_STATUS_MAPPING_ERROR",
            "HIPBLAS_STATUS_EXECUTION_FAILED",
            "HIPBLAS_STATUS_INTERNAL_ERROR",
            "HIPBLAS_STATUS_NOT_SUPPORTED",
            "HIPBLAS_STATUS_ARCH_MISMATCH",
            "HIPBLAS_STATUS_HANDLE_IS_NULLPTR",
            "HIPBLAS_STATUS_INVALID_ENUM",
            "HIPBLAS_STATUS_UNKNOWN",
        ],
    };

    /// `CUDA_R_32F` and its like, which HIP numbers alike.
    pub const fn data_type(element: MatrixElement) -> i32 {
        match element {
            MatrixElement::F32 => 0,
            MatrixElement::F16 => 2,
            MatrixElement::Bf16 => 14,
        }
    }
}
