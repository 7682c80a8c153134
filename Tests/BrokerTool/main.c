// What tests need of brokers.
//
//     BrokerTool create ADDRESS TOPIC PARTITIONS
//     BrokerTool grow ADDRESS TOPIC PARTITIONS
//     BrokerTool delete ADDRESS TOPIC
//     BrokerTool mock BROKERS
//
// The last is a cluster in memory, librdkafka's own. It prints the addresses, then obeys lines of its input until that
// ends, and answers each by "ok" or what is wrong:
//
//     topic NAME PARTITIONS
//     leader TOPIC PARTITION BROKER
//     down BROKER
//     up BROKER
//     fail API CODE COUNT      the next answers of an API are an error
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ERRORS = 64, WAIT_MILLISECONDS = 10000 };

static rd_kafka_t *client(const char *brokers) {
    char text[512];
    rd_kafka_conf_t *settings = rd_kafka_conf_new();
    if (brokers) rd_kafka_conf_set(settings, "bootstrap.servers", brokers, text, sizeof text);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, settings, text, sizeof text);
    if (!client) fprintf(stderr, "%s\n", text);
    return client;
}

// MARK: Topics

static int report(const rd_kafka_topic_result_t **results, size_t count) {
    for (size_t index = 0; index < count; index++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[index]);
        if (!code) continue;
        fprintf(stderr, "%s\n", rd_kafka_err2str(code));
        return 1;
    }
    return 0;
}

enum change { CREATE, GROW, DELETE };

static int change(const char *brokers, const char *topic, enum change change, int partitions) {
    rd_kafka_t *admin = client(brokers);
    if (!admin) return 1;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(admin);
    char text[512];
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic, partitions ? partitions : 1, 1, text, sizeof text);
    rd_kafka_NewPartitions_t *more = rd_kafka_NewPartitions_new(topic, partitions ? partitions : 1, text, sizeof text);
    rd_kafka_DeleteTopic_t *gone = rd_kafka_DeleteTopic_new(topic);
    if (change == CREATE) rd_kafka_CreateTopics(admin, &made, 1, NULL, queue);
    if (change == GROW) rd_kafka_CreatePartitions(admin, &more, 1, NULL, queue);
    if (change == DELETE) rd_kafka_DeleteTopics(admin, &gone, 1, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, WAIT_MILLISECONDS);
    int code = 1;
    size_t count;
    if (!event) {
        fprintf(stderr, "no answer\n");
    } else if (rd_kafka_event_error(event)) {
        fprintf(stderr, "%s\n", rd_kafka_event_error_string(event));
    } else if (change == CREATE) {
        code = report(rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count), count);
    } else if (change == GROW) {
        code = report(
            rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &count), count);
    } else {
        code = report(rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &count), count);
    }
    if (event) rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy(made);
    rd_kafka_NewPartitions_destroy(more);
    rd_kafka_DeleteTopic_destroy(gone);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(admin);
    return code;
}

// MARK: The cluster in memory

static rd_kafka_resp_err_t fail(rd_kafka_mock_cluster_t *cluster, int api, int code, int count) {
    if (count < 1 || count > MOST_ERRORS) return RD_KAFKA_RESP_ERR__INVALID_ARG;
    rd_kafka_resp_err_t codes[MOST_ERRORS];
    for (int index = 0; index < count; index++) codes[index] = (rd_kafka_resp_err_t)code;
    rd_kafka_mock_push_request_errors_array(cluster, (int16_t)api, (size_t)count, codes);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t obey(rd_kafka_mock_cluster_t *cluster, const char *line) {
    char name[256];
    int first, second, third;
    if (sscanf(line, "topic %255s %d", name, &first) == 2) return rd_kafka_mock_topic_create(cluster, name, first, 1);
    if (sscanf(line, "leader %255s %d %d", name, &first, &second) == 3)
        return rd_kafka_mock_partition_set_leader(cluster, name, first, second);
    if (sscanf(line, "down %d", &first) == 1) return rd_kafka_mock_broker_set_down(cluster, first);
    if (sscanf(line, "up %d", &first) == 1) return rd_kafka_mock_broker_set_up(cluster, first);
    if (sscanf(line, "fail %d %d %d", &first, &second, &third) == 3) return fail(cluster, first, second, third);
    return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

static int mock(int brokers) {
    rd_kafka_t *host = client(NULL);
    rd_kafka_mock_cluster_t *cluster = host ? rd_kafka_mock_cluster_new(host, brokers) : NULL;
    if (!cluster) return 1;
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    char line[512];
    while (fgets(line, sizeof line, stdin)) {
        rd_kafka_resp_err_t code = obey(cluster, line);
        printf("%s\n", code ? rd_kafka_err2str(code) : "ok");
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return 0;
}

int main(int count, char **arguments) {
    if (count == 3 && !strcmp(arguments[1], "mock")) return mock(atoi(arguments[2]));
    if (count == 5 && !strcmp(arguments[1], "create"))
        return change(arguments[2], arguments[3], CREATE, atoi(arguments[4]));
    if (count == 5 && !strcmp(arguments[1], "grow"))
        return change(arguments[2], arguments[3], GROW, atoi(arguments[4]));
    if (count == 4 && !strcmp(arguments[1], "delete")) return change(arguments[2], arguments[3], DELETE, 0);
    fprintf(stderr, "see the first lines of the source\n");
    return 64;
}
