import Arguments
import Assay
import AssayCore
import CKafka

/// A partition that was found, but not read yet.
final class FoundPartition: FoundSource {
    private let input: KafkaInput
    private let consumer: Consumer
    private let number: Int32
    private let count: Int32?
    private var state: KafkaPosition
    private let records: UInt64
    let finding: InputFinding
    /// Nothing is read from here on.
    private let stops: Int64?
    private let acceptsGap: Bool
    private(set) var notice: String?

    init(
        _ input: KafkaInput, _ consumer: Consumer, _ number: Int32, of count: Int32?, _ state: KafkaPosition,
        records: UInt64 = 0, finding: InputFinding = .first, stops: Int64?, acceptsGap: Bool = false
    ) {
        (self.input, self.consumer, self.number, self.count, self.state) = (input, consumer, number, count, state)
        (self.records, self.finding, self.stops, self.acceptsGap) = (records, finding, stops, acceptsGap)
    }

    /// Goes on behind a gap if that is wanted.
    func take(_ gap: Gap, _ title: String) throws(RunFailure) {
        guard acceptsGap else { throw gap.failure(title) }
        notice = "\(gap.sentence(title)); accepted"
        state = KafkaPosition(next: gap.found)
    }

    var position: SourcePosition {
        SourcePosition(offset: UInt64(state.next), line: records, bytes: state.bytes)
    }

    var place: String { "offset \(state.next)" }
    var hasGap: Bool { notice != nil }
    var csvHeader: [UInt8] { [] }
    var isFinished: Bool { false }
    var wasInterrupted: Bool { false }
    var totalBytes: UInt64? { nil }

    func open(_ reading: SourceReading) -> any Source {
        PartitionSource(
            input, consumer, number, of: count, state, records: records, stops: stops, acceptsGap: acceptsGap, reading)
    }
}

/// Reads a partition: each record becomes a line.
final class PartitionSource: Source {
    private let input: KafkaInput
    private let consumer: Consumer
    private let number: Int32
    /// Of the topic, if all of its partitions are read.
    private let count: Int32?
    private let reading: SourceReading
    private var state: KafkaPosition
    /// The same after the batch that was filled last.
    private var next: KafkaPosition
    private var records: UInt64
    private let stops: Int64?
    private let acceptsGap: Bool
    private let queue: PartitionQueue
    private var isAssigned = false
    /// The record of the checkpoint has to come first.
    private var isChecked: Bool
    private var isAtEnd = false
    /// Something was taken since it was said that nothing is there.
    private var wasBusy = true
    /// Fetched, and of a later batch.
    private var held: Message?
    private var envelope = Envelope()

    /// How often a reader that waits looks whether it has to stop.
    private static let waitMilliseconds: Int32 = 250

    init(
        _ input: KafkaInput, _ consumer: Consumer, _ number: Int32, of count: Int32?, _ state: KafkaPosition,
        records: UInt64, stops: Int64?, acceptsGap: Bool, _ reading: SourceReading
    ) {
        (self.input, self.consumer, self.number, self.count, self.state) = (input, consumer, number, count, state)
        (self.records, self.stops, self.acceptsGap, self.reading) = (records, stops, acceptsGap, reading)
        next = state
        isChecked = state.last < 0
        queue = PartitionQueue(consumer.client, input.topic, number)
    }

    private var title: String { "topic \(input.topic), partition \(number)" }

    // MARK: Batches

    func fill(_ text: inout InputText, upTo limit: UInt64) throws(RunFailure) -> SourceOutcome {
        let limit = Int64(clamping: limit)
        if !isAssigned { try assign() }
        if let count, consumer.hasMorePartitions(than: count) { reading.hasGrown() }
        text.reset(offset: 0, firstLine: records + 1)
        let batch = BatchRecords(input.topic, number)
        text.origin = batch
        next = state
        var begun = 0.0
        while true {
            if isAtEnd || stops.map({ next.next >= $0 }) ?? false { return text.count > 0 ? .lines : .end }
            guard let message = try nextMessage(linger: batch.count > 0 ? begun + reading.lingerSeconds : nil) else {
                if batch.count > 0 { return .lines }
                if Interruption.isTriggered(reading.interruption) { return .interrupted }
                if let count, consumer.hasMorePartitions(than: count) { reading.hasGrown() }
                continue
            }
            switch place(of: message, limit) {
            case .before: continue
            case .beyond:
                if batch.count == 0 {
                    throw Gap(wanted: next.next, found: message.offset, isOther: false).failure(title)
                }
                held = consume message
                return .lines
            case .here: break
            }
            guard Self.makeRoom(for: message.value?.count ?? 0, in: &text, isFirst: batch.count == 0) else {
                held = consume message
                return .lines
            }
            if begun == 0 { begun = MonotonicClock.seconds }
            // A tombstone is a blank line: counted and passed over.
            if let value = message.value { append(value, of: message, to: &text) } else { text.endLine() }
            next.take(message)
            batch.append(message)
            if text.cutLine != nil { return .lines }
        }
    }

    func advance(past text: borrowing InputText, lines: UInt64, csvHeader: [UInt8]) -> SourcePosition {
        state = next
        wasBusy = true
        records += lines
        var position = SourcePosition(offset: UInt64(state.next), line: records, bytes: state.bytes)
        position.lag = consumer.lag(of: number, behind: state.next)
        return position
    }

    func committed(_ position: SourcePosition) { consumer.commit(number, Int64(position.offset)) }

    /// Room that a record leaves for its envelope.
    private static let envelopeBytes = 64 << 10
    private static let longestLine = 1 << 20

    /// Returns false when the record has to begin the next batch.
    private static func makeRoom(for count: Int, in text: inout InputText, isFirst: Bool) -> Bool {
        let wanted = text.filled + min(count, longestLine) + envelopeBytes + 1
        if wanted <= text.capacity { return true }
        guard isFirst else { return false }
        text.grow(to: wanted, keeping: text.filled)
        return true
    }

    private func append(_ value: UnsafeBufferPointer<UInt8>, of message: borrowing Message, to text: inout InputText) {
        let start = text.filled
        guard value.count <= Self.longestLine else {
            text.append(UnsafeBufferPointer(rebasing: value[..<(Reject.quotedBytes + 3)]))
            text.flatten(from: start)
            text.cutLine = start
            return text.endLastLine()
        }
        text.append(value)
        text.flatten(from: start)
        if input.hasEnvelope { envelope.put(around: message, number, at: start, in: &text, atMost: Self.envelopeBytes) }
        text.endLine()
    }

    // MARK: Records

    private enum Place {
        case before, here, beyond
    }

    /// Records that were taken already come first when the one before the position is looked at.
    private func place(of message: borrowing Message, _ limit: Int64) -> Place {
        if message.offset < next.next { return .before }
        return message.offset >= limit ? .beyond : .here
    }

    /// The next record; nil when none came for a while, or at the end. With `linger`, until then at most.
    private func nextMessage(linger: Double?) throws(RunFailure) -> Message? {
        if let held = held.take() { return consume held }
        while true {
            var fetched = queue.next()
            if fetched == nil { fetched = wait(linger) }
            guard let message = fetched.take() else { return nil }
            let code = message.code
            if code == RD_KAFKA_RESP_ERR_NO_ERROR {
                consumer.client.noteSuccess()
                guard try isExpected(message) else { continue }
                return consume message
            }
            if try isEnd(code) { return nil }
        }
    }

    /// Takes an event of the partition. Returns whether its end was reached.
    private func isEnd(_ code: rd_kafka_resp_err_t) throws(RunFailure) -> Bool {
        switch code {
        case RD_KAFKA_RESP_ERR__PARTITION_EOF:
            consumer.client.noteSuccess()
            isAtEnd = stops != nil
            return true
        case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE: try jump()
        default:
            let fault = KafkaFault(code, consumer.client.library)
            if fault.isRefusal || Self.isGone(code) {
                throw RunFailure(.inputOutput, "\(title) cannot be read any more: \(fault.message)")
            }
            consumer.client.tellWaiting(fault)
        }
        return false
    }

    private static func isGone(_ code: rd_kafka_resp_err_t) -> Bool {
        [
            RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC,
            RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION,
        ].contains(code)
    }

    private func wait(_ linger: Double?) -> Message? {
        if let linger {
            let left = linger - MonotonicClock.seconds
            return left > 0 ? queue.next(withinMilliseconds: Int32(left * 1000) + 1) : nil
        }
        if wasBusy { reading.willWait() }
        wasBusy = false
        consumer.client.takeEvents(withinMilliseconds: 0)
        if let trouble = consumer.client.present { consumer.client.tellWaiting(trouble) }
        return queue.next(withinMilliseconds: Self.waitMilliseconds)
    }

    private func assign() throws(RunFailure) {
        do throws(KafkaFault) {
            if isAssigned { try consumer.unassign(number) }
            isAssigned = true
            try consumer.assign(number, from: isChecked ? next.next : next.last)
        } catch {
            throw RunFailure(.inputOutput, "\(title) cannot be read: \(error.message)")
        }
    }

    /// The first record that comes must be the one that the checkpoint ends with, if that is still there. False where
    /// it is not and that is accepted.
    private func isExpected(_ message: borrowing Message) throws(RunFailure) -> Bool {
        guard !isChecked else { return true }
        isChecked = true
        guard message.offset == state.last, message.digest != state.digest else { return true }
        guard acceptsGap else {
            throw RunFailure(
                .badData,
                "\(title) is not what the checkpoint read: the record at offset \(state.last) is another one, so the "
                    + "topic was made anew; go on with --accept-gap, or start over with --fresh")
        }
        let bounds = try input.translated { () throws(KafkaFailure) in
            try consumer.client.bounds(of: input.topic, number)
        }
        try goOn(behind: Gap(wanted: state.next, found: bounds.low, isOther: true))
        return false
    }

    /// The broker has no record at the position any more.
    private func jump() throws(RunFailure) {
        let bounds = try input.translated { () throws(KafkaFailure) in
            try consumer.client.bounds(of: input.topic, number)
        }
        // The record before the position is gone, and nothing else.
        if !isChecked, bounds.low == next.next {
            isChecked = true
            return try assign()
        }
        try goOn(
            behind: Gap(next, bounds)
                ?? Gap(wanted: next.next, found: bounds.low, isOther: bounds.low < next.next))
    }

    private func goOn(behind gap: Gap) throws(RunFailure) {
        guard acceptsGap else { throw gap.failure(title) }
        reading.notice("\(gap.sentence(title)); accepted")
        next = KafkaPosition(next: gap.found)
        isChecked = true
        queue.removeAll()
        try assign()
    }
}
