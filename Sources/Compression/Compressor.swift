import CZlib
import CZstd

/// Compresses bytes into one stream.
///
/// It belongs to one thread at a time.
package final class Compressor {
    private enum Stream {
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
    }

    private let stream: Stream
    private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: outputBytes, alignment: 16)

    private static let outputBytes = 128 << 10
    private static let gzipWindowBits: Int32 = 15 + 16
    private static let gzipMemory: Int32 = 8

    package init(_ format: CompressionFormat) {
        switch format {
        case .gzip:
            let gzip = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            gzip.initialize(to: z_stream())
            let code = deflateInit2_(
                gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, Self.gzipWindowBits, Self.gzipMemory, Z_DEFAULT_STRATEGY,
                ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
            precondition(code == Z_OK, "out of memory")
            stream = .gzip(gzip)
        case .zstd:
            guard let zstd = ZSTD_createCStream() else { preconditionFailure("out of memory") }
            let code = ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1)
            precondition(ZSTD_isError(code) == 0, "the library knows checksums")
            stream = .zstd(zstd)
        }
    }

    deinit {
        switch stream {
        case .gzip(let gzip):
            deflateEnd(gzip)
            gzip.deallocate()
        case .zstd(let zstd): ZSTD_freeCStream(zstd)
        }
        output.deallocate()
    }

    /// Compresses some more bytes, and hands out what comes of them so far. `isLast` ends the stream.
    package func compress<Failure: Error>(
        _ input: UnsafeRawBufferPointer, isLast: Bool, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        switch stream {
        case .gzip(let gzip): try deflate(input, isLast, gzip, body)
        case .zstd(let zstd): try compress(input, isLast, zstd, body)
        }
    }

    private func deflate<Failure: Error>(
        _ input: UnsafeRawBufferPointer, _ isLast: Bool, _ gzip: UnsafeMutablePointer<z_stream>,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        gzip.pointee.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
        gzip.pointee.avail_in = UInt32(input.count)
        repeat {
            gzip.pointee.next_out = output.baseAddress!.assumingMemoryBound(to: UInt8.self)
            gzip.pointee.avail_out = UInt32(output.count)
            let code = CZlib.deflate(gzip, isLast ? Z_FINISH : Z_NO_FLUSH)
            precondition(code != Z_STREAM_ERROR, "the stream is in order")
            let made = output.count - Int(gzip.pointee.avail_out)
            if made > 0 { try body(UnsafeRawBufferPointer(rebasing: output[..<made])) }
        } while gzip.pointee.avail_out == 0
    }

    private func compress<Failure: Error>(
        _ input: UnsafeRawBufferPointer, _ isLast: Bool, _ zstd: OpaquePointer,
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        var taken = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var isDone = false
        repeat {
            var made = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
            let left = ZSTD_compressStream2(zstd, &made, &taken, isLast ? ZSTD_e_end : ZSTD_e_continue)
            precondition(ZSTD_isError(left) == 0, "the stream is in order")
            if made.pos > 0 { try body(UnsafeRawBufferPointer(rebasing: output[..<made.pos])) }
            isDone = isLast ? left == 0 : taken.pos == taken.size
        } while !isDone
    }
}
