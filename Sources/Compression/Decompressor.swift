import CZlib
import CZstd

/// Turns compressed bytes into what they were. Several compressed streams one after another are one.
///
/// It belongs to one thread at a time.
package final class Decompressor {
    private enum Stream {
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
    }

    private let stream: Stream
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: outputBytes, alignment: 16)
    /// A stream has begun and not ended.
    private var isInside = false
    private var hasEnded = false

    private static let outputBytes = 128 << 10
    /// The largest window, and a header of gzip.
    private static let gzipWindowBits: Int32 = 15 + 16

    package init(_ format: CompressionFormat) {
        switch format {
        case .gzip:
            let gzip = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            gzip.initialize(to: z_stream())
            let code = inflateInit2_(gzip, Self.gzipWindowBits, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            precondition(code == Z_OK, "out of memory")
            stream = .gzip(gzip)
        case .zstd:
            guard let zstd = ZSTD_createDStream() else { preconditionFailure("out of memory") }
            stream = .zstd(zstd)
        }
    }

    deinit {
        switch stream {
        case .gzip(let gzip):
            inflateEnd(gzip)
            gzip.deallocate()
        case .zstd(let zstd): ZSTD_freeDStream(zstd)
        }
        output.deallocate()
    }

    /// Decompresses some more bytes, and hands out what comes of them, part by part.
    package func decompress<Failure: Error>(
        _ input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> CompressionFault? {
        switch stream {
        case .gzip(let gzip): try inflate(input, gzip, body)
        case .zstd(let zstd): try decompress(input, zstd, body)
        }
    }

    /// There are no more bytes.
    package func finish() -> CompressionFault? { isInside || !hasEnded ? .truncated : nil }

    private func inflate<Failure: Error>(
        _ input: UnsafeRawBufferPointer, _ gzip: UnsafeMutablePointer<z_stream>,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> CompressionFault? {
        var rest = input
        while !rest.isEmpty {
            if !isInside, hasEnded {
                // Archives are filled up with zeros.
                rest = UnsafeRawBufferPointer(rebasing: rest.drop { $0 == 0 })
                if rest.isEmpty { return nil }
                guard inflateReset(gzip) == Z_OK else { return .damaged }
            }
            isInside = true
            gzip.pointee.next_in = UnsafeMutablePointer(
                mutating: rest.baseAddress!.assumingMemoryBound(to: UInt8.self))
            gzip.pointee.avail_in = UInt32(rest.count)
            var code = Z_OK
            repeat {
                gzip.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
                gzip.pointee.avail_out = UInt32(output.count)
                code = CZlib.inflate(gzip, Z_NO_FLUSH)
                guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else { return .damaged }
                let made = output.count - Int(gzip.pointee.avail_out)
                if made > 0 { try body(UnsafeRawBufferPointer(rebasing: output[..<made])) }
            } while code == Z_OK && gzip.pointee.avail_out == 0
            rest = UnsafeRawBufferPointer(rebasing: rest.suffix(Int(gzip.pointee.avail_in)))
            if code == Z_STREAM_END { (isInside, hasEnded) = (false, true) }
        }
        return nil
    }

    private func decompress<Failure: Error>(
        _ input: UnsafeRawBufferPointer, _ zstd: OpaquePointer,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) -> CompressionFault? {
        var taken = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var isFull = false
        while taken.pos < taken.size || isFull {
            var made = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let wanted = ZSTD_decompressStream(zstd, &made, &taken)
            if ZSTD_isError(wanted) != 0 { return .damaged }
            if made.pos > 0 { try body(UnsafeRawBufferPointer(rebasing: output[..<made.pos])) }
            // Zero: a frame is at its end, and everything of it has been handed out.
            isInside = wanted != 0
            hasEnded = hasEnded || wanted == 0
            isFull = made.pos == made.size && wanted != 0
        }
        return nil
    }
}
