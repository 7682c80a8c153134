import AssayCore
import Glibc

/// Whether an input is that of a checkpoint, and if so, where to resume.
enum InputRecognition: Equatable {
    /// Read it from its start.
    case new
    case same(Resumed)
    /// A stop was requested while a pipe was replayed.
    case interrupted

    struct Resumed: Equatable {
        var offset: UInt64
        var mark: InputDigest.Mark
        /// The bytes of the block that the mark ends in, up to the mark.
        var blockBytes: [UInt8] = []
        /// Whether there is nothing after the position.
        var isFinished = false
        /// The newline of the last line, which has come since.
        var skipped: [UInt8] = []
    }
}

/// Compares an input with what a checkpoint recorded of it. A file is read from the recorded position, a pipe up to it.
struct InputRecognizer: ~Copyable {
    private let input: InputFile
    private let interruption: Int32
    private let recorded: FilePosition
    private let size: UInt64
    /// What was read of a pipe that turned out to be another one.
    private(set) var readAhead: [UInt8] = []

    init(input: InputFile, interruption: Int32, recorded: FilePosition) {
        self.input = input
        self.interruption = interruption
        self.recorded = recorded
        var status = stat()
        size = input.isRegularFile && fstat(input.descriptor, &status) == 0 ? UInt64(status.st_size) : 0
    }

    private var mark: InputDigest.Mark { recorded.mark }

    mutating func recognize(_ expectation: InputExpectation) throws(RunFailure) -> InputRecognition {
        if expectation == .new { return .new }
        let finding = input.isRegularFile ? try recognizeFile() : try recognizePipe()
        if finding == .new, expectation == .same {
            throw RunFailure(
                .badData, "the input does not begin like the one of the checkpoint; without --input-is same it is new")
        }
        return finding
    }

    // MARK: Files

    private func recognizeFile() throws(RunFailure) -> InputRecognition {
        let mark = mark
        guard size >= UInt64(mark.headBytes) else { return .new }
        guard try digest(from: 0, count: mark.headBytes) == mark.head || mark.offset == 0 else { return .new }
        guard size >= mark.offset else {
            throw RunFailure(
                .badData, "the input has \(size) bytes, but \(mark.offset) were read before; \(Self.advice)")
        }
        let block = UInt64(InputDigest.blockBytes)
        if mark.blockStart >= block {
            let previous = try digest(from: mark.blockStart - block, count: InputDigest.blockBytes)
            guard previous == mark.previous else { throw changed(mark.blockStart - block, mark.blockStart) }
        }
        let blockBytes = try bytes(from: mark.blockStart, count: Int(mark.offset - mark.blockStart))
        let partial = Self.digest(blockBytes)
        guard partial == mark.partial || mark.offset == 0 else { throw changed(mark.blockStart, mark.offset) }
        var resumed = InputRecognition.Resumed(offset: mark.offset, mark: mark, blockBytes: blockBytes)
        if recorded.endsInsideLine { resumed.skipped = try closingNewline(try bytes(from: mark.offset, count: 2)) }
        resumed.isFinished = size == mark.offset + UInt64(resumed.skipped.count)
        guard lseek(input.descriptor, off_t(mark.offset) + off_t(resumed.skipped.count), SEEK_SET) >= 0 else {
            throw failed
        }
        return .same(resumed)
    }

    private func bytes(from offset: UInt64, count: Int) throws(RunFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes {
                pread(input.descriptor, $0.baseAddress! + filled, count - filled, off_t(offset) + off_t(filled))
            }
            if got < 0, errno == EINTR { continue }
            if got < 0 { throw failed }
            if got == 0 { break }
            filled += got
        }
        return Array(bytes[..<filled])
    }

    private func digest(from offset: UInt64, count: Int) throws(RunFailure) -> Digest {
        Self.digest(try bytes(from: offset, count: count))
    }

    private static func digest(_ bytes: [UInt8]) -> Digest {
        var digest = InputDigest()
        bytes.withUnsafeBytes { digest.update($0) }
        // A whole block is closed at once; a shorter one is still partial.
        return bytes.count == InputDigest.blockBytes ? digest.present.previous : digest.present.partial
    }

    // MARK: Pipes

    private mutating func recognizePipe() throws(RunFailure) -> InputRecognition {
        let mark = mark
        var digest = InputDigest()
        var isSame = mark.offset == 0
        var blockBytes: [UInt8] = []
        while digest.present.offset < mark.offset {
            let wanted = isSame ? mark.offset - digest.present.offset : UInt64(mark.headBytes) - digest.present.offset
            guard let part = try readPipe(atMost: min(Int(wanted), InputDigest.blockBytes)) else { return .interrupted }
            part.withUnsafeBytes { digest.update($0) }
            blockBytes += part
            if blockBytes.count >= InputDigest.blockBytes { blockBytes.removeFirst(InputDigest.blockBytes) }
            if !isSame {
                readAhead += part
                let isWhole = readAhead.count == mark.headBytes
                if part.isEmpty || (isWhole && digest.present.head != mark.head) { return .new }
                isSame = isWhole
            } else if part.isEmpty {
                throw RunFailure(
                    .badData,
                    "the input ended after \(digest.present.offset) bytes, but \(mark.offset) were read before; "
                        + Self.advice)
            }
        }
        readAhead = []
        guard digest.present == mark || mark.offset == 0 else { throw changed(0, mark.offset) }
        var resumed = InputRecognition.Resumed(offset: mark.offset, mark: mark, blockBytes: blockBytes)
        if recorded.endsInsideLine {
            guard let next = try readPipe(atMost: 1) else { return .interrupted }
            var bytes = next
            if next == [UInt8(ascii: "\r")] {
                guard let second = try readPipe(atMost: 1) else { return .interrupted }
                bytes += second
            }
            resumed.skipped = try closingNewline(bytes)
            resumed.isFinished = bytes.isEmpty
        }
        return .same(resumed)
    }

    /// Returns no bytes at the end of the input, nil when a stop was requested.
    private func readPipe(atMost count: Int) throws(RunFailure) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        while true {
            var events = [
                pollfd(fd: input.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: interruption, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&events, 2, input.hasPending ? 0 : -1) < 0, errno != EINTR { throw failed }
            if events[1].revents != 0 { return nil }
            let got = input.read(into: &bytes, atMost: count)
            if got == 0, let fault = input.fault { throw InputError(fault).failure(of: "the input") }
            if got >= 0 { return Array(bytes[..<got]) }
            if errno != EINTR, errno != EAGAIN { throw failed }
        }
    }

    // MARK: Messages

    /// The last line was scored without its newline. The next byte must be that newline, or the line has changed.
    private func closingNewline(_ next: [UInt8]) throws(RunFailure) -> [UInt8] {
        switch next.first {
        case nil: return []
        case UInt8(ascii: "\n"): return [UInt8(ascii: "\n")]
        case UInt8(ascii: "\r") where next.count == 2 && next[1] == UInt8(ascii: "\n"): return next
        default:
            throw RunFailure(
                .badData,
                "line \(recorded.line) had no newline when it was scored and has been continued since; \(Self.advice)")
        }
    }

    private static let advice = "give the same input, use --input-is new, or start over with --fresh"

    private func changed(_ from: UInt64, _ to: UInt64) -> RunFailure {
        RunFailure(
            .badData,
            "the input begins like the one of the checkpoint but differs between bytes \(from) and \(to); "
                + Self.advice)
    }

    private var failed: RunFailure {
        RunFailure(.inputOutput, "cannot read the input: \(String(cString: strerror(errno)))")
    }
}
