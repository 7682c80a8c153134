import AssayCore
import StateStore

/// What a run has done and where it is: anyone may read it at any time, and only the run's threads write it, a few
/// times a second. A command that performs several runs, one after the other, has one.
package final class RunMetrics: Sendable {
    /// What the thread that owns the state says of itself.
    struct Owner: Sendable {
        /// The position and the totals of all runs of the state.
        var record = StageRecord()
        /// Nil where nothing is learned.
        var learning: LearningCounts?
        var keys = 0
        var memoryBytes = 0
        var unsavedBytes = 0
        var sources: [Source] = []
        var checkpoints = 0
        var checkpointFailures = 0
        /// The last attempt has failed.
        var isFailing = false
        var last: CheckpointRecord?

        /// How far all sources are behind together, where that is known.
        var lag: UInt64? {
            let known = sources.compactMap(\.lag)
            return known.isEmpty ? nil : known.reduce(0, +)
        }
    }

    struct Source: Sendable, Equatable {
        /// The input.
        let name: String
        /// The part of it; empty where it is read as a whole.
        let part: String
        var lines: UInt64 = 0
        var lag: UInt64?

        var labels: [String] { [name, part] }
    }

    /// What the writing thread says of an output.
    struct Sink: Sendable {
        let name: String
        var rows: UInt64 = 0
        var bytes: UInt64 = 0
        var condition = SinkCondition()
    }

    private struct State {
        var owner: Owner?
        /// The totals before this process had done anything.
        var earlier: StageRecord?
        var earlierLearning: LearningCounts?
        /// The lines of each source before.
        var earlierLines: [[String]: UInt64] = [:]
        var formerCheckpoints = (made: 0, failed: 0)
        var sinks: [Sink] = []
        var latency = Histogram()
    }

    let alerts: AlertFigures

    private let state = Locked(State())

    package init(alerts: AlertFigures = AlertFigures()) { self.alerts = alerts }

    /// A run begins with these outputs.
    func begin(sinks names: [String]) {
        state.withLock { state in
            if let owner = state.owner {
                state.formerCheckpoints.made += owner.checkpoints
                state.formerCheckpoints.failed += owner.checkpointFailures
            }
            let known = state.sinks
            state.sinks = names.map { name in known.first { $0.name == name } ?? Sink(name: name) }
            state.owner = nil
        }
    }

    func set(_ owner: Owner) {
        state.withLock { state in
            state.owner = owner
            if state.earlier == nil { state.earlier = owner.record }
            if state.earlierLearning == nil { state.earlierLearning = owner.learning }
            for source in owner.sources where state.earlierLines[source.labels] == nil {
                state.earlierLines[source.labels] = source.lines
            }
        }
    }

    func note(rows: UInt64, bytes: Int, of sink: Int, _ condition: SinkCondition) {
        state.withLock { state in
            state.sinks[sink].rows += rows
            state.sinks[sink].bytes += UInt64(bytes)
            state.sinks[sink].condition = condition
        }
    }

    /// Results of so many lines are written, so many seconds after they were read.
    func note(lines: UInt64, seconds: Double) {
        state.withLock { $0.latency.note(seconds, times: lines) }
    }

    /// What the engine's own figures are made of.
    struct Snapshot: Sendable {
        var owner: Owner?
        var earlier: StageRecord
        var formerFailures: Int
        var sinks: [Sink]
        var latency: Histogram
    }

    var snapshot: Snapshot {
        state.withLock {
            Snapshot(
                owner: $0.owner, earlier: $0.earlier ?? StageRecord(), formerFailures: $0.formerCheckpoints.failed,
                sinks: $0.sinks, latency: $0.latency)
        }
    }

    /// Whether the run takes input, and its state can be saved.
    package var isReady: Bool { state.withLock { $0.owner.map { !$0.isFailing } ?? false } }

    /// What this process has done so far, for plots.
    package func sample(at now: Int64) -> RunHistory.Sample {
        let state = state.withLock { $0 }
        var sample = RunHistory.Sample(time: now, latency: state.latency)
        guard let owner = state.owner else { return sample }
        let counts = RunCounts(Self.done(owner.record, since: state.earlier ?? StageRecord()))
        sample.levels = counts.streams.isEmpty ? counts.levels : [counts.accepted]
        (sample.rejected, sample.lag) = (counts.rejected, owner.lag)
        if owner.record.eventTime != 0 { sample.eventTime = owner.record.eventTime }
        return sample
    }

    /// How often rules have fired and failed in all runs, by the names that checkpoints use.
    package var ruleTallies: [Tally] {
        state.withLock { $0.owner?.record.tallies.filter { $0.name.hasPrefix(RuleTally.prefix) } ?? [] }
    }

    /// How many deliveries of alerts wait.
    package var alertsWaiting: Int64 { alerts.waiting }

    /// What keeps the run from doing what it should, in sentences.
    package var troubles: [String] {
        let state = state.withLock { $0 }
        var troubles: [String] = []
        if state.owner?.isFailing == true { troubles.append("the last checkpoint could not be saved") }
        for sink in state.sinks where sink.condition.failures > 0 && sink.condition.waiting > 0 {
            troubles.append("output '\(sink.name)' does not take its rows: \(sink.condition.waiting) wait")
        }
        return troubles
    }

    /// What this process has done, for those who look on.
    package func counts(at now: Int64) -> JSON {
        let state = state.withLock { $0 }
        var members: [(String, JSON)] = [("time_ms", .integer(now)), ("ready", .bool(isReady))]
        if let owner = state.owner {
            let counts = RunCounts(Self.done(owner.record, since: state.earlier ?? StageRecord()))
            let levels = RiskLevel.allCases.map { ($0.label, JSON.unsigned(counts.levels[Int($0.rawValue)])) }
            members += [
                ("accepted", .unsigned(counts.accepted)), ("late", .unsigned(counts.late)),
                ("rejected", .unsigned(counts.rejected)), ("users", .integer(Int64(owner.keys))),
                ("event_ms", .integer(owner.record.eventTime)),
                ("lag", owner.lag.map { .unsigned($0) } ?? .null),
                ("checkpoint", owner.last.map { .integer($0.id) } ?? .null),
            ]
            if counts.streams.isEmpty {
                members.append(("levels", .object(levels)))
            } else {
                members.append(("streams", .array(counts.streams.map(Self.json))))
            }
        }
        return .object(members)
    }

    // MARK: The page

    /// `now`: the time of day, in milliseconds.
    package func write(into page: inout MetricsPage, now: Int64) {
        let state = state.withLock { $0 }
        page.write(.ready, isReady ? 1 : 0)
        if let owner = state.owner {
            Self.write(owner.record, since: state.earlier ?? StageRecord(), now: now, into: &page)
            if let learning = owner.learning {
                Self.write(learning, since: state.earlierLearning ?? LearningCounts(), into: &page)
            }
            page.write(
                .inputLines,
                owner.sources.map { ($0.labels, Double($0.lines - (state.earlierLines[$0.labels] ?? 0))) })
            Self.write(owner, state.formerCheckpoints, into: &page)
        }
        page.write(.sinkRows, state.sinks.map { ([$0.name], Double($0.rows)) })
        page.write(.sinkBytes, state.sinks.map { ([$0.name], Double($0.bytes)) })
        page.write(.sinkWaiting, state.sinks.map { ([$0.name], Double($0.condition.waiting)) })
        page.write(.sinkFailures, state.sinks.map { ([$0.name], Double($0.condition.failures)) })
        if state.latency.count > 0 { page.write(.latency, [(labels: [], value: state.latency)]) }
        alerts.write(into: &page, now: now)
    }

    /// Counters begin with the process: after a crash totals go back to the last checkpoint, which would look like a
    /// burst.
    private static func write(
        _ record: StageRecord, since earlier: StageRecord, now: Int64, into page: inout MetricsPage
    ) {
        let done = done(record, since: earlier)
        let counts = RunCounts(done)
        if counts.streams.isEmpty {
            page.write(
                .transactions,
                RiskLevel.allCases.map { ([$0.label], Double(counts.levels[Int($0.rawValue)])) })
            page.write(.backwards, Double(counts.backwards))
        } else {
            page.write(.events, [(["accepted"], Double(counts.accepted)), (["late"], Double(counts.late))])
            page.write(.streamRows, counts.streams.flatMap(Self.rows))
        }
        page.write(
            .rejected, RejectReason.allCases.map { (["\($0.code)"], Double(counts.rejects[Int($0.rawValue)])) })
        let rules = done.filter { $0.name.hasPrefix(RuleTally.prefix) }.map { tally in
            (tally.name.dropFirst(RuleTally.prefix.count).split(separator: ":").map(String.init), Double(tally.count))
        }
        page.write(.rulesFired, rules.filter { $0.0.count == 1 }.map { (labels: $0.0, value: $0.1) })
        page.write(.rulesFailed, rules.filter { $0.0.count == 2 }.map { (labels: $0.0, value: $0.1) })
        if record.eventTime != 0 { page.write(.eventTimeLag, Double(now - record.eventTime) / 1000) }
    }

    private static func write(
        _ learning: LearningCounts, since earlier: LearningCounts, into page: inout MetricsPage
    ) {
        func done(_ count: KeyPath<LearningCounts, UInt64>) -> Double {
            Double(learning[keyPath: count] - min(learning[keyPath: count], earlier[keyPath: count]))
        }
        page.write(
            .labels,
            [
                (["first"], done(\.labels)), (["repeated"], done(\.repeated)), (["changed"], done(\.changed)),
                (["unknown"], done(\.unknown)),
            ])
        page.write(.modelReady, learning.isReady ? 1 : 0)
        page.write(
            .modelExamples,
            [
                (["true"], Double(learning.frauds)), (["false"], Double(learning.examples - learning.frauds)),
            ])
        page.write(.modelCorrections, done(\.corrections))
        page.write(.modelDropped, done(\.dropped))
    }

    static func done(_ record: StageRecord, since earlier: StageRecord) -> [Tally] {
        let before = Dictionary(earlier.tallies.map { ($0.name, $0.count) }, uniquingKeysWith: { first, _ in first })
        return record.tallies.map { tally in
            Tally(name: tally.name, count: tally.count - min(tally.count, before[tally.name] ?? 0))
        }
    }

    private static func json(_ stream: RunCounts.Stream) -> JSON {
        .object([("name", .string(stream.name))] + rows(of: stream).map { ($0.labels[1], .unsigned(UInt64($0.value))) })
    }

    private static func rows(of stream: RunCounts.Stream) -> [(labels: [String], value: Double)] {
        [
            ("taken", stream.taken), ("late", stream.late), ("made", stream.made), ("failed", stream.failed),
            ("timed_out", stream.timedOut), ("dropped", stream.dropped), ("ended", stream.ended),
        ].map { ([stream.name, $0.0], Double($0.1)) }
    }

    private static func write(
        _ owner: Owner, _ former: (made: Int, failed: Int), into page: inout MetricsPage
    ) {
        page.write(
            .inputLag,
            owner.sources.compactMap { source in source.lag.map { (labels: source.labels, value: Double($0)) } })
        page.write(.users, Double(owner.keys))
        page.write(.stateBytes, Double(owner.memoryBytes))
        page.write(.unsavedBytes, Double(owner.unsavedBytes))
        page.write(.checkpoints, Double(former.made + owner.checkpoints))
        page.write(.checkpointFailures, Double(former.failed + owner.checkpointFailures))
        guard let last = owner.last else { return }
        page.write(.checkpointTime, Double(last.takenAt) / 1000)
        page.write(.checkpointDuration, Double(last.durationMicroseconds) / 1e6)
        page.write(.checkpointBytes, Double(last.bytesWritten))
        page.write(.checkpointKeys, Double(last.keysWritten))
    }
}
