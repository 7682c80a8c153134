// The target is header-only; a C target needs one source file to be built.
#include "bytes.h"
