import AssayCore

extension Configuration {
    /// The longest line that a journal's mark may have leaves room for its escapes.
    private static let longestMark = longestLine / 2

    /// The same with the entries of lists in place of their files, so that it holds by itself. Lists that are too large
    /// for that stay files with digests.
    package func standingAlone(path: String) throws(ConfigurationError) -> Configuration {
        var alone = self
        var size = ReferenceConfiguration.yaml(self, commented: false).utf8.count
        for index in lists.indices {
            let entries = try entries(of: lists[index], path: path)
            size += entries.reduce(0) { $0 + $1.utf8.count + 4 }
            guard size <= Self.longestMark else { continue }
            alone.lists[index].source = .inline(entries)
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
