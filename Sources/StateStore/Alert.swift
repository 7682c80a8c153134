/// How bad it is.
package enum AlertSeverity: Int64, CaseIterable, Comparable, Sendable {
    case info, warning, critical

    package init?(label: String) {
        guard let severity = Self.allCases.first(where: { $0.label == label }) else { return nil }
        self = severity
    }

    package var label: String { "\(self)" }

    package static func < (left: AlertSeverity, right: AlertSeverity) -> Bool { left.rawValue < right.rawValue }
}

/// Something that somebody is to be told. What is JSON in it is text already.
package struct Alert: Equatable, Sendable {
    package enum Kind: Int64, Sendable {
        case fired
        /// What an earlier one told of is over.
        case resolved
        /// Somebody tries a channel.
        case test
    }

    /// Its place in the outbox; 0 outside of it.
    package var number: Int64 = 0
    /// The same however often it is sent or made again.
    package var id: String
    package var rule: String
    package var severity: AlertSeverity
    package var kind = Kind.fired
    /// What it is about, as one line: what is told once within the quiet time.
    package var matter: String
    /// The same as a JSON object.
    package var keys = "{}"
    package var message: String
    /// The result as a JSON object.
    package var details = "{}"
    /// The user that it is about, if it is about one.
    package var user = ""
    /// When it happened, in milliseconds: event time, or of the engine the time of day.
    package var time: Int64
    /// When it was made.
    package var made: Int64
    /// How many it stands for.
    package var count: Int64 = 1
    /// Of several, the first ones, each a JSON object.
    package var first: [String] = []

    package init(
        id: String, rule: String, severity: AlertSeverity, matter: String, message: String, time: Int64, made: Int64
    ) {
        (self.id, self.rule, self.severity, self.matter) = (id, rule, severity, matter)
        (self.message, self.time, self.made) = (message, time, made)
    }

    /// Several put together show this many of them.
    package static let mostShown = 10
}

/// An alert on its way to a channel.
package struct AlertSending: Sendable {
    package enum State: Int64, CaseIterable, Sendable {
        case waiting, sent, failed

        package var label: String { "\(self)" }
    }

    package let alert: Alert
    package let channel: String
    package let state: State
    /// How often it was tried.
    package let attempts: Int64
    /// When it is to be tried next, by the time of day.
    package let due: Int64
    package let changed: Int64
    /// What came of the last attempt, for people.
    package let answer: String
}
