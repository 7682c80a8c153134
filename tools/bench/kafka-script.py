#!/usr/bin/python3
"""What one would write instead: reads a topic with Python's client, remembers each user in a dict, writes results.

    kafka-script.py BROKERS FROM TO PARTITIONS RECORDS
"""

import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition

brokers, source, target, partitions, records = sys.argv[1:]
consumer = Consumer({"bootstrap.servers": brokers, "group.id": "script", "enable.auto.commit": False})
consumer.assign([TopicPartition(source, number, 0) for number in range(int(partitions))])
producer = Producer(
    {"bootstrap.servers": brokers, "enable.idempotence": True, "compression.codec": "lz4", "linger.ms": 5}
)
users, done = {}, 0
while done < int(records):
    for message in consumer.consume(1000, 0.1):
        if message.error():
            continue
        done += 1
        event = json.loads(message.value())
        user = users.setdefault(event["user_id"], {"count": 0, "sum": 0.0, "types": set()})
        average = user["sum"] / user["count"] if user["count"] else 0.0
        risk = 0.3 if user["count"] > 10 and event["amount"] > 3 * average else 0.0
        user["count"] += 1
        user["sum"] += event["amount"]
        user["types"].add(event.get("transaction_type"))
        result = {
            "transaction_id": event["transaction_id"],
            "user_id": event["user_id"],
            "sequence": done,
            "risk_score": risk,
            "risk_level": "medium" if risk else "low",
        }
        while True:
            try:
                producer.produce(target, json.dumps(result), message.key())
                break
            except BufferError:
                producer.poll(0.02)
    producer.poll(0)
producer.flush()
