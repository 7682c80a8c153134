import Compression
import Glibc

/// An open file or pipe that lines are read from. Compressed bytes, told by the first of them, come out as what they
/// were: then it is a pipe like any other, which a thread of its own fills.
///
/// It belongs to one thread at a time.
final class InputFile {
    /// What is polled and read.
    private(set) var descriptor: Int32
    private(set) var isRegularFile: Bool
    private var decompression: Decompression?
    /// Of a regular file when it was opened.
    private let firstSize: off_t
    /// Nothing of a pipe was read yet.
    private var isUntouched: Bool
    /// It begins as UTF-16 does.
    private(set) var isUTF16 = false
    /// Bytes that were read to tell what they are.
    private var pending: [UInt8] = []

    private static let firstReadBytes = 64

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var status = stat()
        let mode = fstat(descriptor, &status) == 0 ? status.st_mode & S_IFMT : 0
        isRegularFile = mode == S_IFREG
        firstSize = isRegularFile ? status.st_size : 0
        isUntouched = !isRegularFile
        guard isRegularFile else { return }
        let beginning = Self.beginning(of: descriptor)
        isUTF16 = Self.isUTF16(beginning)
        if let format = CompressionFormat(beginningOf: beginning) {
            decompress(format, prefix: [], from: descriptor)
        }
    }

    static func isCompressed(_ descriptor: Int32) -> Bool {
        CompressionFormat(beginningOf: beginning(of: descriptor)) != nil
    }

    private static func beginning(of descriptor: Int32) -> [UInt8] {
        var first = [UInt8](repeating: 0, count: CompressionFormat.magicBytes)
        let got = pread(descriptor, &first, first.count, 0)
        return Array(first[..<max(got, 0)])
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

    var isCompressed: Bool { decompression != nil }
    /// Reading would not wait.
    var hasPending: Bool { !pending.isEmpty }
    /// Why a compressed input came to its end too early.
    var fault: Decompression.Fault? { decompression?.fault }

    private func decompress(_ format: CompressionFormat, prefix: [UInt8], from source: Int32) {
        let decompression = Decompression(format, prefix: prefix, from: source, isRegularFile: isRegularFile)
        descriptor = decompression.output
        self.decompression = decompression
        isRegularFile = false
    }

    /// Reads as `read` does: 0 at the end, and less than 0 where `errno` says why.
    func read(into buffer: UnsafeMutablePointer<UInt8>, atMost count: Int) -> Int {
        if isUntouched {
            let got = readFirst()
            if got <= 0, pending.isEmpty, !isCompressed { return got }
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
        if let format = CompressionFormat(beginningOf: bytes) {
            decompress(format, prefix: bytes, from: descriptor)
        } else {
            pending = bytes
        }
        return filled
    }
}
