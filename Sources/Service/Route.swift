/// What a token allows.
enum Scope: String, CaseIterable, Sendable {
    case score, label, read, review, admin
}

/// One method of one path: what requests are routed by, and what the published description is made from.
struct Route: Sendable {
    enum Endpoint: Int, CaseIterable, Sendable {
        case metrics, health, readiness, status, description, events
        case assess, explain, user, answer, labels
        case page, pageFile, session, beginSession, endSession, history, rules, pipeline
        case review, reviewEntry, judge, assign, judged, model, snapshot, sequences, pattern
    }

    /// What a request or an answer consists of.
    enum Content: Sendable {
        case text(String)
        case events
        case json(String)
        /// One or many of them: JSON, or a line each.
        case lines(String)
    }

    struct Parameter: Sendable {
        let name: String
        let isInPath: Bool
        let help: String
    }

    let endpoint: Endpoint
    let method: String
    /// With the name of a parameter in braces.
    let path: String
    /// Nil where everyone may ask.
    let scope: Scope?
    let summary: String
    var parameters: [Parameter] = []
    var takes: Content?
    let gives: Content
    /// The statuses of its answers besides 200, and those that every route may have.
    var statuses: [UInt32] = []
    /// The status of success.
    var success: UInt32 = 200

    var name: String { "\(endpoint)" }

    /// Its changes come from the page, or with a token.
    var isOfDesk: Bool {
        switch endpoint {
        case .judge, .assign, .snapshot: true
        default: false
        }
    }
}

extension Route {
    /// What every run that listens answers.
    static let ofRuns: [Route] = [
        Route(
            endpoint: .health, method: "GET", path: "/healthz", scope: nil, summary: "Whether the process is alive.",
            gives: .text("text/plain")),
        Route(
            endpoint: .readiness, method: "GET", path: "/readyz", scope: nil,
            summary: "Whether it takes input and its state can be saved.", gives: .text("text/plain"),
            statuses: [503]),
        Route(
            endpoint: .description, method: "GET", path: "/openapi.json", scope: nil,
            summary: "This description.", gives: .json("Description")),
        Route(
            endpoint: .metrics, method: "GET", path: "/metrics", scope: .read,
            summary: "Figures, as Prometheus reads them.", gives: .text("text/plain")),
        Route(
            endpoint: .status, method: "GET", path: "/v1/status", scope: .read,
            summary: "The state and its last checkpoint, as 'assayctl status --json' shows them.",
            gives: .json("Status"), statuses: [503]),
        Route(
            endpoint: .events, method: "GET", path: "/v1/events", scope: .read,
            summary: "Counts each second, as server-sent events.",
            parameters: [
                Parameter(
                    name: "after", isInPath: false,
                    help: "The last event that was seen, as Last-Event-ID says it, too: those after it come first.")
            ],
            gives: .events, statuses: [503]),
    ]
}

extension Route {
    /// What a run answers besides that scores for those who wait.
    static let ofScoring: [Route] = [
        Route(
            endpoint: .assess, method: "POST", path: "/v1/assessments", scope: .score,
            summary: "Scores a transaction, or several as lines, and answers with each assessment.",
            takes: .lines("Transaction"), gives: .lines("Assessment"), statuses: [409]),
        Route(
            endpoint: .answer, method: "GET", path: "/v1/assessments/{transaction_id}", scope: .read,
            summary: "A remembered answer: the newest of this id, or that of a user.",
            parameters: [
                Parameter(name: "transaction_id", isInPath: true, help: "As in the transaction."),
                Parameter(name: "user_id", isInPath: false, help: "As in the transaction."),
            ], gives: .json("Assessment"), statuses: [404]),
        Route(
            endpoint: .labels, method: "POST", path: "/v1/labels", scope: .label,
            summary: "Says which transactions were fraud. Nothing is there where the configuration does not learn.",
            takes: .lines("Label"), gives: .json("Labels"), statuses: [404], success: 202),
        Route(
            endpoint: .explain, method: "POST", path: "/v1/explanations", scope: .read,
            summary: "Why a transaction would get its assessment if it came now. Nothing changes.",
            parameters: [
                Parameter(
                    name: "entry", isInPath: false,
                    help: "An entry of the queue: as if it came when that one did, judged by what was known then.")
            ],
            takes: .lines("Transaction"), gives: .json("Explanations"), statuses: [404, 503]),
    ]
}
