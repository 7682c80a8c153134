import CBytes
import Glibc

/// The exit codes: those of sysexits, and 1 for a question whose answer is no.
package enum ExitCode: Int32, Sendable {
    case done = 0
    case no = 1
    case usage = 64
    case badData = 65
    case noInput = 66
    case cannotCreate = 73
    case inputOutput = 74
    case inUse = 75
    case badConfiguration = 78
    /// Whoever read the output has gone; what a shell reports of a command that SIGPIPE ended.
    case closed = 141
}

/// What ends the command: one line for people, and the code for scripts.
package struct Failure: Error {
    package let code: ExitCode
    package let message: String

    package init(code: ExitCode, message: String) {
        self.code = code
        self.message = message
    }
}

/// Standard error: one line per message, in colour on a terminal.
package enum Diagnostics {
    package static let isTerminal = isatty(STDERR_FILENO) == 1

    /// The name that it was called by.
    private static let program = CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? "assay"

    private static let usesColour =
        isTerminal && getenv("NO_COLOR") == nil
        && getenv("TERM").map {
            strcmp($0, "dumb") != 0
        } ?? false

    /// The width of the terminal; zero where there is none.
    package static var columns: Int { Int(assay_terminal_columns(STDERR_FILENO)) }

    package static func error(_ message: String) {
        say("\(coloured("error:", 31)) \(message)")
    }

    package static func warning(_ message: String) {
        say("\(coloured("warning:", 33)) \(message)")
    }

    package static func say(_ message: String) {
        write("\(program): \(printable(message))\n")
    }

    /// Writes lines that show a place in a text, without what a terminal would obey.
    package static func excerpt(_ text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let parts = line.split(separator: "\t", omittingEmptySubsequences: false)
            write("    " + parts.map { printable(String($0)) }.joined(separator: "\t") + "\n")
        }
    }

    package static func write(_ text: String) {
        var text = text
        // If standard error goes nowhere, nobody can be informed.
        text.withUTF8 { _ = Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    package static func explain(_ errorNumber: Int32) -> String {
        String(cString: strerror(errorNumber))
    }

    private static func coloured(_ word: String, _ colour: Int) -> String {
        usesColour ? "\u{1B}[\(colour)m\(word)\u{1B}[0m" : word
    }

    /// Returns one line whatever the file names, with nothing that a terminal obeys but our own colours.
    package static func printable(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var isOwnColour = false
        for scalar in text.unicodeScalars {
            if scalar == "\u{1B}", usesColour { isOwnColour = true }
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            result.append(isControl && !isOwnColour ? "\u{FFFD}" : scalar)
            if isOwnColour, scalar == "m" { isOwnColour = false }
        }
        return String(result)
    }
}
