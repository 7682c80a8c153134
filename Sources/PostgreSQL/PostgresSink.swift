import Arguments
import Assay
import AssayCore
import CEL
import StateStore

/// A table of PostgreSQL: each row is there exactly once, however often it is repeated.
///
/// Rows wait in memory until they are due or enough, and go there in one transaction with the number of rows delivered,
/// which is compared before it is set. A commit whose answer was lost is settled by looking at that number.
final class PostgresSink: RowSink {
    private let server: Server
    private let table: Table
    private let name: String
    private let delivery: String
    /// The rows that this state has made for the table, in all runs.
    private var made: Int64
    /// The rows that are there already.
    private var delivered: Int64
    private var text: RowText
    private var row = OutputBuffer(capacity: 1 << 12)
    private var commitTime = Double.infinity
    private var toldReplaced = false

    /// Rows are held back this long: a commit for each would cost more than the rows.
    private static let commitSeconds = 0.5
    /// Held back at most, so that a server that is away holds the engine and not its memory.
    private static let mostRows = 20_000
    private static let mostBytes = 8 << 20

    init(
        _ server: Server, _ table: Table, values: ValueEncoder, name: String, resume: DeliveryResume, delivered: Int64
    ) {
        (self.server, self.table, self.name) = (server, table, name)
        (delivery, made) = (resume.delivery, resume.rows)
        self.delivered = delivered
        text = RowText(values)
    }

    // MARK: Rows

    func write(_ fill: (inout OutputBuffer) -> UInt64) throws(SinkFault) {
        row.removeAll()
        let count = fill(&row)
        var reader = StateByteReader(row.bytes)
        for _ in 0..<count {
            made += 1
            let values = decode(&reader)
            // An earlier run has delivered it, after its last checkpoint.
            guard made > delivered + Int64(text.rows) else { continue }
            if text.rows == 0 { commitTime = MonotonicClock.seconds + Self.commitSeconds }
            text.beginRow()
            for (index, value) in values.enumerated() {
                text.append(value, as: table.kinds[index], isFirst: index == 0)
            }
            text.endRow()
            if text.rows >= Self.mostRows || text.bytes.count >= Self.mostBytes { try flush() }
        }
    }

    private func decode(_ reader: inout StateByteReader) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(table.columns.count)
        do throws(StateDecodingError) {
            for _ in table.columns { values.append(try ValueCoding.decode(&reader)) }
        } catch {
            preconditionFailure("rows are in our own format: \(error.problem)")
        }
        return values
    }

    var isImmediate: Bool { false }

    var due: Double { commitTime }

    func flush() throws(SinkFault) {
        guard text.rows > 0 else { return }
        let (before, after) = (delivered, delivered + Int64(text.rows))
        do throws(Server.Failure) {
            try server.attempt { connection throws(DatabaseFault) in
                // Of an attempt before, the answer may have been lost.
                let there = try table.delivered(delivery, connection)
                if there == after { return }
                guard there == before else { throw Self.foreign(there, before) }
                try connection.transaction { () throws(DatabaseFault) in
                    try table.insert(text, connection)
                    guard try table.advance(delivery, from: before, to: after, connection) else {
                        throw Self.foreign(nil, before)
                    }
                    try table.notify(after, connection)
                }
            }
        } catch {
            throw fault(error)
        }
        delivered = after
        if text.replaced > 0, !toldReplaced {
            toldReplaced = true
            Diagnostics.warning(
                "\(label): PostgreSQL takes no zero characters; they are replaced by U+FFFD, which is told once")
        }
        text.removeAll()
        commitTime = .infinity
    }

    private static func foreign(_ there: Int64?, _ expected: Int64) -> DatabaseFault {
        DatabaseFault(
            message: "\(expected) rows were delivered, but the database says "
                + (there.map { "\($0)" } ?? "something else") + ": another writer is at work, or it was restored",
            state: "", isBroken: false)
    }

    private var label: String { "table '\(table.name)' of PostgreSQL at \(server.label)" }

    private func fault(_ failure: Server.Failure) -> SinkFault {
        switch failure {
        case .fault(let fault): SinkFault(sink: label, reason: .store(fault.message))
        case .interrupted:
            SinkFault(
                sink: label,
                reason: .store("it was away when the run was stopped; the same command goes on where it was"))
        }
    }

    // MARK: Checkpoints

    func settle(isLast: Bool) throws(SinkFault) -> SettledSink {
        try flush()
        return SettledSink(
            CheckpointRecord.Output(
                name: name, path: "\(server.label)/\(table.name)", length: UInt64(made),
                resume: DeliveryResume(delivery: delivery, rows: made).bytes))
    }

    func release() throws(SinkFault) {}

    var condition: SinkCondition { SinkCondition(waiting: text.rows, failures: server.failures) }
}
