// Softmax over a stream of scores (Milakov and Gimelshein, "Online normalizer calculation for softmax", 2018): sums are kept
// relative to the largest score so far and rescaled when that grows, so that no exponential overflows.
//
// -inf is the score of a key that does not count. While nothing else was seen the exponentials are taken relative to 0:
// all of them are 0, and so is the sum, which makes the result NaN (0 / 0) as the formula does. A NaN or +inf among the
// scores makes the sum NaN.
#pragma once

#include "elementary.h"
#include "reduce.h"

HG_DEVICE float negative_infinity() { return bits_float(0xFF800000u); }

// What exponentials are taken relative to.
HG_DEVICE float exponent_base(float largest) { return largest == negative_infinity() ? 0.0f : largest; }
