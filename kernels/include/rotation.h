// A pair of elements turned by an angle.
#pragma once

#include "trigonometry.h"

HG_DEVICE void turn(float& a, float& b, float angle) {
    const SineCosine by = sine_cosine(angle);
    const float turned = fused_multiply_add(a, by.cosine, -(b * by.sine));
    b = fused_multiply_add(b, by.cosine, a * by.sine);
    a = turned;
}
