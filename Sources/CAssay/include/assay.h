#pragma once

#include <stddef.h>
#include <stdint.h>

// The scoring core for an engine that owns input, output and checkpoints: whole lines in, lines and states out.
//
// One thread at a time uses a core; different cores need no locks. Bytes that a function returns are valid until the
// next call with the same core. Whatever lines or states come in, nothing here ends the process: what is wrong with a
// line is a reject, everything else a result below zero or a null pointer.
//
// A core numbers assessments by user: `user_sequence` stands in place of `sequence`.

#ifdef __cplusplus
extern "C" {
#endif

struct assay_bytes {
    const uint8_t *start;
    size_t count;
};

struct assay_counts {
    int64_t users;
    // The memory that users, their states and their index take.
    int64_t memory;
    uint64_t accepted;
    uint64_t rejected;
    uint64_t low, medium, high, critical;
};

// Reads a configuration file, with the entries of its lists in place of their files, so that it holds where those are
// not. An empty path stands for the defaults. Null where something is wrong with it; then `fault` says what, and where.
// Both are freed by `assay_free`.
char *assay_configuration(const char *path, char **fault);
void assay_free(char *text);

// Makes a core. `configuration`: as `assay_configuration` returned it. `groups`: how many key groups users are in.
// Null where the configuration is wrong; then `fault` says why, to be freed by `assay_free`.
void *assay_open(const char *configuration, size_t count, int32_t groups, char **fault);
void assay_close(void *core);

// Takes rules, patterns and lists of another configuration over, from the next line on; its settings have to be the
// same. -1 where that can't be; then everything stays as it was, and `fault` says why, to be freed by `assay_free`.
int32_t assay_reload(void *core, const char *configuration, size_t count, char **fault);

// Room for so many bytes of lines, which the next call of `assay_score` or `assay_route` takes.
uint8_t *assay_room(void *core, size_t count);

// Scores the lines in the room; the last one needs no newline. -1 if the core is of no more use, which only a state
// that could not be read makes it.
int32_t assay_score(void *core, size_t count);
struct assay_bytes assay_assessments(void *core);

// The rejects of the last call of `assay_score` or `assay_route`: reason, message and the beginning of the line.
struct assay_bytes assay_rejects(void *core);

// Sorts the lines in the room by the subtask, of so many, that has the key group of their users. Rejects stay here.
// -1 where there are fewer targets than one, or more than key groups.
int32_t assay_route(void *core, size_t count, int32_t targets);

// The lines of a subtask behind its number, in four bytes with the most significant first; nothing where it has none.
struct assay_bytes assay_share(void *core, int32_t target);

// Gives out up to so many users that changed since they were given out last: the length of the id in four bytes, the
// most significant first, the id, and the same of its state. A user with an empty state is forgotten. Nothing once all
// are given out.
struct assay_bytes assay_export(void *core, size_t most);

// Takes users over that a core has given out, before it scores its first line. `is_known`: the host has them; those
// that it has not are given out by the next `assay_export`. -1 where the bytes are none, or a user is here already.
int32_t assay_import(void *core, const uint8_t *entries, size_t count, int32_t is_known);

// A line of `assayctl export` as an entry that `assay_import` takes. Of the first line, which is no user, the core
// takes over how far event time has come; then there is no entry. A null `start` where something is wrong with the
// line; then `fault` says what, to be freed by `assay_free`.
struct assay_bytes assay_entry(void *core, const uint8_t *line, size_t count, char **fault);

// How far event time has come, as bytes that `assay_set_clock` takes. Of several clocks the furthest is taken.
struct assay_bytes assay_clock(void *core);
int32_t assay_set_clock(void *core, const uint8_t *clock, size_t count);

struct assay_counts assay_get_counts(void *core);

// How often each rule and pattern fired, and how often rules failed: lines of a name, a space and a number.
struct assay_bytes assay_rule_counts(void *core);

#ifdef __cplusplus
}
#endif
