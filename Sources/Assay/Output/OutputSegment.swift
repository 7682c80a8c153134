import CBytes
import Glibc

/// A file on its way to the disk past the system's cache, a whole segment at a time.
///
/// A checkpoint waits until all output is on the disk. Then the cache is a detour: it costs the processor a copy and a
/// search for pages that nobody reads again, several times what all of the encoding takes. What is not a whole segment
/// goes through the cache, in ordinary writes; no byte is written both ways.
struct OutputSegment: ~Copyable {
    /// Large enough that the disk is busy with each, and a multiple of what any disk's blocks are.
    static let byteCount: UInt64 = 1 << 20

    private let descriptor: Int32
    private var direct: Int32
    private let bytes: UnsafeMutableRawPointer
    /// Where the segment begins in the file.
    private var start: UInt64
    private var filled: UInt64
    /// So much of the segment is in the file already.
    private var written: UInt64

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
        bytes = .allocate(byteCount: Int(Self.byteCount), alignment: 4096)
        start = length / Self.byteCount * Self.byteCount
        filled = length - start
        written = filled
    }

    deinit {
        if direct >= 0 { close(direct) }
        bytes.deallocate()
    }

    private static func areSameFile(_ one: Int32, _ other: Int32) -> Bool {
        var first = stat()
        var second = stat()
        return fstat(one, &first) == 0 && fstat(other, &second) == 0
            && first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    /// Answers the length of the file, which may lack what is held.
    mutating func append(_ added: UnsafeRawBufferPointer) throws(OutputSink.Fault) -> UInt64 {
        var rest = added
        while !rest.isEmpty {
            let part = min(rest.count, Int(Self.byteCount - filled))
            (bytes + Int(filled)).copyMemory(from: rest.baseAddress!, byteCount: part)
            filled += UInt64(part)
            rest = UnsafeRawBufferPointer(rebasing: rest[part...])
            if filled == Self.byteCount { try finishSegment() }
        }
        return start + written
    }

    private mutating func finishSegment() throws(OutputSink.Fault) {
        if written == 0, direct >= 0 {
            let count = pwrite(direct, bytes, Int(Self.byteCount), off_t(start))
            // Not every disk likes every size, and what it left out can go the other way.
            if count >= 0 { written = UInt64(count) }
            if count != Int(Self.byteCount) {
                close(direct)
                direct = -1
            }
        }
        _ = try flush()
        start += Self.byteCount
        filled = 0
        written = 0
    }

    /// Brings what is held into the file, and answers its length.
    mutating func flush() throws(OutputSink.Fault) -> UInt64 {
        while written < filled {
            let count = pwrite(descriptor, bytes + Int(written), Int(filled - written), off_t(start + written))
            if count >= 0 {
                written += UInt64(count)
            } else if errno != EINTR {
                throw .failed(errorNumber: errno)
            }
        }
        return start + written
    }
}
