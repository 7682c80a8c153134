import AssayCore

/// The description of the routes for programs, made from what requests are routed by.
struct OpenAPI {
    let document: JSON

    /// `isGuarded`: whether tokens are asked for.
    init(_ routes: [Route], version: String, isGuarded: Bool) {
        var paths: [(String, JSON)] = []
        for route in routes where !paths.contains(where: { $0.0 == route.path }) {
            let methods = routes.filter { $0.path == route.path }
            paths.append((route.path, .object(methods.map { ($0.method.lowercased(), Self.operation($0, isGuarded)) })))
        }
        document = .object([
            ("openapi", .string("3.1.0")),
            (
                "info",
                .object([
                    ("title", .string("Assay")), ("version", .string(version)),
                    ("summary", .string("Scores transactions, and tells what it knows.")),
                ])
            ),
            ("paths", .object(paths)),
            (
                "components",
                .object([
                    ("schemas", .object((Self.schemas + Route.deskSchemas).map { ($0.name, .raw($0.text)) })),
                    (
                        "securitySchemes",
                        .object([
                            ("token", .object([("type", .string("http")), ("scheme", .string("bearer"))]))
                        ])
                    ),
                ])
            ),
        ])
    }

    private static func operation(_ route: Route, _ isGuarded: Bool) -> JSON {
        var members: [(String, JSON)] = [
            ("operationId", .string(route.name)), ("summary", .string(route.summary)),
        ]
        if !route.parameters.isEmpty { members.append(("parameters", .array(route.parameters.map(parameter)))) }
        if let content = route.takes {
            members.append(
                ("requestBody", .object([("required", .bool(true)), ("content", self.content(content))])))
        }
        var responses: [(String, JSON)] = [
            ("\(route.success)", .object([("description", .string("Done.")), ("content", content(route.gives))]))
        ]
        for status in (route.statuses + general(route)).sorted() {
            responses.append(("\(status)", problem(status, route)))
        }
        members.append(("responses", .object(responses)))
        if isGuarded, route.scope != nil {
            members.append(("security", .array([.object([("token", .array([]))])])))
        }
        return .object(members)
    }

    /// What any route of its kind may answer.
    private static func general(_ route: Route) -> [UInt32] {
        var statuses: [UInt32] = route.scope == nil ? [] : [401, 403]
        if !route.statuses.contains(503) { statuses.append(503) }
        if route.takes != nil { statuses += [400, 411, 413, 415, 422] }
        return statuses.filter { !route.statuses.contains($0) }
    }

    private static func problem(_ status: UInt32, _ route: Route) -> JSON {
        let title = Problem.titles[status] ?? "Error"
        // Whoever asks whether it is ready reads a word.
        if route.endpoint == .readiness {
            return .object([("description", .string(title)), ("content", content(route.gives))])
        }
        return .object([
            ("description", .string(title)),
            ("content", .object([(Problem.contentType, .object([("schema", reference("Problem"))]))])),
        ])
    }

    private static func parameter(_ parameter: Route.Parameter) -> JSON {
        .object([
            ("name", .string(parameter.name)), ("in", .string(parameter.isInPath ? "path" : "query")),
            ("required", .bool(parameter.isInPath)), ("description", .string(parameter.help)),
            ("schema", .object([("type", .string("string"))])),
        ])
    }

    private static func content(_ content: Route.Content) -> JSON {
        func media(_ type: String, _ schema: JSON) -> (String, JSON) { (type, .object([("schema", schema)])) }
        let text = JSON.object([("type", .string("string"))])
        return switch content {
        case .text(let type): .object([media(type, text)])
        case .events: .object([media("text/event-stream", text)])
        case .json(let name): .object([media("application/json", reference(name))])
        case .lines(let name):
            .object([media("application/json", reference(name)), media("application/x-ndjson", text)])
        }
    }

    private static func reference(_ name: String) -> JSON {
        .object([("$ref", .string("#/components/schemas/\(name)"))])
    }

    private static let schemas: [(name: String, text: String)] = [
        (
            "Problem",
            """
            {"type":"object","required":["type","title","status","detail"],"properties":{"type":{"type":"string"},\
            "title":{"type":"string"},"status":{"type":"integer"},"detail":{"type":"string"},\
            "reason":{"description":"Why a line is rejected.","type":"string"}}}
            """
        ),
        (
            "Transaction",
            """
            {"type":"object","required":["transaction_id","user_id","timestamp","amount"],"properties":{\
            "transaction_id":{"type":"string","minLength":1,"maxLength":256},\
            "user_id":{"type":"string","minLength":1,"maxLength":256},\
            "timestamp":{"type":["string","number"]},"amount":{"type":"number","minimum":0}}}
            """
        ),
        (
            "Assessment",
            """
            {"type":"object","required":["transaction_id","user_id","sequence","timestamp","risk_level","risk_score",\
            "risk_factors","recommendation"],"properties":{"transaction_id":{"type":"string"},\
            "user_id":{"type":"string"},"sequence":{"type":"integer","minimum":1},"timestamp":{"type":"number"},\
            "risk_level":{"enum":["low","medium","high","critical"]},\
            "risk_score":{"type":"number","minimum":0,"maximum":1},"risk_factors":{"type":"array"},\
            "model_probability":{"type":"number","minimum":0,"maximum":1},\
            "decision":{"enum":["allow","review","block"]},"recommendation":{"type":"string"}}}
            """
        ),
        (
            "Label",
            """
            {"type":"object","required":["label"],"properties":{"label":{"type":"object",\
            "required":["transaction_id","fraud"],"properties":{\
            "transaction_id":{"type":"string","minLength":1,"maxLength":128},"fraud":{"type":"boolean"},\
            "timestamp":{"type":["string","number"]}}}}}
            """
        ),
        (
            "Labels",
            """
            {"type":"object","required":["accepted","repeated","unknown"],"properties":{\
            "accepted":{"type":"integer"},"repeated":{"type":"integer"},"unknown":{"type":"integer"},\
            "rejected":{"type":"integer"},"rejects":{"type":"array"}}}
            """
        ),
        (
            "Explanations",
            """
            {"type":"object","required":["as_of_sequence","explanations"],"properties":{\
            "as_of_checkpoint":{"type":["integer","null"]},"as_of_sequence":{"type":"integer"},\
            "explanations":{"type":"array"}}}
            """
        ),
        (
            "User",
            """
            {"type":"object","required":["user_id","transactions"],"properties":{"user_id":{"type":"string"},\
            "transactions":{"type":"integer"}}}
            """
        ),
        ("Description", "{\"type\":\"object\",\"required\":[\"openapi\",\"info\",\"paths\"]}"),
        (
            "Status",
            """
            {"type":"object","required":["state","format","checkpoint"],"properties":{"state":{"type":"string"},\
            "format":{"type":"integer"},"checkpoint":{"type":["object","null"]}}}
            """
        ),
    ]
}
