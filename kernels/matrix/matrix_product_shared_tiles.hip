// warpgroup_product.h by clusters of two blocks. Names end with the rows and columns of Y that a cluster makes.
#define HG_CLUSTER_BLOCKS 2

#include "warpgroup_product.h"

HG_KERNEL(matrix_product_shared_tiles_f16_64x64, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, 64, false, f16); }
HG_KERNEL(matrix_product_shared_tiles_f16_64x96, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, 96, false, f16); }
HG_KERNEL(matrix_product_shared_tiles_f16_64x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, 128, false, f16); }
HG_KERNEL(matrix_product_shared_tiles_f16_128x64, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, 64, false, f16); }
HG_KERNEL(matrix_product_shared_tiles_f16_128x96, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, 96, false, f16); }
HG_KERNEL(matrix_product_shared_tiles_f16_128x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, 128, false, f16); }
HG_KERNEL(matrix_product_shared_tiles_bf16_64x64, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, 64, false, bf16); }
HG_KERNEL(matrix_product_shared_tiles_bf16_64x96, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, 96, false, bf16); }
HG_KERNEL(matrix_product_shared_tiles_bf16_64x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, 128, false, bf16); }
HG_KERNEL(matrix_product_shared_tiles_bf16_128x64, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, 64, false, bf16); }
HG_KERNEL(matrix_product_shared_tiles_bf16_128x96, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, 96, false, bf16); }
HG_KERNEL(matrix_product_shared_tiles_bf16_128x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, 128, false, bf16); }
