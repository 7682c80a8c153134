import AssayCore
import CBytes
import Compression
import Glibc

/// Why reading cannot continue.
package enum InputError: Error, Equatable {
    case failed(errorNumber: Int32)
    /// A line continues past this offset, where one ended in an earlier run.
    case changed(offset: UInt64)
    case compression(CompressionFault)
    case utf16
    /// The header of CSV is none that anything can be read under.
    case header(String)

    init(_ fault: ConvertedInput.Fault) {
        switch fault {
        case .compression(let fault): self = .compression(fault)
        case .failed(let number): self = .failed(errorNumber: number)
        }
    }

    package func failure(of path: String) -> RunFailure {
        switch self {
        case .utf16:
            RunFailure(.badData, "'\(path)' is UTF-16; convert it, with 'iconv -f UTF-16 -t UTF-8'")
        case .header(let fault): RunFailure(.badData, "'\(path)': \(fault)")
        case .compression(let fault): RunFailure(.badData, "cannot read '\(path)': \(fault.message)")
        case .failed(let number): RunFailure(.inputOutput, "cannot read '\(path)'", errorNumber: number)
        case .changed(let offset):
            RunFailure(
                .badData,
                "'\(path)' has changed since it was read: a line continues at byte \(offset); give the same input, "
                    + "or start over with --fresh")
        }
    }
}

/// Cuts a file or pipe into batches of whole lines. Waits only when there is nothing to return.
struct LineReader: ~Copyable {
    enum Outcome {
        case lines, end
        /// A stop was requested while waiting.
        case interrupted
    }

    private let input: InputFile
    private let interruption: Int32
    private let waitsForGrowth: Bool
    /// Nothing past this offset, the end of a line, is read.
    private let end: UInt64
    /// The current batch ends here, as it did in an earlier run.
    private var limit = UInt64.max
    /// Whether a followed file goes no further than this offset, because another one has its name, or it was cut.
    private let isReplaced: (UInt64) -> Bool
    private let willWait: () -> Void
    /// Whether lines were returned since there was last nothing to read.
    private var wasBusy = true
    /// The beginning of a line whose end has not been read.
    private var carried: [UInt8] = []
    /// Whether `carried` may have more than that, because an overlong line ended in it.
    private var carriedWholeLines = false
    private var isAtEnd = false
    /// The end of what was returned so far.
    private(set) var offset: UInt64
    private(set) var line: UInt64
    /// The digest of everything up to the position.
    private var digest: InputDigest
    private let isDigested: Bool
    /// Whether the last line that was returned had no newline.
    private(set) var endsInsideLine = false

    /// After a read of less than this it is worth waiting for more: far less than the pipe holds.
    private let smallRead: Int
    private static let pipeBytes: Int32 = 1 << 20
    private static let smallPart = 8
    private let lingerSeconds: Double
    private let leavesUnfinished: Bool
    private var lastRead = (bytes: 0, time: 0.0)
    /// How often a followed file is checked for more.
    private static let growthPollMilliseconds: Int32 = 20

    /// Where to begin, with what is known of the input.
    struct Start: ~Copyable {
        var offset: UInt64 = 0
        var line: UInt64 = 0
        /// Bytes after the position that were read already.
        var readAhead: [UInt8] = []
        var digest = InputDigest()
    }

    /// `interruption` becomes readable when reading has to stop; -1 for never. `isDigested`: whether checkpoints record
    /// what the input looked like. `end`: nothing past this offset, the end of a line, is read. `lingerSeconds`: lines
    /// of a slow pipe may wait this long, so that they need not be taken one by one. `leavesUnfinished`: whether a last
    /// line without its newline is left to the next reader. `willWait` is called before waiting for input that is not
    /// there yet.
    init(
        input: InputFile, interruption: Int32 = -1, waitsForGrowth: Bool = false, isDigested: Bool = true,
        end: UInt64 = .max, lingerSeconds: Double = 0,
        leavesUnfinished: Bool = false, start: consuming Start,
        isReplaced: @escaping (UInt64) -> Bool = { _ in false },
        willWait: @escaping () -> Void = {}
    ) {
        self.lingerSeconds = lingerSeconds
        self.leavesUnfinished = leavesUnfinished
        self.isReplaced = isReplaced
        self.willWait = willWait
        self.end = end
        self.input = input
        self.interruption = interruption
        self.waitsForGrowth = waitsForGrowth
        (offset, line) = (start.offset, start.line)
        carried = start.readAhead
        carriedWholeLines = !carried.isEmpty
        self.isDigested = isDigested
        digest = start.digest
        // Where it is refused, or no pipe, the pipe is as large as it is.
        let isSlow = lingerSeconds > 0 && !input.isRegularFile
        let held = isSlow ? assay_enlarge_pipe(input.descriptor, Self.pipeBytes) : 0
        smallRead = Int(held) / Self.smallPart
    }

    init(descriptor: Int32, format: InputFormat = .jsonl, isDigested: Bool = true, start: consuming Start) {
        self.init(input: InputFile(descriptor, format: format), isDigested: isDigested, start: start)
    }

    /// Reads at least one whole line, and as many more as are there and fit.
    mutating func fill(_ text: inout InputText, upTo limit: UInt64 = .max) throws(InputError) -> Outcome {
        self.limit = limit
        text.reset(offset: offset, firstLine: line + 1)
        if carried.count >= text.capacity { text.grow(to: 2 * carried.count, keeping: 0) }
        carried.withUnsafeBufferPointer { text.append($0) }
        // A CSV record may have carried whole lines over; only new bytes can complete it.
        var searched = carriedWholeLines ? 0 : text.filled
        carriedWholeLines = false
        while true {
            if let end = text.endOfLines(searchingFrom: searched) { text.count = end }
            searched = text.filled
            if text.count > 0, text.filled == text.capacity || !hasMoreWaiting() { return .lines }
            if text.filled == text.capacity, try !makeRoom(&text) { return .interrupted }
            if text.cutLine != nil { return .lines }
            switch try read(into: &text) {
            case .bytes: continue
            case .nothingNow: return .lines
            case .interrupted: return text.count > 0 ? .lines : .interrupted
            case .end where leavesUnfinished || !waitsForGrowth && input.hasGrown && text.filled > text.count:
                isAtEnd = true
                return text.count > 0 ? .lines : .end
            case .end:
                isAtEnd = true
                text.isLast = true
                guard text.filled > 0 else { return .end }
                text.endLastLine()
                return .lines
            }
        }
    }

    /// The digest of the input up to the position.
    var mark: InputDigest.Mark { digest.present }

    /// Called after decoding: what the batch did not take begins the next one.
    mutating func advance(past text: borrowing InputText, lines: UInt64) {
        wasBusy = true
        endsInsideLine = text.endsInsideLine
        // An overlong line was digested when it was discarded.
        if isDigested, text.cutLine == nil {
            digest.update(UnsafeRawBufferPointer(start: text.base, count: text.count - (text.endsInsideLine ? 1 : 0)))
        }
        offset = text.endOffset
        line += lines
        carried.removeAll(keepingCapacity: true)
        if text.filled > text.count {
            carried.append(
                contentsOf: UnsafeBufferPointer(start: text.base + text.count, count: text.filled - text.count))
        }
    }

    private static let lineEnds: [UInt8] = [UInt8(ascii: "\r"), UInt8(ascii: "\n")]

    private enum ReadOutcome {
        case bytes, end, interrupted
        /// A followed file has no more at the moment, but whole lines were read before.
        case nothingNow
    }

    private mutating func read(into text: inout InputText) throws(InputError) -> ReadOutcome {
        if isAtEnd { return .end }
        while true {
            if !input.isRegularFile, try isStoppedWhileWaiting() { return .interrupted }
            let place = text.offset + UInt64(text.filled)
            if place >= end { return .end }
            if place >= limit, text.count > 0 { return .nothingNow }
            // The last line had no newline then, and may have one now.
            let isBeyond = place >= limit
            let left = isBeyond ? 1 : min(end, limit) - place
            let room = min(text.capacity - text.filled, Int(min(left, UInt64(text.capacity))))
            let count = input.read(into: text.base + text.filled, atMost: room)
            if input.isUTF16 { throw .utf16 }
            if count > 0 {
                if isBeyond, !Self.lineEnds.contains(text.base[text.filled]) { throw .changed(offset: limit) }
                text.filled += count
                if lingerSeconds > 0 { lastRead = (count, MonotonicClock.seconds) }
                return .bytes
            }
            if count < 0 {
                if errno == EINTR || errno == EAGAIN { continue }
                throw .failed(errorNumber: errno)
            }
            if let fault = input.fault { throw InputError(fault) }
            guard waitsForGrowth else { return .end }
            if text.count > 0 { return .nothingNow }
            if isReplaced(place) { return .end }
            noteWaiting()
            if try isInterrupted(within: Self.growthPollMilliseconds) { return .interrupted }
        }
    }

    private mutating func isStoppedWhileWaiting() throws(InputError) -> Bool {
        if input.hasPending { return false }
        if try linger() { return true }
        return try !wait()
    }

    /// Lets a slow pipe gather lines. Returns true when a stop was requested.
    private func linger() throws(InputError) -> Bool {
        guard lingerSeconds > 0, lastRead.bytes < smallRead else { return false }
        let left = lastRead.time + lingerSeconds - MonotonicClock.seconds
        return left > 0 ? try isInterrupted(within: Int32(left * 1000) + 1) : false
    }

    /// Returns true when there is something to read, or the end; false when a stop was requested.
    private mutating func wait() throws(InputError) -> Bool {
        var events = [
            pollfd(fd: input.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: interruption, events: Int16(POLLIN), revents: 0),
        ]
        // Twice, since a program that waits for the answer to a line must get it before it sends more.
        for timeout: Int32 in [0, -1] {
            while case let ready = poll(&events, 2, timeout), ready != 0 {
                if ready > 0 { return events[1].revents == 0 }
                if errno != EINTR { throw .failed(errorNumber: errno) }
            }
            noteWaiting()
        }
        return true
    }

    private mutating func noteWaiting() {
        guard wasBusy else { return }
        wasBusy = false
        willWait()
    }

    private func isInterrupted(within milliseconds: Int32) throws(InputError) -> Bool {
        var event = pollfd(fd: interruption, events: Int16(POLLIN), revents: 0)
        let ready = poll(&event, 1, milliseconds)
        if ready < 0, errno != EINTR { throw .failed(errorNumber: errno) }
        return ready > 0
    }

    private func hasMoreWaiting() -> Bool {
        if input.isRegularFile || input.hasPending { return true }
        var event = pollfd(fd: input.descriptor, events: Int16(POLLIN), revents: 0)
        return poll(&event, 1, 0) > 0 && event.revents & Int16(POLLIN) != 0
    }

    /// Makes room when the buffer is full without a whole line. Returns false when a stop was requested.
    private mutating func makeRoom(_ text: inout InputText) throws(InputError) -> Bool {
        // One more than the limit, for a carriage return.
        if text.filled <= longestLine + 1 || text.endOfLines(searchingFrom: 0) != nil {
            text.grow(to: 2 * text.capacity, keeping: text.filled)
            return true
        }
        return try discardLongLine(&text)
    }

    /// Keeps the beginning of the line for its reject and discards the rest, up to its newline.
    private mutating func discardLongLine(_ text: inout InputText) throws(InputError) -> Bool {
        // Up to three bytes more, so that the quotation can end after a whole character.
        let kept = Reject.quotedBytes + 3
        var readTo = text.offset + UInt64(text.filled)
        var discarded = text.filled - kept
        if isDigested { digest.update(UnsafeRawBufferPointer(start: text.base, count: text.filled)) }
        var room = InputText(capacity: InputText.batchBytes)
        while true {
            room.reset(offset: readTo, firstLine: 0)
            switch try read(into: &room) {
            case .interrupted: return false
            case .nothingNow: continue
            case .end: isAtEnd = true
            case .bytes: readTo += UInt64(room.filled)
            }
            let newline = memchr(room.base, Int32(UInt8(ascii: "\n")), room.filled)
            let end = newline.map {
                UnsafePointer($0.assumingMemoryBound(to: UInt8.self)) - UnsafePointer(room.base) + 1
            }
            discarded += end ?? room.filled
            if isDigested { digest.update(UnsafeRawBufferPointer(start: room.base, count: end ?? room.filled)) }
            if end == nil, !isAtEnd { continue }
            text.filled = kept
            text.cutLine = 0
            text.endLastLine()
            text.uncounted = Int64(discarded) - 1
            text.endsInsideLine = end == nil
            if let end {
                text.append(UnsafeBufferPointer(start: room.base + end, count: room.filled - end))
                carriedWholeLines = true
            }
            return true
        }
    }
}
