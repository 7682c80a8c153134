import Foundation
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

/// Windows of event time against answers of Apache Flink, and against a plain implementation of their definition.
@Suite struct WindowTests {
    /// What the golden cases tell of a window.
    struct Tally: WindowContent {
        struct Element {
            let id: String
            let value: Int64
            /// The order of arrival, which merged sessions must keep.
            let number: Int
        }

        var elements: [Element] = []

        mutating func add(_ element: Element) { elements.append(element) }

        mutating func merge(_ other: Tally) {
            elements = (elements + other.elements).sorted { $0.number < $1.number }
        }

        func encode(into bytes: inout OutputBuffer) {
            bytes.append(varint: UInt64(elements.count))
            for element in elements {
                Array(element.id.utf8).withUnsafeBufferPointer { bytes.append(text: $0) }
                bytes.append(fixed: UInt64(bitPattern: element.value))
                bytes.append(varint: UInt64(element.number))
            }
        }

        init() {}

        init(_ reader: inout StateByteReader) throws(StateDecodingError) {
            for _ in 0..<(try reader.varint()) {
                let id = String(decoding: try reader.text(atMost: 255), as: UTF8.self)
                let value = Int64(bitPattern: try reader.fixed())
                elements.append(Element(id: id, value: value, number: Int(try reader.varint())))
            }
        }

        var inOrder: [Element] { elements.sorted { $0.number < $1.number } }
    }

    struct Event: Codable {
        let id: String
        let key: String
        let time: Int64
        let value: Int64
    }

    struct Firing: Codable, Equatable {
        let key: String
        let start: Int64
        let end: Int64
        let count: Int
        let sum: Int64
        let ids: [String]
    }

    struct Answer: Codable, Equatable {
        var firings: [Firing]
        var late: [String]
    }

    struct Case: Codable, CustomTestStringConvertible {
        struct Window: Codable {
            let kind: String
            let size: Int64?
            let slide: Int64?
            let offset: Int64?
            let gap: Int64?

            var shape: WindowShape {
                switch kind {
                case "tumbling": .tumbling(size: size ?? 1, offset: offset ?? 0)
                case "sliding": .sliding(size: size ?? 1, slide: slide ?? 1, offset: offset ?? 0)
                default: .session(gap: gap ?? 1)
                }
            }
        }

        let `case`: Int
        let window: Window
        let bound: Int64
        let lateness: Int64
        let events: [Event]
        let expected: Answer

        var testDescription: String { "\(`case`), \(window.kind)" }
    }

    static let cases: [Case] = {
        let url = URL(filePath: Repository.golden("windows.jsonl"))
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }  // noticed by `found`
        // What is no case is missed by `found`.
        return text.split(separator: "\n").compactMap { try? JSONDecoder().decode(Case.self, from: Data($0.utf8)) }
    }()

    /// Writes every state down and reads it back, each time that it was worked on.
    struct Rewriting: KeyedProcessFunction {
        var inner: WindowFunction<Tally>

        func makeState() -> WindowState<Tally> { inner.makeState() }

        mutating func process(
            _ input: WindowFunction<Tally>.Input, state: inout WindowState<Tally>,
            context: inout ProcessContext<WindowFunction<Tally>.Output>
        ) {
            inner.process(input, state: &state, context: &context)
            rewrite(&state)
        }

        mutating func timerFired(
            state: inout WindowState<Tally>, context: inout ProcessContext<WindowFunction<Tally>.Output>
        ) {
            inner.timerFired(state: &state, context: &context)
            rewrite(&state)
        }

        func timerRank(_ state: WindowState<Tally>, at time: EventTime, stream: Int) -> Int64 {
            inner.timerRank(state, at: time, stream: stream)
        }

        private mutating func rewrite(_ state: inout WindowState<Tally>) {
            var bytes = OutputBuffer(capacity: 256)
            inner.encode(state, into: &bytes)
            do {
                // A run that goes on sets its timers once event time has come to rest.
                let timer = state.timer
                state = try inner.decode(bytes.bytes)
                state.timer = timer
            } catch {
                Issue.record("its own bytes are refused: \(error)")
            }
        }

        func encode(_ state: WindowState<Tally>, into bytes: inout OutputBuffer) {
            inner.encode(state, into: &bytes)
        }

        mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> WindowState<Tally> {
            try inner.decode(bytes)
        }
    }

    /// The same events through the runtime's stage.
    static func run(_ shape: WindowShape, bound: Int64, lateness: Int64, _ events: [Event]) throws -> Answer {
        var stage = KeyedStage(
            function: Rewriting(inner: WindowFunction<Tally>(shape, lateness: lateness)),
            output: WindowFunction<Tally>.Output(), functionNumber: 9)
        var watermark = Watermark(bound: bound)
        var answer = Answer(firings: [], late: [])
        func take(_ stage: inout KeyedStage<Rewriting>) {
            let output = stage.withOutput { output in
                defer { output.removeAll() }
                return output
            }
            for index in 0..<output.firingCount {
                let firing = output[firing: index]
                let elements = firing.content.inOrder
                answer.firings.append(
                    Firing(
                        key: stage.withKey(firing.key) { String(decoding: $0, as: UTF8.self) },
                        start: firing.window.start, end: firing.window.end, count: elements.count,
                        sum: elements.reduce(0) { $0 + $1.value }, ids: elements.map(\.id)))
            }
            answer.late += output.late.map(\.id)
        }
        for (number, event) in events.enumerated() {
            let time = EventTime(milliseconds: event.time)
            let element = Tally.Element(id: event.id, value: event.value, number: number)
            try Array(event.key.utf8).withUnsafeBufferPointer {
                try stage.process(WindowFunction<Tally>.Input(element: element, time: time), key: $0, at: time)
            }
            if watermark.observe(time) { stage.advance(to: EventTime(milliseconds: watermark.milliseconds)) }
            take(&stage)
        }
        stage.advance(to: EventTime(milliseconds: Watermark.end))
        take(&stage)
        return answer
    }

    // MARK: By definition

    /// Every window as a list of its events, by the rules one after another, with no thought of speed.
    static func plain(_ shape: WindowShape, bound: Int64, lateness: Int64, _ events: [Event]) -> Answer {
        struct Window {
            let key: String
            var start: Int64
            var end: Int64
            var events: [(number: Int, event: Event)]
            var last: Int64 { end - 1 }
        }
        var windows: [Window] = []
        var watermark = Int64.min
        var answer = Answer(firings: [], late: [])
        func fire(_ window: Window) {
            let events = window.events.sorted { $0.number < $1.number }.map(\.event)
            answer.firings.append(
                Firing(
                    key: window.key, start: window.start, end: window.end, count: events.count,
                    sum: events.reduce(0) { $0 + $1.value }, ids: events.map(\.id)))
        }
        func advance(to next: Int64) {
            let due = windows.filter { $0.last > watermark && $0.last <= next }
            let order = due.sorted { left, right in
                if left.end != right.end { return left.end < right.end }
                if left.start != right.start { return left.start < right.start }
                return Array(left.key.utf8).lexicographicallyPrecedes(Array(right.key.utf8))
            }
            order.forEach(fire)
            watermark = max(watermark, next)
            windows.removeAll { $0.last.addingSaturating(lateness) <= watermark }
        }
        for (number, event) in events.enumerated() {
            var places: [(start: Int64, end: Int64)] = []
            switch shape {
            case .sliding(let size, let slide, let offset):
                // All that have it, latest start first: tried one by one.
                for start in stride(from: event.time, through: event.time - size + 1, by: -1)
                where ((start - offset) % slide + slide) % slide == 0 { places.append((start, start + size)) }
            case .session(let gap): places = [(event.time, event.time + gap)]
            case .daily, .global: preconditionFailure("they have tests of their own")
            }
            var wasTaken = false
            for (start, end) in places {
                var window = Window(key: event.key, start: start, end: end, events: [(number, event)])
                let joined: (Window) -> Bool =
                    if case .session = shape {
                        { $0.key == event.key && $0.start <= window.end && window.start <= $0.end }
                    } else {
                        { $0.key == event.key && $0.start == start }
                    }
                while let index = windows.firstIndex(where: joined) {
                    let other = windows.remove(at: index)
                    window.start = min(window.start, other.start)
                    window.end = max(window.end, other.end)
                    window.events += other.events
                }
                guard window.last.addingSaturating(lateness) > watermark else { continue }
                wasTaken = true
                windows.append(window)
                if window.last <= watermark { fire(window) }
            }
            if !wasTaken, event.time + lateness <= watermark { answer.late.append(event.id) }
            advance(to: event.time - bound - 1)
        }
        advance(to: .max)
        return answer
    }

    private static let seed =
        ProcessInfo.processInfo.environment["ASSAY_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...UInt64.max)

    @Test("Random events in random disorder give what the definition gives, also when states are written in between")
    func againstDefinition() throws {
        print("windows: seed \(Self.seed)")
        var random = SeededRandom(seed: Self.seed)
        func below(_ bound: Int) -> Int64 { Int64(random.below(UInt64(bound))) }
        var tally = (firings: 0, late: 0, repeated: 0, holes: 0)
        for _ in 0..<3000 {
            let shape: WindowShape =
                switch below(3) {
                case 0: .tumbling(size: below(9) + 1, offset: below(20) - 10)
                case 1: .sliding(size: below(12) + 1, slide: below(9) + 1, offset: below(20) - 10)
                default: .session(gap: below(6) + 1)
                }
            let (bound, lateness) = (below(6), below(2) == 0 ? 0 : below(12))
            var time: Int64 = 1000
            let events = (0..<Int(below(60))).map { number in
                time += below(4)
                let key = ["a", "b", "é", "aa"][Int(below(4))]
                return Event(id: "e\(number)", key: key, time: time - below(Int(bound) * 3 + 2), value: below(100) - 50)
            }
            let found = try Self.run(shape, bound: bound, lateness: lateness, events)
            let wanted = Self.plain(shape, bound: bound, lateness: lateness, events)
            #expect(found == wanted, "\(shape), bound \(bound), lateness \(lateness), \(events)")
            guard found == wanted else { return }
            tally.firings += found.firings.count
            tally.late += found.late.count
            tally.repeated += found.firings.count - Set(found.firings.map { "\($0.key) \($0.start) \($0.end)" }).count
            let named = Set(found.firings.flatMap(\.ids) + found.late)
            tally.holes += events.count { !named.contains($0.id) }
        }
        #expect(tally.firings > 10_000 && tally.late > 1000 && tally.repeated > 1000 && tally.holes > 100, "\(tally)")
    }

    @Test("Bytes that are no windows are refused, wherever they are cut or changed")
    func damagedBytes() throws {
        var function = WindowFunction<Tally>(.session(gap: 5), lateness: 10)
        var state = function.makeState()
        var context = ProcessContext(output: WindowFunction<Tally>.Output())
        for (number, time) in [100, 103, 120, 160].enumerated() {
            let at = EventTime(milliseconds: Int64(time))
            context.begin(at, key: 0)
            let element = Tally.Element(id: "e\(number)", value: 7, number: number)
            function.process(WindowFunction<Tally>.Input(element: element, time: at), state: &state, context: &context)
        }
        var buffer = OutputBuffer(capacity: 64)
        function.encode(state, into: &buffer)
        let bytes = Array(buffer.bytes)
        func decode(_ bytes: [UInt8]) throws -> Int {
            try bytes.withUnsafeBytes { try function.decode($0).parts.count }
        }
        #expect(try decode(bytes) == 3)
        for count in 0..<bytes.count { #expect(throws: StateDecodingError.self) { try decode(Array(bytes[..<count])) } }
        #expect(throws: StateDecodingError.self) { try decode(bytes + [0]) }
        #expect(throws: StateDecodingError(.unknownVersion(9))) { try decode([9] + bytes.dropFirst()) }
    }

    @Test("There are the sixty cases of each kind of window")
    func found() {
        #expect(Self.cases.count == 60 && Set(Self.cases.map(\.window.kind)).count == 3)
    }

    @Test("Windows fire as Flink's do, with the same events, and name the same late ones", arguments: cases)
    func golden(_ testCase: Case) throws {
        let answer = try Self.run(
            testCase.window.shape, bound: testCase.bound, lateness: testCase.lateness, testCase.events)
        #expect(answer == testCase.expected)
    }
}
