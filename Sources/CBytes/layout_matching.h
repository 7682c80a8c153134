// How a line is matched with a layout, whatever the processor compares and reads with.
#pragma once

#include "layout.h"

#include <string.h>

// As a whole number these are exact, and so is what a power of ten makes of them. With a point they fit into 16 bytes
// that end with something else.
enum { ASSAY_MOST_DIGITS = 14 };

typedef bool assay_comparison(const assay_step *step, const uint8_t *bytes);
// Reads a number without its sign. Returns its end; null for what is none, or has too many digits.
typedef const uint8_t *assay_number_reader(const uint8_t *bytes, uint64_t *mantissa, uint32_t *fraction);

// Where the next stop is at or after a place in a line. There is one: every line has its end.
static inline size_t next_stop(const uint64_t *stops, size_t place) {
    size_t block = place / ASSAY_MARK_BLOCK;
    const uint64_t here = stops[block] >> (place % ASSAY_MARK_BLOCK);
    if (__builtin_expect(here != 0, 1)) return place + (size_t)__builtin_ctzll(here);
    do block++; while (stops[block] == 0);
    return block * ASSAY_MARK_BLOCK + (size_t)__builtin_ctzll(stops[block]);
}

// The end of a text with bytes beyond ASCII, of which the first is at a place.
static inline size_t end_of_text(const uint8_t *text, const uint64_t *stops, size_t place) {
    while (text[place] >= 0x80) place = next_stop(stops, place + 1);
    return place;
}

static inline size_t word_length(const uint8_t *bytes) {
    if (memcmp(bytes, "true", 4) == 0 || memcmp(bytes, "null", 4) == 0) return 4;
    return memcmp(bytes, "false", 5) == 0 ? 5 : 0;
}

static inline void put(assay_slice *slice, size_t offset, size_t end) {
    slice->offset = (uint32_t)offset;
    slice->count = (uint32_t)end - (uint32_t)offset;
}

__attribute__((always_inline)) static inline size_t match_layout(
    const assay_step *steps, const uint8_t *text, size_t start, const uint64_t *stops, assay_values *values,
    assay_comparison has_bytes, assay_number_reader read_number) {
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};
    size_t place = start;
    uint32_t fractions = 0;
    bool has_high_bytes = false;
    for (const assay_step *step = steps;; step++) {
        if (!has_bytes(step, text + place)) return 0;
        place += step->count;
        if (step->is_text) {
            size_t end = next_stop(stops, place);
            if (__builtin_expect(text[end] >= 0x80, 0)) {
                has_high_bytes = true;
                end = end_of_text(text, stops, end);
            }
            // The next step begins with a quote, and no other stop is one.
            put(&values->slices[step->target], place, end);
            place = end;
        } else if (step->kind == ASSAY_STEP_NUMBER) {
            const size_t begin = place;
            const uint64_t negative = text[place] == '-';
            uint64_t mantissa;
            uint32_t fraction;
            const uint8_t *end = read_number(text + place + negative, &mantissa, &fraction);
            if (!end) return 0;
            place = (size_t)(end - text);
            const double number = (double)(int64_t)mantissa / powers[fraction];
            values->numbers[step->target] = negative ? -number : number;
            put(&values->slices[step->target], begin, place);
            fractions |= (uint32_t)(fraction > 0) << step->target;
        } else if (step->kind == ASSAY_STEP_LINE) {
            values->fractions = fractions;
            values->has_high_bytes = has_high_bytes;
            return place;
        } else if (step->kind == ASSAY_STEP_BEGIN) {
            values->slices[step->target].offset = (uint32_t)place;
        } else if (step->kind == ASSAY_STEP_END) {
            values->slices[step->target].count = (uint32_t)place - values->slices[step->target].offset;
        } else if (step->kind == ASSAY_STEP_WORD) {
            const size_t length = word_length(text + place);
            if (length == 0) return 0;
            put(&values->slices[step->target], place, place + length);
            place += length;
        }
    }
}

#if defined(__x86_64__)
size_t assay_match_layout_avx2(
    const assay_step *steps, const uint8_t *text, size_t start, const uint64_t *stops, assay_values *values);
#endif
