import AssayCore
import Glibc
import StateStore

/// What a checkpoint holds of a file or pipe of lines: how far it was read, and what it looked like.
package struct FilePosition: Equatable, Sendable {
    var mark = InputDigest.Mark()
    var line: UInt64 = 0
    /// Whether the last line had no newline: when the input grows, the next byte must be one.
    var endsInsideLine = false
    var csvHeader: [UInt8] = []
    /// Bytes of the files before this one, when a followed file is replaced by others of its name.
    var earlierBytes: UInt64 = 0
    /// Which file it is, when it is followed; both zero otherwise.
    var file = FileNumber()

    private static let version: UInt8 = 1
    /// The same with what followed files need.
    private static let followed: UInt8 = 2
    private static let fixedBytes = 1 + 8 + 8 + 1 + 4 * 16
    private static let followedBytes = 3 * 8

    init() {}

    init?(_ bytes: [UInt8]) {
        let isFollowed = bytes.first == Self.followed
        let headerStart = Self.fixedBytes + (isFollowed ? Self.followedBytes : 0)
        guard bytes.count >= headerStart, isFollowed || bytes[0] == Self.version else { return nil }
        mark.offset = UInt64(littleEndianBytes: bytes[1...])
        line = UInt64(littleEndianBytes: bytes[9...])
        endsInsideLine = bytes[17] != 0
        let digests = (0..<4).map { Digest(bytes[18 + 16 * $0..<34 + 16 * $0]) ?? Digest() }
        (mark.head, mark.chain, mark.previous, mark.partial) = (digests[0], digests[1], digests[2], digests[3])
        if isFollowed {
            earlierBytes = UInt64(littleEndianBytes: bytes[Self.fixedBytes...])
            file.device = UInt64(littleEndianBytes: bytes[(Self.fixedBytes + 8)...])
            file.number = UInt64(littleEndianBytes: bytes[(Self.fixedBytes + 16)...])
        }
        csvHeader = Array(bytes[headerStart...])
    }

    var bytes: [UInt8] {
        [file.isKnown ? Self.followed : Self.version] + mark.offset.littleEndianBytes + line.littleEndianBytes + [
            endsInsideLine ? 1 : 0
        ]
            + [mark.head, mark.chain, mark.previous, mark.partial].flatMap(\.bytes)
            + (file.isKnown
                ? earlierBytes.littleEndianBytes + file.device.littleEndianBytes + file.number.littleEndianBytes : [])
            + csvHeader
    }
}

/// A file, a pipe or standard input as an input.
package struct FileInput: SourceDefinition {
    /// The path as given; - is standard input.
    package let path: String
    package let format: InputFormat
    package var dialect = CSVDialect()
    /// Whether to wait for growth at the end of the file.
    package var isFollowed = false
    /// An open file without a path of its own.
    private let descriptor: Int32?

    /// `descriptor`: an open file, which stays the caller's.
    package init(path: String, format: InputFormat, descriptor: Int32? = nil) {
        self.path = path
        self.format = format
        self.descriptor = descriptor
    }

    /// The bytes that will be read of an open file; nil where that is not known.
    package static func bytes(of descriptor: Int32, format: InputFormat) -> UInt64? {
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            !InputFile.isConverted(descriptor, format: format)
        else { return nil }
        return UInt64(status.st_size)
    }

    package var isEndless: Bool { isFollowed }

    package var file: String? {
        if let descriptor { return "/proc/self/fd/\(descriptor)" }
        return path == "-" ? "/proc/self/fd/\(STDIN_FILENO)" : path
    }

    package func find(
        _ recorded: CheckpointRecord.Input?, _ opening: SourceOpening
    ) throws(RunFailure) -> any FoundSource {
        let position = recorded.flatMap { FilePosition($0.position) }
        var number = descriptor ?? -1
        if descriptor == nil { number = try open() }
        if isFollowed, let file = position?.file, file.isKnown, file != FileNumber(number),
            let former = file.open(beside: path)
        {
            // It was renamed before everything of it was read.
            number = former
        }
        let opened = InputFile(number, format: format)
        if opened.isConverted, isFollowed {
            throw RunFailure(
                .usage,
                "'\(path)' is not read as it is (compressed, or of another form than lines), and cannot be followed; "
                    + "leave out --follow")
        }
        guard let recorded else { return FoundFile(opened, self, .first) }
        guard let position else {
            throw RunFailure(
                .badData,
                "checkpoints have '\(recorded.path)' as another kind of input than '\(path)'; give it "
                    + "the same kind, or start over with --fresh")
        }
        var recognizer = InputRecognizer(
            input: opened, interruption: opening.interruption, recorded: position)
        switch try recognizer.recognize(opening.expectation) {
        case .interrupted:
            let found = FoundFile(opened, self, .same)
            (found.isFinished, found.wasInterrupted) = (true, true)
            return found
        case .new:
            let found = FoundFile(opened, self, .new)
            found.readAhead = recognizer.readAhead
            return found
        case .same(let resumed):
            if recorded.format != format.rawValue, position.mark.offset > 0 {
                throw RunFailure(
                    .usage, "the input was read as \(recorded.format) so far; use --format \(recorded.format)")
            }
            let found = FoundFile(opened, self, .same)
            found.take(resumed, position)
            return found
        }
    }

    private func open() throws(RunFailure) -> Int32 {
        let opened = path == "-" ? STDIN_FILENO : Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard opened >= 0 else { throw RunFailure(.noInput, "cannot open '\(path)'", errorNumber: errno) }
        var status = stat()
        guard fstat(opened, &status) == 0 else {
            throw RunFailure(.noInput, "cannot read '\(path)'", errorNumber: errno)
        }
        guard status.st_mode & S_IFMT != S_IFDIR else {
            throw RunFailure(.noInput, "'\(path)' is a folder; name a file, or - for standard input")
        }
        return opened
    }
}

/// A file or pipe that was compared with a checkpoint.
private final class FoundFile: FoundSource {
    private let input: InputFile
    private let definition: FileInput
    let finding: InputFinding
    var isFinished = false
    var wasInterrupted = false
    /// Bytes of a pipe that were read for the comparison.
    var readAhead: [UInt8] = []
    private var state = FilePosition()
    private var blockBytes: [UInt8] = []
    /// Bytes after the mark that were skipped.
    private var skipped: [UInt8] = []

    init(_ input: InputFile, _ definition: FileInput, _ finding: InputFinding) {
        self.input = input
        self.definition = definition
        self.finding = finding
        if definition.isFollowed { state.file = FileNumber(input.descriptor) }
    }

    func take(_ resumed: InputRecognition.Resumed, _ recorded: FilePosition) {
        state = recorded
        state.mark = resumed.mark
        if definition.isFollowed { state.file = FileNumber(input.descriptor) }
        (blockBytes, skipped, isFinished) = (resumed.blockBytes, resumed.skipped, resumed.isFinished)
    }

    var position: SourcePosition {
        SourcePosition(
            offset: state.earlierBytes + state.mark.offset + UInt64(skipped.count), line: state.line, bytes: state.bytes
        )
    }

    var csvHeader: [UInt8] { state.csvHeader }
    var totalBytes: UInt64? {
        var status = stat()
        guard !definition.isFollowed, input.isRegularFile, fstat(input.descriptor, &status) == 0 else {
            return nil
        }
        return UInt64(status.st_size)
    }

    func open(_ reading: SourceReading) -> any Source {
        var digest = InputDigest(from: state.mark, blockBytes: blockBytes)
        skipped.withUnsafeBytes { digest.update($0) }
        let start = state.mark.offset + UInt64(skipped.count)
        let followed = definition.isFollowed ? definition.path : nil
        return FileSource(
            LineReader(
                input: input, interruption: reading.interruption, waitsForGrowth: definition.isFollowed,
                isDigested: reading.isSaved, end: reading.end(after: state.earlierBytes),
                lingerSeconds: reading.lingerSeconds,
                leavesUnfinished: reading.leavesUnfinished,
                start: LineReader.Start(
                    offset: start, line: state.line, readAhead: readAhead, digest: digest),
                isReplaced: { [input] offset in followed.map { input.isReplaced(at: $0, readUpTo: offset) } ?? false },
                willWait: reading.willWait),
            path: definition.path, followed: followed.map { _ in reading }, input: input,
            earlierBytes: state.earlierBytes)
    }
}

/// Reads a file or pipe.
final class FileSource: Source {
    private var reader: LineReader
    private let path: String
    /// How the next file of this name is read, when it is followed.
    private let followed: SourceReading?
    private var input: InputFile
    private var earlierBytes: UInt64
    /// A file that was opened here, not by the one who began.
    private var opened: Int32?

    init(
        _ reader: consuming LineReader, path: String, followed: SourceReading? = nil, input: InputFile,
        earlierBytes: UInt64 = 0
    ) {
        self.reader = reader
        self.path = path
        self.followed = followed
        self.input = input
        self.earlierBytes = earlierBytes
    }

    func fill(_ text: inout InputText, upTo limit: UInt64) throws(RunFailure) -> SourceOutcome {
        while true {
            do throws(InputError) {
                switch try reader.fill(&text, upTo: limit == .max ? limit : limit - earlierBytes) {
                case .lines: return .lines
                case .end: break
                case .interrupted: return .interrupted
                }
            } catch {
                throw error.failure(of: path)
            }
            guard let followed, try openNext(followed) else { return .end }
        }
    }

    /// The followed file is another one now, or was emptied: it is read from its start. False while there is none.
    private func openNext(_ reading: SourceReading) throws(RunFailure) -> Bool {
        guard !Interruption.isTriggered(reading.interruption), input.isReplaced(at: path, readUpTo: reader.offset)
        else {
            return false
        }
        let next = open(path, O_RDONLY | O_CLOEXEC)
        guard next >= 0 else {
            throw RunFailure(.inputOutput, "cannot read '\(path)'", errorNumber: errno)
        }
        reading.notice(
            FileNumber(next) == FileNumber(input.descriptor)
                ? "'\(path)' was cut; it is read from its start"
                : "'\(path)' is another file now, which is read from its start")
        earlierBytes += reader.offset
        if let opened { close(opened) }
        opened = next
        read(InputFile(next), reading)
        return true
    }

    private func read(_ next: InputFile, _ reading: SourceReading) {
        input = next
        let path = path
        reader = LineReader(
            input: next, interruption: reading.interruption, waitsForGrowth: true, isDigested: reading.isSaved,
            end: reading.end(after: earlierBytes), lingerSeconds: reading.lingerSeconds,
            leavesUnfinished: reading.leavesUnfinished, start: LineReader.Start(),
            isReplaced: { next.isReplaced(at: path, readUpTo: $0) },
            willWait: reading.willWait)
    }

    func advance(past text: borrowing InputText, lines: UInt64, csvHeader: [UInt8]) -> SourcePosition {
        reader.advance(past: text, lines: lines)
        var position = FilePosition()
        position.mark = reader.mark
        position.line = reader.line
        position.endsInsideLine = reader.endsInsideLine
        position.csvHeader = csvHeader
        if followed != nil {
            position.earlierBytes = earlierBytes
            position.file = FileNumber(input.descriptor)
        }
        return SourcePosition(offset: earlierBytes + reader.offset, line: reader.line, bytes: position.bytes)
    }
}

/// Files and pipes by name.
package struct FileSourceKind: SourceKind {
    package init() {}

    package var form: String { "{file: PATH}" }

    package func read(
        _ members: inout YAMLMembers, format: InputFormat
    ) throws(ConfigurationError) -> (any SourceDefinition)? {
        guard let file = members.take("file") else { return nil }
        let path = try members.text(file, "file").text
        var format = format
        if let node = members.take("format") { format = try members.choice(node, "format") }
        var input = FileInput(path: path, format: format)
        input.dialect = try Self.dialect(&members)
        if let follow = members.take("follow") { input.isFollowed = try members.truth(follow, "follow") }
        return input
    }

    private static func dialect(_ members: inout YAMLMembers) throws(ConfigurationError) -> CSVDialect {
        var dialect = CSVDialect()
        if let node = members.take("delimiter") {
            let text = try members.text(node, "delimiter")
            guard let delimiter = CSVDialect.delimiter(named: text.text) else {
                throw members.fault("'delimiter' is ',', ';' or 'tab'", text.position)
            }
            dialect.delimiter = delimiter
        }
        if let node = members.take("decimal") {
            let text = try members.text(node, "decimal")
            guard [",", "."].contains(text.text) else { throw members.fault("'decimal' is ',' or '.'", text.position) }
            dialect.hasDecimalComma = text.text == ","
        }
        let header = members.take("header")
        let hasHeader = try header.map { node throws(ConfigurationError) in try members.truth(node, "header") } ?? true
        guard let node = members.take("columns") else {
            guard hasHeader else { throw members.fault("'header: false' needs 'columns'", header?.position) }
            return dialect
        }
        guard !hasHeader else {
            throw members.fault("'columns' are those of a file without a header; set 'header: false'", node.position)
        }
        var columns: [String] = []
        for element in try members.elements(node, "columns") {
            columns.append(try members.text(element, "columns").text)
        }
        dialect.columns = columns
        return dialect
    }
}
