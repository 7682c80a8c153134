import Foundation
import TestSupport
import Testing

/// From a topic into a table: whatever is killed, each row is there once.
@Suite struct TableTests {
    private static let rounds = Int(ProcessInfo.processInfo.environment["ASSAY_FAULT_ROUNDS"] ?? "") ?? 1

    @Test("Engine and database are killed again and again, and each record is a row once, as one run has it")
    func kills() throws {
        let cluster = try MockCluster(topics: ["payments": 4])
        let (server, folder) = (try PostgresServer(), try TemporaryFolder())
        _ = try folder.write(
            "c.yaml",
            """
            inputs: {payments: {kafka: {topic: payments}}}
            outputs: {assessments: {postgres: {table: assessments, uri: "\(server.uri)"}}}
            kafka: {brokers: "\(cluster.brokers)"}
            """)
        let topic = Topic(brokers: cluster.brokers, name: "payments")
        let kills = 10 * Self.rounds
        let payments = try OnceTests.payments(500 * kills).filter { $0.contains("transaction_id") }
        let share = payments.count / kills
        for kill in 0..<kills {
            let engine = try Binary.start(
                ["score", "-c", "c.yaml", "-q", "--checkpoint-interval", "100ms"], in: folder)
            try topic.write(Array(payments[(kill * share)..<((kill + 1) * share)]))
            usleep(useconds_t.random(in: 100_000...900_000))
            if kill % 5 < 2 {
                try server.crash()
                usleep(useconds_t.random(in: 0...100_000))
                try server.start()
                usleep(useconds_t.random(in: 0...300_000))
            }
            Foundation.kill(engine.processIdentifier, SIGKILL)
            engine.waitUntilExit()
        }
        try topic.write(Array(payments[(kills * share)...]))
        let run = try Binary.shell("timeout 60 $ASSAY score -c c.yaml -q --until-end", in: folder)
        #expect(run.code == 0, "\(run.errors)")
        // In the order in which the records were taken, as one run has it.
        let rows = try server.query(
            "SELECT sequence || ' ' || transaction_id || ' ' || risk_level || ' ' || risk_score FROM assessments "
                + "ORDER BY sequence")
        func id(_ line: Substring) -> Substring {
            line.split(separator: "\"transaction_id\":\"")[1].prefix { $0 != "\"" }
        }
        let lines = Dictionary(
            payments.map { (id($0[...]), $0.split(separator: "\t", maxSplits: 1)[1]) }, uniquingKeysWith: { $1 })
        let order = rows.map { $0.split(separator: " ")[1] }
        _ = try folder.write("in", order.map { "\(lines[$0] ?? "?")\n" }.joined())
        let again = try Binary.shell(
            """
            $ASSAY score in --no-checkpoints -q | sed -E 's/.*"transaction_id":"([^"]*)".*"sequence":([0-9]*).*\
            "risk_level":"([a-z]*)","risk_score":([0-9.]*).*/\\2 \\1 \\3 \\4/'
            """, in: folder)
        #expect(rows.count == payments.count && Set(order).count == payments.count)
        #expect(rows == again.lines)
    }
}
