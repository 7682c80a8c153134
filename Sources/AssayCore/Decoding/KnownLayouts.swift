import CBytes
import CivilTime

/// The layouts of the last lines. Nearly all lines of a stream have one of a few: comparing what is between their
/// values, and finding the values' ends by marks, takes a third of parsing them.
///
/// A line of another layout, or with a value that some field does not take, is to be parsed, which finds the reason.
struct KnownLayouts {
    /// The one that was met last; it has no steps while none is known.
    private var latest = LineLayout()
    private var others: [LineLayout] = []
    private var credit = mostCredit

    private static let mostOthers = 3
    /// Learning takes as long as parsing several lines: lines that differ each time must not pay it each time.
    private static let mostCredit = 64
    private static let learningCost = 32

    /// Reads the line at `start` if its layout is known. Returns where the next one begins; nil for a line that has to
    /// be parsed.
    @inline(__always)
    mutating func take(
        _ base: UnsafePointer<UInt8>, at start: Int, _ stops: UnsafePointer<UInt64>, _ zone: TimeZoneRules,
        into batch: inout DecodedBatch
    ) -> Int? {
        if let next = latest.match(base, at: start, stops) {
            return append(base, from: start, to: next, zone, &batch)
        }
        return others.isEmpty ? nil : takeOther(base, at: start, stops, zone, into: &batch)
    }

    @inline(__always)
    private mutating func append(
        _ base: UnsafePointer<UInt8>, from start: Int, to next: Int, _ zone: TimeZoneRules, _ batch: inout DecodedBatch
    ) -> Int? {
        guard latest.read(base, zone) else { return nil }
        latest.transaction.line = LineBounds(start: base + start, newline: base + next - 1).slice(in: base)
        latest.transaction.lineIndex = UInt32(truncatingIfNeeded: batch.lineCount)
        batch.transactions.append(latest.transaction)
        return next
    }

    @inline(never)
    private mutating func takeOther(
        _ base: UnsafePointer<UInt8>, at start: Int, _ stops: UnsafePointer<UInt64>, _ zone: TimeZoneRules,
        into batch: inout DecodedBatch
    ) -> Int? {
        for index in others.indices {
            guard let next = others[index].match(base, at: start, stops) else { continue }
            swap(&latest, &others[index])
            return append(base, from: start, to: next, zone, &batch)
        }
        return nil
    }

    /// A line was parsed and is a transaction.
    mutating func learn(_ layout: @autoclosure () -> LineLayout?) {
        guard credit >= Self.learningCost else { return }
        credit -= Self.learningCost
        guard let layout = layout() else { return }
        if latest.isKnown {
            if others.count == Self.mostOthers { others.removeLast() }
            others.insert(latest, at: 0)
        }
        latest = layout
    }

    /// So many lines had layouts that were known.
    mutating func note(known lines: Int) { credit = min(credit + lines, Self.mostCredit) }
}
