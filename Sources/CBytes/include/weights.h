// A logistic regression over slots: what an example's slots weigh together, and how they learn from it (FTRL-proximal).
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    // The sum of the adjusted gradients, and of their squares.
    double gradients, squares;
    // What follows from these two: the root of the squares, and the weight.
    double root, weight;
} assay_slot;

// How fast the weights move.
typedef struct {
    double rate, beta, l2;
} assay_pace;

// An example has at most so many slots.
enum { ASSAY_MOST_ACTIVE = 64 };

// The weight of a slot that no example has moved is 0 whatever the pace.
assay_slot assay_make_slot(double gradients, double squares, const assay_pace *pace);

// What some slots weigh, added up in their order.
static inline double assay_weigh(const assay_slot *slots, const int32_t *active, uint32_t count) {
    double sum = 0;
    for (uint32_t place = 0; place < count; place++) sum += slots[active[place]].weight;
    return sum;
}

// The probability that a sum of weights stands for.
double assay_probability(double sum);

// Moves the weights of some slots, none of which occurs twice, towards what the example turned out to be.
void assay_learn(assay_slot *slots, const int32_t *active, uint32_t count, const assay_pace *pace, bool is_fraud);

// The same without what only some processors have.
void assay_learn_plainly(
    assay_slot *slots, const int32_t *active, uint32_t count, const assay_pace *pace, bool is_fraud);
