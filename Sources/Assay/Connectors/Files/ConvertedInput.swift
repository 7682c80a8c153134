import CBytes
import Compression
import Glibc

/// A thread that converts a file or pipe into a pipe.
final class ConvertedInput: Sendable {
    enum Fault: Equatable {
        case compression(CompressionFault)
        case failed(errorNumber: Int32)
    }

    /// Where the converted bytes come out.
    let output: Int32
    /// Keeps its end open that this one reads from.
    private let former: ConvertedInput?
    private let outcome = Outcome()

    /// What the thread leaves behind. It must not keep the end that is read from open.
    private final class Outcome: Sendable {
        let fault = Locked<Fault?>(nil)
    }

    private static let blockBytes = 128 << 10
    private static let pipeBytes: Int32 = 1 << 20

    /// `former`: the one whose output the source is.
    init(
        _ conversion: InputConversions, prefix: [UInt8], from source: Int32, isRegularFile: Bool,
        after former: ConvertedInput? = nil
    ) {
        self.former = former
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
            let fault = Self.run(conversion.begin(), prefix, target) { block, offset in
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
    var fault: Fault? { former?.fault ?? outcome.fault.withLock { $0 } }

    private static func run(
        _ conversion: any InputConversion, _ prefix: [UInt8], _ target: Int32,
        read: (UnsafeMutableRawBufferPointer, Int) -> Int
    ) -> Fault? {
        var sink = OutputSink(descriptor: target)
        func convert(_ bytes: UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Fault? {
            try conversion.convert(bytes) { part throws(OutputSink.Fault) in try sink.write(part) }
                .map { .compression($0) }
        }
        do throws(OutputSink.Fault) {
            let fault = try prefix.withUnsafeBufferPointer { bytes throws(OutputSink.Fault) in
                try convert(UnsafeRawBufferPointer(bytes))
            }
            if let fault { return fault }
            var block = [UInt8](repeating: 0, count: blockBytes)
            var offset = 0
            while true {
                let got = block.withUnsafeMutableBytes { read($0, offset) }
                if got < 0, errno == EINTR || errno == EAGAIN { continue }
                if got < 0 { return .failed(errorNumber: errno) }
                if got == 0 { break }
                offset += got
                let fault = try block.withUnsafeBufferPointer { bytes throws(OutputSink.Fault) in
                    try convert(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[..<got])))
                }
                if let fault { return fault }
            }
            return try conversion.finish { part throws(OutputSink.Fault) in try sink.write(part) }
                .map { .compression($0) }
        } catch {
            // Whoever reads has had enough.
            return nil
        }
    }
}
