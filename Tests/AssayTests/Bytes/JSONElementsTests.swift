import Testing

@testable import AssayCore

@Suite struct JSONElementsTests {
    /// The lines that a text makes when it comes in pieces of a size.
    private static func lines(_ text: String, pieces: Int = .max) -> String {
        var elements = JSONElements()
        var lines: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            piece.withUnsafeBytes { elements.convert($0, into: &lines) }
            rest = rest.dropFirst(pieces)
        }
        elements.finish(into: &lines)
        return String(decoding: lines, as: UTF8.self)
    }

    @Test(
        "Each element comes out on a line of its own, however the text is cut",
        arguments: [
            ("", ""), ("[]", ""), (" \n [ ] ", ""),
            ("[{\"a\":1},{\"b\":[2,\n3]}]", "{\"a\":1}\n{\"b\":[2, 3]}\n"),
            ("\u{FEFF}[{}]", "{}\n"),
            ("{\n \"a\": \"]}\\\"{\"\r\n}\n{}{}", "{  \"a\": \"]}\\\"{\"  }\n{}\n{}\n"),
            ("[1, true,\"x,y\", null]", "1\ntrue\n\"x,y\"\nnull\n"),
            // An array that is an element stays one.
            ("[[1,2],{}]", "[1,2]\n{}\n"),
            ("[{\"a\":1}][{\"b\":2}]", "{\"a\":1}\n{\"b\":2}\n"),
            // What is no JSON is shown to whoever decodes lines, and what follows is found.
            ("[oops, {\"a\":1}, nope\n{}]", "oops\n{\"a\":1}\nnope\n{}\n"),
            ("{\"a\": \"no end\n, \"b\": 1}\n{}", "{\"a\": \"no end\t, \"b\": 1}\n{}\n"),
            ("[{\"a\": 1", "{\"a\": 1\n"),
            ("[\"\\\\\", \"\\\"]\"]", "\"\\\\\"\n\"\\\"]\"\n"),
        ])
    func elements(_ text: String, _ expected: String) {
        for pieces in [1, 2, 3, .max] { #expect(Self.lines(text, pieces: pieces) == expected) }
    }
}
