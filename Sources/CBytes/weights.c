#include "weights_learning.h"

assay_slot assay_make_slot(double gradients, double squares, const assay_pace *pace) {
    const double root = sqrt(squares);
    const double weight = gradients == 0 ? 0 : -gradients / ((pace->beta + root) / pace->rate + pace->l2);
    return (assay_slot){gradients, squares, root, weight};
}

double assay_probability(double sum) {
    const double bounded = sum > -30 ? (sum < 30 ? sum : 30) : -30;
    return 1 / (1 + exp(-bounded));
}

void assay_learn_plainly(
    assay_slot *slots, const int32_t *active, uint32_t count, const assay_pace *pace, bool is_fraud) {
    learn(slots, active, count, pace, is_fraud);
}

#if defined(__x86_64__)
void assay_learn_avx2(
    assay_slot *slots, const int32_t *active, uint32_t count, const assay_pace *pace, bool is_fraud);
#endif

void assay_learn(assay_slot *slots, const int32_t *active, uint32_t count, const assay_pace *pace, bool is_fraud) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return assay_learn_avx2(slots, active, count, pace, is_fraud);
#endif
    assay_learn_plainly(slots, active, count, pace, is_fraud);
}
