// Lines of JSON that have the layout of an earlier line: the same bytes between their values.
//
// A line that matches is valid JSON with the same members as that line, once its bytes beyond ASCII are known to be
// valid: what is between the values is equal to bytes that were parsed there, a text goes up to the next quote and has
// no escape and no control character, and a number is one. Everything else is left to whoever parses.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ASSAY_MARK_BLOCK = 64 };

// Marks the bytes that a text may end at, a bit each: quotes, backslashes, control characters, line ends, and bytes
// beyond ASCII. Reads up to the end of a block of 64 bytes.
void assay_mark(const uint8_t *text, size_t count, uint64_t *stops);

// What follows the bytes of a step.
enum {
    // More bytes.
    ASSAY_STEP_NONE,
    // A text up to its closing quote, which begins the next step.
    ASSAY_STEP_TEXT,
    // At most 14 digits with a sign and a point, and no exponent.
    ASSAY_STEP_NUMBER,
    // true, false or null.
    ASSAY_STEP_WORD,
    // A value of several steps begins here; and ends here.
    ASSAY_STEP_BEGIN,
    ASSAY_STEP_END,
    // The next line.
    ASSAY_STEP_LINE,
};

enum { ASSAY_STEP_BYTES = 32, ASSAY_TARGETS = 16 };

typedef struct {
    // The bytes, and zeros; which of them count.
    uint8_t bytes[ASSAY_STEP_BYTES];
    uint8_t mask[ASSAY_STEP_BYTES];
    uint32_t count;
    // Most steps lead to a text, which is asked first.
    bool is_text;
    uint8_t kind;
    // Where the value goes: the last place is for values that nobody wants.
    uint16_t target;
} assay_step;

typedef struct {
    uint32_t offset;
    uint32_t count;
} assay_slice;

// The values of a line by their targets.
typedef struct {
    assay_slice slices[ASSAY_TARGETS];
    double numbers[ASSAY_TARGETS];
    // Whether a number has a point, a bit each.
    uint32_t fractions;
    // Some text has bytes beyond ASCII, which are not known to be valid.
    bool has_high_bytes;
} assay_values;

static inline assay_slice assay_value_slice(const assay_values *values, uint32_t target) {
    return values->slices[target];
}
static inline double assay_value_number(const assay_values *values, uint32_t target) { return values->numbers[target]; }

// Reads a line of `text` that begins at `start`. Returns where the next one begins; 0 where it has another layout.
// Reads up to 32 bytes past the line.
size_t assay_match_layout(
    const assay_step *steps, const uint8_t *text, size_t start, const uint64_t *stops, assay_values *values);

// The same for any processor.
void assay_mark_plainly(const uint8_t *text, size_t count, uint64_t *stops);
size_t assay_match_layout_plainly(
    const assay_step *steps, const uint8_t *text, size_t start, const uint64_t *stops, assay_values *values);
