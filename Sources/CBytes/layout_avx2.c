// Matching lines on processors with AVX2: 32 bytes in one comparison, a number in some thirty instructions.
#if defined(__x86_64__)
#include "layout_matching.h"

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2"))), apply_to = function)

static inline bool has_bytes(const assay_step *step, const uint8_t *bytes) {
    const __m256i there = _mm256_loadu_si256((const __m256i *)bytes);
    const __m256i mask = _mm256_loadu_si256((const __m256i *)step->mask);
    const __m256i wanted = _mm256_loadu_si256((const __m256i *)step->bytes);
    const __m256i difference = _mm256_xor_si256(_mm256_and_si256(there, mask), wanted);
    return _mm256_testz_si256(difference, difference);
}

// From entry n on: the places of n bytes, moved to the end of 16, after places that give zero.
static const uint8_t moved_to_end[32] = {
    0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
    0,    1,    2,    3,    4,    5,    6,    7,    8,    9,    10,   11,   12,   13,   14,   15,
};
// From entry 16 - n on: n bytes that stay.
static const uint8_t staying[32] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
};

// The number of 16 digits, of which the last one counts one.
static inline uint64_t number_of(__m128i digits) {
    const __m128i pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(10 | 1 << 8));
    const __m128i fours = _mm_madd_epi16(pairs, _mm_set1_epi32(100 | 1 << 16));
    const __m128i packed = _mm_packus_epi32(fours, fours);
    const __m128i eights = _mm_madd_epi16(packed, _mm_set1_epi32(10000 | 1 << 16));
    const uint64_t both = (uint64_t)_mm_cvtsi128_si64(eights);
    return (both & 0xffffffff) * 100000000 + (both >> 32);
}

static inline const uint8_t *read_number(const uint8_t *bytes, uint64_t *mantissa, uint32_t *fraction) {
    const __m128i text = _mm_loadu_si128((const __m128i *)bytes);
    const __m128i digits = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    const __m128i are_digits = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
    // The bits above the 16 are set: the digits end there at the latest.
    const uint32_t others = ~(uint32_t)_mm_movemask_epi8(are_digits);
    const uint32_t whole = _tzcnt_u32(others);
    if (whole == 0 || (whole > 1 && *bytes == '0')) return NULL;
    uint32_t after = 0;
    __m128i closed = digits;
    if (bytes[whole] == '.') {
        after = _tzcnt_u32(others >> (whole + 1));
        if (after == 0) return NULL;
        // The digits after the point move to its place.
        const __m128i stay = _mm_loadu_si128((const __m128i *)(staying + 16 - whole));
        closed = _mm_blendv_epi8(_mm_srli_si128(digits, 1), digits, stay);
    }
    const uint32_t count = whole + after;
    if (count > ASSAY_MOST_DIGITS) return NULL;
    *mantissa = number_of(_mm_shuffle_epi8(closed, _mm_loadu_si128((const __m128i *)(moved_to_end + count))));
    *fraction = after;
    return bytes + count + (after > 0);
}

size_t assay_match_layout_avx2(
    const assay_step *steps, const uint8_t *text, size_t start, const uint64_t *stops, assay_values *values) {
    return match_layout(steps, text, start, stops, values, has_bytes, read_number);
}
#pragma clang attribute pop
#endif
