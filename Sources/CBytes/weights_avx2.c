// Weights on processors with AVX2: four numbers in one operation. Multiplications and additions stay apart, so that the
// results are those of every other processor.
#if defined(__x86_64__)
#include "weights.h"

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#include "weights_learning.h"

void assay_learn_avx2(
    assay_slot *slots, const int32_t *active, uint32_t count, const assay_pace *pace, bool is_fraud) {
    learn(slots, active, count, pace, is_fraud);
}
#pragma clang attribute pop
#endif
