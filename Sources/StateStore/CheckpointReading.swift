import AssayCore

/// Reads checkpoint records and verifies their checksums.
enum CheckpointReading {
    static func last(_ database: borrowing Database) throws(StoreError) -> CheckpointRecord? {
        guard let id = try database.integer("SELECT max(id) FROM checkpoint"), id > 0 else { return nil }
        return try read(id, database)
    }

    static func read(_ id: Int64, _ database: borrowing Database) throws(StoreError) -> CheckpointRecord {
        var statement = try database.prepare(
            """
            SELECT taken_ms, reason, sequence, event_time_ms, keys_written, bytes_written, duration_us, configuration,
                checksum FROM checkpoint WHERE id = ?
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
        record.keysWritten = statement.integer(4)
        record.bytesWritten = statement.integer(5)
        record.durationMicroseconds = statement.integer(6)
        record.configuration = statement.text(7)
        let checksum = statement.unsigned(8)
        record.stage.logs = try logs(id, database)
        record.stage.tallies = try tallies(id, database)
        record.stage.fields = try fields(id, database)
        record.inputs = try inputs(id, database)
        record.outputs = try outputs(id, database)
        guard record.checksum == checksum else {
            throw StoreError(.damaged, "reading checkpoint \(id)", "its checksum does not hold")
        }
        return record
    }

    /// Returns the rows of a table that belong to a checkpoint.
    private static func rows<Row>(
        _ sql: String, of id: Int64, _ database: borrowing Database, _ row: (borrowing Statement) -> Row
    ) throws(StoreError) -> [Row] {
        var statement = try database.prepare(sql)
        try statement.bind(id)
        var rows: [Row] = []
        while try statement.step() { rows.append(row(statement)) }
        return rows
    }

    private static func logs(_ id: Int64, _ database: borrowing Database) throws(StoreError) -> [LogExtent] {
        try rows(
            """
            SELECT function, first_page, page_count, page_sum, keys FROM state_log WHERE checkpoint = ?
            ORDER BY function
            """, of: id, database
        ) { row in
            var log = LogExtent(function: row.integer(0))
            log.firstPage = row.integer(1)
            log.pageCount = row.integer(2)
            log.pageSum = row.unsigned(3)
            log.keys = row.integer(4)
            return log
        }
    }

    private static func inputs(
        _ id: Int64, _ database: borrowing Database
    ) throws(StoreError) -> [CheckpointRecord.Input] {
        try rows(
            """
            SELECT input, path, format, byte_offset, line, position FROM input_position WHERE checkpoint = ?
            ORDER BY input
            """, of: id, database
        ) { row in
            var input = CheckpointRecord.Input(name: row.text(0))
            input.path = row.text(1)
            input.format = row.text(2)
            input.offset = row.unsigned(3)
            input.line = row.unsigned(4)
            input.position = row.blob(5)
            return input
        }
    }

    private static func outputs(
        _ id: Int64, _ database: borrowing Database
    ) throws(StoreError) -> [CheckpointRecord.Output] {
        try rows(
            "SELECT output, path, length, resume FROM output_position WHERE checkpoint = ? ORDER BY output", of: id,
            database
        ) { row in
            CheckpointRecord.Output(name: row.text(0), path: row.text(1), length: row.unsigned(2), resume: row.blob(3))
        }
    }

    private static func tallies(_ id: Int64, _ database: borrowing Database) throws(StoreError) -> [Tally] {
        try rows("SELECT name, count FROM tally WHERE checkpoint = ? ORDER BY name", of: id, database) { row in
            Tally(name: row.text(0), count: row.unsigned(1))
        }
    }

    private static func fields(
        _ id: Int64, _ database: borrowing Database
    ) throws(StoreError) -> [StageRecord.Field] {
        try rows("SELECT name, value FROM stage_field WHERE checkpoint = ? ORDER BY name", of: id, database) { row in
            StageRecord.Field(name: row.text(0), value: row.integer(1))
        }
    }
}
