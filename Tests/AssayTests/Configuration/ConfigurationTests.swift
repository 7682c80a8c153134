import Foundation
import TestSupport
import Testing

@testable import Assay
@testable import AssayCore

@Suite struct ConfigurationTests {
    private static func error(_ yaml: String) -> String? {
        do throws(ConfigurationError) {
            _ = try Configuration.parse(Array(yaml.utf8), path: "c.yaml").resolve(path: "c.yaml")
            return nil
        } catch {
            return error.description
        }
    }

    @Test(
        "Mistakes are named with file, line, column and what was meant",
        arguments: [
            ("combin: max", "c.yaml:1:1: unknown key 'combin'; did you mean 'combine'?"),
            ("amount:\n  zscore: 3", "c.yaml:2:3: unknown key 'amount.zscore'; did you mean 'amount.z_score'?"),
            ("z_score: 3", "c.yaml:1:1: unknown key 'z_score'; did you mean 'amount.z_score'?"),
            ("combine: avg", "c.yaml:1:10: 'combine' must be one of noisy_or, max, mean, not 'avg'"),
            (
                "combine: men",
                "c.yaml:1:10: 'combine' must be one of noisy_or, max, mean, not 'men'; did you mean 'mean'?"
            ),
            ("min_history: five", "c.yaml:1:14: 'min_history' must be a whole number from 0 to 1000000, not 'five'"),
            ("min_history: -1", "c.yaml:1:14: 'min_history' must be a whole number from 0 to 1000000, not '-1'"),
            ("min_history: [5]", "c.yaml:1:14: 'min_history' must be a whole number, not a list"),
            ("deduplicate: maybe", "c.yaml:1:14: 'deduplicate' must be true or false, not 'maybe'"),
            (
                "state_ttl: 90 days",
                "c.yaml:1:12: 'state_ttl' must be a duration such as 10s, 5m, 1h or 90d, not '90 days'"
            ),
            (
                "time: {night_first_hour: 24}",
                "c.yaml:1:26: 'time.night_first_hour' must be a whole number from 0 to 23, not '24'"
            ),
            ("pattern: 3", "c.yaml:1:10: 'pattern' must be a map of keys and values, not a single value"),
            ("- a", "c.yaml:1:1: a configuration must be a map of keys and values, not a list"),
            ("velocity: {windows: [10m, 5m, 1h]}", "c.yaml:1:21: 'velocity.windows' must ascend"),
            (
                "velocity:\n  thresholds: {cash: [1, 2]}",
                "c.yaml:2:15: 'velocity.thresholds.cash' needs one threshold for each of the windows"
            ),
            (
                "velocity: {other_thresholds: [0, 1, 2]}",
                "c.yaml:1:31: 'velocity.other_thresholds' must be a whole number from 1 to 10000, not '0'"
            ),
            (
                "location: {same_place_km: 200}",
                "c.yaml:1:27: 'location.same_place_km' must not be more than 'location.unusual_km'"
            ),
            ("levels: {high: 0.9}", "c.yaml:1:16: the levels must not descend from medium to critical"),
            (
                "fields: {order: transaction_idd}",
                "c.yaml:1:17: 'transaction_idd' is not one of our fields; did you mean 'transaction_id'?"
            ),
            ("fields: {a: amount, b: amount}", "c.yaml:1:24: 'amount' has two names"),
            (
                "timezone: Asia/Soul",
                """
                c.yaml:1:11: unknown timezone 'Asia/Soul': /usr/share/zoneinfo has no such zone \
                (Debian's package tzdata holds them)
                """
            ),
            ("a: 1\na: 2", "c.yaml:2:1: 'a' is given twice"),
            ("combine: *x", "c.yaml:1:10: aliases (*name) are not supported"),
            (
                "combine: [max",
                "c.yaml:2:1: did not find expected ',' or ']' while parsing a flow sequence; a text with any of "
                    + ", : { } [ ] # may have to be in quotes: '…'"
            ),
            ("a: 1\n---\nb: 2", "c.yaml:2:1: a configuration is one document"),
            (String(repeating: "[", count: 100), "c.yaml:1:65: nested too deeply"),
        ])
    func mistakes(_ yaml: String, _ expected: String) {
        #expect(Self.error(yaml) == expected)
    }

    @Test("The printed reference is a configuration that changes nothing")
    func reference() throws {
        let parsed = try Configuration.parse(Array(ReferenceConfiguration.text.utf8), path: "reference")
        #expect(parsed.scoring == ScoringSettings() && parsed.fieldNames.isEmpty)
        for setting in Setting.all where setting.path != "fields" {
            #expect(parsed.positions[setting.path] != nil, "\(setting.path)")
        }
    }

    @Test("Every setting that is written is read back the same")
    func roundTrip() throws {
        let yaml = """
            timezone: Asia/Seoul
            combine: mean
            min_history: 3
            state_ttl: 36h
            deduplicate: false
            default_type: "card: present"
            fields: {order_id: transaction_id, "total price": amount}
            velocity: {windows: [60, 2m],
              thresholds: {"a \\"b\\"": [1, 2], payment: [3, 4], transfer: [5, 6], withdrawal: [7, 8]},
              other_thresholds: [9, 10], risk_at_threshold: 0.25}
            location: {unusual_km: 50.5}
            """
        let first = try Configuration.parse(Array(yaml.utf8), path: "a")
        #expect(first.scoring.velocity.windowSeconds == [60, 120] && first.scoring.stateTTLMilliseconds == 129_600_000)
        #expect(first.scoring.velocity.thresholds["a \"b\""] == [1, 2])
        let written = ReferenceConfiguration.yaml(first, commented: false)
        let second = try Configuration.parse(Array(written.utf8), path: "b")
        #expect(second.scoring == first.scoring && second.fieldNames == first.fieldNames)
    }

    @Test("An empty file is the defaults", arguments: ["", "# nothing\n", "---\n", "velocity:\n"])
    func empty(_ yaml: String) throws {
        #expect(try Configuration.parse(Array(yaml.utf8), path: "e").scoring == ScoringSettings())
    }

    @Test("The published schema is the one that the settings make")
    func schema() throws {
        let path = Repository.root.appending(path: "schemas/config.schema.json")
        #expect(try String(contentsOf: path, encoding: .utf8) == ReferenceConfiguration.schema)
    }
}
