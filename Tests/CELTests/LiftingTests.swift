import CEL
import Testing

/// Calls that are taken out of an expression and evaluated elsewhere.
@Suite struct LiftingTests {
    private static func add(
        _ text: String, declared: inout [String], slot: Int = 0
    ) -> Result<(value: Value, type: String), SourceError> {
        var inner = Compiler(Sample.environment)
        var outer = Compiler(Environment())
        var calls: [String] = []
        do {
            let outline = try outer.add(text, lifting: ["sum", "count"], into: &inner) { call in
                guard call.name == "count" || call.types.count == 1 else {
                    return .failure(LiftFault("sum(x) takes one"))
                }
                calls.append("\(call.name)(\(call.types.map(\.name).joined(separator: ", ")))")
                return .success(Environment.Variable(slot: 0, type: call.name == "count" ? .int : call.types[0]))
            }
            declared = calls
            let value = try outer.finish().value(host: SampleHost())
            return .success((value, outline.outline.type.name))
        } catch {
            guard let error = error as? SourceError else { return .success((.null, "failed")) }
            return .failure(error)
        }
    }

    @Test("Arguments are compiled where events are known, the rest where the outcomes are")
    func lifting() throws {
        var declared: [String] = []
        // The variable of slot 0 is 42 in the sample.
        let both = try Self.add("sum(i * 2) + count() > 80 ? 'many' : 'few'", declared: &declared).get()
        #expect(both.value.literal == "\"many\"" && both.type == "string")
        #expect(declared == ["sum(int)", "count()"])
        let nested = try Self.add("[1, 2].map(x, x + sum(i))", declared: &declared).get()
        #expect(nested.value.literal == "[43, 44]")
    }

    @Test(
        "What is wrong is told at its place",
        arguments: [
            ("sum(missing)", 5, "undeclared reference to 'missing'"), ("i + sum(i)", 1, "undeclared reference to 'i'"),
            ("1 + sum()", 5, "sum(x) takes one"), ("[1].map(x, sum(x))", 16, "undeclared reference to 'x'"),
            ("sum(i) + 'a'", 8, "'+' takes no (int, string)"),
        ])
    func faults(_ text: String, _ column: Int, _ message: String) {
        var declared: [String] = []
        guard case .failure(let error) = Self.add(text, declared: &declared) else {
            Issue.record("it was taken")
            return
        }
        #expect(error.column == column && error.message.contains(message), "\(error.report)")
    }
}
