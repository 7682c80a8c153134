import Assay
import AssayCore
import Glibc
import StateStore

/// Where a journal is read from when a run begins, and where it ends.
struct JournalStart: Sendable {
    let from: JournalPlace
    let end: JournalPlace
    let hasSegments: Bool
    /// What is read again: segments, each up to a length.
    let parts: [(segment: UInt64, length: UInt64)]

    /// Finds out, and changes nothing. `recorded`: what the last checkpoint has.
    init(_ folder: SegmentFolder, _ recorded: CheckpointRecord.Output?) throws(RunFailure) {
        let numbers = folder.numbers
        hasSegments = !numbers.isEmpty
        guard let last = numbers.last else {
            guard recorded.map({ $0.length == 0 }) ?? true else {
                throw RunFailure(
                    .badData,
                    "'\(folder.path)' is empty, and the last checkpoint goes on in it; restore it, or start "
                        + "over with --fresh")
            }
            (from, end, parts) = (JournalPlace(), JournalPlace(), [])
            return
        }
        let start = recorded.flatMap { Self.place($0.resume) } ?? JournalPlace(segment: numbers[0], offset: 0)
        guard recorded != nil || numbers[0] == 1 else {
            throw RunFailure(
                .badData,
                "the journal in '\(folder.path)' begins at transaction \(numbers[0]), and there is no state of what "
                    + "was before; restore a snapshot, or move the journal away")
        }
        guard numbers.contains(start.segment), folder.bytes(of: start.segment) >= start.offset else {
            throw RunFailure(
                .badData,
                "'\(folder.file(start.segment))' does not reach to where the last checkpoint goes on; restore it, or "
                    + "move the journal away and start over with --fresh")
        }
        let length = try Self.wholeLines(folder, last)
        from = start
        end = JournalPlace(segment: last, offset: length)
        parts = numbers.filter { $0 >= start.segment }.map { number in
            (number, number == last ? length : folder.bytes(of: number))
        }
    }

    private static func place(_ bytes: [UInt8]) -> JournalPlace? {
        guard bytes.count == 16 else { return nil }
        return JournalPlace(
            segment: UInt64(littleEndianBytes: bytes), offset: UInt64(littleEndianBytes: bytes.dropFirst(8)))
    }

    private static let searchedAtOnce = 1 << 16

    /// The length of a segment without a torn last line, which nobody was answered.
    private static func wholeLines(_ folder: SegmentFolder, _ number: UInt64) throws(RunFailure) -> UInt64 {
        let file = folder.file(number)
        let descriptor = Glibc.open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw folder.failure("read", file) }
        defer { close(descriptor) }
        var end = folder.bytes(of: number)
        var piece = [UInt8](repeating: 0, count: searchedAtOnce)
        while end > 0 {
            let start = end - min(end, UInt64(searchedAtOnce))
            let count = pread(descriptor, &piece, Int(end - start), off_t(start))
            guard count == Int(end - start) else { throw folder.failure("read", file) }
            if let newline = piece[..<count].lastIndex(of: 10) { return start + UInt64(newline) + 1 }
            end = start
        }
        return 0
    }
}
