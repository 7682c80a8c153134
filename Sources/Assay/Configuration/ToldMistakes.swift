import Arguments
import AssayCore

extension Failure {
    /// The mistakes of a file, told with their positions. The last one is left to whoever ends the command.
    package init(_ error: ConfigurationError) {
        self.init(code: .badConfiguration, message: error.tellAllButLast())
    }
}

extension ConfigurationError {
    private static let mostTold = 20

    /// Tells all mistakes but the last on standard error; returns what is to be said of that one.
    package func tellAllButLast() -> String {
        var last = ""
        for (number, mistake) in all.prefix(Self.mostTold).enumerated() {
            if number > 0 { Diagnostics.error(last) }
            if let excerpt = mistake.excerpt { Diagnostics.excerpt(excerpt) }
            last = mistake.description
        }
        let more = all.count - Self.mostTold
        return last + (more > 0 ? " (and \(more) more)" : "")
    }
}
