import AssayCore
import Compression
import Glibc

/// An open file or pipe that lines are read from. Compressed bytes, told by the first of them, come out as what they
/// were, elements of a JSON array as lines, and carriage returns that are line ends as newlines: then it is a pipe like
/// any other, which a thread of its own fills.
///
/// It belongs to one thread at a time.
final class InputFile {
    /// What is polled and read.
    private(set) var descriptor: Int32
    private(set) var isRegularFile: Bool
    private var converted: ConvertedInput?
    private let format: InputFormat
    /// Of a regular file when it was opened.
    private let firstSize: off_t
    /// Nothing of a pipe was read yet.
    private var isUntouched: Bool
    /// It begins as UTF-16 does.
    private(set) var isUTF16 = false
    /// Bytes that were read to tell what they are.
    private var pending: [UInt8] = []

    private static let firstReadBytes = 64
    /// Where a line end is looked for.
    private static let examinedBytes = 64 << 10

    init(_ descriptor: Int32, format: InputFormat = .jsonl) {
        self.descriptor = descriptor
        self.format = format
        var status = stat()
        let mode = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
        isRegularFile = mode == S_IFREG
        firstSize = isRegularFile ? status.st_size : 0
        isUntouched = !isRegularFile
        guard isRegularFile else { return }
        let beginning = Self.beginning(of: descriptor, atMost: CompressionFormat.magicBytes)
        isUTF16 = Self.isUTF16(beginning)
        if let compression = CompressionFormat(beginningOf: beginning) {
            convert(.decompression(compression), prefix: [])
        }
        if format == .json {
            convert(.elements, prefix: [])
        } else if !isConverted, Self.endsLinesWithReturns(descriptor) {
            convert(.returns, prefix: [])
        }
    }

    /// Whether reading gives other bytes than the file has.
    static func isConverted(_ descriptor: Int32, format: InputFormat) -> Bool {
        let beginning = beginning(of: descriptor, atMost: CompressionFormat.magicBytes)
        return format == .json || CompressionFormat(beginningOf: beginning) != nil
    }

    private static func beginning(of descriptor: Int32, atMost count: Int) -> [UInt8] {
        var first = [UInt8](repeating: 0, count: count)
        let got = pread(descriptor, &first, first.count, 0)
        return Array(first[..<max(got, 0)])
    }

    /// Whether the first bytes of a file have carriage returns for lines, and no newline outside quotes.
    private static func endsLinesWithReturns(_ descriptor: Int32) -> Bool {
        var isQuoted = false
        var hasReturn = false
        for byte in beginning(of: descriptor, atMost: examinedBytes) {
            switch byte {
            case UInt8(ascii: "\""): isQuoted.toggle()
            case UInt8(ascii: "\n") where !isQuoted: return false
            case UInt8(ascii: "\r") where !isQuoted: hasReturn = true
            default: break
            }
        }
        return hasReturn
    }

    private static func isUTF16(_ beginning: [UInt8]) -> Bool {
        beginning.starts(with: [0xFF, 0xFE]) || beginning.starts(with: [0xFE, 0xFF])
    }

    /// Whether a path names another file than this one, or this one is shorter than what was read of it. While there is
    /// none of that name, this is still the one.
    func isReplaced(at path: String, readUpTo offset: UInt64) -> Bool {
        // The name first: what came into the file before it lost its name shows in its size then.
        let named = FileNumber(path: path)
        var status = stat()
        guard isRegularFile, fstat(descriptor, &status) == 0 else { return false }
        if UInt64(status.st_size) < offset { return true }
        return named.isKnown && named != FileNumber(descriptor) && UInt64(status.st_size) == offset
    }

    /// Whether somebody is still writing the file: then a last line without its end is not whole yet.
    var hasGrown: Bool {
        var status = stat()
        return isRegularFile && fstat(descriptor, &status) == 0 && status.st_size > firstSize
    }

    var isConverted: Bool { converted != nil }
    /// Reading would not wait.
    var hasPending: Bool { !pending.isEmpty }
    /// Why a compressed input came to its end too early.
    var fault: ConvertedInput.Fault? { converted?.fault }

    private func convert(_ conversion: InputConversions, prefix: [UInt8]) {
        let next = ConvertedInput(
            conversion, prefix: prefix, from: descriptor, isRegularFile: isRegularFile, after: converted)
        descriptor = next.output
        converted = next
        isRegularFile = false
    }

    /// Reads as `read` does: 0 at the end, and less than 0 where `errno` says why.
    func read(into buffer: UnsafeMutablePointer<UInt8>, atMost count: Int) -> Int {
        if isUntouched {
            let got = readFirst()
            if isConverted {
                // The caller waits for what comes out now.
                errno = EAGAIN
                return -1
            }
            if got <= 0, pending.isEmpty { return got }
        }
        guard pending.isEmpty else {
            let taken = min(count, pending.count)
            pending.withUnsafeBufferPointer { buffer.update(from: $0.baseAddress!, count: taken) }
            pending.removeFirst(taken)
            return taken
        }
        return Glibc.read(descriptor, buffer, count)
    }

    /// Looks at the first bytes of a pipe.
    private func readFirst() -> Int {
        var first = [UInt8](repeating: 0, count: Self.firstReadBytes)
        var filled = 0
        repeat {
            let got = first.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + filled, $0.count - filled)
            }
            if got < 0, errno == EINTR || errno == EAGAIN, filled > 0 { continue }
            if got < 0, filled == 0 { return got }
            if got <= 0 { break }
            filled += got
        } while filled < CompressionFormat.magicBytes && CompressionFormat.mayBegin(with: Array(first[..<filled]))
        isUntouched = false
        let bytes = Array(first[..<filled])
        isUTF16 = Self.isUTF16(bytes)
        let compression = CompressionFormat(beginningOf: bytes)
        if let compression { convert(.decompression(compression), prefix: bytes) }
        if format == .json {
            convert(.elements, prefix: isConverted ? [] : bytes)
        } else if compression == nil {
            pending = bytes
        }
        return filled
    }
}
