import Assay

/// What a server has answered, or why it has not.
struct ServerReply {
    /// Of HTTP or SMTP; 0 without one.
    var status: Int
    /// Whether it was reached, and its answer came whole.
    var isWhole: Bool
    /// It does not know the user, or not with this password.
    var isDenied = false
    var problem: String
    var text: String
    var retryAfter: Double?

    private static let longestShown = 200

    /// 2xx is accepted; 408, 429 and whatever the server says of itself may pass; all else would not.
    func webOutcome(hiding secrets: [String]) -> AlertOutcome {
        guard isWhole else { return .unavailable(problem) }
        switch status {
        case 200..<300: return .accepted
        case 408, 429, 500...: return .unavailable(shown(secrets), after: retryAfter)
        default: return .refused(shown(secrets))
        }
    }

    /// 4xx may pass, 5xx would not.
    var mailOutcome: AlertOutcome {
        if isWhole { return .accepted }
        if isDenied { return .refused("the server takes neither user nor password") }
        let answer = status >= 400 ? "SMTP \(status), \(problem)" : problem
        return (500..<600).contains(status) ? .refused(answer) : .unavailable(answer)
    }

    /// The answer on one line, without what must not be seen.
    private func shown(_ secrets: [String]) -> String {
        let words = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : String($0) }.joined()
        var line = words.split(separator: " ").joined(separator: " ")
        for secret in secrets where !secret.isEmpty {
            line = line.split(separator: secret, omittingEmptySubsequences: false).joined(separator: "***")
        }
        return "HTTP \(status)" + (line.isEmpty ? "" : ": \(line.prefix(Self.longestShown))")
    }
}
