import Assay
import AssayCore
import Glibc

/// The lines of a request, or labels of the desk, on their way through the run, and what became of each.
///
/// The thread that reads finds the lines one after the other, the one that writes answers them.
///
/// @unchecked Sendable: the body does not change any more, `cursor` is the reading thread's, and the rest is guarded.
final class Submission: @unchecked Sendable {
    private struct State {
        /// Of each line, where its answer is; blank lines have none.
        var answers: [Range<Int>] = []
        var text: [UInt8] = []
        var pending = 0
        /// All lines were found.
        var isWhole = false
        /// To a request with a single transaction.
        var reply: HTTPReply?
        /// Of a request with labels.
        var labels = LabelReply()
        /// The answer was given.
        var isOver = false
    }

    private let body: [UInt8]
    let isStream: Bool
    /// Its lines are labels, and nothing else; otherwise they are none.
    let isOfLabels: Bool
    private let state = Locked(State())
    /// Where the search for the next line begins. Used by the reading thread.
    private var cursor = 0
    private let began = MonotonicClock.seconds
    private let reply: @Sendable (HTTPReply, _ seconds: Double) -> Void

    /// `reply`: gets the answer to all lines, and how long it took.
    init(
        _ body: [UInt8], isStream: Bool, isOfLabels: Bool = false,
        reply: @escaping @Sendable (HTTPReply, _ seconds: Double) -> Void
    ) {
        (self.body, self.isStream, self.isOfLabels, self.reply) = (body, isStream, isOfLabels, reply)
    }

    // MARK: Lines

    /// Where the next line is in the body that is not blank, and its number from 0; nil after the last.
    func nextLine() -> (place: Range<Int>, number: Int)? {
        body.withUnsafeBufferPointer { body in
            guard isStream else {
                if cursor > 0 || body.isBlank { return finishFinding() }
                cursor = 1
                return found(0..<body.count)
            }
            while cursor < body.count {
                let rest = UnsafeBufferPointer(rebasing: body[cursor...])
                let length = memchr(rest.baseAddress!, 10, rest.count).map {
                    $0 - UnsafeMutableRawPointer(mutating: rest.baseAddress!)
                }
                let line = cursor..<cursor + (length ?? rest.count)
                cursor = line.upperBound + (length == nil ? 0 : 1)
                if UnsafeBufferPointer(rebasing: body[line]).isBlank {
                    state.withLock { $0.answers.append(0..<0) }
                } else {
                    return found(line)
                }
            }
            return finishFinding()
        }
    }

    private func found(_ line: Range<Int>) -> (place: Range<Int>, number: Int) {
        state.withLock { state in
            state.answers.append(0..<0)
            state.pending += 1
            return (line, state.answers.count - 1)
        }
    }

    private func finishFinding() -> (place: Range<Int>, number: Int)? {
        let isOver = state.withLock { state in
            defer { state.isWhole = true }
            return !state.isWhole && state.pending == 0
        }
        if isOver { finish() }
        return nil
    }

    /// The bytes of a line that was found.
    func withLine<Result>(_ place: Range<Int>, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        self.body.withUnsafeBufferPointer { body(UnsafeBufferPointer(rebasing: $0[place])) }
    }

    // MARK: Answers

    /// A line got an assessment, now or before.
    func answer(_ line: Int, _ assessment: UnsafeBufferPointer<UInt8>, isReplayed: Bool = false) {
        let isOver = state.withLock { state in
            if isStream {
                // Answers are about as long as what they answer.
                if state.text.isEmpty { state.text.reserveCapacity(body.count * 5 / 4) }
                let start = state.text.count
                state.text.append(contentsOf: assessment)
                state.text.append(10)
                state.answers[line] = start..<state.text.count
            } else {
                var reply = HTTPReply(Array(assessment))
                if isReplayed { reply.headers = [("Assay-Replayed", "true")] }
                state.reply = reply
            }
            return Self.settle(&state)
        }
        if isOver { finish() }
    }

    /// A label was taken, or said what was known.
    func note(_ outcome: LabelOutcome) {
        let isOver = state.withLock { state in
            state.labels.note(outcome)
            return Self.settle(&state)
        }
        if isOver { finish() }
    }

    /// A line was rejected.
    func reject(_ line: Int, _ reason: String, _ message: String) {
        let isOver = state.withLock { state in
            if isOfLabels, reason == "\(RejectReason.unknownTransaction.code)" {
                state.labels.note(.unknown)
            } else if isOfLabels, isStream {
                state.labels.reject(line + 1, reason, message)
            } else if isStream {
                let start = state.text.count
                let rejected: JSON = .object([
                    ("line", .unsigned(UInt64(line + 1))), ("reason", .string(reason)), ("message", .string(message)),
                ])
                state.text += Array((JSON.object([("rejected", rejected)]).text + "\n").utf8)
                state.answers[line] = start..<state.text.count
            } else {
                state.reply = Problem(Self.status(of: reason), message, reason: reason).reply
            }
            return Self.settle(&state)
        }
        if isOver { finish() }
    }

    static let conflict = "conflict"

    private static func status(of reason: String) -> UInt32 {
        switch reason {
        case "malformed_json", "invalid_utf8": 400
        case "line_too_long": 413
        case "duplicate", conflict: 409
        default: 422
        }
    }

    private static func settle(_ state: inout State) -> Bool {
        state.pending -= 1
        return state.isWhole && state.pending == 0
    }

    private func finish() {
        let reply = state.withLock { state -> HTTPReply in
            precondition(!state.isOver, "a request is answered once")
            defer {
                state = State()
                state.isOver = true
            }
            if isOfLabels, state.reply == nil, isStream || !state.labels.isEmpty { return state.labels.reply }
            if !isStream {
                return state.reply ?? Problem(400, "the body is empty", reason: "malformed_json").reply
            }
            return HTTPReply(Self.inOrder(state), contentType: "application/x-ndjson")
        }
        self.reply(reply, MonotonicClock.seconds - began)
    }

    /// Most answers come in the order of their lines.
    private static func inOrder(_ state: State) -> [UInt8] {
        var end = 0
        for answer in state.answers where !answer.isEmpty {
            guard answer.lowerBound == end else { return state.answers.flatMap { state.text[$0] } }
            end = answer.upperBound
        }
        return state.text
    }

    /// The run has ended before everything was answered.
    func abandon() {
        let wasOver = state.withLock { state in
            defer { state.isOver = true }
            return state.isOver
        }
        if !wasOver { reply(Problem.later(503, "the engine has stopped").reply, MonotonicClock.seconds - began) }
    }
}

extension UnsafeBufferPointer<UInt8> {
    /// Whether there is nothing but white space.
    fileprivate var isBlank: Bool { allSatisfy { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D || $0 == 0x0A } }
}

/// What became of the labels of a request.
private struct LabelReply {
    private var counts: [LabelOutcome: UInt64] = [:]
    private var rejects: [(line: Int, reason: String, message: String)] = []
    private var rejected: UInt64 = 0

    /// A client that sends nonsense needs no more to see that.
    private static let mostRejects = 100

    var isEmpty: Bool { counts.isEmpty && rejected == 0 }

    mutating func note(_ outcome: LabelOutcome) { counts[outcome, default: 0] += 1 }

    mutating func reject(_ line: Int, _ reason: String, _ message: String) {
        rejected += 1
        if rejects.count < Self.mostRejects { rejects.append((line, reason, message)) }
    }

    var reply: HTTPReply {
        var members: [(String, JSON)] = [
            ("accepted", .unsigned(counts[.taken] ?? 0)), ("repeated", .unsigned(counts[.repeated] ?? 0)),
            ("unknown", .unsigned(counts[.unknown] ?? 0)),
        ]
        if rejected > 0 {
            let shown = rejects.sorted { $0.line < $1.line }.map {
                JSON.object([
                    ("line", .integer(Int64($0.line))), ("reason", .string($0.reason)),
                    ("message", .string($0.message)),
                ])
            }
            members += [("rejected", .unsigned(rejected)), ("rejects", .array(shown))]
        }
        var reply = HTTPReply(JSON.object(members))
        reply.status = 202
        return reply
    }
}
