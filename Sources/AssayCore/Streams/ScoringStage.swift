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
    package private(set) var model: LearnedModel?
    /// Labels of a file.
    private var schedule: ScheduledLabels?
    private var toldDropped = false
    /// Transactions that earlier runs had dropped.
    private var earlierDropped: UInt64 = 0
    private var forgotten: LearnedModel.Forgotten?
    /// The log of what was learned under other settings, until a cut drops it.
    private var abandonedLog: LogExtent?
    /// The users of the cut that is under way are complete.
    private var areUsersCut = false
    /// How often rules fired and failed in earlier runs, and in this one under earlier evaluators.
    private var loadedRuleTallies: [String: UInt64] = [:]
    private var earlierRuleTallies: [String: UInt64] = [:]

    /// The name of keyed state in the store.
    package static let functionNumber: Int64 = 1
    package static let functionName = "fraud_detection"
    package static let learningFunctionNumber = LearningSaving.functionNumber
    package static let learningFunctionName = "learning"

    /// `outputs`: by sink.
    package init(
        settings: ScoringSettings, zone: TimeZoneRules, fields: TransactionFields = .standard,
        outputs: [AssessmentOutput] = [.lines], journal: JournalReading? = nil, sequence: UInt64 = 0,
        numbering: FraudDetection.Numbering = .stream
    ) {
        self.journal = journal
        (self.zone, self.fields, self.outputs) = (zone, fields, outputs)
        model = settings.learning.isEnabled ? LearnedModel(settings.learning) : nil
        stage = KeyedStage(
            function: FraudDetection(
                settings: settings, zone: zone, sequence: sequence, numbering: numbering, model: model,
                keepsFormer: outputs.contains { $0.selection?.addsFormer == true }),
            output: FraudDetection.Output(), functionNumber: Self.functionNumber)
        counts.learning = model?.counts
    }

    package var keyCount: Int { stage.keyCount }

    package func makeBatch() -> TransactionBatch { TransactionBatch() }

    package func makeDecoder(
        _ format: InputFormat, _ dialect: CSVDialect, csvHeader: [UInt8]
    ) -> TransactionBatchDecoder {
        var decoder = TransactionDecoder(
            format: format, fields: fields, zone: zone, dialect: dialect,
            takesLabels: stage.function.settings.learning.isEnabled)
        decoder.resume(csvHeader: csvHeader)
        return TransactionBatchDecoder(
            decoder, format == .jsonl ? journal : nil, isJournal: followsMarks || journal?.isCertain == true)
    }

    package func makeFormatter() -> AssessmentFormatter {
        AssessmentFormatter(stage.function.settings, zone: zone, outputs: outputs)
    }

    /// Delivers the labels of a file by their own time.
    package mutating func deliver(_ labels: ScheduledLabels) {
        schedule = labels
        model?.schedule = labels
        counts.labelsToCome = labels.left
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
        takeOver(plan.settings.learning, sequence: record.sequence)
        var function = FraudDetection(
            settings: plan.settings, zone: plan.zone, model: model,
            keepsFormer: outputs.contains { $0.selection?.addsFormer == true })
        function.resume(sequence: record.sequence, backwards: counts.backwards, record)
        do throws(StateDecodingError) {
            try stage.replace(function)
        } catch {
            throw StoreError(.damaged, "taking other settings over", "a state is \(error.problem)")
        }
        install(plan.rules)
    }

    /// Goes on with the model under other settings, as far as it fits them.
    private mutating func takeOver(_ settings: ScoringSettings.Learning, sequence: UInt64) {
        let earlier = model
        guard settings.isEnabled else {
            (model, counts.learning) = (nil, nil)
            guard let earlier else { return }
            return abandon(earlier.extent)
        }
        if let earlier {
            let next = LearnedModel.succeeding(earlier, settings, nextGeneration: sequence + 1)
            (model, forgotten) = (next.model, next.forgotten)
        } else {
            model = LearnedModel(settings, generation: sequence + 1)
        }
        counts.learning = model?.counts
    }

    private mutating func abandon(_ log: LogExtent) {
        abandonedLog = log
        forgotten = .all
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
        if let model, !toldDropped, model.counts.dropped > earlierDropped {
            notices.append(.entriesDropped)
            toldDropped = true
        }
        if let forgotten = forgotten.take() { notices.append(.learningForgotten(forgotten)) }
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
        try loadModel(record, from: pages)
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

    private mutating func loadModel(_ record: StageRecord, from pages: any StatePages) throws(StoreError) {
        let log = record.logs.first { $0.function == Self.learningFunctionNumber }
        let settings = stage.function.settings.learning
        guard settings.isEnabled else {
            if let log, log.pageCount > 0 { abandon(log) }
            return
        }
        var loaded = (model: LearnedModel(settings, generation: record.sequence + 1), LearnedModel.Forgotten?.none)
        if let log, log.pageCount > 0 {
            loaded = try LearnedModel.load(settings, nextGeneration: record.sequence + 1, log, from: pages)
        }
        (model, forgotten) = loaded
        earlierDropped = loaded.model.counts.dropped
        counts.learning = loaded.model.counts
        resumeSchedule(record)
        stage.changeFunction { [model] in $0.model = model }
    }

    /// The fields of a checkpoint with what is known of a file of labels.
    package static let labelBytesName = "labels_bytes"
    package static let labelDigestName = "labels_digest"

    private mutating func resumeSchedule(_ record: StageRecord) {
        guard let schedule else { return }
        model?.schedule = schedule
        if let bytes = record[field: Self.labelBytesName], let clock = StreamClock.time(in: record) {
            schedule.resume(byteCount: UInt64(bytes), clock: clock.milliseconds)
        }
        counts.labelsToCome = schedule.left
    }

    package var record: StageRecord {
        var record = StageRecord()
        record.sequence = sequence
        record.eventTime = greatestTime.milliseconds
        record.tallies = tallies
        record.fields = clockFields
        if let schedule {
            record.fields.append(StageRecord.Field(name: Self.labelBytesName, value: Int64(schedule.byteCount)))
            record.fields.append(
                StageRecord.Field(name: Self.labelDigestName, value: Int64(bitPattern: schedule.digest)))
            record.fields.sort { $0.name < $1.name }
        }
        if followsMarks { record.fields.append(StageRecord.Field(name: Self.marksName, value: 1)) }
        record.logs = [stage.extent]
        if let log = model?.extent ?? abandonedLog { record.logs.append(log) }
        return record
    }

    /// Cuts here and returns what is known at once; the states follow step by step.
    package mutating func beginCut() -> StageRecord {
        stage.beginCut()
        model?.beginCut()
        areUsersCut = false
        return record
    }

    /// Continues the cut for a while. Returns true when it is complete.
    package mutating func continueCut(states: Int) throws(StoreError) -> Bool {
        if !areUsersCut {
            guard try stage.goOnWithCut(states: states) else { return false }
            areUsersCut = true
        }
        return model?.continueCut(states: states) ?? true
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
        model?.noteCommitted()
    }

    /// The memory of the users that are not away and their states.
    package var memoryBytes: Int { stage.memoryBytes + learnedBytes }
    /// The memory of what was learned beside the users.
    package var learnedBytes: Int { model?.memoryBytes ?? 0 }
    /// The memory of the index of users.
    package var indexBytes: Int { stage.indexBytes }
    /// Users whose states are only in the store.
    var awayCount: Int { stage.awayCount }
    /// The bytes of changes that are in no checkpoint.
    package var changedBytes: Int { stage.changedBytes + (model?.changedBytes ?? 0) }

    package mutating func shrink(to limit: Int) {
        // What was learned stays, and leaves users a part at least.
        stage.shrink(to: max(limit - learnedBytes, limit / 4))
    }

    /// The states of a complete cut.
    package mutating func takeCut() -> StageCut {
        var cut = stage.takeCut()
        if let log = abandonedLog.take(), model == nil {
            let end = log.firstPage + log.pageCount
            cut.changes.append(LogChanges(function: log.function, pages: [], firstPage: end))
            // The number of its next page stays known.
            var empty = LogExtent(function: log.function)
            empty.firstPage = end
            cut.logs.append(empty)
            abandonedLog = empty
        }
        guard let model else { return cut }
        let learned = model.takeCut()
        cut.logs.append(learned.extent)
        cut.changes.append(learned.changes)
        cut.bytesWritten += learned.bytes
        return cut
    }

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
        model?.begin(batch.decoded.transactions, batch.decoded.labels, text, batch.decoded.columns)
        try batch.decoded.transactions.withUnsafeBufferPointer { transactions throws(StoreError) in
            try stage.process(
                transactions,
                hash: { $0.userHash },
                key: { text.bytes($0.userID) },
                input: { (FraudDetection.Input($0, text: text), $0.pointee.time) })
        }
        stage.withOutput { swap(&$0, &batch.scored) }
        model?.takeRemainingLabels()
        settle(batch)
    }

    /// Counts, and turns transactions that were not accepted into rejects.
    private mutating func settle(_ batch: TransactionBatch) {
        var refused: [Reject] = []
        for (index, assessment) in batch.scored.assessments.enumerated() {
            if assessment.sequence > 0 {
                counts.levels[Int(assessment.level.rawValue)] += 1
                counts.accepted += 1
                greatestTime = max(greatestTime, batch.decoded.transactions[index].time)
            } else {
                let transaction = batch.decoded.transactions[index]
                refused.append(
                    Reject(
                        line: transaction.line, lineIndex: transaction.lineIndex, reason: .duplicate,
                        message: RejectReason.duplicate.message))
            }
        }
        counts.backwards = stage.function.clock.backwards
        if let model { settleLabels(batch, model, &refused) }
        if !refused.isEmpty { batch.decoded.rejects.merge(refused) }
        for reject in batch.decoded.rejects { counts.rejects[Int(reject.reason.rawValue)] += 1 }
    }
}

extension ScoringStage {
    /// Counts the labels, and turns those that came to nothing into rejects.
    private mutating func settleLabels(_ batch: TransactionBatch, _ model: LearnedModel, _ refused: inout [Reject]) {
        counts.learning = model.counts
        counts.labelsToCome = schedule?.left ?? 0
        batch.labelOutcomes = model.outcomes
        let unknown = zip(batch.decoded.labels, model.outcomes).filter { $0.1 == .unknown }.map(\.0)
        counts.labels += UInt64(batch.decoded.labels.count - unknown.count)
        guard !unknown.isEmpty else { return }
        refused += unknown.map {
            Reject(
                line: $0.line, lineIndex: $0.lineIndex, reason: .unknownTransaction,
                message: RejectReason.unknownTransaction.message)
        }
        refused.sort { $0.lineIndex < $1.lineIndex }
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
