// Y = swiglu(X G^T, X U^T) by warpgroup_product.h: gate and up of a SwiGLU MLP for several tokens. Names end with the rows of Y that a
// block makes, and with its rows of weights, half of them G's and half U's.
#include "warpgroup_product.h"

HG_KERNEL(gate_up_swiglu_f16_64x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, 128, true, f16); }
HG_KERNEL(gate_up_swiglu_f16_64x224, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, 224, true, f16); }
HG_KERNEL(gate_up_swiglu_f16_64x256, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(1, 256, true, f16); }
HG_KERNEL(gate_up_swiglu_f16_128x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, 128, true, f16); }
HG_KERNEL(gate_up_swiglu_f16_128x224, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, 224, true, f16); }
HG_KERNEL(gate_up_swiglu_f16_128x256, PRODUCT_THREADS, PRODUCT_PARAMETERS(f16)) { PRODUCT_BODY(2, 256, true, f16); }
HG_KERNEL(gate_up_swiglu_bf16_64x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, 128, true, bf16); }
HG_KERNEL(gate_up_swiglu_bf16_64x224, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, 224, true, bf16); }
HG_KERNEL(gate_up_swiglu_bf16_64x256, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(1, 256, true, bf16); }
HG_KERNEL(gate_up_swiglu_bf16_128x128, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, 128, true, bf16); }
HG_KERNEL(gate_up_swiglu_bf16_128x224, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, 224, true, bf16); }
HG_KERNEL(gate_up_swiglu_bf16_128x256, PRODUCT_THREADS, PRODUCT_PARAMETERS(bf16)) { PRODUCT_BODY(2, 256, true, bf16); }
