#include "loading.h"

#include <dlfcn.h>

bool assay_load(const char *library, const struct assay_function *functions, size_t count, const char **fault) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        *fault = dlerror();
        return false;
    }
    for (size_t index = 0; index < count; index++) {
        *functions[index].place = dlsym(handle, functions[index].name);
        if (!*functions[index].place) {
            *fault = dlerror();
            return false;
        }
    }
    return true;
}
