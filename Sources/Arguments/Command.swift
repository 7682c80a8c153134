/// A declared command: everything for parsing, help and completion.
package struct Command: Sendable {
    package var name: String
    /// One line for lists.
    package var summary: String
    /// Paragraphs after the lists in its help.
    package var discussion: [String]
    package var operands: [Operand]
    package var options: [Option]
    package var subcommands: [Command]

    package init(
        _ name: String, summary: String, discussion: [String] = [], operands: [Operand] = [],
        options: [Option] = [], subcommands: [Command] = []
    ) {
        self.name = name
        self.summary = summary
        self.discussion = discussion
        self.operands = operands
        self.options = options
        self.subcommands = subcommands
    }
}

/// The valid form of a value.
package enum ValueKind: Sendable {
    case text
    /// Completed with file names.
    case file
    /// Completed with folder names.
    case directory
    case integer(ClosedRange<Int64>)
    case real(ClosedRange<Double>)
    /// `250ms 10s 5m 1h 30d`, in milliseconds.
    case duration
    /// `512MiB 4GiB`, in bytes.
    case size
    case choice([String])
}

/// `--name VALUE`, or only `--name` without a value.
package struct Option: Sendable {
    package var name: String
    package var short: Character?
    /// Stands for the value in the help; nil for a flag.
    package var placeholder: String?
    package var kind: ValueKind
    package var help: String
    /// Shown in the help; the command applies it.
    package var defaultText: String?

    package static func flag(_ name: String, short: Character? = nil, help: String) -> Option {
        Option(name: name, short: short, placeholder: nil, kind: .text, help: help, defaultText: nil)
    }

    package static func value(
        _ name: String, short: Character? = nil, _ placeholder: String, _ kind: ValueKind = .text, help: String,
        default defaultText: String? = nil
    ) -> Option {
        Option(
            name: name, short: short, placeholder: placeholder, kind: kind, help: help, defaultText: defaultText)
    }
}

/// An argument without a name.
package struct Operand: Sendable {
    package var name: String
    package var kind: ValueKind
    package var help: String
    package var isRequired: Bool
    package var isRepeated: Bool

    package init(
        _ name: String, _ kind: ValueKind = .file, help: String, isRequired: Bool = false, isRepeated: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.isRequired = isRequired
        self.isRepeated = isRepeated
    }
}

/// The arguments of a command line, already of the declared kinds.
package struct ParsedArguments: Sendable, Equatable {
    /// By option name, in the order given.
    var values: [String: [ArgumentValue]] = [:]
    package var operands: [String] = []

    package func flag(_ name: String) -> Bool { values[name] != nil }

    /// The last one given counts.
    package func text(_ name: String) -> String? {
        guard case .text(let text)? = values[name]?.last else { return nil }
        return text
    }

    /// All that were given, in order.
    package func texts(_ name: String) -> [String] {
        (values[name] ?? []).compactMap { if case .text(let text) = $0 { text } else { nil } }
    }

    /// Integers, durations in milliseconds, sizes in bytes.
    package func integer(_ name: String) -> Int64? {
        guard case .integer(let integer)? = values[name]?.last else { return nil }
        return integer
    }

    package func real(_ name: String) -> Double? {
        guard case .real(let real)? = values[name]?.last else { return nil }
        return real
    }
}

enum ArgumentValue: Sendable, Equatable {
    case present
    case text(String)
    case integer(Int64)
    case real(Double)
}

/// A command line that can't be understood.
package struct UsageError: Error, Equatable {
    /// One line for people that says what to do next.
    package let message: String

    package init(_ message: String) {
        self.message = message
    }
}
