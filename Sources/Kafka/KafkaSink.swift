import Assay
import AssayCore
import CKafka
import Glibc
import StateStore

/// A topic of Kafka: each row is there exactly once, however often it is repeated.
///
/// Rows leave at once, by a producer that keeps their order in each partition. They carry their number, so that the end
/// of a partition tells which of them a run has delivered that was killed.
final class KafkaSink: RowSink {
    private let client: Client
    private let topic: OpaquePointer
    private let name: String
    private let title: String
    private let run: [UInt8]
    /// The partitions that rows go to; nil for all.
    private let partitions: [Int32]?
    /// What is rejected has headers of its own, and may leave its value behind.
    private let isRejects: Bool
    private let tail: TopicTail
    /// Rows up to this one may be there already, and went by the number of partitions that there was then.
    private let lastRepeated: Int64
    private let formerEnds: [Int64]
    /// By partition, how many of the tail's rows have come again or were passed.
    private var looked: [Int]

    /// Set where readers see only what is committed.
    private var transaction: Transaction?

    private var made: Int64
    private var ends: [Int64]
    /// Queued and not reported as delivered yet.
    private var underWay = 0
    private var fault: SinkFault?
    private var buffer = OutputBuffer(capacity: 1 << 16)

    /// How long a run that is being stopped waits without seeing any delivery.
    private static let patienceSeconds = 10.0
    private static let waitMilliseconds: Int32 = 100
    /// How often deliveries are looked at when no rows come.
    private static let lookSeconds = 0.2

    init(
        _ client: Client, topic: String, partitions: [Int32]?, name: String, title: String, isRejects: Bool,
        resume: KafkaResume, tail: TopicTail, isTransactional: Bool
    ) throws(KafkaFault) {
        guard let object = client.library.pointee.topic_new(client.handle, topic, nil) else {
            throw KafkaFault("'\(topic)' is no name of a topic")
        }
        self.topic = object
        (self.client, self.name, self.title, self.isRejects) = (client, name, title, isRejects)
        (run, made, self.partitions) = (Array(resume.run.utf8), resume.rows, partitions)
        self.tail = tail
        transaction = isTransactional ? Transaction(client) : nil
        ends = tail.ends
        lastRepeated = tail.last
        looked = ends.map { _ in 0 }
        formerEnds = resume.ends
    }

    deinit { client.library.pointee.topic_destroy(topic) }

    // MARK: Rows

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        buffer.removeAll()
        _ = fill(&buffer)
        var reader = RecordReader(buffer.bytes)
        while let record = reader.next() {
            made += 1
            let count = Int32(made <= lastRepeated ? formerEnds.count : ends.count)
            let partition = Partitioner.partition(of: record.key, row: made, count: count, among: partitions)
            if isThere(made, Int(partition)) { continue }
            if isRejects { try sendRejected(record, to: partition) } else { try send(record, to: partition) }
        }
        try look(0)
    }

    /// Whether an earlier run has delivered a row. Rows are asked for in their order.
    private func isThere(_ row: Int64, _ partition: Int) -> Bool {
        guard row <= lastRepeated else { return false }
        let rows = tail.delivered[partition]
        while looked[partition] < rows.count, rows[looked[partition]] < row { looked[partition] += 1 }
        return looked[partition] < rows.count && rows[looked[partition]] == row
    }

    private func send(_ record: EncodedRecord, to partition: Int32) throws(SinkFault) {
        try withStandardHeaders(record) { headers, count throws(SinkFault) in
            var headers = headers
            headers[count] = Self.header("content-type", Self.json)
            try produce(record.key, record.value, to: partition, headers, count + 1)
        }
    }

    private static let json: StaticString = "application/json"

    private static func header(_ name: StaticString, _ text: StaticString) -> assay_kafka_header {
        assay_kafka_header(name: name.cString, value: text.utf8Start, size: text.utf8CodeUnitCount)
    }

    private static func header(_ name: StaticString, _ bytes: UnsafeRawBufferPointer) -> assay_kafka_header {
        assay_kafka_header(name: name.cString, value: bytes.baseAddress, size: bytes.count)
    }

    private typealias Headers = InlineArray<5, assay_kafka_header>

    /// The headers that every row has: its number, its source where it has one, and its run.
    private func withStandardHeaders(
        _ record: EncodedRecord, _ body: (Headers, Int) throws(SinkFault) -> Void
    ) throws(SinkFault) {
        var number = "\(made)"
        var failure: SinkFault?
        number.withUTF8 { number in
            run.withUnsafeBytes { run in
                var headers = Headers(repeating: assay_kafka_header())
                headers[0] = Self.header("assay-sequence", UnsafeRawBufferPointer(number))
                headers[1] = Self.header("assay-run", run)
                var count = 2
                if !record.source.isEmpty {
                    headers[2] = Self.header("assay-source", record.source)
                    count = 3
                }
                do throws(SinkFault) { try body(headers, count) } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }

    /// Queues a copy of a record, and waits while there is no room.
    private func produce(
        _ key: UnsafeRawBufferPointer?, _ value: UnsafeRawBufferPointer?, to partition: Int32, _ headers: Headers,
        _ count: Int
    ) throws(SinkFault) {
        try produce { [client, topic] in
            headers.span.withUnsafeBufferPointer { headers in
                assay_kafka_produce(
                    client.library, client.handle, topic, partition, key?.baseAddress, key?.count ?? 0,
                    value?.baseAddress, value?.count ?? 0, headers.baseAddress, count)
            }
        }
    }

    private func produce(_ attempt: () -> rd_kafka_resp_err_t) throws(SinkFault) {
        do throws(KafkaFault) {
            try transaction?.begin()
        } catch {
            throw SinkFault(sink: title, reason: .store(error.message))
        }
        var patience = Patience(self)
        while true {
            let code = attempt()
            switch code {
            case RD_KAFKA_RESP_ERR_NO_ERROR:
                underWay += 1
                return
            case RD_KAFKA_RESP_ERR__QUEUE_FULL: try patience.wait(self)
            default: throw undeliverable(code)
            }
        }
    }

    // MARK: Rejected records

    /// The original with the reason in its headers. A large one is sent alone: whether the broker takes it has to be
    /// known before anything that comes after it.
    private func sendRejected(_ record: EncodedRecord, to partition: Int32) throws(SinkFault) {
        guard record.value.count > Self.largeValue else { return try sendRejected(record, to: partition, record.value) }
        try drain()
        do throws(SinkFault) {
            try sendRejected(record, to: partition, record.value)
            try drain()
        } catch {
            guard tooLarge else { throw error }
            (tooLarge, fault) = (false, nil)
            try sendRejected(record, to: partition, nil)
            try drain()
        }
    }

    /// No topic refuses less.
    private static let largeValue = 1 << 10
    /// The last fault was that a record was too large.
    private var tooLarge = false

    private func sendRejected(
        _ record: EncodedRecord, to partition: Int32, _ value: UnsafeRawBufferPointer?
    ) throws(SinkFault) {
        var texts: [(name: [UInt8], value: [UInt8]?)] = []
        record.forEachHeader { name, value in texts.append((Array(name) + [0], value.map { Array($0) })) }
        // What follows says more than what came.
        while texts.count > Self.mostRejectedHeaders { texts.removeFirst() }
        func add(_ name: String, _ value: [UInt8]) { texts.append((Array(name.utf8) + [0], value)) }
        if !record.source.isEmpty { add(HeaderName.source, Array(record.source)) }
        add(HeaderName.sequence, Array("\(made)".utf8))
        add(HeaderName.run, run)
        if value == nil { add(HeaderName.valueBytes, Array("\(record.value.count)".utf8)) }
        let held = texts.map { (strdup($0.name), $0.value) }
        defer { for (name, _) in held { free(name) } }
        let bytes = texts.flatMap { $0.value ?? [] }
        try produce { [client, topic] in
            bytes.withUnsafeBytes { bytes in
                var headers: [assay_kafka_header] = []
                var place = 0
                for (name, value) in held {
                    let start = value.map { _ in bytes.baseAddress.map { $0 + place } ?? UnsafeRawPointer(name!) }
                    headers.append(
                        assay_kafka_header(name: UnsafePointer(name), value: start ?? nil, size: value?.count ?? 0))
                    place += value?.count ?? 0
                }
                return assay_kafka_produce(
                    client.library, client.handle, topic, partition, record.key?.baseAddress, record.key?.count ?? 0,
                    value?.baseAddress, value?.count ?? 0, headers, headers.count)
            }
        }
    }

    private static let mostRejectedHeaders = Int(ASSAY_KAFKA_MOST_HEADERS) - 8

    // MARK: Deliveries

    /// Takes reports of deliveries, waiting for the first for at most this long.
    private func look(_ milliseconds: Int32) throws(SinkFault) {
        client.takeEvents(withinMilliseconds: milliseconds) { message in
            underWay -= 1
            let (code, partition) = (message.pointee.err, Int(message.pointee.partition))
            guard code == RD_KAFKA_RESP_ERR_NO_ERROR else {
                if fault == nil { fault = undeliverable(code) }
                return
            }
            if partition < ends.count, ends[partition] != TopicTail.unwatched {
                ends[partition] = max(ends[partition], message.pointee.offset + 1)
            }
        }
        if let fault { throw fault }
    }

    private func undeliverable(_ code: rd_kafka_resp_err_t) -> SinkFault {
        tooLarge = code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE || code == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE
        let advice =
            switch code {
            case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
                "; raise the topic's max.message.bytes and the option message.max.bytes"
            case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
                RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
                "; make the topic again, and start over with --fresh"
            case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED: "; allow this user to write it"
            default: "; the same command goes on where it was"
            }
        return SinkFault(sink: title, reason: .store(KafkaFault(code, client.library).message + advice))
    }

    /// Waits until everything is delivered.
    private func drain() throws(SinkFault) {
        try look(0)
        var patience = Patience(self)
        while underWay > 0 { try patience.wait(self) }
    }

    /// How long one waits for deliveries: for ever, unless the run is being stopped.
    private struct Patience {
        private var last: Int
        private var since = MonotonicClock.seconds

        init(_ sink: KafkaSink) {
            last = sink.underWay
        }

        mutating func wait(_ sink: KafkaSink) throws(SinkFault) {
            try sink.look(KafkaSink.waitMilliseconds)
            if sink.underWay < last {
                (last, since) = (sink.underWay, MonotonicClock.seconds)
                sink.client.noteSuccess()
                return
            }
            let waited = MonotonicClock.seconds - since
            if waited > 1 {
                sink.client.tellWaiting(sink.client.present ?? KafkaFault("nothing is delivered"))
            }
            guard sink.client.isInterrupted, waited > (sink.client.present == nil ? patienceSeconds : 0) else { return }
            throw SinkFault(
                sink: sink.title,
                reason: .store("the broker was away when the run was stopped; the same command goes on where it was"))
        }
    }

    var isImmediate: Bool { false }

    var due: Double { underWay > 0 ? MonotonicClock.seconds + Self.lookSeconds : .infinity }

    func flush() throws(SinkFault) { try look(0) }

    // MARK: Checkpoints

    func settle(isLast: Bool) throws(SinkFault) -> SettledSink {
        try drain()
        try commit()
        // While rows are missing here that may be there, the next run has to read them too.
        let resume = KafkaResume(
            run: String(decoding: run, as: UTF8.self), rows: made, ends: made < lastRepeated ? formerEnds : ends)
        return SettledSink(
            CheckpointRecord.Output(name: name, path: title, length: UInt64(made), resume: resume.bytes))
    }

    private func commit() throws(SinkFault) {
        do throws(KafkaFailure) {
            try transaction?.commit()
        } catch {
            let message =
                switch error {
                case .fault(let fault): fault.message
                case .interrupted: "the broker was away when the run was stopped"
                }
            throw SinkFault(sink: title, reason: .store("\(message); the same command goes on where it was"))
        }
    }

    func release() throws(SinkFault) {}

    var condition: SinkCondition { SinkCondition(waiting: underWay, failures: client.failures) }
}

extension StaticString {
    /// Static strings end in a zero.
    fileprivate var cString: UnsafePointer<CChar> {
        UnsafeRawPointer(utf8Start).assumingMemoryBound(to: CChar.self)
    }
}
