import AssayCore
import CEL
import StateStore

/// The rows of a delivery to a database of the state's own: those that it has not, until they are committed.
final class CountedRows<Element> {
    let delivery: String
    /// The rows that this state has made for the delivery, in all runs.
    private(set) var made: Int64
    /// Those that are counted already.
    private let delivered: Int64
    /// Made, and not committed yet.
    private(set) var pending: [Element] = []
    /// The database does not have the count yet, or has it without being durable.
    private(set) var isChanged = true
    /// When what is pending is to be committed.
    private(set) var due = Double.infinity
    private var rows = OutputBuffer(capacity: 1 << 12)
    /// The values that a row has.
    private let columns: Int
    /// Rows wait this long for others, which costs less than a commit for each.
    private let commitSeconds: Double

    /// More than these are committed at once.
    private static var mostPending: Int { 1000 }

    init(_ resume: DeliveryResume, delivered: Int64, columns: Int, commitSeconds: Double) {
        (delivery, made, self.delivered) = (resume.delivery, resume.rows, delivered)
        (self.columns, self.commitSeconds) = (columns, commitSeconds)
    }

    /// Takes rows as their formatter writes them. `element` makes what is kept of one, by its number in the delivery.
    /// Returns whether that is to be committed now.
    func take(
        _ fill: (inout OutputBuffer) -> UInt64, _ element: (_ row: [Value], _ number: Int64) -> Element
    ) -> Bool {
        rows.removeAll()
        let count = fill(&rows)
        if count == 0 { return false }
        var reader = StateByteReader(rows.bytes)
        for _ in 0..<count {
            let row = row(&reader)
            made += 1
            isChanged = true
            // An earlier run has counted it, after its last checkpoint.
            if made > delivered { pending.append(element(row, made)) }
        }
        if !pending.isEmpty, due == .infinity { due = MonotonicClock.seconds + commitSeconds }
        return pending.count > Self.mostPending
    }

    private func row(_ reader: inout StateByteReader) -> [Value] {
        do throws(StateDecodingError) {
            var row: [Value] = []
            for _ in 0..<columns { row.append(try ValueCoding.decode(&reader)) }
            return row
        } catch {
            preconditionFailure("rows are in our own format: \(error.problem)")
        }
    }

    /// Commits the pending rows with their count, which `body` sets, if there is anything to commit.
    func commit(
        to store: SideDatabase, isDurable: Bool, _ body: (CountedRows) throws(StoreError) -> Void
    ) throws(SinkFault) {
        due = .infinity
        guard isChanged else { return }
        do throws(StoreError) {
            try store.change(isDurable: isDurable) { () throws(StoreError) in try body(self) }
        } catch {
            throw SinkFault(sink: "'\(store.path)'", reason: .store(error.description))
        }
        // What is committed without being durable is counted again with the next checkpoint.
        isChanged = !isDurable
        pending.removeAll(keepingCapacity: true)
    }

    /// What a checkpoint says of the delivery.
    func settled(name: String, in store: SideDatabase) -> SettledSink {
        SettledSink(
            CheckpointRecord.Output(
                name: name, path: store.path, length: UInt64(made),
                resume: DeliveryResume(delivery: delivery, rows: made).bytes))
    }
}
