import AssayCore

/// A verified page of state in a query's current row.
struct VerifiedPage {
    let id: Int64
    let entryCount: Int64
    /// Valid until the query's next step.
    let entries: UnsafeRawBufferPointer
    let checksum: UInt64

    static let columns = "id, function, entry_count, entries, checksum"

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

    /// Calls `body` with each page of a log, the newest first.
    ///
    /// The pages as a whole are compared with the checkpoint's record, so a page that is missing, or belongs to another
    /// log, is damage too.
    static func readAll(
        of log: LogExtent, _ database: borrowing Database,
        _ body: (Int64, _ entryCount: Int64, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        var statement = try database.prepare(
            "SELECT \(columns) FROM state_page WHERE function = ? ORDER BY id DESC")
        try statement.bind(log.function)
        var expected = log.firstPage + log.pageCount
        var sum: UInt64 = 0
        while try statement.step() {
            expected -= 1
            guard statement.integer(0) == expected else {
                throw StoreError(.damaged, "reading page \(expected)", "it is missing")
            }
            let page = try VerifiedPage(statement)
            sum &+= page.checksum
            try body(page.id, page.entryCount, page.entries)
        }
        guard expected == log.firstPage, sum == log.pageSum else {
            throw StoreError(.damaged, "reading pages", "they are not those of the checkpoint")
        }
    }
}

/// Reads pages while another connection writes.
package final class StatePageReader: StatePages {
    private let database: Database
    private var select: Statement

    package init(path: String) throws(StoreError) {
        let database = try Database(path: path, access: .readOnly)
        let select = try database.prepare(
            "SELECT \(VerifiedPage.columns) FROM state_page WHERE function = ? AND id = ?")
        self.database = database
        self.select = select
    }

    package func read(
        _ id: Int64, of function: Int64,
        _ body: (_ entryCount: Int64, _ checksum: UInt64, UnsafeRawBufferPointer) -> Void
    ) throws(StoreError) {
        try select.bind(function)
        try select.bind(id)
        guard try select.step() else { throw StoreError(.damaged, "reading page \(id)", "it is missing") }
        let page = try VerifiedPage(select)
        body(page.entryCount, page.checksum, page.entries)
        // Ends the read transaction, so that the log can be written back.
        select.reset()
    }

    package func readAll(
        of log: LogExtent,
        _ body: (Int64, _ entryCount: Int64, UnsafeRawBufferPointer) throws(StoreError) -> Void
    ) throws(StoreError) {
        try VerifiedPage.readAll(of: log, database, body)
    }
}
