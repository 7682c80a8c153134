/// A sequence that has begun: its state, and what it has taken.
package struct PatternRun: Equatable, Sendable {
    package var state: Int32
    /// The last link of the chain of taken events; none for the run that waits for a first event.
    var last: Int32
    /// The number of taken events.
    var count: Int32
    /// The number of its first event; the greatest for the waiting run.
    package var first: Int64
    /// The time of its first event.
    package var began: Int64

    static let waiting = PatternRun(
        state: Int32(Automaton.start), last: -1, count: 0, first: .max, began: .max)

    package var isWaiting: Bool { first == .max }
}

/// The conditions' results for an event, a bit each.
struct PatternTruth: Equatable, Sendable {
    var met: UInt64 = 0
    /// Those that depend on what a run has taken.
    var open: UInt64 = 0
}

/// The state of a pattern for one key.
///
/// Runs with a common beginning share what they have taken: each points at a link, and each link at the one before it.
package struct PatternState {
    package struct Link: Equatable {
        let stage: Int32
        let event: Int32
        /// -1 for the first.
        let previous: Int32
    }

    /// An event that event time has not reached yet.
    package struct Waiting: Equatable {
        let time: Int64
        /// The conditions that it meets, and those that depend on the run.
        let truth: PatternTruth
        /// Empty for an event that no stage can take.
        let content: [UInt8]
    }

    /// Ascending by time, then in order of arrival.
    package var waiting: [Waiting] = []
    /// Empty when there is only the run that waits for a first event.
    package var runs = RunHeap()
    /// Complete sequences, held back until the earlier runs have ended.
    package var finished = RunHeap()
    private(set) var links: [Link] = []
    private(set) var events: [KeptEvent] = []
    /// The number of the next event.
    var nextNumber: Int64 = 0
    /// The time that the timer is set for; not stored.
    var timer = Int64.max
    /// The number of links in use at the last tidying.
    private var linksInUse = 0

    var isEmpty: Bool { waiting.isEmpty && runs.isEmpty && finished.isEmpty }

    /// The number of sequences that have begun.
    var openRuns: Int { runs.runs.count { !$0.isWaiting } + finished.runs.count }

    /// The approximate size of its lists.
    var memoryBytes: Int {
        waiting.count * MemoryLayout<Waiting>.stride + links.count * MemoryLayout<Link>.stride
            + (runs.runs.count + finished.runs.count) * MemoryLayout<PatternRun>.stride
            + events.reduce(0) { $0 + $1.content.count + MemoryLayout<KeptEvent>.stride + 32 }
    }

    // MARK: Chains

    /// Takes stored events and links.
    mutating func take(_ events: [KeptEvent], _ links: [Link]) {
        (self.events, self.links, linksInUse) = (events, links, links.count)
    }

    mutating func keep(_ event: KeptEvent) -> Int32 {
        events.append(event)
        return Int32(events.count - 1)
    }

    mutating func link(_ stage: Int, _ event: Int32, behind previous: Int32) -> Int32 {
        links.append(Link(stage: Int32(stage), event: event, previous: previous))
        return Int32(links.count - 1)
    }

    /// Visits what a run has taken, the last first.
    package func forEachTaken(_ run: PatternRun, _ body: (_ stage: Int, _ event: KeptEvent) -> Void) {
        var next = run.last
        while next >= 0 {
            let link = links[Int(next)]
            body(Int(link.stage), events[Int(link.event)])
            next = link.previous
        }
    }

    /// What a run has taken, in order.
    func taken(_ run: PatternRun) -> [(stage: Int, event: KeptEvent)] {
        var taken: [(stage: Int, event: KeptEvent)] = []
        taken.reserveCapacity(Int(run.count))
        forEachTaken(run) { taken.append(($0, $1)) }
        taken.reverse()
        return taken
    }

    /// Drops what no run uses, once that may be half of everything.
    mutating func tidy() {
        if runs.isEmpty, finished.isEmpty {
            guard !links.isEmpty || !events.isEmpty else { return }
            links.removeAll()
            events.removeAll()
            linksInUse = 0
        } else if links.count > 2 * linksInUse + Self.linksBetweenLooks {
            letGo()
        }
    }

    private static var linksBetweenLooks: Int { 16 }

    private mutating func letGo() {
        var isUsed = [Bool](repeating: false, count: links.count)
        for run in runs.runs + finished.runs where run.last >= 0 { isUsed[Int(run.last)] = true }
        for index in links.indices.reversed() where isUsed[index] && links[index].previous >= 0 {
            isUsed[Int(links[index].previous)] = true
        }
        var eventPlaces = [Int32](repeating: -1, count: events.count)
        for index in links.indices where isUsed[index] { eventPlaces[Int(links[index].event)] = 0 }
        var left: [KeptEvent] = []
        for index in events.indices where eventPlaces[index] == 0 {
            eventPlaces[index] = Int32(left.count)
            left.append(events[index])
        }
        var linkPlaces = [Int32](repeating: -1, count: links.count)
        var chain: [Link] = []
        for index in links.indices where isUsed[index] {
            let link = links[index]
            linkPlaces[index] = Int32(chain.count)
            chain.append(
                Link(
                    stage: link.stage, event: eventPlaces[Int(link.event)],
                    previous: link.previous < 0 ? -1 : linkPlaces[Int(link.previous)]))
        }
        (events, links, linksInUse) = (left, chain, chain.count)
        runs.moveLinks(linkPlaces)
        finished.moveLinks(linkPlaces)
    }
}

extension RunHeap {
    fileprivate mutating func moveLinks(_ places: [Int32]) {
        self = RunHeap(
            runs.map { run in
                var moved = run
                if run.last >= 0 { moved.last = places[Int(run.last)] }
                return moved
            })
    }
}
