import Foundation
import TestSupport
import Testing

/// What goes wrong with brokers and topics: one clear line, the documented code, nothing lost.
@Suite(.serialized) struct FaultTests {
    private static func score(_ folder: TemporaryFolder, _ options: String = "") throws -> Binary.Result {
        try Binary.shell("timeout 40 $ASSAY score -c c.yaml -q --until-end \(options)", in: folder)
    }

    private static func broker(_ folder: TemporaryFolder, payments: Int = 1) throws -> Broker {
        let broker = try Broker(topics: ["payments": payments, "assessments": 2, "rejected": 1])
        _ = try folder.write("c.yaml", OnceTests.configuration(broker.address))
        return broker
    }

    private static func write(_ lines: [String], _ broker: Broker) throws {
        try Topic(brokers: broker.address, name: "payments").write(lines)
    }

    @Test("A real broker gets each result once, and is waited for when it restarts, which is told once")
    func restart() throws {
        let folder = try TemporaryFolder()
        let broker = try Self.broker(folder)
        let payments = try OnceTests.payments(3000)
        try Self.write(Array(payments[..<1000]), broker)
        let engine = try Binary.start(["score", "-c", "c.yaml", "--checkpoint-interval", "100ms"], in: folder)
        for _ in 0..<100 {
            usleep(50_000)
            if try Topic(brokers: broker.address, name: "assessments").records().count == 960 { break }
        }
        broker.stop()
        usleep(1_500_000)
        try broker.start()
        try Self.write(Array(payments[1000...]), broker)
        for _ in 0..<100 {
            usleep(50_000)
            if try Topic(brokers: broker.address, name: "assessments").records().count == 2880 { break }
        }
        kill(engine.processIdentifier, SIGTERM)
        #expect(Binary.wait(engine) == 0)
        let told = try String(contentsOfFile: folder.path("stderr"), encoding: .utf8)
        #expect(told.components(separatedBy: "waiting for Kafka").count - 1 <= 3, "\(told)")
        #expect(told.contains("waiting for Kafka at \(broker.address)") && told.contains("is back"), "\(told)")
        try OnceTests.expectExact(broker.address)
    }

    @Test("A broker that comes later is waited for, and a run that waits ends when it is asked to")
    func late() throws {
        let folder = try TemporaryFolder()
        let broker = try Self.broker(folder)
        try Self.write(try OnceTests.payments(500), broker)
        broker.stop()
        let engine = try Binary.start(["score", "-c", "c.yaml", "-q", "--until-end"], in: folder)
        usleep(1_500_000)
        #expect(engine.isRunning)
        try broker.start()
        #expect(Binary.wait(engine) == 0)
        try OnceTests.expectExact(broker.address)
        broker.stop()
        let waiting = try Binary.start(["score", "-c", "c.yaml", "-q"], in: folder)
        usleep(700_000)
        kill(waiting.processIdentifier, SIGTERM)
        #expect(Binary.wait(waiting, seconds: 5) == 0)
        let told = try String(contentsOfFile: folder.path("stderr"), encoding: .utf8)
        #expect(told.contains("stopped while waiting for the broker"), "\(told)")
    }

    @Test("A topic that was made anew is not taken for the old one, shorter or longer")
    func madeAnew() throws {
        let folder = try TemporaryFolder()
        let broker = try Self.broker(folder)
        try Self.write(try OnceTests.payments(300), broker)
        #expect(try Self.score(folder).code == 0)
        for (count, reason) in [(100, "made anew or cut"), (900, "is another one")] {
            let topic = Topic(brokers: broker.address, name: "payments")
            try topic.delete()
            try topic.create(partitions: 1)
            try topic.write(try OnceTests.payments(count, seed: 7))
            let run = try Self.score(folder)
            #expect(run.code == 65 && run.errors.contains(reason) && run.errors.contains("--accept-gap"), "\(run)")
        }
        let before = try Topic(brokers: broker.address, name: "assessments").records().count
        let run = try Self.score(folder, "--accept-gap")
        #expect(run.code == 0, "\(run)")
        let after = try Topic(brokers: broker.address, name: "assessments").records()
        // Everything of the topic that there is now, but for 18 tombstones; ids of the old one are duplicates.
        let rejects = try Topic(brokers: broker.address, name: "rejected").records()
        #expect(after.count - before + rejects.count - 300 / 50 == 900 - 18)
        #expect(after.map(\.sequence).sorted() == Array(1...after.count))
    }

    @Test("Records of others behind the checkpoint are left alone, and those of another run are refused")
    func foreign() throws {
        let folder = try TemporaryFolder()
        let broker = try Self.broker(folder)
        try Self.write(try OnceTests.payments(300), broker)
        #expect(try Self.score(folder).code == 0)
        let output = Topic(brokers: broker.address, name: "assessments")
        try output.write(["u1\t{}"])
        let run = try Binary.shell("timeout 40 $ASSAY score -c c.yaml --until-end", in: folder)
        #expect(run.code == 0 && run.errors.contains("has 1 records of others behind the checkpoint"), "\(run)")
        try output.write(["u1\t{}"], options: "-H assay-run=other -H assay-sequence=1")
        let refused = try Self.score(folder)
        #expect(refused.code == 65 && refused.errors.contains("another run of assay"), "\(refused)")
    }

    @Test("What a dead process has sent and lands late is waited for, and not told again")
    func lateRecord() throws {
        let folder = try TemporaryFolder()
        let broker = try Self.broker(folder)
        try Self.write(try OnceTests.payments(200), broker)
        #expect(try Self.score(folder).code == 0)
        let output = Topic(brokers: broker.address, name: "assessments")
        let run = try #require(try output.records().first?.headers["assay-run"])
        let count = try output.records().count
        // One more transaction, and what the dead process made of it, which arrives when the next one has begun.
        let line = try OnceTests.payments(203, seed: 2)[202]
        try Self.write([line], broker)
        let engine = try Binary.start(["score", "-c", "c.yaml", "-q", "--until-end"], in: folder)
        usleep(150_000)
        let user = line.split(separator: "\t")[0]
        try output.write(["\(user)\t{}"], options: "-H assay-run=\(run) -H assay-sequence=\(count + 1)")
        #expect(Binary.wait(engine) == 0)
        let records = try output.records()
        #expect(records.map(\.sequence).sorted() == Array(1...(count + 1)))
        #expect(records.first { $0.sequence == count + 1 }?.value == "{}")
    }

    @Test(
        "What a broker refused for good is written by the next run, though later rows are there",
        arguments: [10, 87, 2])
    func refusedBatch(_ code: Int) throws {
        let (cluster, folder) = (try OnceTests.cluster(), try TemporaryFolder())
        _ = try folder.write("c.yaml", OnceTests.configuration(cluster.brokers))
        try Topic(brokers: cluster.brokers, name: "payments").write(try OnceTests.payments(3000))
        try cluster.obey("fail 0 \(code) 2")
        let first = try Self.score(folder)
        #expect(first.code == 74 && first.errors.contains("cannot write topic"), "\(first)")
        let second = try Self.score(folder)
        #expect(second.code == 0, "\(second)")
        let records = try Topic(brokers: cluster.brokers, name: "assessments").records()
        #expect(records.map(\.sequence).sorted() == Array(1...2880))
    }

    @Test("A run whose topic was deleted ends when it is asked to")
    func deleted() throws {
        let folder = try TemporaryFolder()
        let broker = try Self.broker(folder, payments: 2)
        try Self.write(try OnceTests.payments(500), broker)
        let engine = try Binary.start(["score", "-c", "c.yaml"], in: folder)
        usleep(1_500_000)
        try Topic(brokers: broker.address, name: "payments").delete()
        usleep(1_000_000)
        kill(engine.processIdentifier, SIGTERM)
        #expect([0, 74].contains(Binary.wait(engine, seconds: 15)))
        let told = try String(contentsOfFile: folder.path("stderr"), encoding: .utf8)
        #expect(told.contains("accepted 480"), "\(told)")
    }

    @Test("A rejected record that the broker refuses for its size goes again without its value")
    func refusedReject() throws {
        let (cluster, folder) = (try OnceTests.cluster(), try TemporaryFolder())
        _ = try folder.write("c.yaml", OnceTests.configuration(cluster.brokers))
        let large = String(repeating: "x", count: 3000)
        try Topic(brokers: cluster.brokers, name: "payments").write(["a\t{\"no\":\"\(large)\"}"])
        try cluster.obey("fail 0 10 1")
        let run = try Self.score(folder)
        #expect(run.code == 0, "\(run)")
        let rejects = try Topic(brokers: cluster.brokers, name: "rejected").records()
        #expect(rejects.count == 1 && rejects[0].value == nil, "\(rejects)")
        #expect(rejects.first?.headers["assay-value-bytes"] == "3009")
    }

    @Test("A large rejected record goes without its value where the topic does not take it")
    func largeReject() throws {
        let folder = try TemporaryFolder()
        let broker = try Self.broker(folder)
        // librdkafka's own bound stands for the topic's.
        _ = try folder.write(
            "c.yaml",
            OnceTests.configuration(broker.address).replacing(
                "topic: rejected,", with: "topic: rejected, options: {message.max.bytes: 5000},"))
        let large = String(repeating: "x", count: 9000)
        try Self.write(["a\t{\"no\":1}", "b\t{\"no\":\"\(large)\"}", "c\t{\"no\":2}"], broker)
        let run = try Self.score(folder)
        #expect(run.code == 0, "\(run)")
        let rejects = try Topic(brokers: broker.address, name: "rejected").records()
        #expect(rejects.map(\.key) == ["a", "b", "c"] && rejects.map(\.sequence) == [1, 2, 3])
        #expect(rejects[1].value == nil && rejects[1].headers["assay-value-bytes"] == "9009", "\(rejects)")
        #expect(rejects[2].value == "{\"no\":2}")
    }

    @Test("A topic that is not there, a partition that it has not, and a wrong option each have one line")
    func refusals() throws {
        let folder = try TemporaryFolder()
        let broker = try Self.broker(folder)
        let text = OnceTests.configuration(broker.address)
        let cases: [(String, String, Int32, String)] = [
            ("topic: payments", "topic: nowhere", 66, "there is no topic 'nowhere'"),
            ("topic: assessments", "topic: nowhere", 73, "there is no topic 'nowhere'"),
            ("topic: assessments", "topic: payments", 64, "topic 'payments' is the input and an output"),
            ("topic: payments", "topic: ^pay.*", 78, "a topic's name has"),
            ("topic: payments", "topic: payments, brokers: 'localhost:99999'", 78, "'brokers' are hosts with ports"),
            ("topic: assessments", "topic: assessments, partitions: [2]", 73, "it has 2 partitions, and no 2"),
            ("topic: payments", "topic: payments, partitions: [4]", 66, "it has 1 partitions, and no 4"),
            ("topic: payments", "topic: payments, start: {0: 9}", 65, "'start' asks for 9"),
            ("topic: payments", "topic: payments, start: {5: 9}", 66, "an offset for partition 5, which is not read"),
            ("topic: payments", "topic: payments, start: soon", 78, "'start' is earliest, latest"),
            ("topic: payments", "topic: payments, options: {no.such: 1}", 78, "has no option 'no.such'"),
            ("topic: payments", "topic: payments, options: {acks: 1}", 78, "decided by the connector"),
            ("topic: assessments", "topic: assessments, key: usr_id", 78, "did you mean 'user_id'?"),
        ]
        for (number, (part, instead, code, message)) in cases.enumerated() {
            _ = try folder.write("c.yaml", text.replacing(part, with: instead))
            let run = try Self.score(folder, "--state s\(number)")
            #expect(run.code == code && run.errors.contains(message), "\(instead): \(run)")
            #expect(run.errors.split(separator: "\n").count <= 2, "\(run)")
        }
        _ = try folder.write("c.yaml", text.replacing("topic: rejected", with: "topic: assessments"))
        let twice = try Binary.run(["check-config", folder.path("c.yaml")])
        #expect(twice.code == 78 && twice.errors.contains("topic 'assessments' is an output twice"), "\(twice)")
        _ = try folder.write("c.yaml", text)
        let connected = try Binary.shell("$ASSAY check-config c.yaml --connect", in: folder)
        #expect(connected.code == 0 && connected.lines.count == 4, "\(connected)")
        broker.stop()
        let away = try Binary.shell("time timeout 30 $ASSAY check-config c.yaml --connect", in: folder)
        #expect(away.code == 66 || away.code == 73, "\(away)")
    }
}
