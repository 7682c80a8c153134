#pragma once

#include <librdkafka/rdkafka.h>

// The part of librdkafka that the connector calls. The library is loaded when the first input or output asks for it:
// commands without one start without it and the libraries that it brings along. The types are those of its header, so
// that a call that does not fit is found by the compiler.
#define ASSAY_KAFKA_FUNCTIONS(each) \
    each(conf_new) each(conf_set) each(conf_destroy) each(conf_set_log_cb) each(conf_set_events) each(new) \
    each(destroy) each(err2str) each(metadata) each(metadata_destroy) each(topic_new) each(topic_destroy) \
    each(queue_get_main) each(queue_get_partition) each(queue_forward) each(queue_poll) each(queue_destroy) \
    each(event_destroy) each(event_type) each(event_error) each(event_error_string) each(event_message_array) \
    each(incremental_assign) each(incremental_unassign) each(commit) each(consume_queue) \
    each(consume_batch_queue) each(message_destroy) each(message_headers) each(message_timestamp) \
    each(header_get_all) each(topic_partition_list_new) each(topic_partition_list_destroy) \
    each(topic_partition_list_add) each(query_watermark_offsets) each(get_watermark_offsets) \
    each(offsets_for_times) each(produceva) each(init_transactions) each(begin_transaction) \
    each(commit_transaction) each(error_code) each(error_string) each(error_is_retriable) each(error_destroy)

struct assay_kafka {
#define ASSAY_KAFKA_MEMBER(function) __typeof__(&rd_kafka_##function) function;
    ASSAY_KAFKA_FUNCTIONS(ASSAY_KAFKA_MEMBER)
#undef ASSAY_KAFKA_MEMBER
};

// Null where the library is not there; then `*fault` says why, until the next call.
const struct assay_kafka *assay_kafka_load(const char **fault);

// Keeps a client from printing: what goes wrong comes as an event.
void assay_kafka_silence(const struct assay_kafka *library, rd_kafka_conf_t *settings);

// Ends a client. librdkafka waits for its threads, which after a topic was deleted may never end: so many seconds are
// enough.
void assay_kafka_destroy(rd_kafka_t *client, int seconds);

struct assay_kafka_header {
    const char *name;
    // Null with a size of 0 for a header without a value.
    const void *value;
    size_t size;
};

enum { ASSAY_KAFKA_MOST_HEADERS = 64 };

// Queues a copy of a record; a null key or value is none. `count` is at most ASSAY_KAFKA_MOST_HEADERS.
rd_kafka_resp_err_t assay_kafka_produce(const struct assay_kafka *library, rd_kafka_t *client,
                                        rd_kafka_topic_t *topic, int32_t partition, const void *key, size_t keySize,
                                        const void *value, size_t valueSize,
                                        const struct assay_kafka_header *headers, size_t count);
