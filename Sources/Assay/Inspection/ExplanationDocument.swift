import AssayCore

extension Explanation {
    /// `line`: its number in the input.
    package func json(line: UInt64) -> JSON {
        let checks = checks.map { check in
            JSON.object([
                ("check", .string(check.name)), ("risk", .real(check.risk)),
                ("inputs", .object(check.inputs.map { ($0.name, .string($0.value)) })),
                (
                    "comparisons",
                    .array(
                        check.comparisons.map {
                            .object([
                                ("quantity", .string($0.quantity)), ("value", .real($0.value)),
                                ("relation", .string($0.relation)), ("bound", .real($0.bound)),
                                ("true", .bool($0.isTrue)), ("risk", .real($0.isTrue ? $0.risk : 0)),
                            ])
                        })
                ), ("silence", check.silence.map { .string($0) } ?? .null),
            ])
        }
        var members: [(String, JSON)] = [
            ("line", .unsigned(line)), ("assessment", assessment.map { .raw($0) } ?? .null),
            ("first_transaction", .bool(isFirst)), ("checks", .array(checks)),
            ("rules", .array(rules.map(Self.json))),
        ]
        if let model { members.append(("model", Self.json(model))) }
        return .object(members)
    }

    private static func json(_ model: LearnedModel.Report) -> JSON {
        .object([
            ("ready", .bool(model.isReady)), ("probability", .real(model.probability)), ("sum", .real(model.sum)),
            (
                "inputs",
                .array(
                    model.parts.map { part in
                        let values = part.values.map(\.json)
                        return .object([
                            ("input", .string(part.input)),
                            ("value", values.count > 1 ? .array(values) : values.first ?? .null),
                            ("range", .string(part.range)), ("weight", .real(part.weight)),
                        ])
                    })
            ),
        ])
    }

    private static func json(_ rule: RuleReport) -> JSON {
        let (outcome, error): (String, JSON) =
            switch rule.outcome {
            case .fired: ("fired", .null)
            case .notFired: ("not_fired", .null)
            case .failed(let message): ("failed", .string(message))
            }
        return .object([
            (rule.isPattern ? "pattern" : "rule", .string(rule.name)), ("outcome", .string(outcome)), ("error", error),
            ("inputs", .object(rule.inputs.map { ($0.name, .string($0.value)) })),
            ("risk", rule.risk.map { .real($0) } ?? .null),
            ("decide", rule.decision.map { .string($0.label) } ?? .null), ("shadow", .bool(rule.isShadow)),
            ("reason", rule.reason.map { .string($0) } ?? .null),
        ])
    }
}
