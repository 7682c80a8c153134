import Foundation
import TestSupport
import Testing

/// From topic to topic: whatever is killed, each result is there once, and the order of taking explains all of them.
@Suite(.serialized) struct OnceTests {
    private static let rounds = Int(ProcessInfo.processInfo.environment["ASSAY_FAULT_ROUNDS"] ?? "") ?? 1

    static func configuration(_ brokers: String) -> String {
        """
        inputs:
          payments: {kafka: {topic: payments}}
        outputs:
          assessments: {kafka: {topic: assessments, settle: 300ms}}
          rejects: {kafka: {topic: rejected, settle: 300ms}}
        kafka: {brokers: "\(brokers)"}

        """
    }

    /// Transactions with their users as keys. Some are no transactions, some are tombstones.
    static func payments(_ count: Int, seed: Int = 1) throws -> [String] {
        let run = try Binary.run(["generate", "-n", "\(count)", "--users", "200", "--seed", "\(seed)"])
        return run.lines.enumerated().map { number, line in
            let user = line.split(separator: "\"user_id\":\"")[1].prefix { $0 != "\"" }
            return number % 50 == 7
                ? "\(user)\t{\"no\":\(number)}" : number % 50 == 9 ? "\(user)\t" : "\(user)\t\(line)"
        }
    }

    /// What must hold of the topics after any number of faults.
    static func expectExact(_ brokers: String) throws {
        let inputs = try Topic(brokers: brokers, name: "payments").records()
        let assessments = try Topic(brokers: brokers, name: "assessments").records()
        let rejects = try Topic(brokers: brokers, name: "rejected").records()
        func place(_ record: Topic.Record) -> String { "payments/\(record.partition)/\(record.offset)" }
        // Each record is told once, here or there.
        let told = (assessments + rejects).compactMap { $0.headers["assay-source"] }
        #expect(told.count == assessments.count + rejects.count)
        #expect(told.sorted() == inputs.filter { $0.value != nil }.map(place).sorted())
        // The numbers have no gap, and ascend in each partition.
        for records in [assessments, rejects] {
            #expect(
                records.map(\.sequence).sorted() == Array(1...max(records.count, 1)).prefix(records.count).map(\.self))
            for (one, next) in zip(records, records.dropFirst()) where one.partition == next.partition {
                #expect(one.sequence < next.sequence)
            }
            #expect(Set(records.compactMap { $0.headers["assay-run"] }).count <= 1)
        }
        for record in rejects {
            let original = inputs.first { place($0) == record.headers["assay-source"] }
            #expect(record.value == original?.value && record.key == original?.key)
            #expect(record.headers["assay-reason"] == "missing_field")
        }
        // A file in the order in which the records were taken gives the same lines.
        let values = Dictionary(uniqueKeysWithValues: inputs.map { (place($0), $0.value ?? "") })
        let ordered = assessments.sorted { $0.sequence < $1.sequence }
        let folder = try TemporaryFolder()
        let lines = ordered.map { (values[$0.headers["assay-source"] ?? ""] ?? "?") + "\n" }.joined()
        let again = try Binary.run(["score", try folder.write("in", lines), "--no-checkpoints", "-q"])
        #expect(again.lines == ordered.map { $0.value ?? "" })
        for record in ordered { #expect(record.value?.contains("\"user_id\":\"\(record.key)\"") == true) }
    }

    static func cluster() throws -> MockCluster {
        try MockCluster(topics: ["payments": 4, "assessments": 4, "rejected": 2])
    }

    @Test("Four partitions on three brokers are scored into four others, and a second run finds nothing to do")
    func once() throws {
        let (cluster, folder) = (try Self.cluster(), try TemporaryFolder())
        try Topic(brokers: cluster.brokers, name: "payments").write(try Self.payments(5000))
        _ = try folder.write("c.yaml", Self.configuration(cluster.brokers))
        for _ in 1...2 {
            let run = try Binary.shell("$ASSAY score -c c.yaml --until-end", in: folder)
            #expect(run.code == 0 && run.output.isEmpty, "\(run.errors)")
            try Self.expectExact(cluster.brokers)
        }
        let states = try Binary.shell("$ASSAYCTL status", in: folder)
        #expect(states.lines.joined(separator: "\n").contains("kafka:payments/3"), "\(states)")
    }

    @Test("An engine that is killed again and again, while records come and brokers err, tells each record once")
    func kills() throws {
        let (cluster, folder) = (try Self.cluster(), try TemporaryFolder())
        let kills = 20 * Self.rounds
        let payments = try Self.payments(8000 + 400 * kills / 10)
        let topic = Topic(brokers: cluster.brokers, name: "payments")
        _ = try folder.write("c.yaml", Self.configuration(cluster.brokers))
        var random = Random(state: UInt64.random(in: 0...UInt64.max))
        print("seed \(random.state)")
        let share = payments.count / (kills + 1)
        var rest = payments[...]
        var moved = 0
        for kill in 0..<kills {
            let engine = try Binary.start(
                ["score", "-c", "c.yaml", "-q", "--checkpoint-interval", "\(20 + random.below(300))ms"], in: folder)
            usleep(useconds_t(50_000 + random.below(500_000)))
            try topic.write(Array(rest.prefix(share)))
            rest = rest.dropFirst(share)
            // Answers of Produce and Fetch that say: not the leader, not available.
            if kill % 4 == 1 { try cluster.obey("fail \(random.below(2)) \(random.below(2) == 0 ? 6 : 5) 3") }
            usleep(useconds_t(random.below(400_000)))
            let before = kill % 5 == 0 ? try Topic(brokers: cluster.brokers, name: "assessments").records().count : 0
            Foundation.kill(engine.processIdentifier, SIGKILL)
            engine.waitUntilExit()
            if before > 0 { moved += 1 }
        }
        try topic.write(Array(rest))
        let run = try Binary.shell("$ASSAY score -c c.yaml -q --until-end", in: folder)
        #expect(run.code == 0, "\(run.errors)")
        #expect(moved > 0, "no kill came after a row was there")
        try Self.expectExact(cluster.brokers)
    }

    @Test("A run that is killed before a checkpoint of its own leaves what was delivered to be found by the next")
    func twoKills() throws {
        let (cluster, folder) = (try Self.cluster(), try TemporaryFolder())
        _ = try folder.write("c.yaml", Self.configuration(cluster.brokers))
        try Topic(brokers: cluster.brokers, name: "payments").write(try Self.payments(2000))
        let output = Topic(brokers: cluster.brokers, name: "assessments")
        for _ in 0..<2 {
            let engine = try Binary.start(
                ["score", "-c", "c.yaml", "-q", "--checkpoint-interval", "1h"], in: folder)
            for _ in 0..<100 {
                if try output.records().count == 1920 { break }
                usleep(50_000)
            }
            // The second run has begun when the ends have stood still long enough.
            usleep(1_500_000)
            kill(engine.processIdentifier, SIGKILL)
            engine.waitUntilExit()
        }
        let run = try Binary.shell("timeout 60 $ASSAY score -c c.yaml -q --until-end", in: folder)
        #expect(run.code == 0, "\(run.errors)")
        try Self.expectExact(cluster.brokers)
    }

    @Test("With transactions, readers see only what a checkpoint has, each record once after kills")
    func transactions() throws {
        let (broker, folder) = (
            try Broker(topics: ["payments": 2, "assessments": 2, "rejected": 1]), try TemporaryFolder()
        )
        let payments = try Self.payments(4000)
        let topic = Topic(brokers: broker.address, name: "payments")
        let output = Topic(brokers: broker.address, name: "assessments")
        _ = try folder.write(
            "c.yaml",
            Self.configuration(broker.address).replacing(
                "topic: assessments,", with: "topic: assessments, transactions: true,"))
        try topic.write(Array(payments[..<500]))
        // The next checkpoint is an hour away.
        let engine = try Binary.start(
            ["score", "-c", "c.yaml", "-q", "--checkpoint-interval", "1h"], in: folder)
        var unseen: [Topic.Record] = []
        for _ in 0..<100 where unseen.isEmpty {
            usleep(50_000)
            unseen = try output.records(options: "-X isolation.level=read_uncommitted")
        }
        #expect(!unseen.isEmpty)
        #expect(try output.records().isEmpty)
        kill(engine.processIdentifier, SIGUSR1)
        var seen: [Topic.Record] = []
        for _ in 0..<100 where seen.isEmpty {
            usleep(50_000)
            seen = try output.records()
        }
        #expect(seen.count == 480)
        kill(engine.processIdentifier, SIGKILL)
        engine.waitUntilExit()
        var rest = payments[500...]
        for _ in 0..<6 {
            try topic.write(Array(rest.prefix(500)))
            rest = rest.dropFirst(500)
            let engine = try Binary.start(
                ["score", "-c", "c.yaml", "-q", "--checkpoint-interval", "50ms"], in: folder)
            usleep(useconds_t.random(in: 300_000...900_000))
            kill(engine.processIdentifier, SIGKILL)
            engine.waitUntilExit()
        }
        try topic.write(Array(rest))
        let run = try Binary.shell("timeout 60 $ASSAY score -c c.yaml -q --until-end", in: folder)
        #expect(run.code == 0, "\(run.errors)")
        try Self.expectExact(broker.address)
    }

    @Test("Partitions that join a topic while it is read are read too, in an order that explains all results")
    func growth() throws {
        let (broker, folder) = (
            try Broker(topics: ["payments": 1, "assessments": 2, "rejected": 1]), try TemporaryFolder()
        )
        let payments = try Self.payments(3000)
        let topic = Topic(brokers: broker.address, name: "payments")
        _ = try folder.write(
            "c.yaml",
            Self.configuration(broker.address).replacing(
                "topic: payments}", with: "topic: payments, options: {topic.metadata.refresh.interval.ms: 300}}"))
        try topic.write(Array(payments[..<1000]))
        let engine = try Binary.start(["score", "-c", "c.yaml"], in: folder)
        usleep(700_000)
        try topic.grow(partitions: 3)
        try topic.write(Array(payments[1000...]))
        let output = Topic(brokers: broker.address, name: "assessments")
        for _ in 0..<100 {
            usleep(50_000)
            if try output.records().count == 2880 { break }
        }
        kill(engine.processIdentifier, SIGKILL)
        engine.waitUntilExit()
        let told = try String(contentsOfFile: folder.path("stderr"), encoding: .utf8)
        #expect(told.contains("resuming 1 of 3 parts"), "\(told)")
        let run = try Binary.shell("timeout 60 $ASSAY score -c c.yaml -q --until-end", in: folder)
        #expect(run.code == 0, "\(run.errors)")
        try Self.expectExact(broker.address)
        #expect(
            Set(try output.records().compactMap { $0.headers["assay-source"]?.split(separator: "/")[1] }).count == 3)
    }
}
