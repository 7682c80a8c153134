import AssayCore
import StateStore

/// What a state and the queue beside it tell of a period.
package struct StateReport: Sendable {
    /// By day of event time, or by hour where it is all of one day.
    package struct Volume: Sendable, Equatable {
        /// When it begins.
        package let start: Int64
        /// By level.
        package var levels: [UInt64]
    }

    package struct Rule: Sendable, Equatable {
        package let name: String
        /// In all, as of the last checkpoint.
        package var fired: UInt64 = 0
        package var fraud: Int64 = 0
        package var legitimate: Int64 = 0
    }

    package struct User: Sendable, Equatable {
        package let id: String
        package let transactions: UInt64
        package let amount: Double
    }

    package private(set) var checkpoint: CheckpointRecord
    package private(set) var volumes: [Volume] = []
    package private(set) var isHourly = false
    package private(set) var rules: [Rule] = []
    package private(set) var users: [User] = []
    /// Users with the most results in the queue, if there is one.
    package private(set) var reviewed: [ReviewStore.UserCount] = []
    package private(set) var judged: JudgedResults?
    package private(set) var learned: LearningSummary?

    static let mostUsers = 20
    private static let dayMilliseconds: Int64 = 86_400_000
    private static let hourMilliseconds: Int64 = 3_600_000

    /// `snapshots`: earlier states, whose checkpoints say how far it was then. `period`: of event time.
    package init(
        _ view: StateView, snapshots: [StateView], queue: ReviewStore?, period: Range<Int64>
    ) throws(StoreError) {
        guard let checkpoint = view.checkpoint else {
            throw StoreError(.cannotOpen, "making a report", "there is no checkpoint in it")
        }
        self.checkpoint = checkpoint
        var records = try view.checkpoints()
        for snapshot in snapshots { records += try snapshot.checkpoints() }
        (volumes, isHourly) = Self.volumes(records.map(\.stage), period)
        learned = try LearnedState.summary(of: view)
        for tally in checkpoint.stage.tallies where tally.name.hasPrefix(RuleTally.prefix) {
            let name = String(tally.name.dropFirst(RuleTally.prefix.count))
            if !name.contains(":") { rules.append(Rule(name: name, fired: tally.count)) }
        }
        users = try Self.users(view)
        guard let queue else { return }
        judged = JudgedResults(try queue.verdicts().filter { period.contains($0.eventTime) })
        reviewed = try queue.users(within: period, limit: Int64(Self.mostUsers))
        for verdict in try queue.verdictsByRule() {
            let place = rules.firstIndex { $0.name == verdict.rule }
            var rule = place.map { rules[$0] } ?? Rule(name: verdict.rule)
            (rule.fraud, rule.legitimate) = (verdict.fraud, verdict.legitimate)
            if let place { rules[place] = rule } else { rules.append(rule) }
        }
    }

    /// What was scored between one checkpoint and the next, by the day or the hour in which the later one stood.
    static func volumes(_ stages: [StageRecord], _ period: Range<Int64>) -> (volumes: [Volume], isHourly: Bool) {
        let stages = stages.filter { $0.sequence > 0 }.sorted {
            ($0.sequence, $0.eventTime) < ($1.sequence, $1.eventTime)
        }
        let times = stages.map(\.eventTime).filter(period.contains)
        guard let first = times.min(), let last = times.max() else { return ([], false) }
        let isHourly = last - first < 2 * dayMilliseconds
        let step = isHourly ? hourMilliseconds : dayMilliseconds
        var volumes: [Int64: Volume] = [:]
        var before = RunCounts()
        for stage in stages {
            let counts = RunCounts(stage.tallies)
            if period.contains(stage.eventTime) {
                let start = floor(stage.eventTime, step)
                var volume = volumes[start] ?? Volume(start: start, levels: counts.levels.map { _ in 0 })
                for level in volume.levels.indices {
                    volume.levels[level] += counts.levels[level] - min(counts.levels[level], before.levels[level])
                }
                volumes[start] = volume
            }
            before = counts
        }
        return (volumes.values.sorted { $0.start < $1.start }, isHourly)
    }

    private static func floor(_ time: Int64, _ step: Int64) -> Int64 {
        (time >= 0 ? time / step : (time - step + 1) / step) * step
    }

    /// Those with the most transactions.
    private static func users(_ view: StateView) throws(StoreError) -> [User] {
        guard try view.functionNames().contains(StoredFunction.scoring.name) else { return [] }
        var top: [User] = []
        try UserStates(view).forEach { entry throws(StoreError) in
            let summary = try entry.summary()
            if top.count == mostUsers, summary.transactions <= top[mostUsers - 1].transactions { return }
            top.append(
                User(
                    id: String(decoding: entry.id, as: UTF8.self), transactions: summary.transactions,
                    amount: summary.totalAmount))
            top.sort { $0.transactions != $1.transactions ? $0.transactions > $1.transactions : $0.id < $1.id }
            if top.count > mostUsers { top.removeLast() }
        }
        return top
    }
}
