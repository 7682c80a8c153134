import Arguments
import Assay
import AssayCore
import Glibc

/// `assay test-rules`.
enum TestRulesCommand {
    static func run(_ arguments: ParsedArguments) throws(Failure) {
        guard arguments.operands.count == 2 else {
            throw Failure(code: .usage, message: "name a configuration and a file of cases")
        }
        let resolved = try Configurations.load(arguments.operands[0]).resolved
        let outcomes: [RuleCases.Outcome]
        do throws(ConfigurationError) {
            outcomes = try RuleCases(path: arguments.operands[1]).run(resolved)
        } catch {
            throw Failure(code: .badData, message: error.description)
        }
        let failed = outcomes.count { !$0.differences.isEmpty }
        if arguments.flag("json") {
            let cases = outcomes.map { outcome in
                JSON.object([
                    ("name", .string(outcome.name)), ("passed", .bool(outcome.differences.isEmpty)),
                    ("differences", .array(outcome.differences.map { .string($0) })),
                ])
            }
            print(JSON.object([("cases", .array(cases)), ("failed", .integer(Int64(failed)))]).text)
        } else {
            for outcome in outcomes {
                print("\(outcome.differences.isEmpty ? "ok    " : "FAILED") \(Diagnostics.printable(outcome.name))")
                for difference in outcome.differences { print("         \(Diagnostics.printable(difference))") }
            }
            print("\(outcomes.count) cases, \(failed) failed")
        }
        guard failed > 0 else { return }
        try StandardStreams.flush()
        exit(ExitCode.no.rawValue)
    }
}
