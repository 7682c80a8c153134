#pragma once

#include <stdbool.h>
#include <stddef.h>

// Loads a library when it is asked for, for the shims of those that most commands do without.

struct assay_function {
    const char *name;
    // Gets its address.
    void **place;
};

// Finds all functions of a library, or none: then `*fault` says why, until the next call. Others may ask at the same
// time, each for its own library.
bool assay_load(const char *library, const struct assay_function *functions, size_t count, const char **fault);
