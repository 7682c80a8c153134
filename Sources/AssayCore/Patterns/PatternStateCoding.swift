extension PatternRun {
    fileprivate func encode(into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(state))
        bytes.append(varint: UInt64(last + 1))
        bytes.append(varint: UInt64(count))
        guard !isWaiting else { return }
        bytes.append(varint: UInt64(first))
        bytes.append(fixed: UInt64(bitPattern: began))
    }

    fileprivate init(
        _ reader: inout StateByteReader, states: Int, links: Int
    ) throws(StateDecodingError) {
        guard let state = Int32(exactly: try reader.varint()), state < states,
            let last = Int32(exactly: try reader.varint()), last <= links,
            let count = Int32(exactly: try reader.varint())
        else { throw StateDecodingError(.outOfBounds) }
        self.init(state: state, last: last - 1, count: count, first: .max, began: .max)
        guard count > 0 else { return }
        guard let number = Int64(exactly: try reader.varint()), number < .max, last > 0 else {
            throw StateDecodingError(.outOfBounds)
        }
        first = number
        began = Int64(bitPattern: try reader.fixed())
    }
}

extension PatternState {
    private static var version: UInt8 { 1 }
    // What is read takes no more room than it needs, and damaged bytes get none beyond what they could hold.
    private static var leastEventBytes: Int { 10 }
    private static var leastLinkBytes: Int { 3 }

    func encode(into bytes: inout OutputBuffer) {
        bytes.append(byte: Self.version)
        bytes.append(varint: UInt64(nextNumber))
        bytes.append(varint: UInt64(waiting.count))
        for event in waiting {
            bytes.append(fixed: UInt64(bitPattern: event.time))
            bytes.append(varint: event.truth.met)
            bytes.append(varint: event.truth.open)
            append(event.content, into: &bytes)
        }
        bytes.append(varint: UInt64(events.count))
        for event in events {
            bytes.append(varint: UInt64(event.number))
            bytes.append(fixed: UInt64(bitPattern: event.time))
            append(event.content, into: &bytes)
        }
        bytes.append(varint: UInt64(links.count))
        for link in links {
            bytes.append(varint: UInt64(link.stage))
            bytes.append(varint: UInt64(link.event))
            bytes.append(varint: UInt64(link.previous + 1))
        }
        for heap in [runs, finished] {
            bytes.append(varint: UInt64(heap.runs.count))
            for run in heap.runs { run.encode(into: &bytes) }
        }
    }

    private func append(_ content: [UInt8], into bytes: inout OutputBuffer) {
        bytes.append(varint: UInt64(content.count))
        bytes.reserve(content.count)
        content.withUnsafeBufferPointer { bytes.write($0) }
    }

    /// Without the automaton the state can only be counted.
    package init(_ reader: inout StateByteReader, for automaton: Automaton?) throws(StateDecodingError) {
        let version = try reader.byte()
        guard version == Self.version else { throw StateDecodingError(.unknownVersion(version)) }
        self.init()
        nextNumber = try Self.number(&reader)
        var waiting: [Waiting] = []
        for _ in 0..<(try reader.count()) {
            let time = Int64(bitPattern: try reader.fixed())
            guard waiting.last.map({ $0.time <= time }) ?? true else { throw StateDecodingError(.outOfBounds) }
            let truth = PatternTruth(met: try reader.varint(), open: try reader.varint())
            waiting.append(Waiting(time: time, truth: truth, content: Array(try reader.content())))
        }
        take(waiting: waiting)
        var events: [KeptEvent] = []
        let eventCount = try reader.count()
        events.reserveCapacity(min(eventCount, reader.remaining / Self.leastEventBytes))
        for _ in 0..<eventCount {
            let number = try Self.number(&reader)
            let time = Int64(bitPattern: try reader.fixed())
            events.append(KeptEvent(number: number, time: time, content: Array(try reader.content())))
        }
        var links: [Link] = []
        let linkCount = try reader.count()
        links.reserveCapacity(min(linkCount, reader.remaining / Self.leastLinkBytes))
        for _ in 0..<linkCount {
            guard let stage = Int32(exactly: try reader.varint()), stage < automaton?.names.count ?? .max,
                let event = Int32(exactly: try reader.varint()), event < events.count,
                let previous = Int32(exactly: try reader.varint()), previous <= links.count
            else { throw StateDecodingError(.outOfBounds) }
            links.append(Link(stage: stage, event: event, previous: previous - 1))
        }
        take(events, links)
        runs = try Self.heap(&reader, automaton, links.count)
        finished = try Self.heap(&reader, automaton, links.count)
        try reader.finish()
    }

    private static func number(_ reader: inout StateByteReader) throws(StateDecodingError) -> Int64 {
        guard let number = Int64(exactly: try reader.varint()) else { throw StateDecodingError(.outOfBounds) }
        return number
    }

    private static func heap(
        _ reader: inout StateByteReader, _ automaton: Automaton?, _ links: Int
    ) throws(StateDecodingError) -> RunHeap {
        var runs: [PatternRun] = []
        let count = try reader.count()
        runs.reserveCapacity(min(count, reader.remaining / leastLinkBytes))
        for _ in 0..<count {
            let run = try PatternRun(&reader, states: automaton?.states.count ?? .max, links: links)
            guard runs.isEmpty || runs[(runs.count - 1) >> 1].first <= run.first else {
                throw StateDecodingError(.outOfBounds)
            }
            runs.append(run)
        }
        return RunHeap(runs)
    }
}
