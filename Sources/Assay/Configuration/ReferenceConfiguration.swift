import AssayCore

/// What is published about the configuration, generated from the settings.
package enum ReferenceConfiguration {
    /// Every setting with its default, and comments.
    package static var text: String {
        yaml(Configuration(), commented: true)
    }

    static func yaml(_ configuration: Configuration, commented: Bool) -> String {
        var text = commented ? "# Every setting of Assay with its default. A file needs only what differs.\n" : ""
        var section: Substring = ""
        for setting in Setting.all {
            // What came later is said only where it is used: digests of earlier configurations stay as they were.
            if !commented, setting.isLater, setting.yaml(configuration) == setting.yaml(Configuration()) { continue }
            let parts = setting.path.split(separator: ".")
            let indent = parts.count == 2 ? "  " : ""
            if parts.count == 2, parts[0] != section {
                section = parts[0]
                text += (commented ? "\n" : "") + "\(section):\n"
            } else if parts.count == 1, commented {
                text += "\n"
            }
            if commented, !setting.help.isEmpty { text += "\(indent)# \(setting.help)\n" }
            text += "\(indent)\(parts.last!): \(setting.yaml(configuration))\n"
        }
        return text + (commented ? ruleExample : rules(configuration))
    }

    private static let ruleExample = """

        # Lists of texts, for rules: given here, or a file with one a line.
        # lists:
        #   blocked_merchants: {file: blocked.txt}
        #   staff: [u1, u2]

        # Rules in CEL. When one holds, its risk is a further source of evidence, its decision is made, or both; with
        # 'shadow: true' neither, it is only shown and counted.
        # rules:
        #   - name: card_testing
        #     when: amount < 2.0 && velocity("payment", "5m") >= 3 && user.transactions > 10
        #     risk: 0.7
        #     reason: 'small payments in a row: %{amount} %{currency}'
        #   - name: trusted
        #     when: user_id in lists.staff
        #     decide: allow  # or review, or block; block beats allow, allow beats review

        # Sequences of a user's transactions. The one that completes a sequence gets the risk, the decision, or both.
        # patterns:
        #   - name: testing_then_large
        #     within: 1h
        #     stages:
        #       - {name: small, where: amount < 2.0, times: "3+"}
        #       - {name: large, followedBy: amount > 500.0}
        #     risk: 0.8

        # Who is told of what: each alert arrives, and the same matter is told once within its quiet time.
        # alerts:
        #   channels:
        #     fraud_desk: {slack: {url_file: /run/secrets/slack}}
        #   rules:
        #     - name: blocked_payment
        #       on: assessments  # or engine, with figures such as checkpoint_failures_total
        #       where: risk_level in ["high", "critical"]
        #       severity: critical
        #       key: [user_id]
        #       quiet: 5m
        #       message: '%{user_id}: %{risk_level} (%{risk_score}), %{transaction.amount} %{transaction.currency}'
        #       to: [fraud_desk]

        # What people judge at the desk, the page that --listen serves. Needs no more than 'review: {}'.
        # review:
        #   where: 'risk_level in ["high", "critical"] || decision == "review"'
        #   keep: 30d
        #   limit: 100000  # entries; what was judged, and what scores least, leaves first

        """

    private static func rules(_ configuration: Configuration) -> String {
        (configuration.lists.isEmpty ? "" : "lists:\n") + configuration.lists.map(list).joined()
            + (configuration.rules.isEmpty ? "" : "rules:\n") + configuration.rules.map(rule).joined()
            + (configuration.patterns.isEmpty ? "" : "patterns:\n") + configuration.patterns.map(rule).joined()
    }

    static func list(_ list: ListDefinition) -> String {
        switch list.source {
        case .inline(let entries):
            return "  \(list.name): [\(entries.map(Setting.quoted).joined(separator: ", "))]\n"
        case .file(let path, let digest):
            let suffix = digest.map { ", digest: \(Setting.quoted($0))" } ?? ""
            return "  \(list.name): {file: \(Setting.quoted(path))\(suffix)}\n"
        case .carried(let entries):
            return "  \(list.name): {entries: [\(entries.map(Setting.quoted).joined(separator: ", "))]}\n"
        }
    }

    static func rule(_ rule: RuleDefinition) -> String {
        var text = "  - name: \(Setting.quoted(rule.name))\n"
        if let sequence = rule.sequence {
            for (key, value) in PatternText(sequence).members { text += "    \(key): \(value)\n" }
            text += "    limits: {runs: \(sequence.limits.runs), events: \(sequence.limits.events)}\n"
        } else {
            text += "    when: \(Setting.quoted(rule.when))\n"
        }
        if let risk = rule.risk { text += "    risk: \(Setting.number(risk))\n" }
        if let decision = rule.decide { text += "    decide: \(decision.label)\n" }
        if let reason = rule.reason { text += "    reason: \(Setting.quoted(reason))\n" }
        if rule.isShadow { text += "    shadow: true\n" }
        return text
    }

    /// The JSON Schema of configuration files.
    package static var schema: String {
        var sections: [(name: Substring, properties: [String])] = []
        for setting in Setting.all {
            let parts = setting.path.split(separator: ".")
            let description = setting.help.isEmpty ? "" : "\"description\": \(quoted(setting.help)), "
            let property = "\(quoted(String(parts.last!))): {\(description)\(type(setting.value))}"
            let section = parts.count == 2 ? parts[0] : ""
            if sections.last?.name == section, !section.isEmpty {
                sections[sections.count - 1].properties.append(property)
            } else {
                sections.append((section, [property]))
            }
        }
        let properties = sections.map { section in
            if section.name.isEmpty { return "    " + section.properties[0] }
            let inner = section.properties.map { "        " + $0 }.joined(separator: ",\n")
            return """
                    \(quoted(String(section.name))): {
                      "type": "object", "additionalProperties": false,
                      "properties": {
                \(inner)
                      }
                    }
                """
        }
        return """
            {
              "$schema": "https://json-schema.org/draft/2020-12/schema",
              "title": "Assay configuration",
              "type": "object",
              "additionalProperties": false,
              "properties": {
            \(properties.joined(separator: ",\n")),
            \(ruleProperties)
              }
            }

            """
    }

    private static let ruleProperties = """
            "inputs": {
              "description": "Where transactions come from, by name, unless the command line names them.",
              "type": "object", "minProperties": 1, "maxProperties": 64, "additionalProperties": {"type": "object"}
            },
            "outputs": {
              "description": "Where assessments go, with 'where' and 'columns' if needed.",
              "type": "object", "additionalProperties": false,
              "properties": {
                "assessments": {"type": ["string", "object", "array"]},
                "rejects": {"description": "Where rejected lines go.", "type": ["object", "array"]}
              }
            },
            "alerts": {
              "description": "Who is told of what.", "type": "object", "additionalProperties": false,
              "required": ["channels", "rules"],
              "properties": {
                "page": {"description": "What messages link to.", "type": "string", "pattern": "^https?://"},
                "channels": {
                  "description": "By name: slack, pagerduty, email, webhook, alertmanager, file or stdout.",
                  "type": "object", "minProperties": 1, "maxProperties": 100,
                  "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$"},
                  "additionalProperties": {"type": "object", "minProperties": 1, "maxProperties": 1}
                },
                "limits": {
                  "type": "object", "additionalProperties": false,
                  "properties": {
                    "outbox": {"description": "So many wait at most.", "type": "integer", "minimum": 1},
                    "per_minute": {"description": "More of a rule are put together.", "type": "integer", "minimum": 1},
                    "give_up": {"description": "After this age trying ends.", "type": "string"}
                  }
                },
                "rules": {
                  "type": "array", "maxItems": 1000,
                  "items": {
                    "type": "object", "additionalProperties": false, "required": ["name", "on", "to"],
                    "properties": {
                      "name": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$"},
                      "on": {"description": "assessments, a stream of the pipeline, or engine.", "type": "string"},
                      "where": {"description": "A condition.", "type": ["string", "boolean"]},
                      "severity": {"description": "info, warning, critical, or an expression.", "type": "string"},
                      "key": {"description": "What makes it the same matter.", "type": ["string", "array", "object"]},
                      "quiet": {"description": "How long it is not told again.", "type": "string"},
                      "message": {"description": "With expressions in %{}.", "type": "string", "minLength": 1},
                      "for": {"description": "On engine: how long it has to hold.", "type": "string"},
                      "resolve": {"description": "On engine: whether its end is told.", "type": "boolean"},
                      "to": {"description": "Names of channels.", "type": "array", "minItems": 1,
                             "items": {"type": "string"}}
                    }
                  }
                }
              }
            },
            "review": {
              "description": "What people judge.", "type": "object", "additionalProperties": false,
              "properties": {
                "where": {"description": "Which assessments.", "type": ["string", "boolean"]},
                "keep": {"description": "How long an entry stays.", "type": "string"},
                "limit": {"description": "So many stay at most.", "type": "integer", "minimum": 1, "maximum": 10000000}
              }
            },
            "kafka": {"description": "What topics of Kafka share: 'brokers' and 'options'.", "type": "object"},
            "postgres": {"description": "What outputs into PostgreSQL share, such as the 'uri'.", "type": "object"},
            "lists": {
              "description": "Lists of texts, for rules.", "type": "object",
              "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$"}, "maxProperties": 1000,
              "additionalProperties": {"anyOf": [
                {"type": "array", "items": {"type": ["string", "number", "boolean"]}},
                {"type": "object", "additionalProperties": false, "required": ["file"],
                 "properties": {"file": {"type": "string"}, "digest": {"type": "string"}}},
                {"type": "object", "additionalProperties": false, "required": ["entries"],
                 "description": "What a file held.", "properties": {
                   "entries": {"type": "array", "items": {"type": ["string", "number", "boolean"]}}}}
              ]}
            },
            "rules": {
              "description": "Rules in CEL, in order.", "type": "array", "maxItems": 1000,
              "items": {
                "type": "object", "additionalProperties": false, "required": ["name", "when"],
                "anyOf": [{"required": ["risk"]}, {"required": ["decide"]}],
                "properties": {
                  "name": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
                  "when": {"description": "A condition.", "type": "string", "minLength": 1},
                  "risk": {"type": "number", "minimum": 0, "maximum": 1},
                  "decide": {"enum": ["allow", "review", "block"]},
                  "reason": {"description": "With expressions in %{}.", "type": "string", "maxLength": 1024},
                  "shadow": {"type": "boolean"}
                }
              }
            },
            "patterns": {
              "description": "Sequences of a user's transactions; see 'Patterns' in the README.",
              "type": "array", "maxItems": 100,
              "items": {
                "type": "object", "additionalProperties": false, "required": ["name", "stages"],
                "anyOf": [{"required": ["risk"]}, {"required": ["decide"]}],
                "properties": {
                  "name": {"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
                  "risk": {"type": "number", "minimum": 0, "maximum": 1},
                  "decide": {"enum": ["allow", "review", "block"]},
                  "shadow": {"type": "boolean"},
                  "within": {"type": "string"},
                  "skip": {"type": "string"},
                  "for": {"description": "A condition for the transactions it sees.", "type": "string"},
                  "with": {"description": "Constants that conditions may use.", "type": "object"},
                  "limits": {
                    "type": "object", "additionalProperties": false,
                    "properties": {"runs": {"type": "integer"}, "events": {"type": "integer"}}
                  },
                  "stages": {"type": "array", "minItems": 1, "items": {"type": "object"}}
                }
              }
            }
        """

    private static func type(_ value: Setting.Value) -> String {
        let list = "\"type\": \"array\", \"minItems\": 1, \"maxItems\": \(Setting.mostWindows)"
        let threshold =
            "{\"type\": \"integer\", \"minimum\": \(Setting.thresholdValues.lowerBound), "
            + "\"maximum\": \(Setting.thresholdValues.upperBound)}"
        let duration =
            "{\"anyOf\": [{\"type\": \"string\", \"pattern\": \"^[0-9]+(ms|s|m|h|d)$\"}, "
            + "{\"type\": \"integer\", \"minimum\": 0}]}"
        switch value {
        case .real(_, let range):
            return "\"type\": \"number\", \"minimum\": \(range.lowerBound), \"maximum\": \(range.upperBound)"
        case .count(_, let range):
            return "\"type\": \"integer\", \"minimum\": \(range.lowerBound), \"maximum\": \(range.upperBound)"
        case .hour: return "\"type\": \"integer\", \"minimum\": 0, \"maximum\": 23"
        case .truth: return "\"type\": \"boolean\""
        case .duration: return String(duration.dropFirst().dropLast())
        case .text(_, let bytes):
            return "\"type\": \"string\", \"minLength\": \(bytes.lowerBound), \"maxLength\": \(bytes.upperBound)"
        case .combination: return choice(ScoringSettings.Combination.self)
        case .amountSign: return choice(AmountSign.self)
        case .role: return choice(ScoringSettings.Learning.Role.self)
        case .fields(_, let counts):
            return "\"type\": \"array\", \"minItems\": \(counts.lowerBound), \"maxItems\": \(counts.upperBound), "
                + "\"items\": {\"type\": \"string\", \"minLength\": 1, "
                + "\"maxLength\": \(Configuration.longestFieldName)}"
        case .counts(let places, let range):
            let count =
                "{\"type\": \"integer\", \"minimum\": \(range.lowerBound), \"maximum\": \(range.upperBound)}"
            return "\"type\": \"object\", \"additionalProperties\": false, \"properties\": {"
                + places.map { "\(quoted($0.name)): \(count)" }.joined(separator: ", ") + "}"
        case .windows: return "\(list), \"items\": \(duration)"
        case .thresholds: return "\(list), \"items\": \(threshold)"
        case .thresholdsByType:
            return "\"type\": \"object\", \"additionalProperties\": {\(list), \"items\": \(threshold)}"
        case .fieldNames:
            let names = TransactionFields.targets.map(quoted)
            return "\"type\": \"object\", \"additionalProperties\": {\"enum\": [\(names.joined(separator: ", "))]}"
        }
    }

    private static func choice<Choice: CaseIterable & RawRepresentable<String>>(_ choices: Choice.Type) -> String {
        "\"enum\": [\(choices.allCases.map { quoted($0.rawValue) }.joined(separator: ", "))]"
    }

    /// None of our texts has anything that JSON escapes.
    private static func quoted(_ text: String) -> String { "\"\(text)\"" }
}
