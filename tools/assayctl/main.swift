import Arguments
import Glibc

// Writing to a pipe without a reader is an ordinary error.
signal(SIGPIPE, SIG_IGN)

StandardStreams.reserve()

do {
    switch try CommandParser(Declaration.root, version: Declaration.version)
        .parse(Array(CommandLine.arguments.dropFirst()))
    {
    case .show(let text): Page.write(text)
    case .run(let path, let arguments): try Declaration.run(path, arguments)
    }
    try Page.flush()
} catch let error as UsageError {
    Diagnostics.error(error.message)
    exit(ExitCode.usage.rawValue)
} catch let failure as Failure {
    try? Page.flush()  // what was found before is still worth reading, and the first failure is the one to tell
    Diagnostics.error(failure.message)
    exit(failure.code.rawValue)
}
