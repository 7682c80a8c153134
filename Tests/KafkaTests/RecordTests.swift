import Foundation
import TestSupport
import Testing

@testable import AssayCore
@testable import Kafka

/// Records as they become lines, and keys as they become partitions.
@Suite(.serialized) struct RecordTests {
    @Test(
        "Keys go where Java's producers send them",
        arguments: [
            ("21", -973_932_308), ("foobar", -790_332_482), ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971), ("abc", 479_470_107),
        ])
    func murmur(_ key: String, _ hash: Int) {
        let found = Array(key.utf8).withUnsafeBytes { Partitioner.murmur2($0) }
        #expect(Int32(bitPattern: found) == Int32(hash))
    }

    @Test("Rows without a key are dealt out by their numbers")
    func keyless() {
        #expect((1...6).map { Partitioner.partition(of: nil, row: $0, count: 3) } == [1, 2, 0, 1, 2, 0])
        let among = (1...6).map { Partitioner.partition(of: nil, row: $0, count: 3, among: [0, 2]) }
        #expect(among == [2, 2, 0, 0, 2, 0])
    }

    @Test("Positions and resume points come back from their bytes, and damaged ones do not")
    func coding() {
        var position = KafkaPosition(next: 17)
        (position.last, position.digest) = (16, 99)
        #expect(KafkaPosition(position.bytes) == position)
        #expect(KafkaPosition(Array(position.bytes.dropLast())) == nil)
        let resume = KafkaResume(run: "abc", rows: 5, ends: [1, -1, 7])
        #expect(KafkaResume(resume.bytes) == resume)
        #expect(KafkaResume([UInt8](repeating: 255, count: 40)) == nil)
        #expect(KafkaResume(Array(resume.bytes.prefix(20))) == nil)
    }

    @Test("Expressions see what a record came with, where the file asks for it")
    func envelope() throws {
        let (cluster, folder) = (try MockCluster(topics: ["in": 1, "out": 1]), try TemporaryFolder())
        try Topic(brokers: cluster.brokers, name: "in").write(
            ["k1\t{\"t\":1767225600,\"n\":1}", "k2\t{ }", "k3\t{\"t\":1767225601,\"n\":3} ", "k4\t[1]"],
            options: "-H origin=web")
        _ = try folder.write(
            "p.yaml",
            """
            input: {time: t, fields: {t: timestamp, n: int}}
            inputs: {all: {kafka: {topic: in, envelope: true}}}
            streams:
              seen:
                select:
                  {n: n, key: kafka.key, from: kafka.headers.origin, at: kafka.offset, partition: kafka.partition}
            outputs:
              seen: {kafka: {topic: out, key: key}}
              rejects: {jsonl: rejects.jsonl}
            kafka: {brokers: "\(cluster.brokers)"}
            """)
        let run = try Binary.shell("$ASSAY run p.yaml -q --until-end; cat rejects.jsonl", in: folder)
        #expect(run.code == 0, "\(run)")
        let records = try Topic(brokers: cluster.brokers, name: "out").records()
        #expect(
            records.map(\.value) == [
                "{\"n\":1,\"key\":\"k1\",\"from\":\"web\",\"at\":0,\"partition\":0}",
                "{\"n\":3,\"key\":\"k3\",\"from\":\"web\",\"at\":2,\"partition\":0}",
            ])
        #expect(records.map(\.key) == ["k1", "k3"])
        #expect(
            run.lines.count == 2 && run.lines[0].contains("\"topic\":\"in\",\"partition\":0,\"offset\":1"), "\(run)")
        #expect(run.lines.allSatisfy { !$0.contains("kafka") }, "\(run)")
    }

    @Test("Rules see what a record came with, whatever it says itself, and nothing where there is no envelope")
    func rules() throws {
        let (cluster, folder) = (try MockCluster(topics: ["payments": 1]), try TemporaryFolder())
        let first = #"{"transaction_id":"a","user_id":"u","amount":5,"timestamp":1767225600,"kafka":{"key":"mine"}}"#
        let second = first.replacing("\"a\"", with: "\"b\"").replacing(#","kafka":{"key":"mine"}"#, with: "")
        try Topic(brokers: cluster.brokers, name: "payments").write(["k1\t\(first)", "k2\t\(second)"])
        _ = try folder.write("in", "\(second)\n")
        _ = try folder.write(
            "c.yaml",
            """
            inputs: {payments: {kafka: {topic: payments, envelope: true}}}
            rules:
              - {name: forged, when: kafka.key == "mine", risk: 0.1}
              - {name: second, when: kafka.key == "k2" && kafka.offset == 1, risk: 0.2}
              - {name: bare, when: "!has(kafka.key)", risk: 0.3}
            outputs: {assessments: {jsonl: out}}
            kafka: {brokers: "\(cluster.brokers)"}
            """)
        let run = try Binary.shell(
            """
            $ASSAY score -c c.yaml -q --until-end; grep -o '"rule":"[a-z]*"' out; grep -v -E 'inputs|outputs|kafka:' \
                c.yaml > bare.yaml; $ASSAY score in -c bare.yaml --no-checkpoints -q | grep -o '"rule":"[a-z]*"'
            """, in: folder)
        #expect(run.lines == [#""rule":"second""#, #""rule":"bare""#], "\(run)")
    }

    @Test("A record with line breaks is one line, and one that is too long is a reject")
    func shapes() throws {
        let (cluster, folder) = (try MockCluster(topics: ["payments": 1, "out": 1]), try TemporaryFolder())
        let good = #"{"transaction_id":"t1","user_id":"u","amount":5,"timestamp":1767225600}"#
        _ = try folder.write("one", good.replacing(",", with: ",\n  "))
        _ = try folder.write("long", "{\"a\":\"" + String(repeating: "x", count: (1 << 20) + 5) + "\"}")
        let script = """
            for file in one long; do
                kcat -P -b \(cluster.brokers) -t payments -X message.max.bytes=3000000 $file
            done
            printf ' \\n' > blank; kcat -P -b \(cluster.brokers) -t payments blank
            cat > c.yaml <<END
            inputs: {payments: {kafka: {topic: payments}}}
            outputs: {assessments: {jsonl: out}, rejects: {jsonl: rejects}}
            kafka: {brokers: "\(cluster.brokers)", options: {fetch.message.max.bytes: 4000000}}
            END
            $ASSAY score -c c.yaml -q --until-end; wc -l < out; cut -c1-200 rejects
            """
        let run = try Binary.shell(script, in: folder)
        #expect(run.code == 0 && run.lines.first == "1", "\(run)")
        #expect(run.lines.count == 2 && run.lines[1].contains("line_too_long"), "\(run)")
    }
}
