// The floor of going from topic to topic: records are read and written again as they are, with the headers that results
// have, by librdkafka alone.
//
//     kafka-copy BROKERS FROM TO PARTITIONS RECORDS
#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

[[noreturn]] void fail(const std::string &text) {
    std::fprintf(stderr, "%s\n", text.c_str());
    std::exit(1);
}

rd_kafka_t *client(rd_kafka_type_t type, const std::vector<std::pair<std::string, std::string>> &settings) {
    char text[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (const auto &[name, value] : settings)
        if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK) fail(text);
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof text);
    if (!client) fail(text);
    return client;
}

void copy(rd_kafka_t *producer, rd_kafka_topic_t *topic, const rd_kafka_message_t *message, long number) {
    const std::string sequence = std::to_string(number);
    const std::string source =
        "payments/" + std::to_string(message->partition) + "/" + std::to_string(message->offset);
    while (true) {
        rd_kafka_resp_err_t code = rd_kafka_producev(
            producer, RD_KAFKA_V_RKT(topic), RD_KAFKA_V_PARTITION(message->partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(message->key, message->key_len),
            RD_KAFKA_V_VALUE(message->payload, message->len),
            RD_KAFKA_V_HEADER("assay-sequence", sequence.data(), sequence.size()),
            RD_KAFKA_V_HEADER("assay-run", "2q76d72pueyrz", 13),
            RD_KAFKA_V_HEADER("assay-source", source.data(), source.size()),
            RD_KAFKA_V_HEADER("content-type", "application/json", 16), RD_KAFKA_V_END);
        if (!code) return;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(code));
        rd_kafka_poll(producer, 20);
    }
}

}  // namespace

int main(int count, char **arguments) {
    if (count != 6) fail("kafka-copy BROKERS FROM TO PARTITIONS RECORDS");
    const std::string brokers = arguments[1];
    const int partitions = std::atoi(arguments[4]);
    const long records = std::atol(arguments[5]);
    rd_kafka_t *consumer = client(
        RD_KAFKA_CONSUMER,
        {{"bootstrap.servers", brokers}, {"group.id", "floor"}, {"enable.auto.commit", "false"},
         {"auto.offset.reset", "error"}});
    rd_kafka_t *producer = client(
        RD_KAFKA_PRODUCER,
        {{"bootstrap.servers", brokers}, {"enable.idempotence", "true"}, {"compression.codec", "lz4"},
         {"linger.ms", "5"}});
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, arguments[3], nullptr);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int index = 0; index < partitions; index++)
        rd_kafka_topic_partition_list_add(list, arguments[2], index)->offset = 0;
    if (rd_kafka_assign(consumer, list)) fail("the partitions cannot be assigned");
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
    std::vector<rd_kafka_message_t *> batch(1024);
    long done = 0;
    while (done < records) {
        const ssize_t got = rd_kafka_consume_batch_queue(queue, 100, batch.data(), batch.size());
        for (ssize_t index = 0; index < got; index++) {
            if (!batch[index]->err) copy(producer, topic, batch[index], ++done);
            rd_kafka_message_destroy(batch[index]);
        }
        rd_kafka_poll(producer, 0);
    }
    rd_kafka_flush(producer, 60000);
    if (rd_kafka_outq_len(producer)) fail("not everything was delivered");
    // The process ends: nothing has to be given back.
    std::_Exit(0);
}
