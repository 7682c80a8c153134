import Arguments
import Assay
import AssayCore
import Glibc
import StateStore

/// `assayctl labels`.
enum LabelsCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let folder = arguments.text("state") ?? "Checkpoints"
        guard access(folder, F_OK) == 0 else {
            throw Failure(code: .noInput, message: "there is no state in '\(folder)'; name its folder with --state")
        }
        let path = "\(folder)/\(ReviewStore.fileName)"
        var judgements: [Judgement] = []
        if access(path, F_OK) == 0 {
            do throws(StoreError) {
                judgements = try ReviewStore(path: path, .read).verdicts()
            } catch {
                throw Failure(error, file: path)
            }
        }
        let labels = judgements.compactMap { judgement in judgement.verdict.isFraud.map { (judgement, $0) } }
        if arguments.flag("csv") { return writeCSV(labels) }
        if arguments.flag("json") {
            return Page.line(JSON.object([("labels", .array(labels.map { json($0.0) }))]).text)
        }
        show(labels, unsure: judgements.count { $0.verdict == .unsure })
    }

    /// As `--labels` takes them: a judgement is a label from its own time on.
    private static func writeCSV(_ labels: [(Judgement, Bool)]) {
        var text = OutputBuffer(capacity: 1 << 16)
        text.write("transaction_id,label,timestamp\n")
        let written = labels.filter { label, _ in !label.transactionID.utf8.contains { $0 == 0x0A || $0 == 0x0D } }
        if written.count < labels.count {
            Diagnostics.warning(
                "\(labels.count - written.count) labels are left out: their ids have line ends, which --labels does "
                    + "not read; --json has them")
        }
        for (judgement, isFraud) in written {
            RowWriting.writeCell(judgement.transactionID, into: &text)
            text.reserve(OutputBuffer.longestNumber + 16)
            text.write((isFraud ? ",fraud," : ",legitimate,").utf8)
            text.write(seconds: EventTime(milliseconds: judgement.time))
            text.write("\n")
        }
        Page.write(String(decoding: text.bytes, as: UTF8.self))
    }

    private static func json(_ judgement: Judgement) -> JSON {
        .object([
            ("transaction_id", .string(judgement.transactionID)), ("user_id", .string(judgement.userID)),
            ("verdict", .string(judgement.verdict.label)), ("who", .string(judgement.who)),
            ("note", .string(judgement.note)), ("time_ms", .integer(judgement.time)),
            ("event_ms", .integer(judgement.eventTime)), ("risk_score", .real(judgement.score)),
        ])
    }

    private static func show(_ labels: [(Judgement, Bool)], unsure: Int) {
        if !labels.isEmpty {
            Page.table(
                ["transaction", "user", "verdict", "by", "note"],
                labels.suffix(20).reversed().map { judgement, _ in
                    [
                        Page.shown(judgement.transactionID), Page.shown(judgement.userID), judgement.verdict.label,
                        Page.shown(judgement.who), Page.shown(AlertText.cut(judgement.note, 60)),
                    ]
                })
        }
        let frauds = labels.count { $0.1 }
        Page.line(
            Page.dim(
                "\(Figures.grouped(frauds)) fraud, \(Figures.grouped(labels.count - frauds)) legitimate, "
                    + "\(Figures.grouped(unsure)) unsure"))
    }
}
