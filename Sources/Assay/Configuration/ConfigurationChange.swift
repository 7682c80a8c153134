import AssayCore

/// Reports the differences between the settings of a checkpoint and those of a run.
package enum ConfigurationChange {
    static func warnings(from recorded: String, to present: Configuration) -> [String] {
        let changed: [String]
        do throws(ConfigurationError) {
            let before = try Configuration.parse(Array(recorded.utf8), path: "the checkpoint's configuration")
            changed = settings(from: before, to: present) + rules(from: before, to: present)
        } catch {
            return ["the checkpoint's configuration cannot be compared: \(error.message)"]
        }
        if changed.isEmpty { return [] }
        return ["the configuration has changed since the last checkpoint: " + changed.joined(separator: ", ")]
    }

    /// Settings that differ, without the rules.
    package static func settings(from before: Configuration, to present: Configuration) -> [String] {
        Setting.all.filter { $0.yaml(before) != $0.yaml(present) }
            .map { "\($0.path) from \($0.yaml(before)) to \($0.yaml(present))" }
    }

    /// Rules and lists that differ, by name.
    private static func rules(from before: Configuration, to present: Configuration) -> [String] {
        difference(
            "rule", before.rules.map { ($0.name, ReferenceConfiguration.rule($0)) },
            present.rules.map { ($0.name, ReferenceConfiguration.rule($0)) })
            + difference(
                "pattern", before.patterns.map { ($0.name, ReferenceConfiguration.rule($0)) },
                present.patterns.map { ($0.name, ReferenceConfiguration.rule($0)) })
            + difference(
                "list", before.lists.map { ($0.name, ReferenceConfiguration.list($0)) },
                present.lists.map { ($0.name, ReferenceConfiguration.list($0)) })
    }

    private static func difference(
        _ kind: String, _ before: [(name: String, text: String)], _ present: [(name: String, text: String)]
    ) -> [String] {
        let gone = before.filter { old in !present.contains { $0.name == old.name } }
            .map { "\(kind) \($0.name) is gone" }
        let other = present.compactMap { new -> String? in
            guard let old = before.first(where: { $0.name == new.name }) else { return "\(kind) \(new.name) is new" }
            return old.text == new.text ? nil : "\(kind) \(new.name) is another"
        }
        let all = gone + other
        if all.isEmpty, before.map(\.name) != present.map(\.name) { return ["the order of the \(kind)s"] }
        return all
    }
}
