import Foundation

/// Times as the product writes them.
package enum Moment {
    /// Milliseconds of `1970-01-01T00:00:00.123Z`.
    package static func milliseconds(_ text: String?) -> Int64 {
        let formatter = ISO8601DateFormatter()
        let parts = (text ?? "").dropLast().split(separator: ".")
        guard let first = parts.first, let date = formatter.date(from: first + "Z") else { return .min }
        let fraction = parts.count > 1 ? Int64(parts[1]) ?? 0 : 0
        return Int64(date.timeIntervalSince1970) * 1000 + fraction
    }
}
