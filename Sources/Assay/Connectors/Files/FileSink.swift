import AssayCore
import Compression
import Glibc
import StateStore

/// Writes lines into a file or to standard output.
final class FileSink: RowSink {
    let name: String
    private let file: OpenedFile
    private var sink: OutputSink
    private let label: String
    /// The first line of a file, until it is written: a file must be empty until the first checkpoint has it.
    private var header: [UInt8]
    /// What the reader of an earlier run did not take, until it is written.
    private var repeated: [UInt8]
    private let givenUnread: [UInt8]?
    private let isPipe: Bool
    /// After the last rows that were written whole.
    private var wholeLength: UInt64
    /// When what is held back is to be written.
    private(set) var due = Double.infinity
    /// Of a file whose name asks for it. What is compressed ends at each checkpoint, so that the file can be cut there.
    private let compression: CompressionFormat?
    private var compressor: Compressor?
    private var plain = OutputBuffer(capacity: 1 << 12)

    /// Lines that nobody waits for are held back at most this long.
    private static let holdSeconds = 0.25

    init(
        _ file: OpenedFile, name: String, label: String, header: [UInt8] = [], isSaved: Bool, repeated: [UInt8] = [],
        unread: [UInt8]? = nil
    ) {
        self.file = file
        self.name = name
        self.label = label
        let isOwn = file.isRegularFile && file.descriptor != STDOUT_FILENO
        sink = OutputSink(
            descriptor: file.descriptor, length: file.length,
            // Checkpoints need it on the disk.
            pathPastCache: isSaved && isOwn ? file.realPath : nil, remembersTail: isSaved && !file.isRegularFile)
        isPipe = isSaved && !file.isRegularFile
        self.repeated = repeated
        givenUnread = unread
        wholeLength = file.length
        self.header = file.length == 0 ? header : []
        compression = file.isRegularFile ? CompressionFormat(path: file.realPath) : nil
    }

    private func guarded(_ body: (inout OutputSink) throws(OutputSink.Fault) -> Void) throws(SinkFault) {
        do throws(OutputSink.Fault) {
            try body(&sink)
        } catch {
            switch error {
            case .closed: throw SinkFault(sink: label, reason: .closed)
            case .failed(let number): throw SinkFault(sink: label, reason: .failed(errorNumber: number))
            }
        }
    }

    /// Writes bytes that are there once, and forgets them.
    private func writeOut(_ once: inout [UInt8]) throws(SinkFault) {
        guard !once.isEmpty else { return }
        let bytes = once
        once = []
        try append { buffer in
            buffer.reserve(bytes.count)
            bytes.withUnsafeBufferPointer { buffer.write($0) }
        }
    }

    private func append(_ fill: (inout OutputBuffer) -> Void) throws(SinkFault) {
        if compression == nil {
            try guarded { sink throws(OutputSink.Fault) in try sink.write(fill) }
        } else {
            plain.removeAll()
            fill(&plain)
            if plain.count > 0 { try compress(isLast: false) }
        }
        wholeLength = sink.length
    }

    /// Compresses what is in `plain`. `isLast` ends the frame.
    private func compress(isLast: Bool) throws(SinkFault) {
        guard let compression else { return }
        let present = compressor ?? Compressor(compression)
        compressor = isLast ? nil : present
        let bytes = plain.bytes
        try guarded { sink throws(OutputSink.Fault) in
            try present.compress(bytes, isLast: isLast) { part throws(OutputSink.Fault) in try sink.write(part) }
        }
    }

    /// What a reader that has gone did not take of the rows that were written whole.
    var unread: [UInt8] { sink.unread(upTo: wholeLength) }

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        if !header.isEmpty { try writeOut(&header) }
        if !repeated.isEmpty { try writeOut(&repeated) }
        var rows: UInt64 = 0
        try append { rows = fill(&$0) }
        if rows > 0, due == .infinity, sink.holds { due = MonotonicClock.seconds + Self.holdSeconds }
    }

    var isImmediate: Bool { true }

    func flush() throws(SinkFault) {
        due = .infinity
        try guarded { sink throws(OutputSink.Fault) in try sink.flush() }
    }

    func settle(isLast: Bool) throws(SinkFault) -> SettledSink {
        // A file without rows has a header too.
        if isLast { try writeOut(&header) }
        try writeOut(&repeated)
        if compressor != nil {
            plain.removeAll()
            try compress(isLast: true)
        }
        try flush()
        if isLast, isPipe { sink.drain() }
        let unread = givenUnread ?? (isPipe ? sink.unread(upTo: wholeLength) : [])
        let resume = FileResume(path: file.realPath, length: sink.length, unread: unread)
        return SettledSink(
            CheckpointRecord.Output(name: name, path: file.realPath, length: sink.length, resume: resume.bytes),
            unsynced: file.isRegularFile ? file.descriptor : nil)
    }

    func release() throws(SinkFault) {}
}
