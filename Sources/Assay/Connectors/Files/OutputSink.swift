import AssayCore
import CBytes
import Glibc

/// A file or pipe of lines. Used by one stage only.
struct OutputSink: ~Copyable {
    private let descriptor: Int32
    /// The length of the file, or the bytes written by this run, without what is held back.
    private(set) var length: UInt64
    /// Holds back what is not a whole segment until `flush`.
    private var segment: OutputSegment?
    private var buffer = OutputBuffer()
    /// Up to here the system was asked to write the file to its disk; nil for what is not a file.
    private var writingBack: UInt64?
    /// Of a pipe.
    private var tail: PipeTail?

    /// This much of a file is on its way to the disk at once, and as much again stays in memory.
    private static let writtenBackAtOnce: UInt64 = 8 << 20

    /// `pathPastCache`: the name of the file, if all of it has to be on the disk soon anyway. `remembersTail`: what is
    /// unread in a pipe will be asked for.
    init(descriptor: Int32, length: UInt64 = 0, pathPastCache: String? = nil, remembersTail: Bool = false) {
        self.descriptor = descriptor
        self.length = length
        if remembersTail { tail = PipeTail(descriptor) }
        segment = pathPastCache.flatMap { OutputSegment(descriptor: descriptor, path: $0, length: length) }
        var status = stat()
        let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        writingBack = isFile ? length : nil
    }

    /// Why bytes could not be written.
    enum Fault: Error, Equatable {
        /// There is no reader left.
        case closed
        case failed(errorNumber: Int32)

        var errorNumber: Int32 {
            switch self {
            case .closed: EPIPE
            case .failed(let number): number
            }
        }
    }

    /// Writes what `write` appends; a file past the cache may get the end of it only with `flush`.
    mutating func write(_ write: (inout OutputBuffer) -> Void) throws(Fault) {
        if segment != nil {
            length = try segment!.append(write)
            return
        }
        buffer.removeAll()
        write(&buffer)
        try writeOut(buffer.bytes)
    }

    /// Writes existing bytes in the same way.
    mutating func write(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
        if segment == nil { return try writeOut(bytes) }
        try write { buffer in
            buffer.reserve(bytes.count)
            buffer.write(bytes.bindMemory(to: UInt8.self))
        }
    }

    private mutating func writeOut(_ bytes: UnsafeRawBufferPointer) throws(Fault) {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count >= 0 {
                length += UInt64(count)
                tail?.append(UnsafeRawBufferPointer(rebasing: rest[..<count]))
                rest = UnsafeRawBufferPointer(rebasing: rest[count...])
                writeBack()
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN: waitUntilWritable()
            case EPIPE: throw .closed
            default: throw .failed(errorNumber: errno)
            }
        }
    }

    /// What the reader of a pipe has not taken of everything up to a length.
    func unread(upTo length: UInt64) -> [UInt8] { tail?.unread(upTo: length) ?? [] }

    /// Lets the reader of a pipe take what is there.
    func drain() { tail?.drain() }

    /// Whether something waits for `flush`.
    var holds: Bool { segment != nil }

    mutating func flush() throws(Fault) {
        guard segment != nil else { return }
        length = try segment!.flush()
    }

    /// Has long outputs written to disk steadily and then dropped from memory: nobody here reads them again, a
    /// checkpoint has little left to wait for, and the system need not look for fresh pages, which on a virtual machine
    /// costs more than the rest of the writing. It is only advice: a refusal changes no result.
    private mutating func writeBack() {
        let step = Self.writtenBackAtOnce
        guard let start = writingBack, length - start >= step else { return }
        _ = assay_begin_writing_back(descriptor, Int64(start), Int64(length - start))
        if start >= step {
            // What was not on disk at the last attempts may be by now.
            let end = start - step
            let begin = end - min(end, 8 * step)
            posix_fadvise(descriptor, Int(begin), Int(end - begin), POSIX_FADV_DONTNEED)
        }
        writingBack = length
    }

    /// Another process may have made the pipe non-blocking.
    private func waitUntilWritable() {
        var event = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&event, 1, -1)
    }
}
