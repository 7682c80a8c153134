#pragma once

#include <stdbool.h>

// The part of libpq that the connector calls. The library is loaded when the first output asks for it: commands without
// one start without it, and it brings twenty libraries along.

typedef struct pg_conn assay_pg_connection;
typedef struct pg_result assay_pg_result;

// What libpq returns for a command without rows, for one with rows, and for the beginning of COPY.
enum { ASSAY_PG_COMMAND_OK = 1, ASSAY_PG_TUPLES_OK = 2, ASSAY_PG_COPY_IN = 4 };

struct assay_pg {
    assay_pg_connection *(*connect)(const char *settings);
    void (*finish)(assay_pg_connection *connection);
    // 0 when it is connected.
    int (*status)(const assay_pg_connection *connection);
    char *(*error)(const assay_pg_connection *connection);
    assay_pg_result *(*execute)(assay_pg_connection *connection, const char *sql);
    assay_pg_result *(*execute_with)(assay_pg_connection *connection, const char *sql, int count,
                                     const unsigned *types, const char *const *values, const int *lengths,
                                     const int *formats, int resultFormat);
    assay_pg_result *(*next_result)(assay_pg_connection *connection);
    int (*put_copy)(assay_pg_connection *connection, const char *bytes, int count);
    int (*end_copy)(assay_pg_connection *connection, const char *fault);
    int (*result_status)(const assay_pg_result *result);
    char *(*result_field)(const assay_pg_result *result, int field);
    void (*clear)(assay_pg_result *result);
    int (*rows)(const assay_pg_result *result);
    int (*columns)(const assay_pg_result *result);
    char *(*value)(const assay_pg_result *result, int row, int column);
    int (*is_null)(const assay_pg_result *result, int row, int column);
    void *(*set_notices)(assay_pg_connection *connection, void (*take)(void *context, const char *message),
                         void *context);
};

// Null where the library is not there; then `*fault` says why, until the next call.
const struct assay_pg *assay_pg_load(const char **fault);

// Drops what the server notes for people, which libpq would print.
void assay_pg_silence(const struct assay_pg *library, assay_pg_connection *connection);
