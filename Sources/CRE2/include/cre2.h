#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// What Swift needs of RE2, which is C++ only.

#ifdef __cplusplus
extern "C" {
#endif

typedef struct cel_re2 cel_re2;

// Compiles a pattern that may use this much memory. NULL when it is invalid; *message then says why, for free().
cel_re2 *_Nullable cel_re2_new(
    const char *_Nullable pattern, size_t count, int64_t memory, char *_Nullable *_Nonnull message);
void cel_re2_delete(cel_re2 *_Nonnull expression);
// Whether the pattern is found anywhere. May be called by several threads at once.
bool cel_re2_find(const cel_re2 *_Nonnull expression, const char *_Nullable text, size_t count);
// The size of the compiled pattern: searching takes at most this times the text's length.
int cel_re2_size(const cel_re2 *_Nonnull expression);
void cel_re2_free_message(char *_Nullable message);

#ifdef __cplusplus
}
#endif
