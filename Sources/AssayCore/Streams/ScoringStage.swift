import CivilTime

/// The middle stage of scoring, which owns all keyed state: transactions to assessments.
package struct ScoringStage: RunStage, ~Copyable {
    private var stage: KeyedStage<FraudDetection>
    /// Totals, those of earlier runs included.
    package private(set) var counts = RunCounts()
    private(set) var greatestTime = EventTime(milliseconds: 0)
    private var rules: RuleSet?
    private var zone: TimeZoneRules
    private var fields: TransactionFields
    /// How marks in the input are read; nil where they are lines like any other.
    private let journal: JournalReading?
    /// A mark was taken over: what holds comes from the input.
    private var followsMarks = false
    private let outputs: [AssessmentOutput]
    private var toldEnded = 0
    /// How often rules fired and failed in earlier runs, and in this one under earlier evaluators.
    private var loadedRuleTallies: [String: UInt64] = [:]
    private var earlierRuleTallies: [String: UInt64] = [:]

    /// The name of keyed state in the store.
    package static let functionNumber: Int64 = 1
    package static let functionName = "fraud_detection"

    /// `outputs`: by sink.
    package init(
        settings: ScoringSettings, zone: TimeZoneRules, fields: TransactionFields = .standard,
        outputs: [AssessmentOutput] = [.lines], journal: JournalReading? = nil, sequence: UInt64 = 0,
        numbering: FraudDetection.Numbering = .stream
    ) {
        self.journal = journal
        (self.zone, self.fields, self.outputs) = (zone, fields, outputs)
        stage = KeyedStage(
            function: FraudDetection(settings: settings, zone: zone, sequence: sequence, numbering: numbering),
            output: FraudDetection.Output(), functionNumber: Self.functionNumber)
    }

    package var keyCount: Int { stage.keyCount }

    package func makeBatch() -> TransactionBatch { TransactionBatch() }

    package func makeDecoder(
        _ format: InputFormat, _ dialect: CSVDialect, csvHeader: [UInt8]
    ) -> TransactionBatchDecoder {
        var decoder = TransactionDecoder(format: format, fields: fields, zone: zone, dialect: dialect)
        decoder.resume(csvHeader: csvHeader)
        return TransactionBatchDecoder(
            decoder, format == .jsonl ? journal : nil, isJournal: followsMarks || journal?.isCertain == true)
    }

    package func makeFormatter() -> AssessmentFormatter {
        AssessmentFormatter(stage.function.settings, zone: zone, outputs: outputs)
    }

    // MARK: Rules

    /// Takes effect with the next batch.
    package mutating func install(_ rules: RuleSet?) {
        for (name, count) in stage.function.ruleEvaluator?.counts ?? [] {
            earlierRuleTallies[name, default: 0] += count
        }
        stage.changeFunction { $0.install(rules) }
        stage.refreshStates()
        self.rules = rules
    }

    /// Goes by another plan from the next batch on.
    private mutating func follow(_ plan: ScoringPlan) throws(StoreError) {
        followsMarks = true
        (zone, fields) = (plan.zone, plan.fields)
        guard plan.settings != stage.function.settings else { return install(plan.rules) }
        install(nil)
        let record = record
        var function = FraudDetection(settings: plan.settings, zone: plan.zone)
        function.resume(sequence: record.sequence, backwards: counts.backwards, record)
        do throws(StateDecodingError) {
            try stage.replace(function)
        } catch {
            throw StoreError(.damaged, "taking other settings over", "a state is \(error.problem)")
        }
        install(plan.rules)
    }

    /// The field of a checkpoint of a stage that follows marks.
    package static let marksName = "follows_marks"

    package var ruleEvaluator: RuleEvaluator? { stage.function.ruleEvaluator }

    package mutating func takeNotices() -> [StageNotice] {
        var notices: [StageNotice] = []
        if stage.function.endedSequences > toldEnded {
            notices.append(.sequencesEnded(stage.function.endedSequences - toldEnded))
            toldEnded = stage.function.endedSequences
        }
        guard let evaluator = stage.function.ruleEvaluator else { return notices }
        for pattern in evaluator.takeOverflows() { notices.append(.sequencesDropped(pattern: pattern)) }
        for failure in takeRuleFailures() {
            notices.append(.ruleFailed(rule: failure.rule, message: failure.error.message))
        }
        return notices
    }

    /// Failures of rules that are to be reported.
    package func takeRuleFailures() -> [RuleEvaluator.Failure] {
        guard let evaluator = stage.function.ruleEvaluator, evaluator.hasUntold else { return [] }
        return evaluator.takeUntold()
    }

    /// Totals over all runs, by the names that checkpoints use.
    package var ruleTallies: [String: UInt64] { ruleTalliesOfRun.merging(loadedRuleTallies, uniquingKeysWith: +) }

    /// The same for this run alone.
    private var ruleTalliesOfRun: [String: UInt64] {
        var tallies = earlierRuleTallies
        for (name, count) in stage.function.ruleEvaluator?.counts ?? [] { tallies[name, default: 0] += count }
        return tallies
    }

    package var ruleCounts: [(name: String, count: UInt64)] {
        ruleTalliesOfRun.sorted { $0.key < $1.key }
            .map { (String($0.key.dropFirst(RuleTally.prefix.count)), $0.value) }
    }

    /// All counts, in order of their names.
    var tallies: [Tally] {
        (counts.scoringTallies + ruleTallies.map { Tally(name: $0.key, count: $0.value) })
            .sorted { $0.name < $1.name }
    }

    /// How many different types the states name.
    var symbolCount: Int { stage.function.symbolCount }

    package var sequence: UInt64 { stage.function.sequence }

    // MARK: Checkpoints

    /// How many users have changes that are in no checkpoint.
    var changedCount: Int { stage.changedCount }

    /// Loads what a checkpoint holds.
    package mutating func load(
        _ record: StageRecord, from pages: any StatePages, memoryLimit: Int = .max
    ) throws(StoreError) {
        try stage.load(record.log(of: Self.functionNumber), from: pages, memoryLimit: memoryLimit)
        counts.resume(record.tallies)
        stage.changeFunction { [counts] in
            $0.resume(sequence: record.sequence, backwards: counts.backwards, record)
        }
        for tally in record.tallies where tally.name.hasPrefix(RuleTally.prefix) {
            loadedRuleTallies[tally.name] = tally.count
        }
        greatestTime = EventTime(milliseconds: record.eventTime)
        followsMarks = record[field: Self.marksName] != nil
        stage.refreshStates()
    }

    package var record: StageRecord {
        var record = StageRecord()
        record.sequence = sequence
        record.eventTime = greatestTime.milliseconds
        record.tallies = tallies
        record.fields = clockFields
        if followsMarks { record.fields.append(StageRecord.Field(name: Self.marksName, value: 1)) }
        record.logs = [stage.extent]
        return record
    }

    /// Cuts here and returns what is known at once; the states follow step by step.
    package mutating func beginCut() -> StageRecord {
        stage.beginCut()
        return record
    }

    /// Continues the cut for a while. Returns true when it is complete.
    package mutating func continueCut(states: Int) throws(StoreError) -> Bool {
        try stage.goOnWithCut(states: states)
    }

    /// A user's history counts for any later input.
    package mutating func beginInput() {}

    /// States can be read back from here from now on.
    package mutating func attach(_ pages: any StatePages) {
        stage.attach(pages)
    }

    package mutating func abandonStates() { stage.abandonStates() }

    /// What was taken last is durable now.
    package mutating func noteCommitted() {
        stage.noteCommitted()
    }

    /// The memory of the users that are not away and their states.
    package var memoryBytes: Int { stage.memoryBytes }
    /// The memory of the index of users.
    package var indexBytes: Int { stage.indexBytes }
    /// Users whose states are only in the store.
    var awayCount: Int { stage.awayCount }
    /// The bytes of changes that are in no checkpoint.
    package var changedBytes: Int { stage.changedBytes }

    package mutating func shrink(to limit: Int) {
        stage.shrink(to: limit)
    }

    /// The states of a complete cut.
    package mutating func takeCut() -> StageCut { stage.takeCut() }

    // MARK: States that another engine keeps

    /// Appends up to so many users that changed since they were given out last, with their states. Returns how many.
    package mutating func giveOut(atMost count: Int, into bytes: inout OutputBuffer) -> Int {
        stage.giveOut(atMost: count, into: &bytes)
    }

    /// Takes users over that were given out. `isKnown`: who keeps the states has them.
    package mutating func takeOver(_ entries: UnsafeRawBufferPointer, isKnown: Bool) throws(StateDecodingError) {
        try stage.takeOver(entries, isKnown: isKnown)
    }

    /// The fields of a record that say how far event time has come.
    package var clockFields: [StageRecord.Field] {
        stage.function.clock.fields.map { StageRecord.Field(name: $0.0, value: $0.1) }
    }

    /// Resumes event time.
    package mutating func resumeClock(_ fields: [StageRecord.Field]) {
        var record = StageRecord()
        record.fields = fields
        stage.changeFunction { $0.resumeClock(record) }
    }

    // MARK: Transactions

    /// The bytes of a user's state; nil for one who was never seen.
    package func state(of user: [UInt8]) throws(StoreError) -> [UInt8]? {
        try user.withUnsafeBufferPointer { user throws(StoreError) in try stage.encodedState(of: user) }
    }

    /// What holds now.
    package var plan: ScoringPlan {
        ScoringPlan(settings: stage.function.settings, zone: zone, fields: fields, rules: rules, configuration: "")
    }

    /// Visits each user with the bytes of its state.
    func forEachState(_ body: (UnsafeBufferPointer<UInt8>, [UInt8]) -> Void) {
        stage.forEachState { key, state in
            var bytes = OutputBuffer(capacity: 1 << 10)
            stage.function.encode(state, into: &bytes)
            body(key, Array(bytes.bytes))
        }
    }

    package mutating func take(_ batch: TransactionBatch, from source: Int) throws(StoreError) { try score(batch) }

    package mutating func score(_ batch: TransactionBatch) throws(StoreError) {
        if let plan = batch.plan { return try follow(plan) }
        let text = batch.text.view
        batch.scored.rules = rules
        if rules != nil { stage.changeFunction { [columns = batch.decoded.columns] in $0.show(columns) } }
        stage.withOutput { swap(&$0, &batch.scored) }
        try stage.process(
            batch.decoded.transactions,
            hash: { $0.userHash },
            key: { text.bytes($0.userID) },
            input: { (FraudDetection.Input(transaction: $0, text: text), $0.time) })
        stage.withOutput { swap(&$0, &batch.scored) }
        settle(batch)
    }

    /// Counts, and turns transactions that were not accepted into rejects.
    private mutating func settle(_ batch: TransactionBatch) {
        var duplicates: [Reject] = []
        for (index, assessment) in batch.scored.assessments.enumerated() {
            if assessment.sequence > 0 {
                counts.levels[Int(assessment.level.rawValue)] += 1
                counts.accepted += 1
                greatestTime = max(greatestTime, batch.decoded.transactions[index].time)
            } else {
                let transaction = batch.decoded.transactions[index]
                duplicates.append(
                    Reject(
                        line: transaction.line, lineIndex: transaction.lineIndex, reason: .duplicate,
                        message: RejectReason.duplicate.message))
            }
        }
        counts.backwards = stage.function.clock.backwards
        if !duplicates.isEmpty { batch.decoded.rejects.merge(duplicates) }
        for reject in batch.decoded.rejects { counts.rejects[Int(reject.reason.rawValue)] += 1 }
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
