import CEL
import Testing

/// Every expression is taken or refused soon, and every evaluation ends.
@Suite struct LimitTests {
    private static func nested(_ open: String, _ core: String, _ close: String, _ count: Int) -> String {
        String(repeating: open, count: count) + core + String(repeating: close, count: count)
    }

    @Test(
        "Nesting is taken up to a bound and refused past it",
        arguments: [
            ("(", "1", ")"), ("[", "1", "]"), ("{1: ", "1", "}"), ("true ? ", "1", " : 1"), ("int(", "1", ")"),
            ("[1].map(x, ", "1", ")"),
        ])
    func nesting(_ open: String, _ core: String, _ close: String) {
        // A second branch is the condition's next level, the first one is not.
        guard case .value = Sample.outcome(of: Self.nested(open, core, close, 100), checked: true) else {
            if open.hasPrefix("true") { return }
            Issue.record("100 levels of \(open) are refused")
            return
        }
        for count in [300, 10_000] {
            let outcome = Sample.outcome(of: Self.nested(open, core, close, count), checked: true)
            #expect(outcome.matches("?nested more than 250 levels deep"), "\(count): \(outcome)")
        }
    }

    @Test("Chains are taken up to a bound and refused past it", arguments: ["1 + ", "!!", "- ", "m.", "1 < 2 == "])
    func chains(_ link: String) {
        for count in [400, 2000, 12_000] {
            let core = link == "!!" ? "true" : link == "m." ? "a" : "1"
            switch Sample.outcome(of: String(repeating: link, count: count) + core, checked: false) {
            case .refused(let error): #expect(count > 400 && error.message.contains("operations inside each other"))
            case .value, .failed: #expect(count == 400)
            }
        }
    }

    @Test("A thousand alternatives are one operation")
    func alternatives() {
        let text = (0..<5000).map { "i == \($0)" }.joined(separator: " || ")
        #expect(Sample.outcome(of: text, checked: true).matches("true"))
    }

    @Test("An expression has a longest size")
    func sourceSize() {
        let fits = "'" + String(repeating: "a", count: Limits.longestSource - 2) + "'.size()"
        #expect(Sample.outcome(of: String(fits.dropLast(7)), checked: true).description.utf8.count > 100_000)
        #expect(Sample.outcome(of: fits, checked: true).matches("?at most"))
    }

    @Test(
        "What would take forever, or all memory, is an error",
        arguments: [
            "LIST.all(a, LIST.all(b, LIST.all(c, LIST.all(d, LIST.all(e, LIST.all(f, LIST.all(g, 1 > 0)))))))",
            "LIST.map(a, LIST.map(b, LIST.map(c, LIST.map(d, LIST.map(e, LIST.map(f, LIST.map(g, 1)))))))",
            "LIST.exists(a, LIST.all(b, LIST.all(c, LIST.all(d, LIST.all(e, LIST.all(f, a > 0)))))) || true",
            "[[1]]DOUBLE.size()", "['x']DOUBLE.size()", "[{'k': 1}]WRAP.size()",
            "[[1]]TWICE.map(x, x == x)",
        ])
    func cost(_ shape: String) {
        let text =
            shape
            .replacing("LIST", with: "[0,1,2,3,4,5,6,7,8,9]")
            .replacing("DOUBLE", with: String(repeating: ".map(x, x + x)", count: 60))
            .replacing("TWICE", with: String(repeating: ".map(x, [x, x])", count: 60))
            .replacing("WRAP", with: String(repeating: ".map(x, {'k': x, 'l': x})", count: 60))
        let clock = ContinuousClock()
        let time = clock.measure {
            let outcome = Sample.outcome(of: text, checked: true)
            #expect(shape.hasSuffix("true") || outcome.matches("!too_costly"), "\(outcome)")
        }
        #expect(time < .seconds(5), "\(time)")
    }

    @Test("Values, types and literals inside each other without end are refused or cut, soon")
    func deepValues() {
        let level = ".map(x, dyn(" + Self.nested("[", "x", "]", 240) + "))"
        let time = ContinuousClock().measure {
            for links in [2, 250] {
                let text = "size([1]" + String(repeating: level, count: links) + ")"
                let outcome = Sample.outcome(of: text, checked: true)
                #expect(outcome.matches(links == 2 ? "1" : "!too_costly"), "\(outcome)")
            }
            let typed = ".map(x, " + Self.nested("[", "x", "]", 240) + ")"
            _ = Sample.outcome(of: "size([1]" + String(repeating: typed, count: 100) + ")", checked: true)
            let lists = "[" + String(repeating: "[],", count: 40_000) + "]"
            #expect(Sample.outcome(of: "size(\(lists))", checked: true).matches("40000"))
            var value = Value.list([])
            for _ in 0..<400 { value = .list([value]) }
            #expect(value.type.name.hasPrefix("list(list("))
        }
        #expect(time < .seconds(5), "\(time)")
    }

    @Test(
        "Large texts are gone through at a cost",
        arguments: [
            "size(q)", "int(q)", "q < q + 'x'", "timestamp(q)", "q in m9", "m9[q]", "q.matches('a+$')", "q.matches(q9)",
            "q.matches('(?:a{1}b|a{20}b|a{40}b|a{60}b|a{80}b|a{100}b|a{120}b|a{140}b)')", "duration(q)",
            "bytes(q) < b'a'",
        ])
    func largeTexts(_ question: String) {
        let nines = (1...9).map { "'\($0)': 1" }.joined(separator: ", ")
        let core = "[q].exists(q, string(\(question)) == 'no')"
        let loops = ["a", "b", "c", "d"].reduce(core) { "[0,1,2,3,4,5,6,7,8,9].exists(\($1), \($0))" }
        let pattern = String(repeating: "ab?", count: 300)
        let text =
            "['a']" + String(repeating: ".map(x, x + x)", count: 19)
            + ".exists(q, [{\(nines)}].exists(m9, ['\(pattern)'].exists(q9, \(loops))))"
        let time = ContinuousClock().measure {
            let outcome = Sample.outcome(of: text, checked: false)
            #expect(outcome.matches("!too_costly"), "\(outcome)")
        }
        #expect(time < .seconds(10), "\(time)")
    }

    @Test("The steps of an evaluation can be bounded, exactly")
    func steps() {
        var limits = Limits()
        limits.steps = 10
        let text = "[1, 2, 3].all(x, x > 0)"
        limits.steps = 6
        #expect(Sample.outcome(of: text, checked: true, limits: limits).matches("true"))
        limits.steps = 5
        #expect(Sample.outcome(of: text, checked: true, limits: limits).matches("!too_costly"))
    }

    @Test("Types cannot grow beyond their expression")
    func types() {
        let text = "[]" + String(repeating: ".map(x, {x: x})", count: 80)
        let clock = ContinuousClock()
        let time = clock.measure { _ = Sample.outcome(of: text, checked: true) }
        #expect(time < .seconds(2), "\(time)")
    }

    @Test(
        "Whatever is written, the answer is an error with a place in it, not a crash",
        arguments: [
            "", " ", "\n\n", "//", "\u{0}", "\u{FEFF}1", "(", ")", "]", "{", "}", "'", "\"", "'''", "b'", "r", "`",
            "``",
            "a.``", "a.`", ".", "..", "1.", ".1.", "-", "!", "- -", "?", "1 ?", "1 ? 2", "1 ? 2 :", ",", "[,,]", "[,1]",
            "{,,}", "{,1: 2}",
            "f(,)",
            "f(1,)", "\\", "'\\", "'\\u", "'\\x", "'\\777'", "a[", "a[]", "a[1", "𝕏", "é", "1é", "'\u{202E}'x",
        ])
    func nonsense(_ text: String) {
        guard case .refused(let error) = Sample.outcome(of: text, checked: true) else {
            Issue.record("it was taken")
            return
        }
        #expect(error.line >= 1 && error.column >= 1 && error.excerpt.hasSuffix("^"))
    }

    @Test("A fault's place counts code points and keeps tabs")
    func places() {
        guard case .refused(let error) = Sample.outcome(of: "\n\t'ä😀' + x +\n1", checked: true) else {
            Issue.record("it was taken")
            return
        }
        #expect(error.report == "2:9: undeclared reference to 'x'\n\t'ä😀' + x +\n\t       ^")
    }
}
