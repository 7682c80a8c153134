#include "cre2.h"

#include <re2/re2.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

struct cel_re2 {
    RE2 pattern;
    cel_re2(re2::StringPiece text, const RE2::Options &options) : pattern(text, options) {}
};

cel_re2 *cel_re2_new(const char *pattern, size_t count, int64_t memory, char **message) {
    *message = nullptr;
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(memory);
    std::unique_ptr<cel_re2> expression(new (std::nothrow) cel_re2(re2::StringPiece(pattern, count), options));
    if (!expression) return nullptr;
    if (expression->pattern.ok()) return expression.release();
    *message = strdup(expression->pattern.error().c_str());
    return nullptr;
}

void cel_re2_delete(cel_re2 *expression) { delete expression; }

bool cel_re2_find(const cel_re2 *expression, const char *text, size_t count) {
    return RE2::PartialMatch(re2::StringPiece(text, count), expression->pattern);
}

int cel_re2_size(const cel_re2 *expression) { return expression->pattern.ProgramSize(); }

void cel_re2_free_message(char *message) { free(message); }
