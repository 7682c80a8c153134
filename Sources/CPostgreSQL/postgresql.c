#include "postgresql.h"

#include <loading.h>
#include <stddef.h>
#include <stdlib.h>

static struct assay_pg library;
static bool isLoaded;

const struct assay_pg *assay_pg_load(const char **fault) {
    if (isLoaded) return &library;
    const struct assay_function functions[] = {
        {"PQconnectdb", (void **)&library.connect},
        {"PQfinish", (void **)&library.finish},
        {"PQstatus", (void **)&library.status},
        {"PQerrorMessage", (void **)&library.error},
        {"PQexec", (void **)&library.execute},
        {"PQexecParams", (void **)&library.execute_with},
        {"PQgetResult", (void **)&library.next_result},
        {"PQputCopyData", (void **)&library.put_copy},
        {"PQputCopyEnd", (void **)&library.end_copy},
        {"PQresultStatus", (void **)&library.result_status},
        {"PQresultErrorField", (void **)&library.result_field},
        {"PQclear", (void **)&library.clear},
        {"PQntuples", (void **)&library.rows},
        {"PQnfields", (void **)&library.columns},
        {"PQgetvalue", (void **)&library.value},
        {"PQgetisnull", (void **)&library.is_null},
        {"PQsetNoticeProcessor", (void **)&library.set_notices},
    };
    if (!assay_load("libpq.so.5", functions, sizeof functions / sizeof *functions, fault)) return NULL;
    // A host that does not answer would otherwise hold a run for minutes; who knows better has said so.
    setenv("PGCONNECT_TIMEOUT", "10", 0);
    isLoaded = true;
    return &library;
}

static void drop(void *context, const char *message) {
    (void)context;
    (void)message;
}

void assay_pg_silence(const struct assay_pg *loaded, assay_pg_connection *connection) {
    loaded->set_notices(connection, drop, NULL);
}
