/// Labels of a file that come by their own time, the earliest first, and of one time in the order of their rows.
package final class ScheduledLabels {
    private struct Timed: Comparable {
        let time: Int64
        let row: UInt64
        let label: Label

        static func == (one: Timed, other: Timed) -> Bool { one.row == other.row && one.time == other.time }

        static func < (one: Timed, other: Timed) -> Bool {
            one.time != other.time ? one.time < other.time : one.row < other.row
        }
    }

    /// Those of one id that come some time after their transaction.
    private struct Untimed {
        var labels: [Timed] = []
        var wasFound = false
    }

    // Asked for each transaction, by one thread.
    /// With the latest first.
    @exclusivity(unchecked) private var timed: [Timed] = []
    /// Those that came due because of their transaction.
    @exclusivity(unchecked) private var found = Heap<Timed>()
    /// By the hash of their transaction's id.
    @exclusivity(unchecked) private var untimed: [UInt64: Untimed] = [:]
    private let delayMilliseconds: Int64
    @exclusivity(unchecked) private var untimedLeft = 0
    private let ends: [UInt64]

    /// The length of the file, and what it was then.
    package let byteCount: UInt64
    package let digest: UInt64

    /// `delayMilliseconds`: from a transaction to its label, for labels without a time.
    package init(_ table: LabelTable, bytes: [UInt8], delayMilliseconds: Int64 = 0) {
        self.delayMilliseconds = delayMilliseconds
        byteCount = UInt64(bytes.count)
        digest = bytes.withUnsafeBufferPointer { $0.stableHash }
        ends = table.rows.map(\.endOffset)
        for (number, row) in table.rows.enumerated() {
            let hash = row.id.withUnsafeBufferPointer { $0.stableHash }
            let label = Timed(
                time: row.time?.milliseconds ?? 0, row: UInt64(number), label: Label(idHash: hash, isFraud: row.isFraud)
            )
            if row.time == nil {
                untimed[hash, default: Untimed()].labels.append(label)
                untimedLeft += 1
            } else {
                timed.append(label)
            }
        }
        timed.sort(by: >)
    }

    /// An earlier run has delivered what was due at this clock, of a file that was so long then.
    package func resume(byteCount: UInt64, clock: Int64) {
        timed.removeAll { $0.time <= clock && ends[Int($0.row)] <= byteCount }
    }

    /// Takes out the next one that is due.
    package func next(upTo clock: Int64) -> Label? {
        let isTimedFirst: Bool
        switch (timed.last, found.first) {
        case (let one?, let other?): isTimedFirst = one < other
        case (_, nil): isTimedFirst = true
        case (nil, _): isTimedFirst = false
        }
        if isTimedFirst {
            guard let last = timed.last, last.time <= clock else { return nil }
            return timed.removeLast().label
        }
        guard let first = found.first, first.time <= clock else { return nil }
        return found.popFirst()?.label
    }

    /// The transaction of a label that comes so many after the next one, if that has a time.
    func idHash(ahead: Int) -> UInt64? { ahead < timed.count ? timed[timed.count - 1 - ahead].label.idHash : nil }

    /// A transaction was accepted: its labels without a time come some time after it.
    package func noteAccepted(_ idHash: UInt64, at clock: Int64) {
        guard !untimed.isEmpty, let waiting = untimed[idHash] else { return }
        for label in waiting.labels {
            found.insert(Timed(time: clock + delayMilliseconds, row: label.row, label: label.label))
        }
        if waiting.wasFound { return }
        untimed[idHash]?.wasFound = true
        untimedLeft -= waiting.labels.count
    }

    /// How many have not come due.
    package var left: Int { timed.count + found.count + untimedLeft }
}
