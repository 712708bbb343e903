// A pair of elements turned by an angle, of which sine and cosine are given.
#pragma once

#include "trigonometry.h"

HG_DEVICE void turn(float& a, float& b, const SineCosine& by) {
    const float turned = fused_multiply_add(a, by.cosine, -(b * by.sine));
    b = fused_multiply_add(b, by.cosine, a * by.sine);
    a = turned;
}
