import CEL
import CivilTime
import Foundation
import Testing

/// The language, case by case: tables of expressions and what they come to.
@Suite struct ConformanceTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let section: String
        let expression: String
        let expected: String
        /// Without types: what would be refused when checked.
        let isUncheckedOnly: Bool

        var testDescription: String { "\(section): \(expression)" }
    }

    /// A line is `expression ==> result`: a value as `Value.literal` writes it, `!cause` of an error, or `?words` of
    /// the message that refuses the expression. `~` before it: unchecked only.
    static func cases(_ section: String) -> [Case] {
        let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases/\(section).txt")
        guard let text = try? String(contentsOf: url, encoding: .utf8) else { return [] }  // noticed by `tables`
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let parts = line.components(separatedBy: " ==> ")
            let isUncheckedOnly = parts[0].hasPrefix("~")
            return Case(
                section: section, expression: String(parts[0].dropFirst(isUncheckedOnly ? 1 : 0)), expected: parts[1],
                isUncheckedOnly: isUncheckedOnly)
        }
    }

    static let sections = [
        "basic", "comparisons", "conversions", "fields", "fp_math", "integer_math", "lists", "logic", "macros", "parse",
        "strings", "times",
    ]

    @Test("There are several hundred cases, and every table is found")
    func tables() {
        for section in Self.sections + ["types"] { #expect(Self.cases(section).count > 20, "\(section)") }
        #expect(Self.sections.map { Self.cases($0).count }.reduce(0, +) > 600)
    }

    @Test("Expressions come to what the specification says", arguments: sections.flatMap(cases))
    func evaluation(_ testCase: Case) {
        if !testCase.isUncheckedOnly {
            #expect(Sample.outcome(of: testCase.expression, checked: true).matches(testCase.expected))
        }
        // Unchecked they are the same, but for those that only the types refuse.
        let unchecked = Sample.outcome(of: testCase.expression, checked: false)
        if testCase.expected.hasPrefix("?") {
            if case .refused = unchecked { #expect(unchecked.matches(testCase.expected)) }
        } else {
            #expect(unchecked.matches(testCase.expected), "unchecked")
        }
    }

    @Test("Types are deduced", arguments: cases("types"))
    func deduction(_ testCase: Case) throws {
        var compiler = Compiler(Sample.environment)
        let outline = try compiler.add(testCase.expression)
        #expect(outline.type.name == testCase.expected)
    }

    @Test("A type's name reads back as the type", arguments: cases("types"))
    func typeNames(_ testCase: Case) throws {
        #expect(Type(name: testCase.expected)?.name == testCase.expected)
    }
}
