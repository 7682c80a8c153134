import Arguments
import Assay
import AssayCore

/// Where assessments go, and what each output gets of them.
struct ScoringOutputs {
    let all: [NamedOutput]
    let selections: [AssessmentOutput]
    let office: AlertOffice

    /// The outputs of the configuration, and that of the command line; without either standard output, unless there is
    /// another place for them.
    init(
        _ arguments: ParsedArguments, _ configuration: Configuration, hasOtherPlace: Bool = false
    ) throws(Failure) {
        let isNamed = arguments.text("output") != nil
        if !isNamed, hasOtherPlace || !configuration.outputs.isEmpty,
            let option = ["min-level", "output-format"].first(where: { arguments.flag($0) })
        {
            throw Failure(
                code: .usage,
                message: "--\(option) is for -o; the 'outputs' of the configuration have their own 'where' and kinds")
        }
        office = AlertOffice(configuration.alerts)
        var outputs: [(NamedOutput, AssessmentOutput)] = []
        do throws(ConfigurationError) {
            if isNamed || configuration.outputs.isEmpty && !hasOtherPlace { outputs.append(try Self.output(arguments)) }
            let compiler = AssessmentCompiler(path: arguments.text("config") ?? "")
            for entry in configuration.outputs { outputs.append(try compiler.compile(entry)) }
            for rule in configuration.alerts.rules where rule.subject == .assessments {
                outputs.append(try compiler.compile(rule, office))
            }
            if let review = configuration.review { outputs.append(try compiler.compile(review)) }
        } catch {
            throw Failure(error)
        }
        all = outputs.map(\.0)
        selections = outputs.map(\.1)
    }

    /// The output that the command line names.
    private static func output(
        _ arguments: ParsedArguments
    ) throws(ConfigurationError) -> (NamedOutput, AssessmentOutput) {
        let path = arguments.text("output")
        let target = OutputTarget(path: path.flatMap { $0 == "-" ? nil : $0 })
        let form: RowForm = arguments.text("output-format") == "csv" ? .csv(isSafe: false) : .json
        let definition = FileOutput(target, form: form, name: "assessments")
        let least = arguments.text("min-level").flatMap { RiskLevel(label: $0) } ?? .low
        guard form != .json || least > .low else {
            return (NamedOutput(stream: "assessments", definition, columns: nil), .lines)
        }
        return try AssessmentCompiler(path: "--min-level").compile(definition, from: least)
    }
}
