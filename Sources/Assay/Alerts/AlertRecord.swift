import AssayCore
import CivilTime
import StateStore

/// An alert as JSON, for programs.
package enum AlertRecord {
    package static func json(_ alert: Alert) -> JSON {
        var members: [(String, JSON)] = [
            ("id", .string(alert.id)), ("rule", .string(alert.rule)), ("status", .string("\(alert.kind)")),
            ("severity", .string(alert.severity.label)), ("key", .raw(alert.keys)),
            ("message", .string(alert.message)), ("time", .string(time(alert.time))), ("count", .integer(alert.count)),
        ]
        if alert.count > 1 { members.append(("first", .array(alert.first.map { .raw($0) }))) }
        members.append(("result", .raw(alert.details)))
        return .object(members)
    }

    /// In UTC, as RFC 3339 has it.
    package static func time(_ milliseconds: Int64) -> String {
        TimeText(.utc, separator: "T").text(milliseconds)
    }
}
