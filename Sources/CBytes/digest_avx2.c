// xxHash once more, built for processors with AVX2: twice as fast over long texts, the same values and the same state.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#define XXH_VECTOR 2
#define XXH_INLINE_ALL
#include <xxhash.h>

void assay_digest_update_avx2(void *state, const void *bytes, size_t count) {
    XXH3_128bits_update((XXH3_state_t *)state, bytes, count);
}
#pragma clang attribute pop
#endif
