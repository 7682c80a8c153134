import Foundation
import TestSupport
import Testing

/// Labels come in a topic of their own, beside that of the transactions.
@Suite(.serialized) struct LabelTopicTests {
    private static let learning = """
        learning: {enabled: true, maturity: 1d, retention: 20d, warm_up: {frauds: 3, examples: 500}}

        """

    /// Takes what is in the topics, as one run to their end or as one that is killed when it has written all.
    private static func take(_ count: Int, isKilled: Bool, in folder: TemporaryFolder) throws {
        guard isKilled else {
            let run = try Binary.shell("$ASSAY score -c c.yaml -o out.jsonl -q --until-end", in: folder)
            #expect(run.code == 0, "\(run.errors)")
            return
        }
        let engine = try Binary.start(
            ["score", "-c", "c.yaml", "-o", "out.jsonl", "-q", "--checkpoint-interval", "50ms"], in: folder)
        for _ in 0..<400 {
            let lines = try Binary.shell("wc -l < out.jsonl 2> /dev/null || true", in: folder).lines.first
            if lines == "\(count)" { break }
            usleep(25_000)
        }
        // Labels have no line to wait for.
        usleep(700_000)
        kill(engine.processIdentifier, SIGKILL)
        engine.waitUntilExit()
    }

    @Test("Labels out of a topic teach what the same lines in one file do, killed or not", arguments: [false, true])
    func labels(isKilled: Bool) throws {
        let (cluster, folder) = (try MockCluster(topics: ["payments": 1, "labels": 1]), try TemporaryFolder())
        let payments = try Binary.shell(
            "$ASSAY generate -n 4000 --users 50 --fraud 0.02 --labels labels.csv", in: folder
        ).lines
        let frauds = try String(contentsOfFile: folder.path("labels.csv"), encoding: .utf8).split(separator: "\n")
            .dropFirst().map { $0.prefix { $0 != "," } }
        let early = payments[..<2000]
        func label(_ id: some StringProtocol, _ isFraud: Bool) -> String {
            #"{"label":{"transaction_id":"\#(id)","fraud":\#(isFraud)}}"#
        }
        var labels = frauds.filter { id in early.contains { $0.contains("\"\(id)\"") } }.map { label($0, true) }
        #expect(labels.count >= 10)
        // The first one is taken back, one comes twice, and one is of nobody.
        labels += [label("tx000000000", false), labels[1], labels[0].replacing("true", with: "false")]
        labels.append(label("nobody", true))
        _ = try folder.write(
            "c.yaml",
            """
            inputs:
              payments: {kafka: {topic: payments}}
              labels: {kafka: {topic: labels}}
            kafka: {brokers: "\(cluster.brokers)"}
            \(Self.learning)
            """)
        let (ofPayments, ofLabels) = (
            Topic(brokers: cluster.brokers, name: "payments"), Topic(brokers: cluster.brokers, name: "labels")
        )
        try ofPayments.write(early.map { "k\t\($0)" })
        try Self.take(2000, isKilled: isKilled, in: folder)
        try ofLabels.write(labels.map { "k\t\($0)" })
        try Self.take(2000, isKilled: isKilled, in: folder)
        try ofPayments.write(payments[2000...].map { "k\t\($0)" })
        try Self.take(4000, isKilled: isKilled, in: folder)
        try Self.take(4000, isKilled: false, in: folder)

        _ = try folder.write("in", (early + labels + payments[2000...]).map { $0 + "\n" }.joined())
        _ = try folder.write("learning.yaml", Self.learning)
        let compared = try Binary.shell(
            """
            $ASSAY score in -o expected.jsonl -q -c learning.yaml --state expected
            cmp out.jsonl expected.jsonl && echo same
            $ASSAYCTL model --json > one
            $ASSAYCTL model --json --state expected > two
            cmp one two && echo same; grep -o '"ready":[a-z]*' one; grep -o '"unknown":[0-9]*' one
            grep -o '"repeated":[0-9]*' one; grep -o '"changed":[0-9]*' one; grep -c model_probability out.jsonl
            """, in: folder)
        #expect(
            compared.lines.prefix(6)
                == ["same", "same", #""ready":true"#, #""unknown":1"#, #""repeated":1"#, #""changed":1"#],
            "\(compared)")
        #expect(Int(compared.lines.last ?? "").map { $0 > 1000 } == true, "\(compared)")
    }
}
