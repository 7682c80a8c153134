import AssayCore
import CBytes
import Glibc

/// One step in the order in which a run takes from its sources.
enum OrderEntry: Equatable, Sendable {
    /// Everything of a source up to an offset.
    case lines(source: Int, upTo: UInt64)
    /// A source was silent or had ended, and held nothing back from there on.
    case idle(source: Int)

    var source: Int {
        switch self {
        case .lines(let source, _), .idle(let source): source
        }
    }
}

/// The order in which a run with several sources took their batches, as a file: durable before anything of those
/// batches becomes visible, so that a run that resumes takes the same order again.
///
/// Each entry has its number in the order, and so does a checkpoint: entries before that are no longer needed. A torn
/// tail was never visible, and is cut off.
struct OrderLog: ~Copyable {
    private let path: String
    private var descriptor: Int32
    /// The number of the first entry in the file, and of the next one.
    private var base: UInt64
    private var next: UInt64
    /// What an earlier run has taken since the checkpoint.
    let replayed: [OrderEntry]
    private var pending: [UInt8] = []

    private static let headerBytes = 16
    private static let entryBytes = 16
    private static let mark = UInt64(littleEndianBytes: Array("ASSAYOR1".utf8))
    /// A smaller log is not worth rewriting.
    private static let smallestLog = 64 << 10

    /// An entry has fifteen bits for its source.
    static let mostSources = 1 << 15

    static func path(in folder: String) -> String { "\(folder)/order.log" }

    private static let largestLog = 1 << 30

    /// Opens the log with its entries from the number of a checkpoint on; without entries if the inputs are new.
    static func open(
        in folder: String, from first: UInt64, isSame: Bool
    ) throws(RunFailure) -> OrderLog {
        let path = path(in: folder)
        guard isSame, access(path, F_OK) == 0 else { return try OrderLog(path, base: first, entries: []) }
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try readFile(path, atMost: largestLog)
        } catch {
            throw RunFailure(.inputOutput, "cannot read '\(path)': \(error.description)")
        }
        guard bytes.count >= headerBytes else {
            throw RunFailure(.badData, "'\(path)' is not an order log; restore it, or start over with --fresh")
        }
        let base = UInt64(littleEndianBytes: bytes[8...])
        guard UInt64(littleEndianBytes: bytes) == mark, base <= first else {
            throw RunFailure(
                .badData,
                "'\(path)' is not the order log of the last checkpoint; restore it, or start over with --fresh")
        }
        var entries: [OrderEntry] = []
        var place = headerBytes
        while place + entryBytes <= bytes.count,
            let entry = entry(bytes[place..<place + entryBytes], number: base + UInt64(entries.count))
        {
            entries.append(entry)
            place += entryBytes
        }
        guard base + UInt64(entries.count) >= first else {
            throw RunFailure(
                .badData, "'\(path)' ends before the last checkpoint; restore it, or start over with --fresh")
        }
        return try OrderLog(path, base: first, entries: Array(entries.dropFirst(Int(first - base))))
    }

    /// Rewrites the file with some entries, under another name until it is complete.
    private init(_ path: String, base: UInt64, entries: [OrderEntry]) throws(RunFailure) {
        self.path = path
        self.base = base
        replayed = entries
        next = base + UInt64(entries.count)
        var bytes = Self.mark.littleEndianBytes + base.littleEndianBytes
        for (index, entry) in entries.enumerated() { bytes += Self.bytes(entry, number: base + UInt64(index)) }
        descriptor = try Self.replace(path, with: bytes)
    }

    deinit { close(descriptor) }

    private static func replace(_ path: String, with bytes: [UInt8]) throws(RunFailure) -> Int32 {
        let unfinished = path + ".unfinished"
        let descriptor = Glibc.open(unfinished, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw RunFailure(.inputOutput, "cannot create '\(path)'", errorNumber: errno) }
        do throws(RunFailure) {
            try write(bytes, to: descriptor, path)
            guard rename(unfinished, path) == 0 else {
                throw RunFailure(.inputOutput, "cannot create '\(path)'", errorNumber: errno)
            }
            try OutputTarget.makeNameDurable(path)
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// What is not synced is lost with the power, so nothing of it may be visible before this returns.
    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws(RunFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw RunFailure(.inputOutput, "cannot write '\(path)'", errorNumber: errno) }
            rest = rest.dropFirst(count)
        }
        guard fdatasync(descriptor) == 0 else {
            throw RunFailure(.inputOutput, "cannot sync '\(path)'", errorNumber: errno)
        }
    }

    // MARK: Entries

    mutating func append(_ entry: OrderEntry) {
        pending += Self.bytes(entry, number: next)
        next += 1
    }

    /// Makes the appended entries durable.
    mutating func sync() throws(RunFailure) {
        guard !pending.isEmpty else { return }
        try Self.write(pending, to: descriptor, path)
        pending = []
    }

    /// Drops entries before this number, which a checkpoint has.
    mutating func trim(before number: UInt64) throws(RunFailure) {
        let kept = Int(next - number) * Self.entryBytes
        guard Int(next - base) * Self.entryBytes > Self.smallestLog + 2 * kept else { return }
        try sync()
        var bytes = [UInt8](repeating: 0, count: kept)
        let start = Self.headerBytes + Int(number - base) * Self.entryBytes
        guard kept == 0 || pread(descriptor, &bytes, kept, off_t(start)) == kept else {
            throw RunFailure(.inputOutput, "cannot read '\(path)'", errorNumber: errno)
        }
        let replaced = try Self.replace(path, with: Self.mark.littleEndianBytes + number.littleEndianBytes + bytes)
        close(descriptor)
        descriptor = replaced
        base = number
    }

    /// Source, kind, offset, and a checksum that includes the number.
    private static func bytes(_ entry: OrderEntry, number: UInt64) -> [UInt8] {
        var words: [UInt8] =
            switch entry {
            case .lines(let source, let offset): head(source, isIdle: false) + offset.littleEndianBytes
            case .idle(let source): head(source, isIdle: true) + UInt64(0).littleEndianBytes
            }
        words += checksum(words, number).littleEndianBytes.prefix(6)
        return words
    }

    /// The low bits of the source, then what it is, then the high bits.
    private static func head(_ source: Int, isIdle: Bool) -> [UInt8] {
        [UInt8(truncatingIfNeeded: source), UInt8(source >> 8) << 1 | (isIdle ? 1 : 0)]
    }

    private static func checksum(_ words: some Collection<UInt8>, _ number: UInt64) -> UInt64 {
        let all = Array(words) + number.littleEndianBytes
        return all.withUnsafeBytes { assay_hash($0.baseAddress, $0.count) }
    }

    /// Nil where the checksum does not hold: a write that a crash has cut ends the log there.
    private static func entry(_ bytes: ArraySlice<UInt8>, number: UInt64) -> OrderEntry? {
        let words = bytes.prefix(10)
        guard bytes.dropFirst(10).elementsEqual(checksum(words, number).littleEndianBytes.prefix(6)) else { return nil }
        let kind = bytes[bytes.startIndex + 1]
        let source = Int(bytes[bytes.startIndex]) | Int(kind >> 1) << 8
        let offset = UInt64(littleEndianBytes: words.dropFirst(2))
        return kind & 1 == 0 ? .lines(source: source, upTo: offset) : .idle(source: source)
    }
}
