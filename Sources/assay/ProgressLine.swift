import Assay
import Glibc

/// One line on a terminal that is written over: done, rate, part of the whole, time left.
struct ProgressLine {
    private let total: UInt64?
    private let started: Double
    private var lastShown: Double
    private var isShown = false

    private static let secondsBetween = 0.2

    /// `total`: bytes of input, where they are known.
    init(total: UInt64?) {
        self.total = total
        started = Clock.seconds
        lastShown = started
    }

    mutating func update(_ counts: ScoreCounts, bytes: UInt64) {
        let now = Clock.seconds
        guard now - lastShown >= Self.secondsBetween else { return }
        lastShown = now
        isShown = true
        let elapsed = now - started
        let done = counts.accepted + counts.rejected
        var text = "\(Figures.grouped(done)) lines, \(Figures.grouped(Int(Double(done) / elapsed)))/s"
        if let total, total > 0, bytes > 0 {
            let part = min(Double(bytes) / Double(total), 1)
            text += ", \(Figures.decimal(part * 100, digits: 0))% of \(Figures.bytes(total))"
            text += ", \(Figures.span(seconds: elapsed / part - elapsed)) left"
        } else {
            text += ", \(Figures.bytes(bytes))"
        }
        Diagnostics.write("\r\(text)\u{1B}[K")
    }

    mutating func clear() {
        if isShown { Diagnostics.write("\r\u{1B}[K") }
        isShown = false
    }
}

/// Time that only goes forward, for rates and intervals.
enum Clock {
    static var seconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
