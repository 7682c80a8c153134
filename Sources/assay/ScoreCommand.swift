import Arguments
import Assay
import Glibc

/// `assay score`.
enum ScoreCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        let inputPath = arguments.operands.first ?? "-"
        let outputPath = arguments.text("output") ?? "-"
        if arguments.flag("follow"), inputPath == "-" {
            throw Failure(code: .usage, message: "--follow needs a file; standard input is followed anyway")
        }
        if arguments.text("rejects") == "-" {
            throw Failure(code: .usage, message: "--rejects needs a file; standard output is for assessments")
        }
        let configuration = try Configurations.load(arguments.text("config"))

        var parts = ScoreRun.Parts()
        parts.settings = configuration.scoring
        parts.zone = configuration.zone
        parts.fields = configuration.fields
        parts.format = arguments.text("format").flatMap { InputFormat(rawValue: $0) } ?? .jsonl
        parts.isStrict = arguments.flag("strict")
        parts.waitsForGrowth = arguments.flag("follow")
        parts.input = try Files.openInput(inputPath)
        let mayOverwrite = arguments.flag("overwrite")
        parts.output = try Files.openOutput(
            outputPath, mayOverwrite: mayOverwrite, others: [("the input", parts.input)])
        if let rejects = arguments.text("rejects") {
            parts.rejects = try Files.openOutput(
                rejects, mayOverwrite: mayOverwrite,
                others: [("the input", parts.input), ("the output", parts.output)])
        }
        let isQuiet = arguments.flag("quiet")
        if !isQuiet {
            parts.report = { rejected in
                Diagnostics.warning(
                    "line \(rejected.line) rejected, \(rejected.reason.code): \(rejected.message)")
            }
        }
        try run(parts, inputPath: inputPath, outputPath: outputPath, arguments, isQuiet: isQuiet)
    }

    private static func run(
        _ parts: ScoreRun.Parts, inputPath: String, outputPath: String, _ arguments: ParsedArguments, isQuiet: Bool
    ) throws(Failure) {
        var parts = parts
        parts.interruption = StopSignals.watch()
        let wanted = arguments.text("progress") ?? "auto"
        let showsProgress = wanted == "always" || (wanted == "auto" && Diagnostics.isTerminal && !isQuiet)
        var progress = ProgressLine(total: parts.waitsForGrowth ? nil : Files.size(parts.input))
        if showsProgress { parts.progress = { progress.update($0, bytes: $1) } }

        let started = Clock.seconds
        var run = ScoreRun(parts)
        let failure: ScoreError?
        do throws(ScoreError) {
            try run.run()
            failure = nil
        } catch {
            failure = error
        }
        progress.clear()
        if !isQuiet {
            for line in Summary(run.counts, seconds: Clock.seconds - started, users: run.userCount).lines {
                Diagnostics.say(line)
            }
        }
        guard let failure else { return }
        switch failure {
        case .outputClosed: return
        case .inputFailed(let number):
            throw Failure(
                code: .inputOutput, message: "cannot read '\(inputPath)': \(Diagnostics.explain(number))")
        case .outputFailed(let output, let number):
            let path = output == .assessments ? outputPath : arguments.text("rejects") ?? ""
            throw Failure(code: .inputOutput, message: "cannot write '\(path)': \(Diagnostics.explain(number))")
        case .badLine(let rejected):
            throw Failure(
                code: .badData,
                message: "line \(rejected.line) at byte \(rejected.offset), \(rejected.reason.code): "
                    + "\(rejected.message); correct it, or run without --strict")
        }
    }
}

/// What is said at the end of a run.
struct Summary {
    let lines: [String]

    init(_ counts: ScoreCounts, seconds: Double, users: Int) {
        let reasons = RejectReason.allCases.filter { counts.rejects[Int($0.rawValue)] > 0 }
            .map { "\($0.code) \(Figures.grouped(counts.rejects[Int($0.rawValue)]))" }
        let levels = RiskLevel.allCases.reversed()
            .map { "\($0.label) \(Figures.grouped(counts.levels[Int($0.rawValue)]))" }
        let rate = seconds > 0 ? Double(counts.accepted) / seconds : 0
        lines = [
            "accepted \(Figures.grouped(counts.accepted)), rejected \(Figures.grouped(counts.rejected))"
                + (reasons.isEmpty ? "" : " (\(reasons.joined(separator: ", ")))"),
            levels.joined(separator: ", "),
            "\(Figures.decimal(seconds, digits: 3)) s, \(Figures.decimal(rate, digits: 0)) transactions/s, "
                + "\(Figures.grouped(users)) users",
        ]
    }
}
