// Steps over bytes that Swift has no instruction for: 16 at a time comparisons, prefetch, and xxHash inlined; and what
// Linux offers but the C library's module does not show.
// Every function is `static inline`: a call across the language costs nothing.
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

// Linux's O_DIRECT, which the C library declares only with a feature macro.
#if defined(__aarch64__)
#define ASSAY_O_DIRECT 0200000
#else
#define ASSAY_O_DIRECT 040000
#endif

// What one step over 16 bytes of a JSON string finds. Bit i of each mask belongs to byte i.
typedef struct {
    uint32_t stops;  // a quote, a backslash or a control character
    uint32_t high;   // a byte of a multi-byte character
} assay_string_step;

// Reads 16 bytes: callers keep that much readable after their last byte.
static inline assay_string_step assay_string_scan(const uint8_t *bytes) {
    assay_string_step step;
#if defined(__SSE2__)
    const __m128i block = _mm_loadu_si128((const __m128i *)bytes);
    const __m128i quote = _mm_cmpeq_epi8(block, _mm_set1_epi8('"'));
    const __m128i backslash = _mm_cmpeq_epi8(block, _mm_set1_epi8('\\'));
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(block, _mm_set1_epi8(0x1f)), block);
    step.stops = (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control));
    step.high = (uint32_t)_mm_movemask_epi8(block);
#else
    step.stops = 0;
    step.high = 0;
    for (uint32_t index = 0; index < 16; index++) {
        const uint8_t byte = bytes[index];
        step.stops |= (uint32_t)(byte == '"' || byte == '\\' || byte < 0x20) << index;
        step.high |= (uint32_t)(byte >> 7) << index;
    }
#endif
    return step;
}

// Which of 16 bytes are a byte, and which are another, one bit each.
typedef struct {
    uint32_t one;
    uint32_t other;
} assay_byte_matches;

static inline assay_byte_matches assay_match_bytes(const uint8_t *bytes, uint8_t one, uint8_t other) {
    assay_byte_matches matches;
#if defined(__SSE2__)
    const __m128i block = _mm_loadu_si128((const __m128i *)bytes);
    matches.one = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8((char)one)));
    matches.other = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(block, _mm_set1_epi8((char)other)));
#else
    matches.one = 0;
    matches.other = 0;
    for (uint32_t index = 0; index < 16; index++) {
        matches.one |= (uint32_t)(bytes[index] == one) << index;
        matches.other |= (uint32_t)(bytes[index] == other) << index;
    }
#endif
    return matches;
}

// How many of some numbers are less than a value.
static inline uint32_t assay_count_below(const double *numbers, uint32_t count, double value) {
    uint64_t below = 0;
    uint32_t index = 0;
#if defined(__SSE2__)
    // A comparison that holds gives minus one.
    const __m128d values = _mm_set1_pd(value);
    __m128i held = _mm_setzero_si128();
    for (; index + 2 <= count; index += 2) {
        held = _mm_sub_epi64(held, _mm_castpd_si128(_mm_cmplt_pd(_mm_loadu_pd(numbers + index), values)));
    }
    below = (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(held, _mm_unpackhi_epi64(held, held)));
#endif
    for (; index < count; index++) below += numbers[index] < value;
    return (uint32_t)below;
}

// A place in degrees, and the plane that touches the sphere there: degrees north count one, and the square of those
// east what the polynomial gives of those north.
typedef struct {
    double latitude, longitude;
    double own, slope, bend;
} assay_plane;

// The squares of the distances to the nearest and the second nearest place, and which is the nearest.
typedef struct {
    double nearest, second;
    uint32_t index;
} assay_neighbours;

// `places`: pairs of a latitude and a longitude.
static inline assay_neighbours assay_nearest_places(const double *places, uint32_t count, assay_plane plane) {
#if defined(__SSE2__)
    const __m128d infinity = _mm_set1_pd(__builtin_inf()), zero = _mm_setzero_pd(), around = _mm_set1_pd(360);
    const __m128d latitude = _mm_set1_pd(plane.latitude), longitude = _mm_set1_pd(plane.longitude);
    const __m128d own = _mm_set1_pd(plane.own), slope = _mm_set1_pd(plane.slope), bend = _mm_set1_pd(plane.bend);
    const __m128d unsigned_mask = _mm_castsi128_pd(_mm_set1_epi64x(INT64_MAX));
    __m128d nearest = infinity, second = infinity, found = zero, number = _mm_set_pd(1, 0);
    for (uint32_t index = 0; index < count; index += 2) {
        const bool is_pair = index + 1 < count;
        const __m128d one = _mm_loadu_pd(places + 2 * index);
        const __m128d other = is_pair ? _mm_loadu_pd(places + 2 * index + 2) : one;
        const __m128d north = _mm_sub_pd(_mm_unpacklo_pd(one, other), latitude);
        __m128d east = _mm_and_pd(_mm_sub_pd(_mm_unpackhi_pd(one, other), longitude), unsigned_mask);
        east = _mm_min_pd(east, _mm_sub_pd(around, east));
        // Far away the polynomial means nothing, and what is left is the distance between the latitudes.
        const __m128d tilt = _mm_mul_pd(north, _mm_add_pd(slope, _mm_mul_pd(north, bend)));
        const __m128d shrinking = _mm_max_pd(_mm_sub_pd(own, tilt), zero);
        __m128d square = _mm_add_pd(_mm_mul_pd(north, north), _mm_mul_pd(_mm_mul_pd(east, east), shrinking));
        if (!is_pair) square = _mm_unpacklo_pd(square, infinity);
        // Which is nearest is as good as random, so these are selections instead of branches.
        const __m128d nearer = _mm_cmplt_pd(square, nearest);
        found = _mm_or_pd(_mm_and_pd(nearer, number), _mm_andnot_pd(nearer, found));
        second = _mm_min_pd(second, _mm_max_pd(square, nearest));
        nearest = _mm_min_pd(nearest, square);
        number = _mm_add_pd(number, _mm_set1_pd(2));
    }
    double near[2], next[2], numbers[2];
    _mm_storeu_pd(near, nearest);
    _mm_storeu_pd(next, second);
    _mm_storeu_pd(numbers, found);
    const uint32_t lane = near[1] < near[0];
    const double rest = next[0] < next[1] ? next[0] : next[1];
    const double beside = near[1 - lane];
    return (assay_neighbours){near[lane], beside < rest ? beside : rest, (uint32_t)numbers[lane]};
#else
    assay_neighbours found = {__builtin_inf(), __builtin_inf(), 0};
    for (uint32_t index = 0; index < count; index++) {
        const double north = places[2 * index] - plane.latitude;
        double east = __builtin_fabs(places[2 * index + 1] - plane.longitude);
        if (360 - east < east) east = 360 - east;
        double shrinking = plane.own - north * (plane.slope + north * plane.bend);
        if (shrinking < 0) shrinking = 0;
        const double square = north * north + east * east * shrinking;
        if (square < found.nearest) {
            found = (assay_neighbours){square, found.nearest, index};
        } else if (square < found.second) {
            found.second = square;
        }
    }
    return found;
#endif
}

// 32 bytes of which only some are compared: those whose byte of the mask is set.
typedef struct {
    uint64_t words[4];
    uint64_t masks[4];
} assay_masked_bytes;

// Reads 32 bytes. A mask without any byte set matches everything.
static inline bool assay_masked_match(const assay_masked_bytes *pattern, const uint8_t *bytes) {
#if defined(__SSE2__)
    const __m128i *words = (const __m128i *)pattern->words;
    const __m128i *masks = (const __m128i *)pattern->masks;
    const __m128i *blocks = (const __m128i *)bytes;
    const __m128i low = _mm_cmpeq_epi8(
        _mm_and_si128(_mm_loadu_si128(blocks), _mm_loadu_si128(masks)), _mm_loadu_si128(words));
    const __m128i high = _mm_cmpeq_epi8(
        _mm_and_si128(_mm_loadu_si128(blocks + 1), _mm_loadu_si128(masks + 1)), _mm_loadu_si128(words + 1));
    return _mm_movemask_epi8(_mm_and_si128(low, high)) == 0xffff;
#else
    uint64_t difference = 0;
    for (uint32_t index = 0; index < 4; index++) {
        uint64_t word;
        memcpy(&word, bytes + index * 8, 8);
        difference |= (word & pattern->masks[index]) ^ pattern->words[index];
    }
    return difference == 0;
#endif
}

static const double assay_powers_of_ten[] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};
static const uint64_t assay_integer_powers_of_ten[] = {
    1ull,
    10ull,
    100ull,
    1000ull,
    10000ull,
    100000ull,
    1000000ull,
    10000000ull,
    100000000ull,
    1000000000ull,
    10000000000ull,
    100000000000ull,
    1000000000000ull,
    10000000000000ull,
    100000000000000ull,
    1000000000000000ull,
    10000000000000000ull,
    100000000000000000ull,
    1000000000000000000ull,
    10000000000000000000ull,
};

// Ten to a power of at most 22: all of these are exact doubles.
static inline double assay_power_of_ten(uint32_t exponent) { return assay_powers_of_ten[exponent]; }
// Ten to a power of at most 19.
static inline uint64_t assay_integer_power_of_ten(uint32_t exponent) {
    return assay_integer_powers_of_ten[exponent];
}

static const char assay_digits[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

// The two digits of a number below 100, the first one in the lower byte.
static inline uint16_t assay_digit_pair(uint32_t number) {
    return (uint16_t)((uint8_t)assay_digits[number * 2] | (uint8_t)assay_digits[number * 2 + 1] << 8);
}

// Asks for memory in one huge page. The system may decline, which changes only the speed.
static inline void assay_advise_huge_page(void *start, size_t count) { (void)madvise(start, count, MADV_HUGEPAGE); }

// A call would take longer than what it does.
__attribute__((always_inline)) static inline void assay_prefetch(const void *address) {
    __builtin_prefetch(address, 1, 3);
}

// GNU functions that the C library declares only with a feature macro.
extern void *memrchr(const void *bytes, int byte, size_t count);
extern void *rawmemchr(const void *bytes, int byte);
extern void *memmem(const void *bytes, size_t count, const void *part, size_t part_count);

// A second descriptor that writes past the system's cache; -1 where that is not possible.
static inline int assay_open_direct(const char *path) { return open(path, O_WRONLY | O_CLOEXEC | ASSAY_O_DIRECT); }

// Linux's SCHED_BATCH for the calling thread and those that it starts.
static inline int assay_schedule_in_batches(void) {
    const struct sched_param none = {0};
    return sched_setscheduler(0, 3, &none);
}

// Sets the capacity of a pipe, if that is allowed. Returns its capacity, 0 for what is not a pipe.
static inline int assay_enlarge_pipe(int descriptor, int bytes) {
    fcntl(descriptor, 1031, bytes); // F_SETPIPE_SZ
    const int held = fcntl(descriptor, 1032); // F_GETPIPE_SZ
    return held > 0 ? held : 0;
}

// What a pipe holds at most, zero for anything else.
static inline int assay_pipe_capacity(int descriptor) {
    const int held = fcntl(descriptor, 1032); // F_GETPIPE_SZ
    return held > 0 ? held : 0;
}

// Columns of a terminal, zero for anything else.
static inline int assay_terminal_columns(int descriptor) {
    struct winsize size = {0};
    return ioctl(descriptor, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

// Bytes in a pipe that its reader has not taken.
static inline int assay_unread_bytes(int descriptor) {
    int count = 0;
    return ioctl(descriptor, FIONREAD, &count) == 0 ? count : 0;
}

// Linux's SCHED_IDLE: only idle time.
static inline int assay_schedule_when_idle(void) {
    const struct sched_param none = {0};
    return sched_setscheduler(0, 5, &none);
}

extern int sync_file_range(int descriptor, int64_t offset, int64_t count, unsigned int flags);

// Begins to write a part of a file to its disk, without waiting for it.
static inline int assay_begin_writing_back(int descriptor, int64_t offset, int64_t count) {
    return sync_file_range(descriptor, offset, count, 2);
}

// Whether the part occurs, in linear time.
static inline bool assay_contains(const void *bytes, size_t count, const void *part, size_t part_count) {
    return memmem(bytes, count, part, part_count) != NULL;
}

// The last newline among the bytes, or none.
static inline const uint8_t *assay_last_newline(const uint8_t *bytes, size_t count) {
    return (const uint8_t *)memrchr(bytes, '\n', count);
}

// The first newline, which must come.
static inline const uint8_t *assay_next_newline(const uint8_t *bytes) {
    return (const uint8_t *)rawmemchr(bytes, '\n');
}

// XXH3 is stable across versions and machines since 0.8.0, so its values may be stored.
// A digest of bytes that come in pieces. The state is freed by its owner.
static inline XXH3_state_t *assay_digest_create(void) {
    XXH3_state_t *state = XXH3_createState();
    if (state) XXH3_128bits_reset(state);
    return state;
}
static inline void assay_digest_free(XXH3_state_t *state) { XXH3_freeState(state); }
static inline void assay_digest_reset(XXH3_state_t *state) { XXH3_128bits_reset(state); }
#if defined(__x86_64__)
void assay_digest_update_avx2(void *state, const void *bytes, size_t count);
#endif
static inline void assay_digest_update(XXH3_state_t *state, const void *bytes, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2")) return assay_digest_update_avx2(state, bytes, count);
#endif
    XXH3_128bits_update(state, bytes, count);
}
static inline XXH128_hash_t assay_digest_value(const XXH3_state_t *state) { return XXH3_128bits_digest(state); }

static inline uint64_t assay_hash(const void *bytes, size_t count) { return XXH3_64bits(bytes, count); }
