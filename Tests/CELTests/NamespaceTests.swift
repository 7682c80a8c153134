import CEL
import Testing

/// What a name means, among containers, dotted variables and the variables of macros.
@Suite struct NamespaceTests {
    struct Case: Sendable {
        let expression: String
        let container: String
        let bound: [String: Value]
        let expected: String
    }

    static let cases: [Case] = [
        Case(expression: "x.y", container: "", bound: ["x.y": .bool(true)], expected: "true"),
        Case(expression: "y", container: "x", bound: ["x.y": .bool(true), "y": .string("no")], expected: "true"),
        Case(
            expression: "y", container: "com.example", bound: ["com.example.y": .int(1), "com.y": .int(2)],
            expected: "1"
        ),
        Case(expression: "y", container: "com.example", bound: ["com.y": .int(2), "y": .int(3)], expected: "2"),
        Case(
            expression: ".y", container: "com.example", bound: ["com.example.y": .int(1), "y": .int(3)], expected: "3"),
        Case(
            expression: "[0].exists(y, y == 0)", container: "com.example", bound: ["com.example.y": .int(42)],
            expected: "true"),
        Case(expression: "[0].all(y, .y == 42)", container: "", bound: ["y": .int(42)], expected: "true"),
        Case(expression: "[{'z': 0}].exists(y, y.z == 0)", container: "", bound: ["y.z": .int(42)], expected: "true"),
        Case(
            expression: "[{'z': 0}].exists(y, y.z == 0)", container: "com.example",
            bound: ["com.example.y.z": .int(42)], expected: "true"),
        Case(
            expression: "[{'z': 0}].exists(y, .y.z == 0)", container: "com.example",
            bound: ["com.example.y.z": .int(42), "y.z": .int(42)], expected: "false"),
        Case(
            expression: "[1].exists(y, [0].exists(y, y == 0))", container: "com.example",
            bound: ["com.example.y": .int(42), "y": .int(42)], expected: "true"),
        Case(
            expression: "a.b.c", container: "",
            bound: ["a.b.c": .string("longest"), "a.b": Sample.map([("c", .int(1))])],
            expected: "\"longest\""),
        Case(expression: "a.b.c", container: "", bound: ["a.b": Sample.map([("c", .int(1))])], expected: "1"),
        Case(
            expression: "a.b.c", container: "", bound: ["a": Sample.map([("b", Sample.map([("c", .int(1))]))])],
            expected: "1"),
        Case(
            expression: "a.`b`", container: "", bound: ["a.b": .int(1), "a": Sample.map([("b", .int(2))])],
            expected: "2"),
        Case(expression: "Timestamp == type(timestamp(0))", container: "google.protobuf", bound: [:], expected: "true"),
        Case(expression: "int", container: "", bound: ["int": .int(5)], expected: "5"),
        Case(expression: "double(int)", container: "", bound: ["int": .int(5)], expected: "5.0"),
        Case(expression: "true", container: "", bound: ["true": .bool(false)], expected: "true"),
        Case(expression: ".size([1])", container: "a", bound: [:], expected: "1"),
    ]

    @Test("Names are found innermost first, the longest first, and macros' variables before all", arguments: cases)
    func resolution(_ testCase: Case) throws {
        for checked in [true, false] {
            var environment = Environment()
            environment.container = testCase.container
            for (name, value) in testCase.bound { environment.define(name, value) }
            let outcome = Sample.outcome(of: testCase.expression, checked: checked, in: environment)
            #expect(outcome.matches(testCase.expected), "\(outcome), checked: \(checked)")
        }
    }

    @Test("Functions of the host are found by their full names, prepared once, and called with values")
    func hostFunctions() throws {
        nonisolated(unsafe) var prepared: [[String]] = []
        var environment = Sample.environment
        environment.declare(
            HostFunction("tools.pair", [.int, .int], .list(.int)) { arguments in
                prepared.append(arguments.map { $0?.literal ?? "?" })
                return .call(7)
            })
        environment.declare(HostFunction("answer", [.string], .int) { _ in .variable(0) })
        environment.declare(HostFunction("never", [.string], .int) { _ in .fault("only on Sundays") })
        let pair = Sample.outcome(of: "tools.pair(1, i).map(x, tools.pair(x, x))", checked: true, in: environment)
        #expect(pair.matches("[[1, 1], [42, 42]]"), "\(pair)")
        #expect(prepared == [["1", "?"], ["?", "?"]])
        #expect(Sample.outcome(of: "answer('x') + 1", checked: true, in: environment).matches("43"))
        #expect(Sample.outcome(of: "never('x')", checked: true, in: environment).matches("?only on Sundays"))
        #expect(Sample.outcome(of: "answer(1)", checked: true, in: environment).matches("?answer() takes no (int)"))
        #expect(Sample.outcome(of: "answr('a')", checked: true, in: environment).matches("?did you mean 'answer'?"))
    }

    @Test("A program says what it reads, and reads nothing else")
    func reads() throws {
        var compiler = Compiler(Sample.environment)
        #expect(try compiler.add("i > 50 && anything.name == s").reads == ["i", "anything", "s"])
        #expect(try compiler.add("1 + 1 == 2").reads == [])
        let program = compiler.finish()
        let host = SampleHost()
        #expect(try program.bool(0, host: host) == false)
        #expect(host.reads == 1, "what comes behind a false is not asked for")
    }
}
