import Arguments
import Assay
import AssayCore
import CKafka
import StateStore

/// A topic as an output.
struct KafkaOutput: OutputDefinition {
    let settings: KafkaSettings
    let topic: String
    /// The column that rows are keyed by; nil for what they are about.
    var key: String?
    /// The partitions that rows go to, which nobody else writes; nil for all.
    var partitions: [Int32]?
    /// How long the ends of partitions have to stand still before a run that resumes believes them.
    var settleSeconds = 1.0
    /// Whether rows wait for the checkpoint that has them, for readers who read what is committed.
    var isTransactional = false

    var form: RowForm { .record(key: key) }

    private var place: String {
        partitions.map { "\(topic)/" + $0.map { "\($0)" }.joined(separator: ",") } ?? topic
    }

    func name(of stream: String) -> String { "kafka:\(place)" }

    var title: String { "topic \(place) at \(settings.label)" }

    func claim(in folder: String) -> OutputClaim? { .topic(place) }

    func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError) {
        guard let key, !["user_id", "transaction_id"].contains(key) else { return }
        guard let columns else { throw TableColumns.unknown("a key", stream, fault) }
        guard !columns.contains(where: { $0.name == key }) else { return }
        let near = NearestName.of(key, among: columns.map(\.name))
        throw fault(
            "stream '\(stream)' has no column '\(key)' for the key" + (near.map { "; did you mean '\($0)'?" } ?? ""),
            nil)
    }

    func probe(_ columns: [StreamColumn]?, of stream: String, seconds: Double) throws(RunFailure) -> Bool {
        try translated { () throws(KafkaFailure) in
            let reader = try reader(interruption: -1, deadline: MonotonicClock.seconds + seconds)
            _ = try TopicTail.ends(of: topic, only: partitions, reader.client)
        }
        return true
    }

    func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput {
        let resume = situation.isFresh ? nil : situation.recorded.flatMap { KafkaResume($0.resume) }
        return try translated { () throws(KafkaFailure) in
            let run = resume?.run ?? KafkaResume.newRun()
            // Asked by one that makes no topics.
            let reader = try reader(interruption: situation.interruption)
            _ = try reader.client.partitionCount(of: topic)
            let producer = try producer(
                run, isRejects: situation.stream == NamedOutput.rejects, interruption: situation.interruption)
            // Otherwise the first row would wait for a second.
            _ = try producer.partitionCount(of: topic)
            if isTransactional { try Transaction.fence(producer) }
            guard let resume else {
                let ends = try TopicTail.ends(of: topic, only: partitions, reader.client)
                return PlannedTopic(
                    output: self, client: producer, situation: situation,
                    resume: KafkaResume(run: run, rows: 0, ends: ends), tail: TopicTail(ends: ends))
            }
            return PlannedTopic(
                output: self, client: producer, situation: situation, resume: resume,
                tail: try tail(behind: resume, reader))
        } unfit: {
            situation.recorded == nil || situation.isFresh ? nil : situation.checkpoint
        }
    }

    private func tail(behind resume: KafkaResume, _ reader: Consumer) throws(KafkaFailure) -> TopicTail {
        let ends = try TopicTail.settledEnds(of: topic, only: partitions, reader.client, seconds: settleSeconds)
        guard ends.count >= resume.ends.count else {
            throw .fault(
                KafkaFault(
                    "it has \(ends.count) partitions, and the checkpoint has \(resume.ends.count): it was made "
                        + "anew; start over with --fresh"))
        }
        return try TopicTail.read(reader, behind: resume, upTo: ends)
    }

    private func reader(interruption: Int32, deadline: Double = .infinity) throws(KafkaFailure) -> Consumer {
        do throws(KafkaFault) {
            return try Consumer(
                settings, topic: topic, group: "assay", partitions: Consumer.usualPartitions,
                interruption: interruption,
                deadline: deadline)
        } catch {
            throw .fault(error)
        }
    }

    private func producer(_ run: String, isRejects: Bool, interruption: Int32) throws(KafkaFailure) -> Client {
        var own = [
            ("enable.idempotence", "true"), ("message.timeout.ms", "0"), ("compression.codec", "lz4"),
            ("linger.ms", "5"),
        ]
        // What the broker refuses of rejected records for its size goes again without its value, so that it is no end.
        if !isRejects { own.append(("enable.gapless.guarantee", "true")) }
        if isTransactional {
            own += [("transactional.id", "assay-\(run)"), ("transaction.timeout.ms", Self.longestTransaction)]
        }
        do throws(KafkaFault) {
            return try Client(RD_KAFKA_PRODUCER, settings, own, interruption: interruption)
        } catch {
            throw .fault(error)
        }
    }

    /// In milliseconds: brokers take no more, unless told to. Checkpoints have to come sooner.
    private static let longestTransaction = "900000"

    /// `unfit`: the checkpoint that a topic may not fit to any more.
    private func translated<Result>(
        _ body: () throws(KafkaFailure) -> Result, unfit: () -> Int64? = { nil }
    ) throws(RunFailure) -> Result {
        do throws(KafkaFailure) {
            return try body()
        } catch {
            switch error {
            case .fault(let fault) where unfit() != nil && fault.code == RD_KAFKA_RESP_ERR__FAIL:
                throw RunFailure(
                    .badData, "\(title) is not as checkpoint \(unfit() ?? 0) left it: \(fault.message)")
            case .fault(let fault): throw RunFailure(.cannotCreate, "\(title) cannot be used: \(fault.message)")
            case .interrupted: throw RunFailure(.stopped, "\(title): stopped while waiting for the broker")
            }
        }
    }
}

/// What a run does with a topic.
private struct PlannedTopic: PlannedOutput {
    let output: KafkaOutput
    let client: Client
    let situation: OutputSituation
    let resume: KafkaResume
    let tail: TopicTail

    var isStream: Bool { false }

    var notice: String? {
        if tail.foreign > 0 {
            return "\(output.title) has \(tail.foreign) records of others behind the checkpoint; they are left alone"
        }
        return situation.isFresh && situation.recorded != nil
            ? "\(output.title) keeps what earlier runs wrote; the new rows come behind it" : nil
    }

    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink {
        do throws(KafkaFault) {
            return try KafkaSink(
                client, topic: output.topic, partitions: output.partitions, name: situation.name, title: output.title,
                isRejects: situation.stream == NamedOutput.rejects, resume: resume, tail: tail,
                isTransactional: output.isTransactional)
        } catch {
            throw RunFailure(.cannotCreate, "\(output.title) cannot be used: \(error.message)")
        }
    }
}

/// Topics of Kafka as outputs.
package struct KafkaOutputKind: OutputKind {
    package init() {}

    package var form: String { "{kafka: {topic: NAME, brokers: HOST:PORT}}" }

    package var key: String? { "kafka" }

    package func read(
        _ node: YAMLNode, _ name: String, path: String
    ) throws(ConfigurationError) -> (any OutputDefinition)? {
        guard case .map = node.content else { return nil }
        var outer = try YAMLMembers(node, name, path: path)
        guard let inner = outer.take("kafka") else { return nil }
        try outer.finish()
        var members = try YAMLMembers(inner, "'kafka'", path: path)
        let topic = try KafkaSettings.topic(&members)
        var output = KafkaOutput(settings: try KafkaSettings(&members), topic: topic)
        if let node = members.take("key") { output.key = try members.text(node, "key").text }
        if let node = members.take("partitions") { output.partitions = try PartitionList.read(node, members) }
        if let node = members.take("settle") {
            output.settleSeconds = Double(try members.milliseconds(node, "settle")) / 1000
        }
        if let node = members.take("transactions") {
            output.isTransactional = try members.truth(node, "transactions")
        }
        try members.finish()
        return output
    }
}
