import Arguments
import Assay
import AssayCore

/// A line on a terminal that is overwritten: lines done, rate, part of the whole, time left, last checkpoint.
struct ProgressLine {
    private let total: UInt64?
    private let started = MonotonicClock.seconds
    private var lastShown = MonotonicClock.seconds
    private var checkpoint: (id: Int64, seen: Double)?
    private var isShown = false

    private static let secondsBetween = 0.2

    /// `total`: bytes of input, if they are known.
    init(total: UInt64?) {
        self.total = total
    }

    /// `done`: lines.
    mutating func update(_ done: UInt64, bytes: UInt64, lag: UInt64?, checkpoint id: Int64?) {
        let now = MonotonicClock.seconds
        if let id, id != checkpoint?.id { checkpoint = (id, now) }
        guard now - lastShown >= Self.secondsBetween else { return }
        lastShown = now
        isShown = true
        let elapsed = now - started
        var text = "\(Figures.grouped(done)) lines, \(Figures.grouped(Int(Double(done) / elapsed)))/s"
        if let total, total > 0, bytes > 0 {
            let part = min(Double(bytes) / Double(total), 1)
            text += ", \(Figures.decimal(part * 100, digits: 0))% of \(Figures.bytes(total))"
            text += ", \(Figures.span(seconds: elapsed / part - elapsed)) left"
        } else if let lag {
            text += ", \(Figures.grouped(lag)) behind"
        } else {
            text += ", \(Figures.bytes(bytes))"
        }
        if let checkpoint {
            text += ", checkpoint \(checkpoint.id) \(Figures.span(seconds: now - checkpoint.seen)) ago"
        }
        // A line that wraps can't be overwritten.
        let columns = Diagnostics.columns
        if columns > 1, text.count >= columns { text = String(text.prefix(columns - 1)) }
        Diagnostics.write("\r\(text)\u{1B}[K")
    }

    mutating func clear() {
        if isShown { Diagnostics.write("\r\u{1B}[K") }
        isShown = false
    }
}
