import AssayCore
import Glibc
import StateStore

/// A folder of files, of which a new one begins now and then. A part gets its final name only when a checkpoint covers
/// it, so that readers of finished parts see each line exactly once.
final class PartSink: RowSink {
    private let settings: PartSettings
    private let folder: String
    private let name: String
    private let label: String
    private let header: [UInt8]
    private let now: () -> Double
    /// Whether there are checkpoints; if not, parts are finished when they end.
    private let isSaved: Bool

    private var number: Int
    private var file: OpenFile?
    private var rows = OutputBuffer(capacity: 1 << 12)
    /// Parts below this one have their final names.
    private var firstUnfinished: Int
    /// Parts below this one belong to the checkpoint under way.
    private var covered: Int

    private struct OpenFile {
        let descriptor: Int32
        var bytes: Int64
        var rows: UInt64
        let begun: Double
    }

    /// The names of parts: the number of the writer, which is always 0, and their own.
    struct Names {
        let folder: String
        let format: PartSettings.Format

        func finished(_ number: Int) -> String { "\(folder)/part-0-\(number).\(format.rawValue)" }
        func unfinished(_ number: Int) -> String { "\(folder)/.part-0-\(number).\(format.rawValue).unfinished" }

        /// The number of the part that has this file name.
        func number(_ file: String) -> (number: Int, isFinished: Bool)? {
            let isFinished = !file.hasPrefix(".")
            let (prefix, suffix) =
                isFinished ? ("part-0-", ".\(format.rawValue)") : (".part-0-", ".\(format.rawValue).unfinished")
            guard file.hasPrefix(prefix), file.hasSuffix(suffix), file.utf8.count > prefix.count + suffix.count else {
                return nil
            }
            return Int(file.dropFirst(prefix.count).dropLast(suffix.count)).map { ($0, isFinished) }
        }
    }

    private let names: Names

    /// `number` is the first part to write, continued at `length` bytes if it was begun before.
    init(
        _ settings: PartSettings, folder: String, name: String, label: String, header: [UInt8],
        number: Int, isSaved: Bool, now: @escaping () -> Double = { MonotonicClock.seconds }
    ) {
        self.settings = settings
        self.folder = folder
        self.name = name
        self.label = label
        self.header = header
        self.number = number
        self.isSaved = isSaved
        self.now = now
        (firstUnfinished, covered) = (number, number)
        names = Names(folder: folder, format: settings.format)
    }

    deinit { if let file { close(file.descriptor) } }

    private func fault() -> SinkFault { SinkFault(sink: label, reason: .failed(errorNumber: errno)) }

    /// Continues a part of a checkpoint.
    func resume(length: Int64) throws(SinkFault) {
        guard length > 0 else { return }
        let descriptor = open(names.unfinished(number), O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw fault() }
        let lines = try lines(descriptor, upTo: length)
        guard ftruncate(descriptor, off_t(length)) == 0, lseek(descriptor, off_t(length), SEEK_SET) >= 0 else {
            throw fault()
        }
        file = OpenFile(
            descriptor: descriptor, bytes: length, rows: lines - (header.isEmpty ? 0 : 1), begun: now())
    }

    private func lines(_ descriptor: Int32, upTo length: Int64) throws(SinkFault) -> UInt64 {
        var room = [UInt8](repeating: 0, count: 1 << 16)
        var left = Int(length)
        var lines: UInt64 = 0
        while left > 0 {
            let count = read(descriptor, &room, min(left, room.count))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw fault() }
            guard count > 0 else {
                let found = Int(length) - left
                throw SinkFault(
                    sink: label, reason: .store("part \(number) has \(found) bytes where \(length) were written"))
            }
            lines += UInt64(room[..<count].count { $0 == UInt8(ascii: "\n") })
            left -= count
        }
        return lines
    }

    // MARK: Rows

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        rows.removeAll()
        guard fill(&rows) > 0 else { return }
        var rest = rows.bytes
        while !rest.isEmpty {
            if file == nil { try begin() }
            let part = linesThatFit(rest)
            try write(UnsafeRawBufferPointer(rebasing: rest[..<part.bytes]))
            file?.rows += part.lines
            rest = UnsafeRawBufferPointer(rebasing: rest[part.bytes...])
            try rollIfFull()
        }
    }

    private func begin() throws(SinkFault) {
        let descriptor = open(names.unfinished(number), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw fault() }
        file = OpenFile(descriptor: descriptor, bytes: 0, rows: 0, begun: now())
        try header.withUnsafeBufferPointer { bytes throws(SinkFault) in try write(UnsafeRawBufferPointer(bytes)) }
    }

    /// Returns as many whole lines as the part has room for, and at least one.
    private func linesThatFit(_ bytes: UnsafeRawBufferPointer) -> (bytes: Int, lines: UInt64) {
        guard let file else { preconditionFailure("a part is open") }
        var end = 0
        var lines: UInt64 = 0
        while end < bytes.count {
            let newline = memchr(bytes.baseAddress! + end, 0x0A, bytes.count - end)
            guard let newline else { preconditionFailure("rows are whole lines") }
            end = UnsafeRawPointer(newline) - bytes.baseAddress! + 1
            lines += 1
            if file.bytes + Int64(end) >= settings.bytes || settings.rows.map({ file.rows + lines >= $0 }) ?? false {
                break
            }
        }
        return (end, lines)
    }

    private func write(_ bytes: UnsafeRawBufferPointer) throws(SinkFault) {
        guard let descriptor = file?.descriptor else { preconditionFailure("a part is open") }
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw fault() }
            file?.bytes += Int64(count)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }

    private func rollIfFull() throws(SinkFault) {
        guard let file else { return }
        let isOld = settings.milliseconds.map { (now() - file.begun) * 1000 >= Double($0) } ?? false
        let isLong = settings.rows.map { file.rows >= $0 } ?? false
        if file.bytes >= settings.bytes || isLong || isOld { try end() }
    }

    /// Ends the part.
    private func end() throws(SinkFault) {
        guard let open = file else { return }
        guard fsync(open.descriptor) == 0 else { throw fault() }
        close(open.descriptor)
        file = nil
        number += 1
        if !isSaved { try finish(upTo: number) }
    }

    /// Renames parts to their final names.
    private func finish(upTo end: Int) throws(SinkFault) {
        guard firstUnfinished < end else { return }
        for part in firstUnfinished..<end {
            guard rename(names.unfinished(part), names.finished(part)) == 0 else { throw fault() }
        }
        firstUnfinished = end
        try syncFolder()
    }

    private func syncFolder() throws(SinkFault) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw fault() }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw fault() }
    }

    // MARK: Checkpoints

    var due: Double {
        guard let file, let milliseconds = settings.milliseconds else { return .infinity }
        return file.begun + Double(milliseconds) / 1000
    }

    var isImmediate: Bool { false }

    /// A part may have become too old without rows.
    func flush() throws(SinkFault) { try rollIfFull() }

    func settle(isLast: Bool) throws(SinkFault) -> SettledSink {
        if isLast { try end() } else { try rollIfFull() }
        if let file {
            guard fsync(file.descriptor) == 0 else { throw fault() }
        }
        // New names are only durable then.
        try syncFolder()
        covered = number
        let resume = PartResume(number: number, length: file?.bytes ?? 0)
        return SettledSink(
            CheckpointRecord.Output(
                name: name, path: names.unfinished(number), length: UInt64(resume.length), resume: resume.bytes))
    }

    func release() throws(SinkFault) { try finish(upTo: covered) }
}
