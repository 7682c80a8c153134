import AssayCore
import CBytes
import Glibc

/// A file on its way to the disk past the system's cache, a whole segment at a time.
///
/// A checkpoint waits until all output is on the disk. Then the cache is a detour: it costs the processor a copy and a
/// search for pages that nobody reads again, several times what all of the encoding takes. What is not a whole segment
/// goes through the cache, in ordinary writes; no byte is written both ways.
struct OutputSegment: ~Copyable {
    /// Large enough that the disk is busy with each, and a multiple of what any disk's blocks are.
    static let byteCount = 1 << 20

    private let descriptor: Int32
    private var direct: Int32
    /// From the segment's first byte on.
    private var buffer: OutputBuffer
    /// Where the segment begins in the file.
    private var start: UInt64
    /// So much of the segment is in the file already.
    private var written: Int

    /// Nil when the file can't be written so. `length` is where writing begins.
    init?(descriptor: Int32, path: String, length: UInt64) {
        let direct = assay_open_direct(path)
        guard direct >= 0 else { return nil }
        guard Self.areSameFile(descriptor, direct) else {
            close(direct)
            return nil
        }
        self.descriptor = descriptor
        self.direct = direct
        buffer = OutputBuffer(capacity: 2 * Self.byteCount, alignment: 4096)
        start = length / UInt64(Self.byteCount) * UInt64(Self.byteCount)
        written = Int(length - start)
        // What is in the file already has its room, and nobody looks at it.
        buffer.advance(written)
    }

    deinit {
        if direct >= 0 { close(direct) }
    }

    private static func areSameFile(_ one: Int32, _ other: Int32) -> Bool {
        var first = stat()
        var second = stat()
        return fstat(one, &first) == 0 && fstat(other, &second) == 0
            && first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Appends what `write` writes. Answers the length of the file, which may lack what is held.
    mutating func append(_ write: (inout OutputBuffer) -> Void) throws(OutputSink.Fault) -> UInt64 {
        write(&buffer)
        while buffer.count >= Self.byteCount { try finishSegment() }
        return start + UInt64(written)
    }

    private mutating func finishSegment() throws(OutputSink.Fault) {
        if written == 0, direct >= 0 {
            let count = pwrite(direct, buffer.bytes.baseAddress, Self.byteCount, off_t(start))
            // Not every disk likes every size, and what it left out can go the other way.
            if count >= 0 { written = count }
            if count != Self.byteCount {
                close(direct)
                direct = -1
            }
        }
        try writeOrdinarily(upTo: Self.byteCount)
        start += UInt64(Self.byteCount)
        written -= Self.byteCount
        buffer.removeFirst(Self.byteCount)
    }

    /// Brings what is held into the file, and answers its length.
    mutating func flush() throws(OutputSink.Fault) -> UInt64 {
        try writeOrdinarily(upTo: buffer.count)
        return start + UInt64(written)
    }

    private mutating func writeOrdinarily(upTo end: Int) throws(OutputSink.Fault) {
        while written < end {
            let rest = UnsafeRawBufferPointer(rebasing: buffer.bytes[written..<end])
            let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(start) + off_t(written))
            if count > 0 {
                written += count
            } else if count == 0 || errno != EINTR {
                throw .failed(errorNumber: count == 0 ? EIO : errno)
            }
        }
    }
}
