import Arguments
import Assay
import AssayCore
import CivilTime
import StateStore

/// A topic as an input.
struct KafkaInput: SourceDefinition {
    let settings: KafkaSettings
    let topic: String
    var start = Start.earliest
    /// Those that this engine takes; nil for all.
    var partitions: [Int32]?
    var group = "assay"
    var hasEnvelope = false

    /// Where a partition begins that no checkpoint knows.
    enum Start: Equatable, Sendable {
        case earliest, latest
        /// Milliseconds since 1970.
        case time(Int64)
        case offsets([Int32: Int64])
    }

    var path: String { "kafka:\(topic)" }
    var format: InputFormat { .jsonl }
    var isEndless: Bool { true }
    var addedFields: [String] { hasEnvelope ? ["kafka"] : [] }
    var file: String? { nil }

    func parts(_ opening: SourceOpening) throws(RunFailure) -> [SourcePart] {
        try parts(opening, deadline: .infinity)
    }

    private func parts(_ opening: SourceOpening, deadline: Double) throws(RunFailure) -> [SourcePart] {
        try translated { () throws(KafkaFailure) in
            let consumer: Consumer
            do throws(KafkaFault) {
                consumer = try Consumer(
                    settings, topic: topic, group: group, partitions: partitions?.count ?? Consumer.usualPartitions,
                    interruption: opening.interruption, deadline: deadline)
            } catch {
                throw .fault(error)
            }
            let count = try consumer.client.partitionCount(of: topic)
            if let unknown = partitions?.first(where: { $0 >= count }) {
                throw .fault(KafkaFault("it has \(count) partitions, and no \(unknown)"))
            }
            let numbers = partitions ?? Array(0..<count)
            if case .offsets(let offsets) = start,
                let unknown = offsets.keys.sorted().first(where: { !numbers.contains($0) })
            {
                throw .fault(KafkaFault("'start' has an offset for partition \(unknown), which is not read"))
            }
            return numbers.map { number in
                SourcePart(
                    name: "\(number)",
                    PartitionInput(
                        input: self, number: number, consumer: consumer, count: partitions == nil ? count : nil))
            }
        }
    }

    func find(_ recorded: CheckpointRecord.Input?, _ opening: SourceOpening) throws(RunFailure) -> any FoundSource {
        preconditionFailure("a topic is read by its partitions")
    }

    func probe(seconds: Double) throws(RunFailure) -> String {
        let parts = try parts(SourceOpening(), deadline: MonotonicClock.seconds + seconds)
        for part in parts { _ = try part.definition.find(nil, SourceOpening()) }
        return "topic \(topic) at \(settings.label), \(parts.count) partition\(parts.count == 1 ? "" : "s")"
    }

    func translated<Result>(_ body: () throws(KafkaFailure) -> Result) throws(RunFailure) -> Result {
        do throws(KafkaFailure) {
            return try body()
        } catch {
            switch error {
            case .fault(let fault):
                throw RunFailure(.noInput, "topic \(topic) at \(settings.label) cannot be read: \(fault.message)")
            case .interrupted:
                throw RunFailure(.stopped, "topic \(topic) at \(settings.label): stopped while waiting for the broker")
            }
        }
    }
}

/// One partition of a topic as an input.
private struct PartitionInput: SourceDefinition {
    let input: KafkaInput
    let number: Int32
    let consumer: Consumer
    /// Of the topic, if all of its partitions are read.
    let count: Int32?

    var path: String { "\(input.path)/\(number)" }
    var format: InputFormat { .jsonl }
    var isEndless: Bool { true }
    var file: String? { nil }

    private var title: String { "topic \(input.topic), partition \(number)" }

    func find(_ recorded: CheckpointRecord.Input?, _ opening: SourceOpening) throws(RunFailure) -> any FoundSource {
        let bounds = try input.translated { () throws(KafkaFailure) in
            try consumer.client.bounds(of: input.topic, number)
        }
        guard let recorded else {
            let first = try first(opening, bounds)
            return FoundPartition(
                input, consumer, number, of: count, KafkaPosition(next: first),
                stops: opening.stopsAtEnd ? bounds.high : nil)
        }
        guard let position = KafkaPosition(recorded.position), recorded.path == path else {
            throw RunFailure(
                .badData,
                "checkpoints have '\(recorded.path)' as the input '\(recorded.name)', not '\(path)'; give it the same, "
                    + "or start over with --fresh")
        }
        let found = FoundPartition(
            input, consumer, number, of: count, position, records: recorded.line, finding: .same,
            stops: opening.stopsAtEnd ? bounds.high : nil, acceptsGap: opening.acceptsGap)
        if let gap = Gap(position, bounds) { try found.take(gap, title) }
        return found
    }

    private func first(_ opening: SourceOpening, _ bounds: (low: Int64, high: Int64)) throws(RunFailure) -> Int64 {
        // A partition that joined later was empty before.
        guard !opening.isAdded else { return bounds.low }
        switch input.start {
        case .earliest: return bounds.low
        case .latest: return bounds.high
        case .time(let milliseconds):
            return try input.translated { () throws(KafkaFailure) in
                try consumer.offset(of: number, at: milliseconds) ?? bounds.high
            }
        case .offsets(let offsets):
            guard let offset = offsets[number] else { return bounds.low }
            guard (bounds.low...bounds.high).contains(offset) else {
                throw RunFailure(
                    .badData,
                    "\(title) has the offsets \(bounds.low) to \(bounds.high), and 'start' asks for \(offset)")
            }
            return offset
        }
    }
}

/// What is missing between where a checkpoint left a partition and what the broker has of it.
struct Gap: Equatable {
    /// The offset that was to come next, and the one that comes instead.
    let wanted: Int64
    let found: Int64
    /// The topic is not the one that it was.
    let isOther: Bool

    init(wanted: Int64, found: Int64, isOther: Bool) {
        (self.wanted, self.found, self.isOther) = (wanted, found, isOther)
    }

    /// Nil where nothing is missing, as far as the bounds say.
    init?(_ position: KafkaPosition, _ bounds: (low: Int64, high: Int64)) {
        if bounds.high < position.next {
            self.init(wanted: position.next, found: bounds.low, isOther: true)
        } else if bounds.low > position.next {
            self.init(wanted: position.next, found: bounds.low, isOther: false)
        } else {
            return nil
        }
    }

    /// What people are told of it.
    func sentence(_ title: String) -> String {
        isOther
            ? "\(title) is not what the checkpoint read: offset \(wanted) was to come next, and the topic was made "
                + "anew or cut; its first offset is \(found)"
            : "\(title) has lost what was to come next: offset \(wanted) is gone, and the first one there is \(found)"
    }

    func failure(_ title: String) -> RunFailure {
        RunFailure(.badData, "\(sentence(title)); go on from there with --accept-gap, or start over with --fresh")
    }
}

/// Topics of Kafka as inputs.
package struct KafkaSourceKind: SourceKind {
    package init() {}

    package var form: String { "{kafka: {topic: NAME, brokers: HOST:PORT}}" }
    package var key: String? { "kafka" }

    package func read(
        _ outer: inout YAMLMembers, format: InputFormat
    ) throws(ConfigurationError) -> (any SourceDefinition)? {
        guard let inner = outer.take("kafka") else { return nil }
        var members = try outer.inner(inner, "'kafka'")
        guard format == .jsonl else {
            throw members.fault("records of topics are JSON, not \(format.rawValue)", inner.position)
        }
        let topic = try KafkaSettings.topic(&members)
        var input = KafkaInput(settings: try KafkaSettings(&members), topic: topic)
        if let node = members.take("start") { input.start = try start(node, members) }
        if let node = members.take("partitions") { input.partitions = try PartitionList.read(node, members) }
        if let node = members.take("group") { input.group = try members.text(node, "group").text }
        if let node = members.take("envelope") { input.hasEnvelope = try members.truth(node, "envelope") }
        try members.finish()
        return input
    }

    private func number(_ node: YAMLNode, _ key: String, _ members: YAMLMembers) throws(ConfigurationError) -> Int64 {
        let text = try members.text(node, key)
        guard let number = Int64(text.text), number >= 0 else {
            throw members.fault("'\(text.text)' in '\(key)' is no number from 0 on", text.position)
        }
        return number
    }

    private func start(_ node: YAMLNode, _ members: YAMLMembers) throws(ConfigurationError) -> KafkaInput.Start {
        if case .map = node.content {
            var offsets: [Int32: Int64] = [:]
            for (key, position, value) in try members.entries(node, "start") {
                guard let partition = Int32(key), partition >= 0 else {
                    throw members.fault("'start' has offsets by the numbers of partitions, unlike '\(key)'", position)
                }
                offsets[partition] = try number(value, "start", members)
            }
            return .offsets(offsets)
        }
        let text = try members.text(node, "start")
        switch text.text {
        case "earliest": return .earliest
        case "latest": return .latest
        default:
            var written = text.text
            guard let time = written.withUTF8({ EventTime(iso8601: $0, zone: .utc) }) else {
                throw members.fault(
                    "'start' is earliest, latest, a time such as 2026-01-31T00:00:00Z, or a map of partitions and "
                        + "offsets", text.position)
            }
            return .time(time.milliseconds)
        }
    }
}

/// The numbers of partitions, as inputs and outputs name them.
enum PartitionList {
    static func read(_ node: YAMLNode, _ members: YAMLMembers) throws(ConfigurationError) -> [Int32] {
        var numbers: [Int32] = []
        for element in try members.elements(node, "partitions") {
            let text = try members.text(element, "partitions")
            guard let number = Int32(text.text), number >= 0, !numbers.contains(number) else {
                throw members.fault("'partitions' has numbers of partitions, each once", text.position)
            }
            numbers.append(number)
        }
        guard !numbers.isEmpty else { throw members.fault("'partitions' names one at least", node.position) }
        return numbers
    }
}
