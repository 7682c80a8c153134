// Steps over bytes that Swift has no instruction for: 16 at a time comparisons, prefetch, and xxHash inlined.
// Every function is `static inline`: a call across the language costs nothing.
#pragma once

#include <stddef.h>
#include <stdint.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// What one step over 16 bytes of a JSON string finds. Bit i of each mask speaks of byte i.
typedef struct {
    uint32_t stops;  // a quote, a backslash or a control character
    uint32_t high;   // a byte of a multi-byte character
} assay_string_step;

// Reads 16 bytes: callers keep that much readable behind their last byte.
static inline assay_string_step assay_string_scan(const uint8_t *bytes) {
    assay_string_step step;
#if defined(__SSE2__)
    const __m128i block = _mm_loadu_si128((const __m128i *)bytes);
    const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    step.stops = (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
    step.high = (uint32_t)_mm_movemask_epi8(block);
#else
    step.stops = 0;
    step.high = 0;
    for (uint32_t index = 0; index < 16; index++) {
        const uint8_t byte = bytes[index];
        step.stops |= (uint32_t)(byte == '"' || byte == '\\' || byte < 0x20) << index;
        step.high |= (uint32_t)(byte >> 7) << index;
    }
#endif
    return step;
}

static inline void assay_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

// GNU functions that the C library's module shows only to those who ask before everybody else.
extern void *memrchr(const void *bytes, int byte, size_t count);
extern void *rawmemchr(const void *bytes, int byte);

// The last newline among the bytes, or none.
static inline const uint8_t *assay_last_newline(const uint8_t *bytes, size_t count) {
    return (const uint8_t *)memrchr(bytes, '\n', count);
}

// The first newline, which must come.
static inline const uint8_t *assay_next_newline(const uint8_t *bytes) {
    return (const uint8_t *)rawmemchr(bytes, '\n');
}

// XXH3 is stable across versions and machines since 0.8.0, so its values may be stored.
// A digest of bytes that come in pieces. The state is freed by its owner.
static inline XXH3_state_t *assay_digest_create(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state) XXH3_128bits_reset(state);
    return state;
}
static inline void assay_digest_free(XXH3_state_t *state) { XXH3_freeState(state); }
static inline void assay_digest_reset(XXH3_state_t *state) { XXH3_128bits_reset(state); }
#if defined(__x86_64__)
void assay_digest_update_avx2(void *state, const void *bytes, size_t count);
#endif
static inline void assay_digest_update(XXH3_state_t *state, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return assay_digest_update_avx2(state, bytes, count);
#endif
    XXH3_128bits_update(state, bytes, count);
}
static inline XXH128_hash_t assay_digest_value(const XXH3_state_t *state) { return XXH3_128bits_digest(state); }

static inline uint64_t assay_hash(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }
