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
    package private(set) var waiting: [Waiting] = []
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
    /// Of the first links, where conditions look at what was taken.
    private(set) var steps: [PatternStep] = []

    var isEmpty: Bool { waiting.isEmpty && runs.isEmpty && finished.isEmpty }

    /// The number of sequences that have begun.
    var openRuns: Int { runs.runs.count { !$0.isWaiting } + finished.runs.count }

    // MARK: Memory

    /// About what its lists take, with the room that they have.
    var memoryBytes: Int {
        waiting.capacity * MemoryLayout<Waiting>.stride + waitingBytes
            + events.capacity * MemoryLayout<KeptEvent>.stride + eventBytes
            + links.capacity * MemoryLayout<Link>.stride + steps.capacity * MemoryLayout<PatternStep>.stride
            + (runs.capacity + finished.capacity) * MemoryLayout<PatternRun>.stride + Self.listBytes
    }

    /// What the contents of events take.
    private var waitingBytes = 0
    private var eventBytes = 0
    /// The headers of the lists.
    private static let listBytes = 256

    private static func bytes(_ content: [UInt8]) -> Int { content.isEmpty ? 0 : content.count + 48 }

    // MARK: Waiting

    /// Behind those of its time.
    mutating func wait(for event: Waiting) {
        // Mostly the last one.
        var place = waiting.count
        while place > 0, waiting[place - 1].time > event.time { place -= 1 }
        waiting.insert(event, at: place)
        waitingBytes += Self.bytes(event.content)
    }

    mutating func removeFirstWaiting(_ count: Int) {
        for event in waiting.prefix(count) { waitingBytes -= Self.bytes(event.content) }
        waiting.removeFirst(count)
    }

    mutating func take(waiting stored: [Waiting]) {
        waiting = stored
        waitingBytes = waiting.reduce(0) { $0 + Self.bytes($1.content) }
    }

    // MARK: Chains

    /// Conditions are about to look at what runs have taken.
    mutating func findSteps() { steps.goOn(with: links) }

    /// Takes stored events and links.
    mutating func take(_ events: [KeptEvent], _ links: [Link]) {
        (self.events, self.links, linksInUse) = (events, links, links.count)
        noteEvents()
    }

    private mutating func noteEvents() { eventBytes = events.reduce(0) { $0 + Self.bytes($1.content) } }

    mutating func keep(_ event: KeptEvent) -> Int32 {
        events.append(event)
        eventBytes += Self.bytes(event.content)
        return Int32(events.count - 1)
    }

    mutating func link(_ stage: Int, _ event: Int32, behind previous: Int32) -> Int32 {
        // By a quarter: doubled, half of what many keys hold would be empty.
        if links.count == links.capacity { links.reserveCapacity(links.count + links.count / 4 + 16) }
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
            steps.removeAll()
            (linksInUse, eventBytes) = (0, 0)
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
        take(left, chain)
        steps.removeAll(keepingCapacity: true)
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
