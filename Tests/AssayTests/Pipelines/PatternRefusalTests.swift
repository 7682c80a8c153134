import Testing

@testable import Assay
@testable import AssayCore

/// Patterns that cannot be meant, or that nobody could tell the meaning of.
@Suite struct PatternRefusalTests {
    private static func refusal(_ yaml: String) throws -> ConfigurationError? {
        let file = """
            input: {fields: {k: string, type: string, v: int, time: timestamp}, time: time}
            streams:
              found:
                key: k
                pattern:
                  \(yaml.split(separator: "\n").joined(separator: "\n      "))
            """
        do throws(ConfigurationError) {
            _ = try StreamCompiler.compile(try PipelineReading.read(Array(file.utf8), path: "p.yaml", Self.kinds))
            return nil
        } catch {
            return error
        }
    }

    private static let kinds = ConnectorKinds(
        sources: [], outputs: [], standardOutput: StandardOutputKind.definition)
    private static let a = "{name: a, where: v > 1}"
    private static let b = "{name: b, followedBy: v > 2}"
    private static let n = "{name: n, notFollowedBy: v > 3}"
    private static let x = "{name: x, where: v > 1}"
    private static let maybe = "{name: x, where: v > 1, optional: true}"

    @Test(
        "Each has its reason, and the place of the stage that is at fault",
        arguments: [
            ("stages: [\(a), {name: b, followedBy: v > 1, optional: true, times: 2}]", nil),
            (
                "stages: [{name: a, where: v > 1, times: 1+, greedy: true}, {name: b, next: v > 2, optional: true}]",
                "an optional stage cannot come right after a greedy one"
            ),
            ("stages: [{name: a, where: v > 1, optional: true}, \(n), \(b)]", "cannot be right after an optional"),
            (
                "stages: [\(a), {group: {followedBy: true, stages: [\(maybe)]}}, \(n), \(b)]",
                "cannot be right after an optional"
            ),
            ("stages: [\(a), {name: n, notNext: v > 3, times: 2}, \(b)]", "has no 'times'"),
            ("stages: [\(a), {name: n, notFollowedBy: v > 3, greedy: true}, \(b)]", "has no 'times'"),
            ("stages: [\(a), \(n)]", "needs 'within'"),
            ("within: 1m\nstages: [\(a), \(n)]", nil),
            ("stages: [\(a), \(n), {name: m, notNext: v > 4}, \(b)]", "right before another stage"),
            ("stages: [\(a), {name: m, notNext: v > 4}, \(n), \(b)]", nil),
            ("within: 1m\nstages: [\(a), \(n), {name: m, notFollowedBy: v > 4}]", "right before another stage"),
            ("stages: [{group: {stages: [\(a), \(n)]}}, \(b)]", "cannot be the last of a group"),
            (
                "stages: [\(a), \(n), {group: {followedBy: true, optional: true, stages: [\(x)]}}, \(b)]",
                "before a group that is optional"
            ),
            (
                "stages: [\(a), \(n), {group: {followedBy: true, times: [0, 2], stages: [\(x)]}}, \(b)]",
                "before a group that is optional"
            ),
            ("stages: [\(a), \(n), {name: b, followedBy: v > 2, optional: true}]", "ends before it can come"),
            (
                "stages: [\(a), \(n), {name: b, next: v > 2, times: 0+, greedy: true}, {name: c, next: v > 3}]",
                "right after 'notFollowedBy'"
            ),
            ("stages: [{name: a, where: v > 1, greedy: true}]", "'greedy' needs 'times'"),
            ("stages: [{name: a, where: v > 1, times: 2+, greedy: true, inner: combinations}]", "any part of it"),
            ("stages: [{group: {times: 1+, greedy: true, stages: [\(a)]}}]", "a group cannot be greedy"),
            ("stages: [{name: a, where: v > 1, until: v > 5}]", "'until' ends a loop"),
            ("stages: [\(a), {name: a, next: v > 2}]", "there are two stages 'a'"),
            ("skip: first x\nstages: [\(a)]", "which is not a stage outside groups"),
            (
                "skip: last x\nstages: [{group: {stages: [\(x)]}}]",
                "which is not a stage outside groups"
            ),
            ("skip: first n\nstages: [\(a), \(n), \(b)]", "'skip' names 'n', which must not come"),
            ("stages: [{name: a, where: v > 1, inner: consecutive}]", "there is no 'times'"),
            ("stages: [\(a), {name: b, next: v > 2, inner: combinations}]", "there is no 'times'"),
            ("stages: [{group: {inner: consecutive, stages: [\(a)]}}]", "there is no 'times'"),
            ("stages: [{name: a, where: v > 1, inner: relaxed}]", nil),
            ("stages: [{name: a, where: v > 1, inner: consecutive, times: 2}]", nil),
            ("stages: [{group: {times: 1+, stages: [{name: a, where: v > 1, optional: true}]}}]", "never ends"),
            ("stages: [{name: a, where: v > 1, times: [3, 2]}]", "the lesser number first"),
            ("stages: [{name: a, where: v > 1, times: 1001}]", "1 to 1000"),
            ("stages: [{name: a, where: v > 1, times: 1000}]", nil),
            ("stages: [{name: a, next: v > 1}]", "is the first: it has 'where'"),
            ("stages: [\(a), {name: b, where: v > 1}]", "say how stage 'b' follows"),
            ("stages: [\(a), {name: b, next: v > 1, followedBy: v > 2}]", "it follows in one way"),
            ("stages: [\(a), {name: b, folowedBy: v > 1}]", "did you mean 'followedBy'?"),
            ("stages: [\(a), {name: b, next: vv > 1}]", "undeclared reference to 'vv'"),
            ("stages: [\(a), {name: b, next: aa.exists(x, x.v > 1)}]", "undeclared reference to 'aa'"),
            ("stages: [\(a), {name: v, next: v > 1}]", "has the name of a field"),
            ("stages: [\(a), {name: size, next: v > 1}]", "means something else in expressions"),
            ("with: {v: 1}\nstages: [\(a)]", "has the name of a field"),
            ("with: {least: 3}\nstages: [{name: a, where: v > least}]", nil),
            ("skip: forward\nstages: [\(a)]", "'skip' is none, next"),
            ("limits: {runs: 0}\nstages: [\(a)]", "a whole number above 0"),
            ("use: other", "'patterns' has no 'other'"),
            ("stages: []", "'stages' is empty"),
        ])
    func refused(_ yaml: String, _ reason: String?) throws {
        let error = try Self.refusal(yaml)
        guard let reason else {
            #expect(error == nil, "\(error?.description ?? "")")
            return
        }
        let found = try #require(error)
        #expect(found.message.contains(reason), "\(found.description)")
        #expect((found.position?.line ?? 0) >= 6, "\(found.description)")
    }

    @Test("What is wrong with a stage is said with the line and column of the stage")
    func place() throws {
        let error = try Self.refusal("stages:\n  - \(Self.a)\n  - {name: b, next: v > 2, inner: consecutive}")
        #expect(error?.position == TextPosition(line: 8, column: 11), "\(error?.description ?? "")")
    }

    @Test("64 conditions are taken, 65 are not")
    func conditions() throws {
        func stages(_ count: Int) -> String {
            let more = (1..<count).map { "{name: s\($0), next: v > \($0)}" }.joined(separator: ", ")
            return "stages: [\(Self.a), \(more)]"
        }
        #expect(try Self.refusal(stages(64)) == nil)
        #expect(try Self.refusal(stages(65))?.message.contains("at most 64 conditions") == true)
    }

    @Test("Where any field may be named, a list that is nearly a stage's name is a slip")
    func slip() throws {
        let file = """
            input: {time: time}
            streams:
              found:
                key: k
                pattern: {stages: [{name: views, where: v > 1}, {name: b, next: v > vews.map(x, x.v).sum()}]}
            """
        let error = #expect(throws: ConfigurationError.self) {
            _ = try StreamCompiler.compile(try PipelineReading.read(Array(file.utf8), path: "p.yaml", Self.kinds))
        }
        #expect(error?.position == TextPosition(line: 5, column: 73), "\(error?.description ?? "")")
        #expect(error?.message.contains("did you mean 'views'?") == true)
    }
}
