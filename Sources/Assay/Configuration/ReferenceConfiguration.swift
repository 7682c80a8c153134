/// What is published about the configuration, made from the settings themselves.
package enum ReferenceConfiguration {
    /// Every setting with its default, and comments.
    package static var text: String {
        yaml(Configuration(), commented: true)
    }

    static func yaml(_ configuration: Configuration, commented: Bool) -> String {
        var text = commented ? "# Every setting of Assay with its default. A file needs only what differs.\n" : ""
        var section: Substring = ""
        for setting in Setting.all {
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
            \(properties.joined(separator: ",\n"))
              }
            }

            """
    }

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
        case .combination:
            let names = ScoringSettings.Combination.allCases.map { quoted($0.rawValue) }
            return "\"enum\": [\(names.joined(separator: ", "))]"
        case .windows: return "\(list), \"items\": \(duration)"
        case .thresholds: return "\(list), \"items\": \(threshold)"
        case .thresholdsByType:
            return "\"type\": \"object\", \"additionalProperties\": {\(list), \"items\": \(threshold)}"
        case .fieldNames:
            let names = FieldNames.targets.map(quoted)
            return "\"type\": \"object\", \"additionalProperties\": {\"enum\": [\(names.joined(separator: ", "))]}"
        }
    }

    /// None of our own texts holds anything that JSON escapes.
    private static func quoted(_ text: String) -> String { "\"\(text)\"" }
}
