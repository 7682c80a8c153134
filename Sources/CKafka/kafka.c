#define _GNU_SOURCE
#include "kafka.h"

#include <loading.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

static struct assay_kafka library;
static bool isLoaded;
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static bool load(const char **fault) {
    const struct assay_function functions[] = {
#define ASSAY_KAFKA_ENTRY(function) {"rd_kafka_" #function, (void **)&library.function},
        ASSAY_KAFKA_FUNCTIONS(ASSAY_KAFKA_ENTRY)
#undef ASSAY_KAFKA_ENTRY
    };
    return assay_load("librdkafka.so.1", functions, sizeof functions / sizeof *functions, fault);
}

const struct assay_kafka *assay_kafka_load(const char **fault) {
    pthread_mutex_lock(&loading);
    if (!isLoaded) isLoaded = load(fault);
    bool isThere = isLoaded;
    pthread_mutex_unlock(&loading);
    return isThere ? &library : NULL;
}

static void drop(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    (void)client;
    (void)level;
    (void)facility;
    (void)text;
}

void assay_kafka_silence(const struct assay_kafka *library, rd_kafka_conf_t *settings) {
    library->conf_set_log_cb(settings, drop);
}

rd_kafka_resp_err_t assay_kafka_produce(const struct assay_kafka *library, rd_kafka_t *client,
                                        rd_kafka_topic_t *topic, int32_t partition, const void *key, size_t keySize,
                                        const void *value, size_t valueSize,
                                        const struct assay_kafka_header *headers, size_t count) {
    rd_kafka_vu_t parts[5 + ASSAY_KAFKA_MOST_HEADERS];
    size_t used = 0;
    parts[used].vtype = RD_KAFKA_VTYPE_RKT;
    parts[used++].u.rkt = topic;
    parts[used].vtype = RD_KAFKA_VTYPE_PARTITION;
    parts[used++].u.i32 = partition;
    parts[used].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    parts[used++].u.i = RD_KAFKA_MSG_F_COPY;
    parts[used].vtype = RD_KAFKA_VTYPE_KEY;
    parts[used].u.mem.ptr = (void *)key;
    parts[used++].u.mem.size = keySize;
    parts[used].vtype = RD_KAFKA_VTYPE_VALUE;
    parts[used].u.mem.ptr = (void *)value;
    parts[used++].u.mem.size = valueSize;
    for (size_t index = 0; index < count; index++) {
        parts[used].vtype = RD_KAFKA_VTYPE_HEADER;
        parts[used].u.header.name = headers[index].name;
        parts[used].u.header.val = headers[index].value;
        parts[used++].u.header.size = (ssize_t)headers[index].size;
    }
    rd_kafka_error_t *error = library->produceva(client, parts, used);
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = library->error_code(error);
    library->error_destroy(error);
    return code;
}

static void *destroy(void *client) {
    library.destroy(client);
    return NULL;
}

void assay_kafka_destroy(rd_kafka_t *client, int seconds) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, destroy, client)) return;
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += seconds;
    if (pthread_timedjoin_np(thread, NULL, &end)) pthread_detach(thread);
}
