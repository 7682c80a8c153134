import Assay
import AssayCore
import CKafka
import Glibc

/// What stands in a topic behind a checkpoint: rows that a run has delivered and does not know of.
struct TopicTail {
    /// By partition, the offset after its last record.
    let ends: [Int64]
    /// By partition, the numbers of this delivery's rows, ascending.
    private(set) var delivered: [[Int64]]
    /// Records of others among them.
    var foreign: UInt64 = 0

    /// The greatest number of a row that is there; 0 for none.
    var last: Int64 { delivered.compactMap(\.last).max() ?? 0 }

    /// Without any rows.
    init(ends: [Int64]) {
        self.ends = ends
        delivered = ends.map { _ in [] }
    }

    /// Of two readings of the ends.
    private static let pauseMicroseconds: useconds_t = 50_000

    /// The end of a partition that somebody else writes.
    static let unwatched: Int64 = -1

    /// The ends of a topic's partitions as they are; of only some if not all are to be watched.
    static func ends(of topic: String, only: [Int32]?, _ client: Client) throws(KafkaFailure) -> [Int64] {
        let count = try client.partitionCount(of: topic)
        if let unknown = only?.first(where: { $0 >= count }) {
            throw .fault(KafkaFault("it has \(count) partitions, and no \(unknown)"))
        }
        var ends: [Int64] = []
        for partition in 0..<count {
            ends.append(only?.contains(partition) != false ? try client.bounds(of: topic, partition).high : unwatched)
        }
        return ends
    }

    /// The same once they have not moved for a while: what a process that was killed has sent may still arrive.
    static func settledEnds(
        of topic: String, only: [Int32]?, _ client: Client, seconds: Double
    ) throws(KafkaFailure) -> [Int64] {
        var ends = try ends(of: topic, only: only, client)
        var since = MonotonicClock.seconds
        while MonotonicClock.seconds < since + seconds {
            if client.isInterrupted { throw .interrupted }
            usleep(pauseMicroseconds)
            let present = try Self.ends(of: topic, only: only, client)
            if present != ends { since = MonotonicClock.seconds }
            ends = present
        }
        return ends
    }

    /// Reads what was written behind a checkpoint.
    static func read(
        _ consumer: Consumer, behind resume: KafkaResume, upTo ends: [Int64]
    ) throws(KafkaFailure) -> TopicTail {
        var tail = TopicTail(ends: ends)
        for partition in ends.indices where ends[partition] != unwatched {
            let next: Int64
            if partition < resume.ends.count, resume.ends[partition] != unwatched {
                next = resume.ends[partition]
                guard ends[partition] >= next else {
                    throw .fault(
                        KafkaFault(
                            "partition \(partition) ends at offset \(ends[partition]), before the \(next) of the "
                                + "checkpoint: the topic was made anew or cut; start over with --fresh"))
                }
            } else {
                next = try consumer.client.bounds(of: consumer.topic, Int32(partition)).low
            }
            if ends[partition] > next { try tail.read(consumer, Int32(partition), from: next, resume.run) }
        }
        // What a broker had refused at first comes after later rows.
        for partition in ends.indices { tail.delivered[partition].sort() }
        return tail
    }

    private mutating func read(
        _ consumer: Consumer, _ partition: Int32, from first: Int64, _ run: String
    ) throws(KafkaFailure) {
        let queue = PartitionQueue(consumer.client, consumer.topic, partition)
        let end = ends[Int(partition)]
        var isInterrupted = false
        do throws(KafkaFault) {
            try consumer.assign(partition, from: first)
            var isDone = false
            while !isDone, !isInterrupted {
                isDone = try take(queue, consumer, partition, upTo: end, run)
                isInterrupted = !isDone && consumer.client.isInterrupted
            }
            try consumer.unassign(partition)
        } catch {
            throw .fault(error)
        }
        if isInterrupted { throw .interrupted }
    }

    /// Takes the next record, if one comes. Returns whether it was the last.
    private mutating func take(
        _ queue: PartitionQueue, _ consumer: Consumer, _ partition: Int32, upTo end: Int64, _ run: String
    ) throws(KafkaFault) -> Bool {
        var next = queue.next()
        if next == nil { next = queue.next(withinMilliseconds: Self.waitMilliseconds) }
        guard let message = next.take() else { return false }
        switch message.code {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            try note(message, partition, run)
            return message.offset + 1 >= end
        // What is left up to the end is no records.
        case RD_KAFKA_RESP_ERR__PARTITION_EOF: return message.offset >= end
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
            throw KafkaFault(
                "partition \(partition) has lost what the last run may have written; start over with --fresh")
        default:
            let fault = KafkaFault(message.code, consumer.client.library)
            if fault.isRefusal { throw fault }
            consumer.client.tellWaiting(fault)
            return false
        }
    }

    private static let waitMilliseconds: Int32 = 100

    private mutating func note(_ message: borrowing Message, _ partition: Int32, _ run: String) throws(KafkaFault) {
        guard let writer = message.header(HeaderName.run) else {
            foreign += 1
            return
        }
        guard writer == run, let number = message.header(HeaderName.sequence).flatMap({ Int64($0) }) else {
            throw KafkaFault(
                "partition \(partition) has a record of another run of assay at offset \(message.offset): a topic, or "
                    + "partition, has one writer; give each its own")
        }
        delivered[Int(partition)].append(number)
    }
}
