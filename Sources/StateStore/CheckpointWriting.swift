import AssayCore

/// Writes checkpoints with prepared statements.
struct CheckpointWriting: ~Copyable {
    private var insertPage: Statement
    private var deletePages: Statement
    private var insertCheckpoint: Statement
    private var insertLog: Statement
    private var insertInput: Statement
    private var insertOutput: Statement
    private var insertTally: Statement
    private var insertField: Statement
    private var deleteCheckpoints: Statement

    /// The number of checkpoints that are listed.
    static let keptCheckpoints = 100

    init(_ database: borrowing Database) throws(StoreError) {
        let insertPage = try database.prepare(
            "INSERT INTO state_page (id, function, entry_count, entries, checksum) VALUES (?, ?, ?, ?, ?)")
        let deletePages = try database.prepare("DELETE FROM state_page WHERE function = ? AND id < ?")
        let insertCheckpoint = try database.prepare(
            """
            INSERT INTO checkpoint (id, taken_ms, reason, sequence, event_time_ms, keys_written, bytes_written,
                duration_us, configuration, checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        let insertLog = try database.prepare(
            """
            INSERT INTO state_log (checkpoint, function, first_page, page_count, page_sum, keys)
            VALUES (?, ?, ?, ?, ?, ?)
            """)
        let insertInput = try database.prepare(
            """
            INSERT INTO input_position (checkpoint, input, path, format, byte_offset, line, position)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """)
        let insertOutput = try database.prepare(
            "INSERT INTO output_position (checkpoint, output, path, length, resume) VALUES (?, ?, ?, ?, ?)")
        let insertTally = try database.prepare("INSERT INTO tally (checkpoint, name, count) VALUES (?, ?, ?)")
        let insertField = try database.prepare("INSERT INTO stage_field (checkpoint, name, value) VALUES (?, ?, ?)")
        let deleteCheckpoints = try database.prepare("DELETE FROM checkpoint WHERE id <= ?")
        // All of them or none: a noncopyable value can't be partly initialized.
        self.insertPage = insertPage
        self.deletePages = deletePages
        self.insertCheckpoint = insertCheckpoint
        self.insertLog = insertLog
        self.insertInput = insertInput
        self.insertOutput = insertOutput
        self.insertTally = insertTally
        self.insertField = insertField
        self.deleteCheckpoints = deleteCheckpoints
    }

    mutating func write(_ changes: LogChanges) throws(StoreError) {
        for page in changes.pages {
            try insertPage.bind(page.id)
            try insertPage.bind(page.function)
            try insertPage.bind(page.entryCount)
            try insertPage.bind(page.entries)
            try insertPage.bind(page.checksum)
            try insertPage.run()
        }
        try deletePages.bind(changes.function)
        try deletePages.bind(changes.firstPage)
        try deletePages.run()
    }

    mutating func write(_ record: CheckpointRecord) throws(StoreError) {
        for number in [record.id, record.takenAt] { try insertCheckpoint.bind(number) }
        try insertCheckpoint.bind(record.reason.rawValue)
        try insertCheckpoint.bind(record.stage.sequence)
        for number in [
            record.stage.eventTime, record.keysWritten, record.bytesWritten, record.durationMicroseconds,
        ] { try insertCheckpoint.bind(number) }
        try insertCheckpoint.bind(record.configuration)
        try insertCheckpoint.bind(record.checksum)
        try insertCheckpoint.run()
        for log in record.stage.logs {
            for number in [record.id, log.function, log.firstPage, log.pageCount] { try insertLog.bind(number) }
            try insertLog.bind(log.pageSum)
            try insertLog.bind(log.keys)
            try insertLog.run()
        }
        for input in record.inputs { try write(input, checkpoint: record.id) }
        for output in record.outputs {
            try insertOutput.bind(record.id)
            try insertOutput.bind(output.name)
            try insertOutput.bind(output.path)
            try insertOutput.bind(output.length)
            try insertOutput.bind(output.resume)
            try insertOutput.run()
        }
        for tally in record.stage.tallies {
            try insertTally.bind(record.id)
            try insertTally.bind(tally.name)
            try insertTally.bind(tally.count)
            try insertTally.run()
        }
        for field in record.stage.fields {
            try insertField.bind(record.id)
            try insertField.bind(field.name)
            try insertField.bind(field.value)
            try insertField.run()
        }
        try deleteCheckpoints.bind(record.id - Int64(Self.keptCheckpoints))
        try deleteCheckpoints.run()
    }

    private mutating func write(_ input: CheckpointRecord.Input, checkpoint: Int64) throws(StoreError) {
        try insertInput.bind(checkpoint)
        for text in [input.name, input.path, input.format] { try insertInput.bind(text) }
        try insertInput.bind(input.offset)
        try insertInput.bind(input.line)
        try insertInput.bind(input.position)
        try insertInput.run()
    }

    /// Resets the statements after an error.
    mutating func reset() {
        insertPage.reset()
        deletePages.reset()
        insertCheckpoint.reset()
        insertLog.reset()
        insertInput.reset()
        insertOutput.reset()
        insertTally.reset()
        insertField.reset()
        deleteCheckpoints.reset()
    }
}
