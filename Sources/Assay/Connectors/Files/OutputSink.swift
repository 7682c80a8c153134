import AssayCore
import CBytes
import Glibc

/// A file or pipe that lines are written to. It belongs to one stage.
struct OutputSink: ~Copyable {
    private let descriptor: Int32
    /// Of the file, or bytes written by this run. What is held back is no part of it.
    private(set) var length: UInt64
    /// Holds back what is no whole segment until `flush`.
    private var segment: OutputSegment?
    private var buffer = OutputBuffer()
    /// Up to here the system was told to write the file to its disk; nil for what is no file.
    private var writingBack: UInt64?

    /// So much of a file is on its way to the disk at once. As much again stays in memory behind it.
    private static let writtenBackAtOnce: UInt64 = 8 << 20

    /// `pathPastCache`: the name of the file, when all that is written will have to be on the disk soon anyway.
    init(descriptor: Int32, length: UInt64 = 0, pathPastCache: String? = nil) {
        self.descriptor = descriptor
        self.length = length
        segment = pathPastCache.flatMap { OutputSegment(descriptor: descriptor, path: $0, length: length) }
        var status = stat()
        let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        writingBack = isFile ? length : nil
    }

    /// Why bytes could not be written.
    enum Fault: Error, Equatable {
        /// Nobody reads any more.
        case closed
        case failed(errorNumber: Int32)

        var errorNumber: Int32 {
            switch self {
            case .closed: EPIPE
            case .failed(let number): number
            }
        }
    }

    /// Writes what `write` appends; a file past the cache may get the last of it only with `flush`.
    mutating func write(_ write: (inout OutputBuffer) -> Void) throws(Fault) {
        if segment != nil {
            length = try segment!.append(write)
            return
        }
        buffer.removeAll()
        write(&buffer)
        try writeOut(buffer.bytes)
    }

    /// Writes bytes that lie somewhere already, in the same way.
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

    /// Something waits for `flush`.
    var holds: Bool { segment != nil }

    mutating func flush() throws(Fault) {
        guard segment != nil else { return }
        length = try segment!.flush()
    }

    /// Has long outputs written to disk steadily and then dropped from memory: nobody here reads them again, a
    /// checkpoint finds little left to wait for, and the system need not look for fresh pages, which on a virtual
    /// machine costs more than all the rest of the writing. Only advice: what the system answers changes no result.
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

    /// Somebody may have made the pipe non-blocking for us.
    private func waitUntilWritable() {
        var event = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&event, 1, -1)
    }
}
