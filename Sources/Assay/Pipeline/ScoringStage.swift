import CivilTime
import StateStore

/// The middle stage, which owns all keyed state: transactions to assessments.
struct ScoringStage: CheckpointedStage, ~Copyable {
    private var stage: KeyedStage<FraudDetection>
    /// Everything so far, also of runs before this one.
    private(set) var totals = ScoreCounts()
    private(set) var greatestTime = EventTime(milliseconds: 0)
    private var rules: RuleSet?
    /// How often rules fired and failed in runs before, and in this one before the present evaluator.
    private var loadedRuleTallies: [String: UInt64] = [:]
    private var earlierRuleTallies: [String: UInt64] = [:]

    /// Names keyed state in the store.
    static let functionNumber: Int64 = 1
    static let functionName = "fraud_detection"

    init(settings: ScoringSettings, zone: TimeZoneRules, sequence: UInt64 = 0) {
        stage = KeyedStage(
            function: FraudDetection(settings: settings, zone: zone, sequence: sequence),
            output: FraudDetection.Output(), functionNumber: Self.functionNumber)
    }

    var userCount: Int { stage.keyCount }

    // MARK: Rules

    /// From the next batch on.
    mutating func install(_ rules: RuleSet?) {
        for (name, count) in stage.function.ruleEvaluator?.counts ?? [] {
            earlierRuleTallies[name, default: 0] += count
        }
        stage.changeFunction { $0.install(rules) }
        stage.refreshStates()
        self.rules = rules
    }

    /// Sequences that ended because their patterns are not there any more.
    var endedSequences: Int { stage.function.endedSequences }

    var ruleEvaluator: RuleEvaluator? { stage.function.ruleEvaluator }

    /// Failures of rules that people should hear of.
    func takeRuleFailures() -> [RuleEvaluator.Failure] {
        guard let evaluator = stage.function.ruleEvaluator, evaluator.hasUntold else { return [] }
        return evaluator.takeUntold()
    }

    /// Patterns that had to give up sequences, each told once.
    func takeOverflows() -> [String] { stage.function.ruleEvaluator?.takeOverflows() ?? [] }

    /// By the names under which checkpoints keep them, of all runs.
    var ruleTallies: [String: UInt64] { ruleTalliesOfRun.merging(loadedRuleTallies, uniquingKeysWith: +) }

    /// The same of this run alone.
    var ruleTalliesOfRun: [String: UInt64] {
        var tallies = earlierRuleTallies
        for (name, count) in stage.function.ruleEvaluator?.counts ?? [] { tallies[name, default: 0] += count }
        return tallies
    }

    /// Everything that is counted, in order of the names.
    var tallies: [CheckpointRecord.Tally] {
        (totals.tallies + ruleTallies.map { CheckpointRecord.Tally(name: $0.key, count: $0.value) })
            .sorted { $0.name < $1.name }
    }

    /// How many different types the states name.
    var symbolCount: Int { stage.function.symbolCount }

    var sequence: UInt64 { stage.function.sequence }

    // MARK: Checkpoints

    /// How many users have changes that no checkpoint has.
    var changedCount: Int { stage.changedCount }

    /// Takes over what a checkpoint holds.
    mutating func load(
        _ record: CheckpointRecord, from store: StateStore, memoryLimit: Int = .max
    ) throws(StoreError) {
        try stage.load(record, functionNumber: Self.functionNumber, from: store, memoryLimit: memoryLimit)
        totals = ScoreCounts(record.tallies)
        for tally in record.tallies where tally.name.hasPrefix(RuleTally.prefix) {
            loadedRuleTallies[tally.name] = tally.count
        }
        greatestTime = EventTime(milliseconds: record.eventTime)
        stage.refreshStates()
    }

    /// Cuts here: the record gets what is known at once, the states follow by and by.
    mutating func beginCut(_ record: inout CheckpointRecord) {
        stage.beginCut()
        record.sequence = stage.function.sequence
        record.eventTime = greatestTime.milliseconds
        record.keys = Int64(stage.keyCount)
        record.tallies = tallies
    }

    /// Goes on with the cut for a while. True when it is complete.
    mutating func continueCut(states: Int) throws(StoreError) -> Bool {
        try stage.goOnWithCut(states: states)
    }

    /// What users did before counts for whatever input comes.
    mutating func beginInput() {}

    /// From now on states can be read back from here.
    mutating func attach(_ pages: consuming StatePageReader) {
        stage.attach(pages)
    }

    /// What was taken last is durable now.
    mutating func noteCommitted() {
        stage.noteCommitted()
    }

    /// The memory of users at home and their states.
    var memoryBytes: Int { stage.memoryBytes }
    /// The memory that it takes to find a user.
    var indexBytes: Int { stage.indexBytes }
    /// Users whose states are in the store alone.
    var awayCount: Int { stage.awayCount }
    /// As far as it is not in any checkpoint.
    var changedBytes: Int { stage.changedBytes }

    mutating func shrink(to limit: Int) {
        stage.shrink(to: limit)
    }

    /// The states of a complete cut.
    mutating func takeCut(record: inout CheckpointRecord) -> StateStore.Changes {
        stage.takeCut(record: &record)
    }

    // MARK: Transactions

    /// Each user with the bytes of its state.
    func forEachState(_ body: (UnsafeBufferPointer<UInt8>, [UInt8]) -> Void) {
        stage.forEachState { key, state in
            var bytes = OutputBuffer(capacity: 1 << 10)
            stage.function.encode(state, into: &bytes)
            body(key, Array(bytes.bytes))
        }
    }

    mutating func score(_ batch: Batch) throws(StoreError) {
        let text = batch.text.view
        batch.scored.rules = rules
        stage.withOutput { swap(&$0, &batch.scored) }
        try stage.process(
            batch.decoded.transactions,
            hash: { $0.userHash },
            key: { text.bytes($0.userID) },
            input: { (FraudDetection.Input(transaction: $0, text: text), $0.time) })
        stage.withOutput { swap(&$0, &batch.scored) }
        settle(batch)
    }

    /// Counts, and turns the transactions that were not accepted into rejects.
    private mutating func settle(_ batch: Batch) {
        var counts = ScoreCounts()
        var duplicates: [Reject] = []
        for (index, assessment) in batch.scored.assessments.enumerated() {
            if assessment.sequence > 0 {
                counts.levels[Int(assessment.level.rawValue)] += 1
                greatestTime = max(greatestTime, batch.decoded.transactions[index].time)
            } else {
                let transaction = batch.decoded.transactions[index]
                duplicates.append(
                    Reject(
                        line: transaction.line, lineIndex: transaction.lineIndex, reason: .duplicate,
                        message: RejectReason.duplicate.message))
            }
        }
        if !duplicates.isEmpty { batch.decoded.rejects.merge(duplicates) }
        for reject in batch.decoded.rejects { counts.rejects[Int(reject.reason.rawValue)] += 1 }
        batch.counts = counts
        totals += counts
    }
}

extension [Reject] {
    /// Both lists are in the order of their lines, and so is the result.
    fileprivate mutating func merge(_ other: [Reject]) {
        var merged: [Reject] = []
        merged.reserveCapacity(count + other.count)
        var rest = self[...]
        for reject in other {
            while let first = rest.first, first.lineIndex < reject.lineIndex { merged.append(rest.removeFirst()) }
            merged.append(reject)
        }
        self = merged + rest
    }
}
