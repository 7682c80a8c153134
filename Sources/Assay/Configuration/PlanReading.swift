import AssayCore

extension Configuration {
    /// The longest line that a journal's mark may have leaves room for its escapes.
    package static let longestMark = longestLine / 2

    /// The same with the entries of lists in place of their files, so that it holds by itself. Lists that make it
    /// longer than `limit` stay files with digests.
    package func standingAlone(
        path: String, upTo limit: Int = Configuration.longestMark
    ) throws(ConfigurationError) -> Configuration {
        var alone = self
        var size = ReferenceConfiguration.yaml(self, commented: false).utf8.count
        for index in lists.indices {
            guard case .file = lists[index].source else { continue }
            let entries = try entries(of: lists[index], path: path)
            size += entries.reduce(0) { $0 + $1.utf8.count + 4 }
            guard size <= limit else { continue }
            alone.lists[index].source = .carried(entries)
        }
        return alone
    }

    /// The plan that a run goes by.
    package func plan(_ resolved: Resolved) -> ScoringPlan {
        ScoringPlan(
            settings: resolved.scoring, zone: resolved.zone, fields: resolved.fields, rules: resolved.rules,
            configuration: ReferenceConfiguration.yaml(self, commented: false))
    }

    /// The plan of a configuration as checkpoints and marks hold it.
    package static func recordedPlan(_ text: String) throws(ConfigurationError) -> ScoringPlan {
        let configuration = try recorded(text)
        let resolved = try configuration.resolve(path: "the recorded configuration")
        return ScoringPlan(
            settings: resolved.scoring, zone: resolved.zone, fields: resolved.fields, rules: resolved.rules,
            configuration: text)
    }

    /// The plan of a configuration for a place where no other file is. `present`: what it takes the place of, whose
    /// settings have to be the same.
    package static func carriedPlan(
        _ text: String, instead present: String? = nil
    ) throws(ConfigurationError) -> ScoringPlan {
        let configuration = try recorded(text)
        for list in configuration.lists {
            guard case .file(let file, _) = list.source else { continue }
            throw ConfigurationError(
                path: "the configuration", position: nil,
                message: "the entries of the list '\(list.name)' have to be in it, not in '\(file)'")
        }
        if let present {
            let others = ConfigurationChange.settings(from: try recorded(present), to: configuration)
            guard others.isEmpty else {
                throw ConfigurationError(
                    path: "the configuration", position: nil,
                    message: "only rules, patterns and lists can change, and it changes "
                        + others.joined(separator: ", "))
            }
        }
        return try recordedPlan(text)
    }
}

extension JournalReading {
    /// Takes over what marks say. `isCertain`: whatever the first line is.
    package static func takingOver(isCertain: Bool = false) -> JournalReading {
        JournalReading(isCertain: isCertain) { text in
            do throws(ConfigurationError) {
                return .success(try Configuration.recordedPlan(text))
            } catch {
                return .failure(MarkFault(message: error.message))
            }
        }
    }
}
