import Arguments
import Assay
import AssayCore
import CivilTime
import Glibc

/// `assay explain`.
enum ExplainCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        guard let id = arguments.text("id") else {
            throw Failure(code: .usage, message: "name the transaction with --id")
        }
        let path = arguments.operands[0]
        let format = arguments.text("format").flatMap { InputFormat(rawValue: $0) } ?? .jsonl
        guard path != "-" else {
            throw Failure(code: .usage, message: "the input is read twice, so it has to be a file")
        }
        var input = FileInput(path: path, format: format)
        input.dialect = RunOptions.dialect(arguments)
        let labels = try arguments.text("labels").map { path throws(Failure) in try Files.labels(path, zone: .utc) }
        let finding: Replay.Finding
        do throws(Replay.Problem) {
            finding = try Replay(
                input, from: points(arguments.text("state") ?? "Checkpoints"), configuration: configuration(arguments),
                labels: labels
            ).explain(id)
        } catch {
            throw failure(error, id, path)
        }
        if arguments.flag("json") { return print(json(finding).text) }
        let style = TextStyle(usesColour: isatty(STDOUT_FILENO) == 1 && getenv("NO_COLOR") == nil)
        print(style.dim(moment(finding, path)))
        for line in ExplanationText(style, finding.settings).lines(finding.explanation) { print(line) }
    }

    private static func configuration(_ arguments: ParsedArguments) throws(Replay.Problem) -> Configuration? {
        guard let path = arguments.text("config") else { return nil }
        do throws(ConfigurationError) {
            return try Configuration.load(path)
        } catch {
            throw .configuration(error)
        }
    }

    /// The state and its snapshots that can be read.
    private static func points(_ folder: String) throws(Replay.Problem) -> [Replay.Point] {
        let (points, problems) = Replay.points(in: folder)
        for problem in problems { Diagnostics.warning(problem) }
        if points.isEmpty { Diagnostics.warning("there is no state of scoring in '\(folder)'; see --state") }
        return points
    }

    private static func failure(_ problem: Replay.Problem, _ id: String, _ path: String) -> Failure {
        switch problem {
        case .notThere: Failure(code: .no, message: "no transaction '\(SafeText.shown(id))' is in '\(path)'")
        case .failed(let failure): Failure(failure)
        case .configuration(let error): Failure(error)
        }
    }

    private static func moment(_ finding: Replay.Finding, _ path: String) -> String {
        let start =
            finding.point.map { "replayed from \($0) (checkpoint \(finding.checkpoint ?? 0))" }
            ?? "replayed from the start of '\(path)', with nothing known before"
        return "as of just before line \(Figures.grouped(finding.line)), after transaction "
            + "\(Figures.grouped(finding.sequence)): \(start), \(Figures.grouped(finding.replayed)) transactions"
    }

    private static func json(_ finding: Replay.Finding) -> JSON {
        .object([
            ("as_of_checkpoint", finding.checkpoint.map { .integer($0) } ?? .null),
            ("as_of_sequence", .unsigned(finding.sequence)), ("replayed", .unsigned(finding.replayed)),
            ("explanations", .array([finding.explanation.json(line: finding.line)])),
        ])
    }
}
