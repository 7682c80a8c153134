// The files of the page at `Sources/Service/Page`, as bytes of the binary.
#pragma once

#include <stdint.h>

struct assay_page_file {
    const char *_Nonnull name;
    const char *_Nonnull type;
    const uint8_t *_Nonnull start;
    const uint8_t *_Nonnull end;
};

int32_t assay_page_count(void);

// `index` is from 0 to the count, exclusive.
struct assay_page_file assay_page_file(int32_t index);
