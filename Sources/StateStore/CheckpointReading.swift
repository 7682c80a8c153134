import CBytes

/// Reads checkpoint records and verifies their checksums.
enum CheckpointReading {
    static func last(_ database: borrowing Database) throws(StoreError) -> CheckpointRecord? {
        guard let id = try database.integer("SELECT max(id) FROM checkpoint"), id > 0 else { return nil }
        return try read(id, database)
    }

    static func read(_ id: Int64, _ database: borrowing Database) throws(StoreError) -> CheckpointRecord {
        var statement = try database.prepare(
            """
            SELECT taken_ms, reason, sequence, event_time_ms, keys, first_page, page_count, page_sum, keys_written,
                bytes_written, duration_us, configuration, checksum FROM checkpoint WHERE id = ?
            """)
        try statement.bind(id)
        guard try statement.step(), let reason = CheckpointRecord.Reason(rawValue: statement.text(1)) else {
            throw StoreError(.damaged, "reading checkpoint \(id)", "it is not there")
        }
        var record = CheckpointRecord()
        record.id = id
        record.takenAt = statement.integer(0)
        record.reason = reason
        record.sequence = statement.unsigned(2)
        record.eventTime = statement.integer(3)
        record.keys = statement.integer(4)
        record.firstPage = statement.integer(5)
        record.pageCount = statement.integer(6)
        record.pageSum = statement.unsigned(7)
        record.keysWritten = statement.integer(8)
        record.bytesWritten = statement.integer(9)
        record.durationMicroseconds = statement.integer(10)
        record.configuration = statement.text(11)
        let checksum = statement.unsigned(12)
        record.inputs = try inputs(id, database)
        record.outputs = try outputs(id, database)
        record.tallies = try tallies(id, database)
        guard record.checksum == checksum else {
            throw StoreError(.damaged, "reading checkpoint \(id)", "its checksum does not hold")
        }
        return record
    }

    private static func inputs(
        _ id: Int64, _ database: borrowing Database
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
            input.offset = statement.unsigned(2)
            input.line = statement.unsigned(3)
            input.endsInsideLine = statement.integer(4) != 0
            input.head = try digest(statement, 5)
            input.chain = try digest(statement, 6)
            input.previous = try digest(statement, 7)
            input.partial = try digest(statement, 8)
            input.format = statement.text(9)
            input.csvHeader = statement.blob(10)
            inputs.append(input)
        }
        return inputs
    }

    private static func digest(_ statement: borrowing Statement, _ column: Int32) throws(StoreError) -> Digest {
        guard let digest = Digest(statement.blob(column)) else {
            throw StoreError(.damaged, "reading an input's position", "a digest has a wrong length")
        }
        return digest
    }

    private static func outputs(
        _ id: Int64, _ database: borrowing Database
    ) throws(StoreError) -> [CheckpointRecord.Output] {
        var statement = try database.prepare(
            "SELECT output, path, byte_length FROM output_length WHERE checkpoint = ? ORDER BY output")
        try statement.bind(id)
        var outputs: [CheckpointRecord.Output] = []
        while try statement.step() {
            outputs.append(
                CheckpointRecord.Output(
                    name: statement.text(0), path: statement.text(1), length: statement.unsigned(2)))
        }
        return outputs
    }

    private static func tallies(
        _ id: Int64, _ database: borrowing Database
    ) throws(StoreError) -> [CheckpointRecord.Tally] {
        var statement = try database.prepare("SELECT name, count FROM tally WHERE checkpoint = ? ORDER BY name")
        try statement.bind(id)
        var tallies: [CheckpointRecord.Tally] = []
        while try statement.step() {
            tallies.append(CheckpointRecord.Tally(name: statement.text(0), count: statement.unsigned(1)))
        }
        return tallies
    }
}

/// A page of state as a query's present row has it: its checksum holds.
struct VerifiedPage {
    let id: Int64
    let entryCount: Int64
    /// Valid until the query's next step.
    let entries: UnsafeRawBufferPointer
    let checksum: UInt64

    /// Columns: id, function, entry_count, entries, checksum.
    init(_ statement: borrowing Statement) throws(StoreError) {
        id = statement.integer(0)
        entryCount = statement.integer(2)
        entries = statement.bytes(3)
        checksum = statement.unsigned(4)
        let actual = StatePage.checksum(
            id: id, function: statement.integer(1), entryCount: entryCount, entries)
        guard actual == checksum else {
            throw StoreError(.damaged, "reading page \(id)", "its checksum does not hold")
        }
    }
}

/// Reads single pages while another connection writes.
package struct StatePageReader: ~Copyable {
    private let database: Database
    private var select: Statement

    package init(path: String) throws(StoreError) {
        let database = try Database(path: path, access: .readOnly)
        let select = try database.prepare(
            "SELECT id, function, entry_count, entries, checksum FROM state_page WHERE id = ?")
        self.database = database
        self.select = select
    }

    /// Calls `body` with the bytes of a page that must be there.
    package mutating func read<Result>(
        _ id: Int64, _ body: (_ entryCount: Int64, _ checksum: UInt64, UnsafeRawBufferPointer) -> Result
    ) throws(StoreError) -> Result {
        try select.bind(id)
        guard try select.step() else { throw StoreError(.damaged, "reading page \(id)", "it is missing") }
        let page = try VerifiedPage(select)
        let result = body(page.entryCount, page.checksum, page.entries)
        // Ends the read transaction, so that the log can be written back.
        select.reset()
        return result
    }
}
