#include "assay.h"

// The functions are those of AssayC, written in Swift: this makes the compiler read the header by itself.
