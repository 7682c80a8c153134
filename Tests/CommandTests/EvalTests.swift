import Foundation
import TestSupport
import Testing

/// `assay eval`, as people and as conformance suites use it.
@Suite struct EvalTests {
    private static func run(_ arguments: String...) throws -> Binary.Result { try Binary.run(["eval"] + arguments) }

    private static func text(_ result: Binary.Result) -> String { String(decoding: result.output, as: UTF8.self) }

    @Test("An expression's value and type are printed, with variables from an object or a file")
    func values() throws {
        let plain = try Self.run("size([1, 2]) + 1")
        #expect(plain.code == 0 && Self.text(plain) == "3\ntype: int\n")
        let with = try Self.run(#"amount * 2.0 > 5.0 && m.a[0] == "x""#, "--with", #"{"amount":2.6,"m":{"a":["x"]}}"#)
        #expect(Self.text(with) == "true\ntype: bool\n")
        let folder = try TemporaryFolder()
        let file = try folder.write("variables.json", #"{"a": 1, "a.b": [2]}"#)
        let fromFile = try Self.run("--json", "a.b.map(x, x + a)", "--with", file)
        #expect(Self.text(fromFile) == #"{"list":[{"int":"3"}]}"# + "\n")
    }

    @Test(
        "What is wrong is told with its place, and with the exit code of bad data",
        arguments: [
            ("1 +", "1:4: a value was expected, not the end of the expression", "       ^"),
            ("amount > 1", "1:1: undeclared reference to 'amount'", "    ^"),
            ("1 / 0", "1:3: division by zero", "      ^"),
        ])
    func faults(_ expression: String, _ message: String, _ caret: String) throws {
        let result = try Self.run(expression)
        #expect(result.code == 65 && result.output.isEmpty)
        #expect(result.errors == "    \(expression)\n\(caret)\nassay: error: \(message)\n")
    }

    @Test(
        "Wrong calls are told apart",
        arguments: [
            ([], 64, "name an expression"), (["--batch", "1"], 64, "--batch takes"),
            (["1", "--with", "/does/not/exist"], 66, "not a JSON object"), (["1", "--with", #"{"a":}"#], 65, "--with"),
        ] as [([String], Int32, String)])
    func usage(_ arguments: [String], _ code: Int32, _ message: String) throws {
        let result = try Binary.run(["eval"] + arguments)
        #expect(result.code == code && result.errors.contains(message), "\(result.errors)")
    }

    static let requests: [(request: String, answer: String)] = [
        (
            #"{"expr":"a + 1","bindings":{"a":{"int":"1"}},"container":"","check":true,"macros":true,"#
                + #""type_env":[{"name":"a","type":"int"}]}"#,
            #"{"value":{"int":"2"}}"#
        ),
        (
            #"{"expr":"[1u, 1.5, 'é', b'\\xff', true, null]"}"#,
            #"{"value":{"list":[{"uint":"1"},{"double":1.5},{"string":"é"},{"bytes":"/w=="},{"bool":true},"#
                + #"{"null":null}]}}"#
        ),
        (
            #"{"expr":"[0.0/0.0, 1.0/0.0, -1.0/0.0, -0.0]"}"#,
            #"{"value":{"list":[{"double":"NaN"},{"double":"Infinity"},{"double":"-Infinity"},{"double":-0.0}]}}"#
        ),
        (
            #"{"expr":"{'a': timestamp(0), 'b': duration('1500ms'), 'c': type(1)}"}"#,
            #"{"value":{"map":[[{"string":"a"},{"timestamp":"1970-01-01T00:00:00Z"}],[{"string":"b"},"#
                + #"{"duration":"1.5s"}],[{"string":"c"},{"type":"int"}]]}}"#
        ),
        (
            #"{"expr":"y","container":"x","bindings":{"x.y":{"bool":true},"y":{"bool":false}},"check":false}"#,
            #"{"value":{"bool":true}}"#
        ),
        (#"{"expr":"[[], [1]]","check_only":true}"#, #"{"type":"list(list(int))"}"#),
        (
            #"{"expr":"x.map(k, k)","check_only":true,"type_env":[{"name":"x","type":"map(string, list(int))"}]}"#,
            #"{"type":"list(string)"}"#
        ),
        (#"{"expr":"nope || true","check":false}"#, #"{"value":{"bool":true}}"#),
        (
            #"{"expr":"[1].map(x, x)","macros":false,"check":false}"#,
            #"{"error":"undeclared reference to function 'map'"}"#
        ),
        (#"{"expr":"1/0"}"#, #"{"error":"division by zero"}"#),
        (#"{"expr":"1 +"}"#, #"{"error":"1:4: a value was expected, not the end of the expression\n1 +\n   ^"}"#),
        (#"{"expr":"b","bindings":{"b":{"bytes":"AP8="}}}"#, #"{"value":{"bytes":"AP8="}}"#),
        (
            #"{"expr":"m[2]","bindings":{"m":{"map":[[{"uint":"2"},{"list":[{"null":null}]}]]}}}"#,
            #"{"value":{"list":[{"null":null}]}}"#
        ),
        (#"{"expr":"a","bindings":{"a":{"int":"x"}}}"#, #"{"error":"'\"x\"' is no value of type 'int'"}"#),
        (#"{"bindings":{}}"#, #"{"error":"'expr' is missing"}"#),
        ("nonsense", #"{"error":"not JSON: a value was expected at byte 0"}"#),
    ]

    @Test("A batch answers each request with a line, whatever it is")
    func batch() throws {
        let folder = try TemporaryFolder()
        let input = try folder.write("requests.jsonl", Self.requests.map(\.request).joined(separator: "\n") + "\n")
        let result = try Binary.run(["eval", "--batch"], input: input)
        #expect(result.code == 0 && result.lines.count == Self.requests.count)
        for (answer, (request, expected)) in zip(result.lines, Self.requests) {
            #expect(answer == expected, "\(request)")
        }
    }
}
