import CEL
import CivilTime

/// The part of the assessments that one sink gets.
package struct AssessmentOutput: Sendable {
    package let form: RowForm
    /// Which assessments, and which of their columns; nil for all as lines.
    package let selection: AssessmentSelection?

    package init(form: RowForm, selection: AssessmentSelection? = nil) {
        self.form = form
        self.selection = selection
    }

    /// Every assessment as a line.
    package static let lines = AssessmentOutput(form: .json)
}

/// Which assessments an output takes, and which columns of them.
package struct AssessmentSelection: Sendable {
    let program: Program
    /// The number of the condition in the program.
    let condition: Int?
    /// Nil for whole assessments.
    let columns: [ExpressionPart]?
    /// The last of the columns is what the transaction was judged by, as bytes; null where nothing is to explain.
    let addsFormer: Bool

    package init(program: Program, condition: Int?, columns: [ExpressionPart]?, addsFormer: Bool = false) {
        self.program = program
        self.condition = condition
        self.columns = columns
        self.addsFormer = addsFormer
    }

    package var streamColumns: [StreamColumn] {
        chosenColumns + (addsFormer ? [StreamColumn(name: "former", type: .bytes)] : [])
    }

    private var chosenColumns: [StreamColumn] {
        columns?.map { StreamColumn(name: $0.name, type: $0.type) }
            ?? AssessmentColumn.columns.map { StreamColumn(name: $0.name, type: $0.type.type) }
    }
}

/// Puts assessments in the forms that sinks take.
package struct AssessmentFormatter: RowFormatter {
    private let outputs: [AssessmentOutput]
    private var encoder: AssessmentEncoder
    /// By sink; nil for sinks that get every line.
    private var selected: [SelectedAssessments?]

    init(_ settings: ScoringSettings, zone: TimeZoneRules, outputs: [AssessmentOutput]) {
        self.outputs = outputs
        encoder = AssessmentEncoder(settings)
        selected = outputs.map { output in
            output.selection.map { SelectedAssessments($0, output.form, settings, zone) }
        }
    }

    package mutating func format(
        _ batch: TransactionBatch, for sink: Int, into buffer: inout OutputBuffer
    ) -> UInt64 {
        if let plan = batch.plan {
            // The first sink changes the form for all.
            if sink == 0 { self = AssessmentFormatter(plan.settings, zone: plan.zone, outputs: outputs) }
            return 0
        }
        if let selected = selected[sink] { return selected.format(batch, into: &buffer) }
        encoder.encode(batch.decoded.transactions, text: batch.text.view, scored: batch.scored, into: &buffer)
        return UInt64(batch.decoded.transactions.count)
    }

    package func cut(_ batch: TransactionBatch, after line: UInt32) { batch.cut(after: line) }
}

/// Writes the assessments that meet a condition, whole or by columns.
private final class SelectedAssessments {
    private let selection: AssessmentSelection
    private let writing: RowWriting
    private let shape: RowShape
    private let row: AssessmentRow
    /// The whole is a line of JSON, not the values of all columns.
    private let isLine: Bool

    init(_ selection: AssessmentSelection, _ form: RowForm, _ settings: ScoringSettings, _ zone: TimeZoneRules) {
        self.selection = selection
        let columns = selection.streamColumns
        row = AssessmentRow(settings)
        shape = RowShape(names: columns.map(\.name))
        writing = RowWriting(
            StreamOutput(source: .input, stream: "assessments", form: form, sink: 0, columns: columns),
            ValueEncoder(zone), EventSchema(columns: AssessmentColumn.columns, timeColumn: 0))
        isLine =
            switch form {
            case .json, .tagged, .record: selection.columns == nil
            case .csv, .values: false
            }
    }

    func format(_ batch: TransactionBatch, into buffer: inout OutputBuffer) -> UInt64 {
        let (scored, text) = (row.scored, batch.text.view)
        scored.output = batch.scored
        row.columns = batch.decoded.columns
        // The batch goes back to the stage, which would have to copy what is still referenced here.
        defer { scored.output = FraudDetection.Output() }
        let rules = scored.output.rules.map(RuleTexts.init)
        var former = scored.output.former[...]
        var rows: UInt64 = 0
        var next = FraudDetection.Output.Place()
        for transaction in batch.decoded.transactions {
            let place = next
            let assessment = scored.output.assessments[place.assessment]
            next.assessment += 1
            guard assessment.sequence > 0 else { continue }
            next.factor += Int(assessment.factorCount)
            next.shadow += Int(assessment.shadowCount)
            row.begin(transaction, text, at: place)
            guard isTaken else { continue }
            rows += 1
            let origin = RowOrigin(transaction, text, batch.text.origin)
            if isLine {
                var place = place
                writing.write(
                    from: origin, into: &buffer,
                    line: { scored.encoder.encode(transaction, text, scored.output, at: &place, rules, into: &$0) },
                    value: { row.valueIfAny(AssessmentRow.firstSlot + $0) })
            } else {
                var values = values
                if selection.addsFormer {
                    former = former.drop { $0.assessment < place.assessment }
                    let own = former.first.flatMap { $0.assessment == place.assessment ? $0.moment.bytes : nil }
                    values.append(own.map { .bytes($0) } ?? .null)
                }
                writing.write(values[...], shape, from: origin, into: &buffer)
            }
        }
        return rows
    }

    /// A condition that fails selects nothing.
    private var isTaken: Bool {
        guard let condition = selection.condition else { return true }
        do throws(EvaluationError) {
            return try selection.program.bool(condition, host: row)
        } catch {
            return false
        }
    }

    private var values: [Value] {
        guard let columns = selection.columns else { return row.ownValues }
        return columns.map { column in
            do throws(EvaluationError) {
                return try selection.program.value(column.root, host: row)
            } catch {
                return .null
            }
        }
    }
}
