import Testing

@testable import Assay
@testable import AssayCore

@Suite struct JSONDecodingTests {
    private static func outcome(_ text: String, fields: TransactionFields = .standard) -> String {
        var harness = ScoringHarness(fields: fields)
        let result = harness.score(text)
        if let reject = result.rejects.first { return "\(reject.reason.code)" }
        return result.assessments.isEmpty ? "skipped" : "accepted"
    }

    @Test(
        "A line is accepted exactly when the specification says so",
        arguments: [
            (line(id: "a"), "accepted"),
            ("  \t" + line(id: "a") + " \t\r", "accepted"),
            (line(id: #"a\u0041\ud83d\ude00"#), "accepted"),
            (#"{"transaction\u005fid":"a","user_id":"u","amount":1,"timestamp":1}"#, "accepted"),
            (line(id: "a", amount: "0"), "accepted"),
            (line(id: "a", amount: #""12.5""#), "accepted"),
            (line(id: "a", amount: #""1\u0032""#), "accepted"),
            (line(id: "a", amount: #"" 12.5""#), "invalid_field"),
            (line(id: "a", amount: #""+12""#), "invalid_field"),
            (line(id: "a", amount: #""012""#), "invalid_field"),
            (line(id: "a", amount: #""""#), "invalid_field"),
            (line(id: "a", amount: "-0"), "accepted"),
            (line(id: "a", amount: "-0.01"), "invalid_field"),
            (line(id: "a", amount: "1e308"), "accepted"),
            (line(id: "a", amount: "1e400"), "invalid_field"),
            (line(id: "a", amount: "1e-400"), "accepted"),
            (line(id: "a", amount: "01"), "malformed_json"),
            (line(id: "a", amount: "1."), "malformed_json"),
            (line(id: "a", amount: ".5"), "malformed_json"),
            (line(id: "a", amount: "1e"), "malformed_json"),
            (line(id: "a", amount: "-"), "malformed_json"),
            (line(id: "a", amount: "NaN"), "malformed_json"),
            (line(id: "a", amount: "true"), "invalid_field"),
            (line(id: "a", amount: "null"), "invalid_field"),
            (line(id: "a", amount: #"-1,"amount":5"#), "accepted"),
            (line(id: "a", amount: #"5,"amount":-1"#), "invalid_field"),
            (line(id: "a", more: #","user_id":42"#), "accepted"),
            (line(id: "a", more: #","user_id":-7"#), "accepted"),
            (line(id: "a", more: #","user_id":4.0"#), "invalid_field"),
            (line(id: "a", more: #","user_id":1e3"#), "invalid_field"),
            (line(id: "a", more: #","transaction_type":"""#), "invalid_field"),
            (line(id: "a", more: #","transaction_type":null"#), "invalid_field"),
            (line(id: "a", more: #","currency":"""#), "accepted"),
            (line(id: "a", more: #","currency":"123456789""#), "invalid_field"),
            (line(id: "a", more: #","currency":null"#), "invalid_field"),
            (line(id: "a", more: #","merchant_id":null,"account_id":7,"metadata":null"#), "accepted"),
            (line(id: "a", more: #","metadata":[]"#), "invalid_field"),
            (line(id: "a", more: #","location":null"#), "accepted"),
            (line(id: "a", more: #","location":{}"#), "accepted"),
            (line(id: "a", more: #","location":{"latitude":1}"#), "invalid_field"),
            (line(id: "a", more: #","location":{"latitude":1,"longitude":null}"#), "invalid_field"),
            (line(id: "a", more: #","location":{"latitude":90,"longitude":-180}"#), "accepted"),
            (line(id: "a", more: #","location":{"latitude":90.0001,"longitude":0}"#), "invalid_field"),
            (line(id: "a", more: #","location":{"latitude":"1","longitude":"2"}"#), "accepted"),
            (line(id: "a", more: #","location":{"latitude":1},"location":{"latitude":1,"longitude":2}"#), "accepted"),
            (
                line(id: "a", more: #","location":{"latitude":1,"longitude":2},"location":{"latitude":1}"#),
                "invalid_field"
            ),
            (line(id: "a", more: #","location.latitude":91"#), "accepted"),
            (line(id: ""), "invalid_field"),
            (line(id: String(repeating: "é", count: 64)), "accepted"),
            (line(id: String(repeating: "é", count: 64) + "x"), "invalid_field"),
            (line(id: "a\u{1}"), "malformed_json"),
            (line(id: #"a\x"#), "malformed_json"),
            (line(id: #"\ud800"#), "malformed_json"),
            (line(id: #"\ude00"#), "malformed_json"),
            (line(id: #"\ud800\u0041"#), "malformed_json"),
            (line(id: "a", more: #","x":"\ud800""#), "malformed_json"),
            (line(id: "a", more: #","\ud800":1"#), "malformed_json"),
            (line(id: "a") + "x", "malformed_json"),
            (line(id: "a") + line(id: "b"), "malformed_json"),
            (line(id: "a", more: ","), "malformed_json"),
            (#"{"user_id":"u","amount":1,"timestamp":1}"#, "missing_field"),
            ("{}", "missing_field"),
            ("[]", "not_an_object"),
            ("12", "not_an_object"),
            (#""text""#, "not_an_object"),
            ("nul", "malformed_json"),
            ("{", "malformed_json"),
            ("   \t", "skipped"),
            ("\r", "skipped"),
        ])
    func accepts(_ text: String, _ expected: String) {
        #expect(Self.outcome(text) == expected)
    }

    @Test(
        "Nesting is taken up to 128 levels", arguments: [(126, "accepted"), (127, "accepted"), (128, "malformed_json")])
    func nesting(_ arrays: Int, _ expected: String) {
        let value = String(repeating: "[", count: arrays) + String(repeating: "]", count: arrays)
        #expect(Self.outcome(line(id: "a", more: #","deep":"# + value)) == expected)
    }

    @Test(
        "Bytes that are no UTF-8 are found before anything else",
        arguments: [
            [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0x80],
            [0xF0, 0x8F, 0xBF, 0xBF],
        ] as [[UInt8]])
    func invalidUTF8(_ bytes: [UInt8]) {
        var text = Array(#"{"transaction_id":"a"#.utf8) + bytes
        text += Array(#"","user_id":"u","amount":bad"#.utf8)
        var harness = ScoringHarness()
        #expect(harness.score(text).rejects.map(\.reason) == [.invalidUTF8])
    }

    @Test("A key that is no UTF-8 is found however often it comes")
    func repeatedInvalidKey() {
        let bad = Array(#"{"a"#.utf8) + [0xE9] + Array((#"":1,"# + line(id: "a").dropFirst() + "\n").utf8)
        var harness = ScoringHarness()
        #expect(harness.score(bad + bad + bad).rejects.map(\.reason) == [.invalidUTF8, .invalidUTF8, .invalidUTF8])
    }

    @Test("The line after a bad one is read as if nothing had been")
    func recovery() {
        var harness = ScoringHarness()
        let lines = [line(id: "a"), #"{"transaction_id":"b"#, line(id: "c"), "[[[[", line(id: "d")]
        let result = harness.score(lines.joined(separator: "\n"))
        let offsets = [1, 3].map { lines[..<$0].reduce(0) { $0 + UInt64($1.utf8.count) + 1 } }
        #expect(result.assessments.count == 3)
        #expect(result.rejects.map(\.line) == [2, 4])
        #expect(result.rejects.map(\.offset) == offsets)
    }

    @Test("A byte order mark is passed over at the start of the input alone")
    func byteOrderMark() {
        var harness = ScoringHarness()
        let first = harness.score("\u{FEFF}" + line(id: "a") + "\nbad")
        #expect(first.assessments.count == 1)
        #expect(first.rejects.map(\.offset) == [UInt64(line(id: "a").utf8.count) + 4])
        #expect(harness.score("\u{FEFF}" + line(id: "b")).rejects.map(\.reason) == [.malformedJSON])
    }

    @Test("Lines with other keys, orders and spaces between are all understood")
    func changingLayouts() {
        var harness = ScoringHarness()
        let lines = [
            line(id: "1"), line(id: "2"),
            #"{ "user_id" : "u" , "transaction_id" : "3" , "timestamp" : 1767225600 , "amount" : 1 }"#,
            #"{"amount":1,"user_id":"u","unknown":{"a":[1,2,{"b":"}"}]},"transaction_id":"4","timestamp":1767225600}"#,
            line(id: "5"), line(id: "6", more: #","transaction_type":"deposit""#), line(id: "7"),
        ]
        #expect(harness.score(lines.joined(separator: "\n")).assessments.count == lines.count)
    }

    @Test("Other people's names take the place of ours")
    func mappedNames() throws {
        let fields = try #require(
            TransactionFields(mapping: [
                "order_id": "transaction_id", "total_price": "amount", "lat": "location.latitude",
                "lon": "location.longitude",
            ]))
        let ours = #"{"order_id":"a","user_id":"u","total_price":"#
        #expect(Self.outcome(ours + #"5,"timestamp":1,"lat":1,"lon":2}"#, fields: fields) == "accepted")
        #expect(Self.outcome(ours + #"5,"timestamp":1,"lat":1}"#, fields: fields) == "invalid_field")
        #expect(Self.outcome(ours + #"5,"timestamp":1,"location":{"latitude":99}}"#, fields: fields) == "accepted")
        #expect(Self.outcome(line(id: "a"), fields: fields) == "missing_field")
        #expect(TransactionFields(mapping: ["a": "no_such_field"]) == nil)
    }
}
