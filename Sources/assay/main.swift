import Arguments
import Glibc

// Writing to a pipe without a reader is an ordinary error.
signal(SIGPIPE, SIG_IGN)

StandardStreams.reserve()

do {
    switch try CommandParser(Declaration.root, version: Declaration.version)
        .parse(Array(CommandLine.arguments.dropFirst()))
    {
    case .show(let text): print(text, terminator: "")
    case .run(let path, let arguments):
        switch path.first {
        case "run": try RunCommand.run(arguments)
        case "score": try ScoreCommand.run(arguments)
        case "serve": try ServeCommand.run(arguments)
        case "check-config": try ConfigurationCommand.run(arguments)
        case "patterns": try PatternsCommand.run(arguments)
        case "test-rules": try TestRulesCommand.run(arguments)
        case "backtest": try BacktestCommand.run(arguments)
        case "report": try ReportCommand.run(arguments)
        case "explain": try ExplainCommand.run(arguments)
        case "sort": try SortCommand.run(arguments)
        case "eval": try EvalCommand.run(arguments)
        case "alerts": try AlertsCommand.run(arguments)
        case "generate": try GenerateCommand.run(arguments)
        default: preconditionFailure("every declared command is run")
        }
    }
    try StandardStreams.flush()
} catch let error as UsageError {
    Diagnostics.error(error.message)
    exit(ExitCode.usage.rawValue)
} catch let failure as Failure {
    Diagnostics.error(failure.message)
    exit(failure.code.rawValue)
}
