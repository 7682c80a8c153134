#include "layout.h"
#include "layout_matching.h"

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static size_t block_count(size_t count) { return (count + ASSAY_MARK_BLOCK - 1) / ASSAY_MARK_BLOCK; }

void assay_mark_plainly(const uint8_t *text, size_t count, uint64_t *stops) {
    for (size_t block = 0; block < block_count(count); block++) {
        uint64_t found = 0;
        for (size_t index = 0; index < ASSAY_MARK_BLOCK; index++) {
            const uint8_t byte = text[block * ASSAY_MARK_BLOCK + index];
            found |= (uint64_t)(byte == '"' || byte == '\\' || byte < 0x20 || byte >= 0x80) << index;
        }
        stops[block] = found;
    }
}

#if defined(__x86_64__)
// Bytes beyond ASCII are negative, and so below a space like control characters.
__attribute__((target("avx2"))) static uint32_t stops_of_half(const uint8_t *text) {
    const __m256i bytes = _mm256_loadu_si256((const __m256i *)text);
    const __m256i quotes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
    const __m256i backslashes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
    const __m256i others = _mm256_cmpgt_epi8(_mm256_set1_epi8(' '), bytes);
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quotes, backslashes), others));
}

__attribute__((target("avx2"))) static void mark_avx2(const uint8_t *text, size_t count, uint64_t *stops) {
    for (size_t block = 0; block < block_count(count); block++) {
        const uint8_t *bytes = text + block * ASSAY_MARK_BLOCK;
        stops[block] = (uint64_t)stops_of_half(bytes + ASSAY_MARK_BLOCK / 2) << 32 | stops_of_half(bytes);
    }
}

__attribute__((target("avx512f,avx512bw"))) static void mark_avx512(
    const uint8_t *text, size_t count, uint64_t *stops) {
    for (size_t block = 0; block < block_count(count); block++) {
        const __m512i bytes = _mm512_loadu_si512(text + block * ASSAY_MARK_BLOCK);
        stops[block] = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"'))
            | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\'))
            | _mm512_cmplt_epi8_mask(bytes, _mm512_set1_epi8(' '));
    }
}
#endif

void assay_mark(const uint8_t *text, size_t count, uint64_t *stops) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw")) return mark_avx512(text, count, stops);
    if (__builtin_cpu_supports("avx2")) return mark_avx2(text, count, stops);
#endif
    assay_mark_plainly(text, count, stops);
}

// MARK: Matching

static bool has_bytes(const assay_step *step, const uint8_t *bytes) {
    uint64_t difference = 0;
    for (size_t index = 0; index < ASSAY_STEP_BYTES; index += 8) {
        uint64_t there, wanted, mask;
        memcpy(&there, bytes + index, 8);
        memcpy(&wanted, step->bytes + index, 8);
        memcpy(&mask, step->mask + index, 8);
        difference |= (there & mask) ^ wanted;
    }
    return difference == 0;
}

// Reads at most so many digits. Returns how many.
static uint32_t read_digits(const uint8_t *bytes, uint32_t most, uint64_t *number) {
    uint32_t count = 0;
    while (count < most && bytes[count] >= '0' && bytes[count] <= '9') {
        *number = *number * 10 + (uint64_t)(bytes[count++] - '0');
    }
    return count;
}

static const uint8_t *read_number(const uint8_t *bytes, uint64_t *mantissa, uint32_t *fraction) {
    *mantissa = 0;
    *fraction = 0;
    const uint32_t whole = read_digits(bytes, ASSAY_MOST_DIGITS + 1, mantissa);
    if (whole == 0 || (whole > 1 && *bytes == '0')) return NULL;
    const uint8_t *end = bytes + whole;
    if (*end == '.') {
        *fraction = read_digits(end + 1, ASSAY_MOST_DIGITS + 1, mantissa);
        if (*fraction == 0) return NULL;
        end += 1 + *fraction;
    }
    return whole + *fraction <= ASSAY_MOST_DIGITS ? end : NULL;
}

size_t assay_match_layout_plainly(
    const assay_step *steps, const uint8_t *text, size_t start, const uint64_t *stops, assay_values *values) {
    return match_layout(steps, text, start, stops, values, has_bytes, read_number);
}

size_t assay_match_layout(
    const assay_step *steps, const uint8_t *text, size_t start, const uint64_t *stops, assay_values *values) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return assay_match_layout_avx2(steps, text, start, stops, values);
#endif
    return assay_match_layout_plainly(steps, text, start, stops, values);
}
