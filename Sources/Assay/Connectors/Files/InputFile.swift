import CBytes
import Compression
import Glibc
import Synchronization

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
        isUTF16 = Self.isUTF16(Self.beginning(of: descriptor))
        if let format = CompressionFormat(beginningOf: Self.beginning(of: descriptor)) {
            decompress(format, prefix: [], from: descriptor)
        }
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
        var status = stat()
        guard isRegularFile, fstat(descriptor, &status) == 0 else { return false }
        if UInt64(status.st_size) < offset { return true }
        let named = FileNumber(path: path)
        // What came into the old one meanwhile is read first.
        return named.isKnown && named != FileNumber(descriptor) && UInt64(status.st_size) == offset
    }

    /// Whether a descriptor is readable.
    static func isTriggered(_ descriptor: Int32) -> Bool {
        var event = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        return descriptor >= 0 && poll(&event, 1, 0) > 0
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

/// A thread that decompresses a file or pipe into a pipe.
final class Decompression: Sendable {
    enum Fault: Equatable {
        case compression(CompressionFault)
        case failed(errorNumber: Int32)
    }

    /// Where the decompressed bytes come out.
    let output: Int32
    private let outcome = Outcome()

    /// What the thread leaves behind. It must not keep the end that is read from open.
    private final class Outcome: Sendable {
        let fault = Mutex<Fault?>(nil)
    }

    private static let blockBytes = 128 << 10
    private static let pipeBytes: Int32 = 1 << 20

    init(_ format: CompressionFormat, prefix: [UInt8], from source: Int32, isRegularFile: Bool) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else {
            preconditionFailure("cannot create a pipe: \(String(cString: strerror(errno)))")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = assay_enlarge_pipe(ends[1], Self.pipeBytes)
        output = ends[0]
        let target = ends[1]
        _ = WorkerThread { [outcome] in
            // Whoever reads may have had enough: then writing fails, and nothing else happens.
            var signals = sigset_t()
            sigemptyset(&signals)
            sigaddset(&signals, SIGPIPE)
            pthread_sigmask(SIG_BLOCK, &signals, nil)
            let fault = Self.run(Decompressor(format), prefix, target) { block, offset in
                // Others may read the same open file.
                isRegularFile
                    ? pread(source, block.baseAddress, block.count, off_t(offset))
                    : Glibc.read(source, block.baseAddress, block.count)
            }
            outcome.fault.withLock { $0 = fault }
            close(target)
        }
    }

    deinit { close(output) }

    /// Known once everything before it was read.
    var fault: Fault? { outcome.fault.withLock { $0 } }

    private enum WriteError: Error {
        case closed
    }

    private static func run(
        _ decompressor: Decompressor, _ prefix: [UInt8], _ target: Int32,
        read: (UnsafeMutableRawBufferPointer, Int) -> Int
    ) -> Fault? {
        func decompress(_ bytes: UnsafeBufferPointer<UInt8>) throws(WriteError) -> Fault? {
            let fault = try decompressor.decompress(UnsafeRawBufferPointer(bytes)) { part throws(WriteError) in
                try write(part, target)
            }
            return fault.map { .compression($0) }
        }
        do throws(WriteError) {
            let fault = try prefix.withUnsafeBufferPointer { bytes throws(WriteError) in try decompress(bytes) }
            if let fault { return fault }
            var block = [UInt8](repeating: 0, count: blockBytes)
            var offset = 0
            while true {
                let got = block.withUnsafeMutableBytes { read($0, offset) }
                if got < 0, errno == EINTR || errno == EAGAIN { continue }
                if got < 0 { return .failed(errorNumber: errno) }
                if got == 0 { return decompressor.finish().map { .compression($0) } }
                offset += got
                let fault = try block.withUnsafeBufferPointer { bytes throws(WriteError) in
                    try decompress(UnsafeBufferPointer(rebasing: bytes[..<got]))
                }
                if let fault { return fault }
            }
        } catch {
            // Whoever reads has had enough.
            return nil
        }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, _ target: Int32) throws(WriteError) {
        var rest = bytes
        while !rest.isEmpty {
            let written = Glibc.write(target, rest.baseAddress, rest.count)
            if written < 0, errno == EINTR { continue }
            if written < 0 { throw .closed }
            rest = UnsafeRawBufferPointer(rebasing: rest[written...])
        }
    }
}
