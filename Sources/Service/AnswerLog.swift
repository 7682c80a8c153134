import Assay
import AssayCore
import Glibc
import StateStore

/// The answers that are remembered, in files: all that were given, one after the other. What a checkpoint has of them
/// is durable with it; later ones are made again.
///
/// Each is a head, then user, id and answer. A place is a running offset over all files.
///
/// @unchecked Sendable: whoever remembers the answers holds a lock while it uses this.
final class AnswerLog: @unchecked Sendable {
    struct Record: Sendable {
        var seconds: UInt32
        var idHash: UInt64
        var userHash: UInt32
        /// The line in the journal.
        var journal: JournalPlace
        var user: [UInt8] = []
        var id: [UInt8] = []
        var answer: [UInt8] = []
    }

    private let folder: SegmentFolder
    private var starts: [UInt64]
    private var descriptors: [Int32] = []
    private(set) var end: UInt64

    private static let headBytes = 48
    private static let readAhead = 1024
    static let name = "answers"

    /// Cuts the files back to the length of a checkpoint.
    init(_ folder: SegmentFolder, length: UInt64) throws(RunFailure) {
        self.folder = folder
        starts = folder.numbers
        while let last = starts.last, last > length || starts.count > 1 && last == length {
            folder.remove(last)
            starts.removeLast()
        }
        // Without its files a state remembers no answers: its users still know their last transactions.
        end = length
        if let last = starts.last, last + folder.bytes(of: last) < length {
            for start in starts { folder.remove(start) }
            starts = []
        }
        for start in starts {
            descriptors.append(try folder.open(start, cutTo: start == starts.last ? length - start : nil))
        }
        if starts.isEmpty { try begin() }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }

    private func begin() throws(RunFailure) {
        descriptors.append(try folder.open(end))
        starts.append(end)
    }

    // MARK: Writing

    /// Appends a record to a buffer that `write` takes.
    static func append(
        _ record: borrowing Record, user: UnsafeBufferPointer<UInt8>, id: UnsafeBufferPointer<UInt8>,
        answer: UnsafeBufferPointer<UInt8>, to buffer: inout OutputBuffer
    ) {
        buffer.reserve(headBytes + user.count + id.count + answer.count)
        func write(_ word: UInt32) {
            withUnsafeBytes(of: word.littleEndian) { buffer.write($0.bindMemory(to: UInt8.self)) }
        }
        func write(_ word: UInt64) {
            withUnsafeBytes(of: word.littleEndian) { buffer.write($0.bindMemory(to: UInt8.self)) }
        }
        write(UInt32(user.count))
        write(UInt32(id.count))
        write(UInt32(answer.count))
        write(record.seconds)
        write(record.idHash)
        write(record.journal.segment)
        write(record.journal.offset)
        write(record.userHash)
        write(UInt32(0))
        buffer.write(user)
        buffer.write(id)
        buffer.write(answer)
    }

    /// Begins another file where the present one is large. The lock is held, since files may be read meanwhile.
    func makeRoom() throws(SinkFault) {
        guard let last = starts.last, end - last >= SegmentFolder.mostBytes else { return }
        do throws(RunFailure) {
            guard fdatasync(present) == 0 else { throw folder.failure("sync", folder.path) }
            try begin()
        } catch {
            throw SinkFault(sink: "the answers", reason: .store(error.message))
        }
    }

    /// Writes whole records. Returns the place of the first. Needs no lock: nobody reads them yet.
    func write(_ bytes: UnsafeRawBufferPointer) throws(SinkFault) -> UInt64 {
        let place = end
        let number = SegmentFolder.write(bytes, to: present)
        guard number == 0 else { throw SinkFault(sink: "the answers", reason: .failed(errorNumber: number)) }
        end += UInt64(bytes.count)
        return place
    }

    var present: Int32 { descriptors[descriptors.count - 1] }

    /// Removes files with nothing at or behind a place.
    func remove(before place: UInt64) {
        while starts.count > 1, starts[1] <= place {
            folder.remove(starts.removeFirst())
            close(descriptors.removeFirst())
        }
    }

    // MARK: Reading

    /// The record at a place; nil where its file is gone or damaged.
    func read(_ place: UInt64) -> Record? {
        guard let index = starts.lastIndex(where: { $0 <= place }) else { return nil }
        var bytes = [UInt8](repeating: 0, count: Self.readAhead)
        let count = pread(descriptors[index], &bytes, bytes.count, off_t(place - starts[index]))
        guard count >= Self.headBytes else { return nil }
        let size = Self.size(bytes)
        if size > count {
            guard size <= Int(SegmentFolder.mostBytes) else { return nil }
            bytes = [UInt8](repeating: 0, count: size)
            guard pread(descriptors[index], &bytes, size, off_t(place - starts[index])) == size else { return nil }
        }
        return Self.record(bytes)
    }

    private static func word(_ bytes: [UInt8], at place: Int) -> Int {
        Int(UInt32(truncatingIfNeeded: UInt64(littleEndianBytes: bytes[place..<place + 4])))
    }

    private static func size(_ bytes: [UInt8]) -> Int {
        headBytes + word(bytes, at: 0) + word(bytes, at: 4) + word(bytes, at: 8)
    }

    private static func record(_ bytes: [UInt8]) -> Record {
        let (user, id, answer) = (word(bytes, at: 0), word(bytes, at: 4), word(bytes, at: 8))
        var record = Record(
            seconds: UInt32(word(bytes, at: 12)), idHash: UInt64(littleEndianBytes: bytes[16..<24]),
            userHash: UInt32(word(bytes, at: 40)),
            journal: JournalPlace(
                segment: UInt64(littleEndianBytes: bytes[24..<32]), offset: UInt64(littleEndianBytes: bytes[32..<40])))
        record.user = Array(bytes[headBytes..<headBytes + user])
        record.id = Array(bytes[headBytes + user..<headBytes + user + id])
        record.answer = Array(bytes[headBytes + user + id..<headBytes + user + id + answer])
        return record
    }

    private static let scannedAtOnce = 1 << 20

    /// Visits the heads of all records in their order, with their places.
    func forEach(_ body: (UInt64, Record) -> Void) throws(RunFailure) {
        for (index, start) in starts.enumerated() {
            let length = (index + 1 < starts.count ? starts[index + 1] : end) - start
            var bytes: [UInt8] = []
            var place: UInt64 = 0
            var filled: UInt64 = 0
            while place < length {
                if bytes.count < Self.headBytes || bytes.count < Self.size(bytes) {
                    let wanted = min(max(Self.scannedAtOnce, bytes.count), Int(length - filled))
                    var piece = [UInt8](repeating: 0, count: wanted)
                    guard wanted > 0, pread(descriptors[index], &piece, wanted, off_t(filled)) == wanted else {
                        throw folder.failure("read", folder.file(start))
                    }
                    filled += UInt64(wanted)
                    bytes += piece
                    continue
                }
                var at = 0
                while bytes.count - at >= Self.headBytes {
                    let head = Array(bytes[at..<at + Self.headBytes])
                    let size = Self.size(head)
                    guard bytes.count - at >= size else { break }
                    body(start + place, Self.head(head))
                    place += UInt64(size)
                    at += size
                }
                bytes.removeFirst(at)
            }
        }
    }

    private static func head(_ bytes: [UInt8]) -> Record {
        Record(
            seconds: UInt32(word(bytes, at: 12)), idHash: UInt64(littleEndianBytes: bytes[16..<24]),
            userHash: UInt32(word(bytes, at: 40)), journal: JournalPlace())
    }
}
