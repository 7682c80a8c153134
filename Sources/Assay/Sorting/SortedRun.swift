import Glibc

/// A run of an external sort, in a file without a name: it is gone with the process, however that ends.
final class SortedRun {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    /// Of what was read into the buffer.
    private var start = 0
    private var offset: off_t = 0
    private(set) var time: Int64 = 0
    private var lineStart = 0
    private var lineCount = 0

    private static let headerBytes = 16
    private static let writtenAtOnce = 1 << 20
    private let readAtOnce: Int

    /// `folder`: where there is room.
    init(folder: String, readAtOnce: Int) throws(SortFault) {
        self.readAtOnce = readAtOnce
        var template = Array("\(folder)/.assay-sort-\(String(repeating: "X", count: 6))".utf8CString)
        descriptor = mkstemp(&template)
        guard descriptor >= 0 else { throw SortFault.temporaryFile(folder: folder, errorNumber: errno) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        unlink(template)
    }

    deinit { close(descriptor) }

    // MARK: Writing

    func append(_ time: Int64, _ line: UnsafeBufferPointer<UInt8>) throws(SortFault) {
        for number in [time, Int64(line.count)] {
            withUnsafeBytes(of: number.littleEndian) { buffer.append(contentsOf: $0) }
        }
        buffer.append(contentsOf: line)
        if buffer.count >= Self.writtenAtOnce { try writeOut() }
    }

    private func writeOut() throws(SortFault) {
        var written = 0
        while written < buffer.count {
            let count = buffer.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, $0.count - written) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SortFault.temporaryFile(folder: nil, errorNumber: errno) }
            written += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    /// No more is appended; it is read from its beginning.
    func finishWriting() throws(SortFault) {
        try writeOut()
        buffer = []
    }

    // MARK: Reading

    /// Goes on to the next line; false after the last.
    func advance() throws(SortFault) -> Bool {
        start = lineStart + lineCount
        guard try ensure(Self.headerBytes) else { return false }
        time = number(at: start)
        lineCount = Int(number(at: start + 8))
        guard try ensure(Self.headerBytes + lineCount) else {
            throw SortFault.temporaryFile(folder: nil, errorNumber: EIO)
        }
        lineStart = start + Self.headerBytes
        return true
    }

    func withLine<Failure: Error>(
        _ body: (UnsafeBufferPointer<UInt8>) throws(Failure) -> Void
    ) throws(Failure) {
        try buffer.withUnsafeBufferPointer { bytes throws(Failure) in
            try body(UnsafeBufferPointer(rebasing: bytes[lineStart..<lineStart + lineCount]))
        }
    }

    private func number(at place: Int) -> Int64 {
        buffer.withUnsafeBytes { Int64(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: Int64.self)) }
    }

    /// Whether so many bytes are there from `start` on, which is the beginning of the buffer then unless they were.
    private func ensure(_ count: Int) throws(SortFault) -> Bool {
        if buffer.count - start >= count { return true }
        buffer.removeFirst(start)
        (lineStart, lineCount, start) = (0, lineCount, 0)
        while buffer.count < count {
            let wanted = max(readAtOnce, count - buffer.count)
            let present = buffer.count
            buffer.append(contentsOf: repeatElement(0, count: wanted))
            let got = buffer.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress! + present, wanted, offset) }
            buffer.removeLast(wanted - max(got, 0))
            if got < 0, errno == EINTR { continue }
            if got < 0 { throw SortFault.temporaryFile(folder: nil, errorNumber: errno) }
            if got == 0 { return false }
            offset += off_t(got)
        }
        return true
    }
}
