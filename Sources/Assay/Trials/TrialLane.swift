import AssayCore
import StateStore

/// Scores lines in memory with one configuration.
struct TrialLane: ~Copyable {
    let settings: ScoringSettings
    let rules: RuleSet?
    let batch = TransactionBatch()
    private var decoder: TransactionDecoder
    private var stage: ScoringStage

    init(_ resolved: Configuration.Resolved, format: InputFormat, dialect: CSVDialect = CSVDialect()) {
        settings = resolved.scoring
        rules = resolved.rules
        decoder = TransactionDecoder(
            format: format, fields: resolved.fields, zone: resolved.zone, dialect: dialect,
            takesLabels: resolved.scoring.learning.isEnabled)
        stage = ScoringStage(settings: resolved.scoring, zone: resolved.zone)
        stage.install(resolved.rules)
        stage.ruleEvaluator?.beginLog()
    }

    /// What was learned so far; nil where nothing is.
    var learning: LearningCounts? { stage.counts.learning }
    /// Labels that have not come due.
    var labelsToCome: Int { stage.counts.labelsToCome }

    /// Delivers labels when they could have been known.
    mutating func deliver(_ labels: LabelFile, delayMilliseconds: Int64?) {
        guard settings.learning.isEnabled else { return }
        stage.deliver(
            labels.scheduled(delayMilliseconds: delayMilliseconds ?? settings.learning.maturityMilliseconds))
    }

    /// Why the header of CSV is none that anything can be read under.
    var headerFault: String? { decoder.headerFault }

    /// The result for one transaction.
    struct Verdict {
        let transaction: Transaction
        let assessment: RiskAssessment
        /// The rules that held, by number, shadows included.
        let fired: [UInt16]
    }

    /// Decodes and scores the batch's text. Returns the accepted transactions in order.
    mutating func score() -> [Verdict] {
        decoder.decode(&batch.text, into: &batch.decoded)
        do throws(StoreError) {
            try stage.score(batch)
        } catch {
            preconditionFailure("no store is in use: \(error.description)")
        }
        var fired = stage.ruleEvaluator?.takeLog()[...] ?? []
        var verdicts: [Verdict] = []
        verdicts.reserveCapacity(batch.decoded.transactions.count)
        for (transaction, assessment) in zip(batch.decoded.transactions, batch.scored.assessments)
        where assessment.sequence > 0 {
            var assessment = assessment
            if rules == nil { assessment.decision = assessment.level.decision }
            verdicts.append(
                Verdict(transaction: transaction, assessment: assessment, fired: fired.popFirst() ?? []))
        }
        return verdicts
    }

    /// Scores whole lines from memory; the last one has no newline.
    mutating func score(lines: [UInt8], firstLine: UInt64) -> [Verdict] {
        batch.reset()
        if lines.count + 1 > batch.text.capacity { batch.text.grow(to: lines.count + 1, keeping: 0) }
        batch.text.reset(offset: 0, firstLine: firstLine)
        lines.withUnsafeBufferPointer { batch.text.append($0) }
        batch.text.isLast = true
        guard batch.text.filled > 0 else { return [] }
        batch.text.endLastLine()
        return score()
    }

    /// Rules that failed for a cause for the first time.
    func takeFailures() -> [RuleEvaluator.Failure] { stage.takeRuleFailures() }

    /// How often each rule has failed, over all causes.
    var failedCounts: [String: UInt64] {
        var counts: [String: UInt64] = [:]
        for (name, count) in stage.ruleTallies {
            let parts = name.split(separator: ":")
            if parts.count == 3 { counts[String(parts[1]), default: 0] += count }
        }
        return counts
    }

    func name(_ rule: UInt16) -> String { rules?.rules[Int(rule)].name ?? "" }
}
