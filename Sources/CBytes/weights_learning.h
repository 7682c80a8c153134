// How weights learn, four slots at a time, whatever the processor holds four numbers in.
//
// Each operation is rounded by itself, in the order in which one slot alone would have it: every processor comes to the
// same bits.
#pragma once

#include "weights.h"

#include <math.h>
#include <string.h>

#pragma STDC FP_CONTRACT OFF

typedef double four_numbers __attribute__((vector_size(32)));
typedef int64_t four_masks __attribute__((vector_size(32)));

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// Turns four slots into the four members of all of them, and back.
ALWAYS_INLINE void turn(four_numbers *rows) {
    const four_numbers even = __builtin_shufflevector(rows[0], rows[1], 0, 4, 2, 6);
    const four_numbers odd = __builtin_shufflevector(rows[0], rows[1], 1, 5, 3, 7);
    const four_numbers other_even = __builtin_shufflevector(rows[2], rows[3], 0, 4, 2, 6);
    const four_numbers other_odd = __builtin_shufflevector(rows[2], rows[3], 1, 5, 3, 7);
    rows[0] = __builtin_shufflevector(even, other_even, 0, 1, 4, 5);
    rows[1] = __builtin_shufflevector(odd, other_odd, 0, 1, 4, 5);
    rows[2] = __builtin_shufflevector(even, other_even, 2, 3, 6, 7);
    rows[3] = __builtin_shufflevector(odd, other_odd, 2, 3, 6, 7);
}

ALWAYS_INLINE void learn_four(assay_slot *const *four, const assay_pace *pace, double gradient, double square) {
    four_numbers rows[4];
    for (int slot = 0; slot < 4; slot++) memcpy(&rows[slot], four[slot], sizeof rows[slot]);
    turn(rows);
    const four_numbers squares = rows[1] + square;
    const four_numbers roots = __builtin_elementwise_sqrt(squares);
    const four_numbers gradients = rows[0] + (gradient - (roots - rows[2]) / pace->rate * rows[3]);
    const four_numbers weights = -gradients / ((pace->beta + roots) / pace->rate + pace->l2);
    rows[0] = gradients;
    rows[1] = squares;
    rows[2] = roots;
    rows[3] = (four_numbers)((four_masks)weights & (four_masks)(gradients != 0.0));
    turn(rows);
    for (int slot = 0; slot < 4; slot++) memcpy(four[slot], &rows[slot], sizeof rows[slot]);
}

ALWAYS_INLINE void learn(
    assay_slot *slots, const int32_t *active, uint32_t count, const assay_pace *pace, bool is_fraud) {
    const double gradient = assay_probability(assay_weigh(slots, active, count)) - (is_fraud ? 1 : 0);
    const double square = gradient * gradient;
    for (uint32_t place = 0; place < count; place += 4) {
        // Stand in for what is missing of the last four.
        assay_slot nothing[4] = {0};
        assay_slot *four[4];
        for (uint32_t slot = 0; slot < 4; slot++) {
            four[slot] = place + slot < count ? slots + active[place + slot] : nothing + slot;
        }
        learn_four(four, pace, gradient, square);
    }
}
