// warpgroup_product.h by single blocks. Names end with the rows and columns of Y that a block makes.
#include "warpgroup_product.h"

HG_KERNEL(matrix_product_tiles_f16_64x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, 128, false, f16); }
HG_KERNEL(matrix_product_tiles_f16_64x224, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, 224, false, f16); }
HG_KERNEL(matrix_product_tiles_f16_64x256, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, 256, false, f16); }
HG_KERNEL(matrix_product_tiles_f16_128x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, 128, false, f16); }
HG_KERNEL(matrix_product_tiles_f16_128x224, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, 224, false, f16); }
HG_KERNEL(matrix_product_tiles_f16_128x256, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, 256, false, f16); }
HG_KERNEL(matrix_product_tiles_bf16_64x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, 128, false, bf16); }
HG_KERNEL(matrix_product_tiles_bf16_64x224, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, 224, false, bf16); }
HG_KERNEL(matrix_product_tiles_bf16_64x256, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, 256, false, bf16); }
HG_KERNEL(matrix_product_tiles_bf16_128x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, 128, false, bf16); }
HG_KERNEL(matrix_product_tiles_bf16_128x224, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, 224, false, bf16); }
HG_KERNEL(matrix_product_tiles_bf16_128x256, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, 256, false, bf16); }
