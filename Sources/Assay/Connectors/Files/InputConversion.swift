import AssayCore
import Compression

/// Turns the bytes of an input into what lines are read from.
protocol InputConversion {
    /// Hands out what comes of some more bytes, part by part.
    func convert(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Void
    ) throws(OutputSink.Fault) -> CompressionFault?

    /// The same after the last bytes.
    func finish(
        _ body: (UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Void
    ) throws(OutputSink.Fault) -> CompressionFault?
}

/// The conversions that there are.
enum InputConversions: Sendable {
    case decompression(CompressionFormat)
    /// Elements of a JSON array, each on a line.
    case elements
    /// Carriage returns that are line ends.
    case returns

    func begin() -> any InputConversion {
        switch self {
        case .decompression(let format): DecompressingConversion(Decompressor(format))
        case .elements: ElementConversion()
        case .returns: ReturnConversion()
        }
    }
}

private struct DecompressingConversion: InputConversion {
    private let decompressor: Decompressor

    init(_ decompressor: Decompressor) {
        self.decompressor = decompressor
    }

    func convert(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Void
    ) throws(OutputSink.Fault) -> CompressionFault? {
        try decompressor.decompress(bytes, body)
    }

    func finish(
        _ body: (UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Void
    ) throws(OutputSink.Fault) -> CompressionFault? {
        decompressor.finish()
    }
}

private final class ElementConversion: InputConversion {
    private var elements = JSONElements()
    private var lines: [UInt8] = []

    func convert(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Void
    ) throws(OutputSink.Fault) -> CompressionFault? {
        elements.convert(bytes, into: &lines)
        return try handOut(body)
    }

    func finish(
        _ body: (UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Void
    ) throws(OutputSink.Fault) -> CompressionFault? {
        elements.finish(into: &lines)
        return try handOut(body)
    }

    private func handOut(
        _ body: (UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Void
    ) throws(OutputSink.Fault) -> CompressionFault? {
        defer { lines.removeAll(keepingCapacity: true) }
        try lines.withUnsafeBufferPointer { bytes throws(OutputSink.Fault) in
            try body(UnsafeRawBufferPointer(bytes))
        }
        return nil
    }
}

private struct ReturnConversion: InputConversion {
    func convert(
        _ bytes: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Void
    ) throws(OutputSink.Fault) -> CompressionFault? {
        let lines = bytes.map { $0 == UInt8(ascii: "\r") ? UInt8(ascii: "\n") : $0 }
        try lines.withUnsafeBufferPointer { bytes throws(OutputSink.Fault) in
            try body(UnsafeRawBufferPointer(bytes))
        }
        return nil
    }

    func finish(
        _ body: (UnsafeRawBufferPointer) throws(OutputSink.Fault) -> Void
    ) throws(OutputSink.Fault) -> CompressionFault? { nil }
}
