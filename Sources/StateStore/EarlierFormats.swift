import AssayCore

/// Reads the checkpoints of formats 1 and 2 in the current form.
///
/// They had one log, only files as inputs, and numbers of the stage among the tallies. Both formats have the same
/// content in a checkpoint.
struct EarlierFormats: ~Copyable {
    private let function: Int64

    static let last: Int64 = 2

    init(_ database: borrowing Database) throws(StoreError) {
        function = try database.integer("SELECT min(id) FROM process_function") ?? 1
    }

    func last(_ database: borrowing Database) throws(StoreError) -> CheckpointRecord? {
        guard let id = try database.integer("SELECT max(id) FROM checkpoint"), id > 0 else { return nil }
        return try read(id, database)
    }

    func read(_ id: Int64, _ database: borrowing Database) throws(StoreError) -> CheckpointRecord {
        var statement = try database.prepare(
            """
            SELECT taken_ms, reason, sequence, event_time_ms, keys, first_page, page_count, page_sum, keys_written,
                bytes_written, duration_us, configuration, checksum FROM checkpoint WHERE id = ?
            """)
        try statement.bind(id)
        guard try statement.step(), let reason = CheckpointRecord.Reason(rawValue: statement.text(1)) else {
            throw StoreError(.damaged, "reading checkpoint \(id)", "it is missing")
        }
        var record = CheckpointRecord()
        record.id = id
        record.takenAt = statement.integer(0)
        record.reason = reason
        record.stage.sequence = statement.unsigned(2)
        record.stage.eventTime = statement.integer(3)
        var log = LogExtent(function: function)
        (log.keys, log.firstPage) = (statement.integer(4), statement.integer(5))
        (log.pageCount, log.pageSum) = (statement.integer(6), statement.unsigned(7))
        record.stage.logs = [log]
        record.keysWritten = statement.integer(8)
        record.bytesWritten = statement.integer(9)
        record.durationMicroseconds = statement.integer(10)
        record.configuration = statement.text(11)
        var digest = FieldDigest()
        for number in [
            id, record.takenAt, Int64(bitPattern: record.stage.sequence), record.stage.eventTime, log.keys,
            log.firstPage, log.pageCount, Int64(bitPattern: log.pageSum), record.keysWritten, record.bytesWritten,
            record.durationMicroseconds,
        ] { digest.add(number) }
        digest.add(reason.rawValue)
        digest.add(record.configuration)
        let checksum = statement.unsigned(12)
        record.inputs = try inputs(id, database, &digest)
        record.outputs = try outputs(id, database, &digest)
        try readTallies(id, database, &digest, into: &record)
        guard digest.value == checksum else {
            throw StoreError(.damaged, "reading checkpoint \(id)", "its checksum does not hold")
        }
        return record
    }

    private func inputs(
        _ id: Int64, _ database: borrowing Database, _ digest: inout FieldDigest
    ) throws(StoreError) -> [CheckpointRecord.Input] {
        var statement = try database.prepare(
            """
            SELECT input, path, byte_offset, line, ends_inside_line, head, chain, previous, partial, format, csv_header
            FROM input_position WHERE checkpoint = ? ORDER BY input
            """)
        try statement.bind(id)
        var inputs: [CheckpointRecord.Input] = []
        while try statement.step() {
            var input = CheckpointRecord.Input(name: statement.text(0))
            input.path = statement.text(1)
            (input.offset, input.line) = (statement.unsigned(2), statement.unsigned(3))
            let endsInsideLine = statement.integer(4) != 0
            let digests = (5...8).map { statement.blob($0) }
            guard digests.allSatisfy({ $0.count == 16 }) else {
                throw StoreError(.damaged, "reading an input's position", "a digest has a wrong length")
            }
            input.format = statement.text(9)
            let header = statement.blob(10)
            input.position = EarlierPosition.file(
                offset: input.offset, line: input.line, endsInsideLine: endsInsideLine, digests: digests,
                csvHeader: header)
            digest.add(input.name)
            digest.add(input.path)
            for number in [input.offset, input.line] { digest.add(Int64(bitPattern: number)) }
            digest.add(endsInsideLine ? 1 : 0)
            for part in digests { digest.add(part) }
            digest.add(input.format)
            digest.add(header)
            inputs.append(input)
        }
        digest.add(Int64(inputs.count))
        return inputs
    }

    private func outputs(
        _ id: Int64, _ database: borrowing Database, _ digest: inout FieldDigest
    ) throws(StoreError) -> [CheckpointRecord.Output] {
        var statement = try database.prepare(
            "SELECT output, path, byte_length FROM output_length WHERE checkpoint = ? ORDER BY output")
        try statement.bind(id)
        var outputs: [CheckpointRecord.Output] = []
        while try statement.step() {
            let (name, path, length) = (statement.text(0), statement.text(1), statement.unsigned(2))
            digest.add(name)
            digest.add(path)
            digest.add(Int64(bitPattern: length))
            outputs.append(EarlierPosition.output(name: name, path: path, length: length))
        }
        digest.add(Int64(outputs.count))
        return outputs
    }

    /// The names of tallies that were numbers of the stage.
    private static let fields: Set<String> = ["arrivals", "ended", "idle_ms", "scored", "watermark_ms"]

    private func readTallies(
        _ id: Int64, _ database: borrowing Database, _ digest: inout FieldDigest, into record: inout CheckpointRecord
    ) throws(StoreError) {
        var statement = try database.prepare("SELECT name, count FROM tally WHERE checkpoint = ? ORDER BY name")
        try statement.bind(id)
        while try statement.step() {
            let (name, count) = (statement.text(0), statement.unsigned(1))
            digest.add(name)
            digest.add(Int64(bitPattern: count))
            if !Self.fields.contains(name) {
                record.stage.tallies.append(Tally(name: name, count: count))
            } else if name != "watermark_ms" || count > 0 {
                // A watermark of 0 meant that there was none.
                record.stage.fields.append(StageRecord.Field(name: name, value: Int64(clamping: count)))
            }
        }
    }
}

/// Positions of formats 1 and 2 in the current forms of sources and sinks.
package enum EarlierPosition {
    /// The position of a file or pipe of lines.
    package static func file(
        offset: UInt64, line: UInt64, endsInsideLine: Bool, digests: [[UInt8]], csvHeader: [UInt8]
    ) -> [UInt8] {
        [1] + offset.littleEndianBytes + line.littleEndianBytes + [endsInsideLine ? 1 : 0] + digests.joined()
            + csvHeader
    }

    /// The position of a file, a folder of parts, or a table with the id of its delivery after the path.
    package static func output(name: String, path: String, length: UInt64) -> CheckpointRecord.Output {
        let resume = [1] + length.littleEndianBytes
        if name.hasPrefix("table:") {
            let parts = path.split(separator: "?", maxSplits: 1)
            let id = parts.count == 2 ? parts[1].dropFirst("delivery=".count) : ""
            return CheckpointRecord.Output(
                name: name, path: String(parts.first ?? ""), length: length, resume: resume + Array(id.utf8))
        }
        if name.hasPrefix("parts:") {
            // `.part-0-7.csv.unfinished`
            let number = path.split(separator: "-").last?.prefix { $0 != "." } ?? ""
            return CheckpointRecord.Output(
                name: name, path: path, length: length, resume: resume + (UInt64(number) ?? 0).littleEndianBytes)
        }
        return CheckpointRecord.Output(name: name, path: path, length: length, resume: resume + Array(path.utf8))
    }
}

extension StateStore {
    /// Migrates state of an earlier format to the current one, all of it or nothing.
    static func migrate(_ database: borrowing Database, from found: Int64) throws(StoreError) {
        try database.execute("BEGIN IMMEDIATE")
        if found <= EarlierFormats.last { try migrateCheckpoints(database) }
        if found > 1 { try database.execute("ALTER TABLE audit RENAME TO earlier_audit") }
        try database.execute(StateSchema.audit)
        if found > 1 {
            try database.execute(
                """
                INSERT INTO audit (id, at_ms, action, checkpoint, users)
                SELECT id, at_ms, action, checkpoint, users FROM earlier_audit ORDER BY id
                """)
            try database.execute("DROP TABLE earlier_audit")
        }
        try database.execute("UPDATE store SET format = \(format)")
        try database.execute("COMMIT")
    }

    private static func migrateCheckpoints(_ database: borrowing Database) throws(StoreError) {
        let earlier = try EarlierFormats(database)
        var ids: [Int64] = []
        var list = try database.prepare("SELECT id FROM checkpoint ORDER BY id")
        while try list.step() { ids.append(list.integer(0)) }
        list.reset()
        var records: [CheckpointRecord] = []
        for id in ids { records.append(try earlier.read(id, database)) }
        for table in ["tally", "output_length", "input_position", "checkpoint"] {
            try database.execute("DROP TABLE \(table)")
        }
        try database.execute("ALTER TABLE state_page RENAME TO earlier_page")
        try database.execute(StateSchema.pages)
        try database.execute(
            """
            INSERT INTO state_page (function, id, entry_count, entries, checksum)
            SELECT function, id, entry_count, entries, checksum FROM earlier_page ORDER BY id
            """)
        try database.execute("DROP TABLE earlier_page")
        try database.execute(StateSchema.checkpoints)
        var writing = try CheckpointWriting(database)
        for record in records { try writing.write(record) }
    }
}
