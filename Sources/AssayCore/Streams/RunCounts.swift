/// The counts of a run, over all runs of its state.
package struct RunCounts: Equatable, Sendable {
    /// Those of one stream.
    package struct Stream: Equatable, Sendable {
        package var name: String
        /// Rows that met the condition.
        package var taken: UInt64 = 0
        /// Of those, the ones that came too late for every window.
        package var late: UInt64 = 0
        package var made: UInt64 = 0
        /// Expressions that failed.
        package var failed: UInt64 = 0
        /// Sequences that did not end in time.
        package var timedOut: UInt64 = 0
        /// Runs of a pattern that were dropped because there were too many.
        package var dropped: UInt64 = 0
        /// Runs ended by a change of their pattern.
        package var ended: UInt64 = 0
    }

    /// Transactions that were scored, or events that were late for no stream.
    package var accepted: UInt64 = 0
    package var late: UInt64 = 0
    /// Transactions older than the stream's clock by more than a minute.
    package var backwards: UInt64 = 0
    /// Of assessments, by `RiskLevel.rawValue`.
    package var levels = [UInt64](repeating: 0, count: RiskLevel.allCases.count)
    /// By `RejectReason.rawValue`.
    package var rejects = [UInt64](repeating: 0, count: RejectReason.allCases.count)
    package var streams: [Stream] = []
    /// Lines that were labels of transactions that are remembered.
    package var labels: UInt64 = 0
    /// What was learned from labels; nil where nothing is.
    package var learning: LearningCounts?
    /// Labels of a file that have not come due.
    package var labelsToCome = 0

    package init() {}

    init(streams: [String]) {
        self.streams = streams.map { Stream(name: $0) }
    }

    /// The counts of a checkpoint, with the streams that it names.
    package init(_ tallies: [Tally]) {
        var names: [String] = []
        for tally in tallies {
            let parts = tally.name.split(separator: ":")
            if parts.count == 3, parts[0] == "stream", !names.contains(String(parts[1])) {
                names.append(String(parts[1]))
            }
        }
        self.init(streams: names)
        resume(tallies)
    }

    /// The difference from `earlier`; streams stay as they are.
    package func since(_ earlier: RunCounts) -> RunCounts {
        var counts = self
        counts.accepted -= earlier.accepted
        counts.late -= earlier.late
        counts.backwards -= earlier.backwards
        counts.labels -= earlier.labels
        for index in levels.indices { counts.levels[index] -= earlier.levels[index] }
        for index in rejects.indices { counts.rejects[index] -= earlier.rejects[index] }
        return counts
    }

    package var rejected: UInt64 { rejects.reduce(0, +) }
    package var lines: UInt64 { accepted + late + rejected + labels }

    /// Continues from what a checkpoint holds.
    mutating func resume(_ tallies: [Tally]) {
        let counts = Dictionary(tallies.map { ($0.name, $0.count) }, uniquingKeysWith: { first, _ in first })
        for level in RiskLevel.allCases { levels[Int(level.rawValue)] = counts[level.label] ?? 0 }
        accepted = counts["accepted"] ?? levels.reduce(0, +)
        late = counts["late"] ?? 0
        backwards = counts[Self.backwardsName] ?? 0
        labels = counts[Self.labelsName] ?? 0
        for reason in RejectReason.allCases { rejects[Int(reason.rawValue)] = counts["\(reason.code)"] ?? 0 }
        for index in streams.indices {
            let name = "stream:\(streams[index].name):"
            streams[index].taken = counts[name + "taken"] ?? 0
            streams[index].late = counts[name + "late"] ?? 0
            streams[index].made = counts[name + "made"] ?? 0
            streams[index].failed = counts[name + "failed"] ?? 0
            streams[index].timedOut = counts[name + "timed_out"] ?? 0
            streams[index].dropped = counts[name + "dropped"] ?? 0
            streams[index].ended = counts[name + "ended"] ?? 0
        }
    }

    /// As checkpoints of scoring hold them, in order of their names.
    var scoringTallies: [Tally] {
        (RiskLevel.allCases.map { Tally(name: $0.label, count: levels[Int($0.rawValue)]) } + rejectTallies
            + [Tally(name: Self.backwardsName, count: backwards)]
            + (labels > 0 ? [Tally(name: Self.labelsName, count: labels)] : []))
            .sorted { $0.name < $1.name }
    }

    /// As checkpoints of pipelines hold them, in order of their names.
    var streamTallies: [Tally] {
        var all = [Tally(name: "accepted", count: accepted), Tally(name: "late", count: late)] + rejectTallies
        if backwards > 0 { all.append(Tally(name: Self.backwardsName, count: backwards)) }
        for stream in streams {
            var figures = [
                ("taken", stream.taken), ("late", stream.late), ("made", stream.made), ("failed", stream.failed),
            ]
            // Only patterns have these.
            if stream.timedOut > 0 { figures.append(("timed_out", stream.timedOut)) }
            if stream.dropped > 0 { figures.append(("dropped", stream.dropped)) }
            if stream.ended > 0 { figures.append(("ended", stream.ended)) }
            all += figures.map { Tally(name: "stream:\(stream.name):\($0.0)", count: $0.1) }
        }
        return all.sorted { $0.name < $1.name }
    }

    package static let backwardsName = "backwards"
    package static let labelsName = "labels"

    private var rejectTallies: [Tally] {
        RejectReason.allCases.filter { $0 != .unknownTransaction || rejects[Int($0.rawValue)] > 0 }
            .map { Tally(name: "\($0.code)", count: rejects[Int($0.rawValue)]) }
    }
}
