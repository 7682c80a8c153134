extension Route {
    /// The page, and what it asks.
    static let ofDesk: [Route] = [
        Route(
            endpoint: .page, method: "GET", path: "/", scope: nil, summary: "The page for people.",
            gives: .text("text/html")),
        Route(
            endpoint: .pageFile, method: "GET", path: "/desk/{file}", scope: nil,
            summary: "What the page consists of.",
            parameters: [Parameter(name: "file", isInPath: true, help: "The name of a file.")],
            gives: .text("text/plain"), statuses: [404]),
        Route(
            endpoint: .session, method: "GET", path: "/v1/session", scope: nil,
            summary: "Who the visitor is, what they may do, and what they can see here.", gives: .json("Session")),
        Route(
            endpoint: .beginSession, method: "POST", path: "/v1/session", scope: nil,
            summary: "Begins a session: with a token, or with a name where no token is asked for.",
            takes: .json("Login"), gives: .json("Session"), statuses: [401, 403]),
        Route(
            endpoint: .endSession, method: "DELETE", path: "/v1/session", scope: nil,
            summary: "Ends the session of the visitor.", gives: .json("Nothing")),
        Route(
            endpoint: .history, method: "GET", path: "/v1/history", scope: .read,
            summary: "What the run has done in the last minutes, hour or day.",
            parameters: [Parameter(name: "span", isInPath: false, help: "5m (if not given), 1h or 24h.")],
            gives: .json("History"), statuses: [400]),
        Route(
            endpoint: .rules, method: "GET", path: "/v1/rules", scope: .read,
            summary: "Rules and patterns: how often they fired, and what people made of it.",
            gives: .json("Rules")),
        Route(
            endpoint: .pipeline, method: "GET", path: "/v1/pipeline", scope: .read,
            summary: "The pipeline as a drawing.", gives: .text("image/svg+xml"), statuses: [404]),
        Route(
            endpoint: .user, method: "GET", path: "/v1/users/{user_id}", scope: .read,
            summary: "What is known of a user, as 'assayctl user --json' shows it.",
            parameters: [Parameter(name: "user_id", isInPath: true, help: "As in transactions.")],
            gives: .json("User"), statuses: [404]),
        Route(
            endpoint: .pattern, method: "GET", path: "/v1/patterns/{name}", scope: .read,
            summary: "A pattern as a drawing.",
            parameters: [Parameter(name: "name", isInPath: true, help: "The name of the pattern.")],
            gives: .text("image/svg+xml"), statuses: [404]),
        Route(
            endpoint: .sequences, method: "GET", path: "/v1/sequences/{user_id}", scope: .read,
            summary: "The sequences of patterns that a user has begun, as of the last checkpoint.",
            parameters: [Parameter(name: "user_id", isInPath: true, help: "As in transactions.")],
            gives: .json("Sequences"), statuses: [404]),
        Route(
            endpoint: .snapshot, method: "POST", path: "/v1/snapshots", scope: .admin,
            summary: "Makes a snapshot of the last checkpoint.", gives: .json("Snapshot"), statuses: [404]),
        Route(
            endpoint: .review, method: "GET", path: "/v1/review", scope: .read,
            summary: "Results that people judge, those that score most first.", parameters: ReviewQuery.parameters,
            gives: .json("Review"), statuses: [400, 404]),
        Route(
            endpoint: .reviewEntry, method: "GET", path: "/v1/review/{entry}", scope: .read,
            summary: "One of them, with its history, and what else its user and its merchant did.",
            parameters: [Parameter(name: "entry", isInPath: true, help: "Its number.")], gives: .json("Entry"),
            statuses: [404]),
        Route(
            endpoint: .judge, method: "POST", path: "/v1/judgements", scope: .review,
            summary: "Judges a result that is as its judge has seen it, or undoes a judgement.",
            takes: .json("Judgement"), gives: .json("Entry"), statuses: [404, 409]),
        Route(
            endpoint: .assign, method: "POST", path: "/v1/assignments", scope: .review,
            summary: "Takes a result, or gives it back.", takes: .json("Assignment"), gives: .json("Entry"),
            statuses: [404, 409]),
        Route(
            endpoint: .judged, method: "GET", path: "/v1/judgements", scope: .read,
            summary: "How good scores were, as far as results were judged.", gives: .json("Judged"),
            statuses: [404]),
    ]

    /// The model, where one is asked.
    static let ofModel: [Route] = [
        Route(
            endpoint: .model, method: "GET", path: "/v1/model", scope: .read,
            summary: "What was learned from labels.", gives: .json("Model"), statuses: [404])
    ]

    /// The schemas that these name.
    static let deskSchemas: [(name: String, text: String)] = [
        (
            "Session",
            """
            {"type":"object","required":["name","scopes","csrf","guarded"],"properties":{"name":{"type":"string"},\
            "scopes":{"type":"array","items":{"type":"string"}},"csrf":{"type":"string"},\
            "guarded":{"type":"boolean"},"review":{"type":"boolean"},"learns":{"type":"boolean"},\
            "serves":{"type":"boolean"},"pipeline":{"type":"boolean"},"version":{"type":"string"}}}
            """
        ),
        (
            "Login",
            """
            {"type":"object","properties":{"token":{"type":"string","maxLength":256},\
            "name":{"type":"string","minLength":1,"maxLength":64}}}
            """
        ), ("Nothing", "{\"type\":\"object\"}"),
        (
            "History",
            """
            {"type":"object","required":["span","step_ms","steps"],"properties":{"span":{"enum":["5m","1h","24h"]},\
            "step_ms":{"type":"integer"},"steps":{"type":"array","items":{"type":"object"}}}}
            """
        ), ("Rules", "{\"type\":\"object\",\"required\":[\"rules\"],\"properties\":{\"rules\":{\"type\":\"array\"}}}"),
        (
            "Review",
            """
            {"type":"object","required":["total","entries"],"properties":{"total":{"type":"integer"},\
            "entries":{"type":"array","items":{"$ref":"#/components/schemas/Entry"}}}}
            """
        ),
        (
            "Entry",
            """
            {"type":"object","required":["entry","verdict"],"properties":{"entry":{"type":"integer"},\
            "version":{"type":"integer"},\
            "transaction_id":{"type":"string"},"user_id":{"type":"string"},\
            "risk_level":{"enum":["low","medium","high","critical"]},"risk_score":{"type":"number"},\
            "verdict":{"enum":["open","fraud","legitimate","unsure"]},"assignee":{"type":"string"}}}
            """
        ),
        (
            "Judgement",
            """
            {"type":"object","required":["entry","version","verdict","key"],"properties":{\
            "entry":{"type":"integer"},"version":{"type":"integer"},\
            "verdict":{"enum":["open","fraud","legitimate","unsure"]},"note":{"type":"string","maxLength":2000},\
            "key":{"type":"string","minLength":8,"maxLength":64}}}
            """
        ),
        (
            "Assignment",
            """
            {"type":"object","required":["entry","to"],"properties":{"entry":{"type":"integer"},\
            "to":{"enum":["me","nobody"]},"from":{"type":"string","maxLength":256}}}
            """
        ),
        (
            "Judged",
            """
            {"type":"object","required":["results","entries"],"properties":{"results":{"type":"object"},\
            "entries":{"type":"array"}}}
            """
        ),
        (
            "Sequences",
            "{\"type\":\"object\",\"required\":[\"key\",\"waiting_events\",\"sequences\"]}"
        ), ("Snapshot", "{\"type\":\"object\",\"required\":[\"snapshot\"]}"), ("Model", "{\"type\":\"object\"}"),
    ]
}
