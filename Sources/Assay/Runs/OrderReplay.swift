import AssayCore
import StateStore

/// Takes batches in the order in which an earlier run had taken them, then in order of arrival.
///
/// Pure: it gets what has arrived and says what is next.
struct OrderReplay {
    /// The next step.
    enum Step: Equatable {
        /// Take the oldest waiting batch of this source.
        case take(source: Int, Place)
        case idle(source: Int, Place)
        /// Nothing can be taken yet.
        case wait
        /// A source ended before the end of what an earlier run had taken from it.
        case missing(source: Int)
    }

    /// The place of a step in the order.
    enum Place: Equatable {
        /// After everything that an earlier run had taken.
        case new
        /// It completes an entry of that run.
        case again
        /// It is a part of such an entry: that run had read more at once.
        case part
    }

    private var entries: ArraySlice<OrderEntry>
    /// By source, the ends of the waiting batches.
    private var waiting: [[UInt64]]
    private var hasEnded: [Bool]
    /// Sources in the order of their batches' arrival, idle ones included.
    private var arrivals: [Arrival] = []

    private enum Arrival: Equatable {
        case batch(Int)
        case idle(Int)
    }

    init(_ entries: [OrderEntry], sources: Int) {
        self.entries = entries[...]
        waiting = Array(repeating: [], count: sources)
        hasEnded = Array(repeating: false, count: sources)
    }

    /// Where the batches of a source have to end.
    static func limits(of source: Int, in entries: [OrderEntry]) -> [UInt64] {
        entries.compactMap { entry in
            if case .lines(source, let offset) = entry { offset } else { nil }
        }
    }

    var isReplaying: Bool { !entries.isEmpty }

    mutating func noteBatch(of source: Int, upTo offset: UInt64) {
        waiting[source].append(offset)
        arrivals.append(.batch(source))
    }

    /// A source has been silent for long.
    mutating func noteIdle(_ source: Int) {
        if !isReplaying { arrivals.append(.idle(source)) }
    }

    /// A source has ended. It holds nothing back once all of it is taken.
    mutating func noteEnd(of source: Int) {
        hasEnded[source] = true
        arrivals.append(.idle(source))
    }

    mutating func next() -> Step {
        if let entry = entries.first { return replayed(entry) }
        guard let arrival = arrivals.first else { return .wait }
        arrivals.removeFirst()
        switch arrival {
        case .batch(let source):
            waiting[source].removeFirst()
            return .take(source: source, .new)
        case .idle(let source): return .idle(source: source, .new)
        }
    }

    private mutating func replayed(_ entry: OrderEntry) -> Step {
        switch entry {
        case .idle(let source):
            entries.removeFirst()
            // The order already has its end.
            if hasEnded[source], waiting[source].isEmpty { removeArrival(.idle(source)) }
            return .idle(source: source, .again)
        case .lines(let source, let end):
            guard let offset = waiting[source].first else {
                return hasEnded[source] ? .missing(source: source) : .wait
            }
            waiting[source].removeFirst()
            removeArrival(.batch(source))
            guard offset >= end else { return .take(source: source, .part) }
            entries.removeFirst()
            return .take(source: source, .again)
        }
    }

    private mutating func removeArrival(_ arrival: Arrival) {
        if let index = arrivals.firstIndex(of: arrival) { arrivals.remove(at: index) }
    }
}
