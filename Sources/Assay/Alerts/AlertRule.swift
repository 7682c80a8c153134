import AssayCore
import StateStore

/// When somebody is to be told what, and how.
package struct AlertRule: Sendable {
    package enum Subject: Equatable, Sendable {
        case assessments
        case stream(String)
        /// The figures of the run itself.
        case engine
    }

    package enum Severity: Sendable {
        case fixed(AlertSeverity)
        case expression(SourceText)
    }

    package let name: String
    package let position: TextPosition
    package var subject: Subject
    /// The name of its stream, or what else it looks at.
    package var on: SourceText
    package var condition: SourceText?
    package var severity = Severity.fixed(.warning)
    /// What makes two alerts the same matter.
    package var keys: [NamedExpression] = []
    package var quietMilliseconds: Int64 = 300_000
    package var message: SourceText?
    package var channels: [String] = []
    /// How long a condition of the engine has to hold.
    package var forMilliseconds: Int64 = 0
    /// Whether people are told when it is over.
    package var resolves = false

    fileprivate var identity: String {
        let severity =
            switch severity {
            case .fixed(let severity): severity.label
            case .expression(let text): text.text
            }
        return [
            name, on.text, condition?.text ?? "", severity,
            keys.map { "\($0.name):\($0.expression.text)" }.joined(separator: ","), "\(quietMilliseconds)",
            message?.text ?? "", channels.joined(separator: ","), "\(forMilliseconds)", "\(resolves)",
        ].joined(separator: "\t")
    }
}

/// The alerts of a file.
package struct AlertSettings: Sendable {
    package var rules: [AlertRule] = []
    package var channels: [(name: String, channel: any AlertChannel)] = []
    package var limits = Limits()
    /// The address of the page where people see more.
    package var page: String?

    package struct Limits: Sendable {
        /// So many alerts wait at most.
        package var outbox: Int64 = 100_000
        /// A rule makes so many a minute; others of that minute are put together.
        package var perMinute: Int64 = 600
        /// What could not be sent for so long has failed.
        package var giveUpMilliseconds: Int64 = 86_400_000
    }

    package init() {}

    package var isEmpty: Bool { rules.isEmpty }

    /// What a run cannot change while it goes on.
    package var identity: String {
        let names = channels.map(\.name).joined(separator: ",")
        return ([names] + rules.map(\.identity)).joined(separator: "\n")
    }

    package func channel(_ name: String) -> (any AlertChannel)? { channels.first { $0.name == name }?.channel }

    package func rule(_ name: String) -> AlertRule? { rules.first { $0.name == name } }
}
