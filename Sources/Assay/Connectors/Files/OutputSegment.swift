import AssayCore
import CBytes
import Glibc

/// Writes a file to the disk past the system's cache, one segment at a time.
///
/// A checkpoint waits until all output is on the disk. The cache is then a detour: it costs a copy and a search for
/// pages that are never read again, several times the cost of all encoding. What is not a whole segment goes through
/// the cache, in ordinary writes; no byte is written both ways.
struct OutputSegment: ~Copyable {
    /// Large enough to keep the disk busy, and a multiple of any disk's block size.
    static let byteCount = 1 << 20

    private let descriptor: Int32
    private var direct: Int32
    /// Begins with the segment's first byte.
    private var buffer: OutputBuffer
    /// The segment's offset in the file.
    private var start: UInt64
    /// The number of the segment's bytes that are in the file already.
    private var written: Int

    /// Returns nil when the file can't be written in this way. `length` is where writing begins.
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
        // The room for what is in the file already; nobody reads it.
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

    /// Appends what `write` writes. Returns the length of the file, which may lack what is held back.
    mutating func append(_ write: (inout OutputBuffer) -> Void) throws(OutputSink.Fault) -> UInt64 {
        write(&buffer)
        while buffer.count >= Self.byteCount { try finishSegment() }
        return start + UInt64(written)
    }

    private mutating func finishSegment() throws(OutputSink.Fault) {
        if written == 0, direct >= 0 {
            let count = pwrite(direct, buffer.bytes.baseAddress, Self.byteCount, off_t(start))
            // Not every disk accepts every size; what it did not take goes the other way.
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

    /// Writes what is held back into the file, and returns its length.
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
