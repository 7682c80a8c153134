import Testing

@testable import Assay
@testable import AssayCore

@Suite struct CSVDecodingTests {
    private static let header =
        "transaction_id,user_id,amount,timestamp,currency,location.latitude,location.longitude,note\n"

    @Test(
        "A record is accepted exactly when its cells make a transaction",
        arguments: [
            ("a,u,10,1767225600,EUR,1,2,x", "accepted"),
            ("a,u,10,1767225600,,,,", "accepted"),
            ("a,u,10,2025-12-30T21:10:15Z", "accepted"),
            (#""a,b","u ""x""",10,1767225600,EUR,,,"two"# + "\n" + #"lines""#, "accepted"),
            ("a,u,10,1767225600,EUR,1,,", "invalid_field"),
            ("a,u,,1767225600,,,,", "missing_field"),
            ("a,u,ten,1767225600,,,,", "invalid_field"),
            ("a,u,10,1767225600,,,,x,y", "malformed_csv"),
            (#"a,u"v,10,1767225600,,,,"#, "malformed_csv"),
            (#""a"b,u,10,1767225600,,,,"#, "malformed_csv"),
            (#""a,u,10,1767225600,,,,"#, "malformed_csv"),
            ("   ", "skipped"),
        ])
    func records(_ record: String, _ expected: String) {
        var harness = ScoringHarness(format: .csv)
        let result = harness.score(Self.header + record + "\r\n")
        let outcome =
            result.rejects.first.map { "\($0.reason.code)" }
            ?? (result.assessments.isEmpty ? "skipped" : "accepted")
        #expect(outcome == expected)
    }

    @Test("A quoted record that spans lines counts them, and a bad one ends at its first newline")
    func lineNumbers() {
        var harness = ScoringHarness(format: .csv)
        let result = harness.score(
            Self.header + "\"a\nb\",u,10,1,,,,\nbad\n\"open,u,1,1\nc,u,10,1,,,,\n")
        #expect(result.assessments.count == 2)
        #expect(result.rejects.map(\.line) == [4, 5])
        #expect(result.assessments[0].hasPrefix(#"{"transaction_id":"a\nb""#))
    }

    @Test("The same transactions score the same as CSV and as JSON")
    func sameAsJSON() {
        var json = ScoringHarness()
        var csv = ScoringHarness(format: .csv)
        var jsonText = ""
        var csvText = Self.header
        for index in 0..<200 {
            let amount = index % 17 == 16 ? 900 : 10 + index % 5
            let latitude = index % 11 == 0 ? 48.85 : 51.5
            let time = 1_767_225_600 + index * 977
            jsonText +=
                line(
                    id: "t\(index)", amount: "\(amount)", time: "\(time)",
                    more: #","currency":"EUR","location":{"latitude":\#(latitude),"longitude":0.1}"#) + "\n"
            csvText += "t\(index),u,\(amount),\(time),EUR,\(latitude),0.1,\n"
        }
        let expected = json.score(jsonText).assessments
        #expect(expected.contains { $0.contains("unusual_location") } && expected.contains { $0.contains("z_score") })
        #expect(csv.score(csvText).assessments == expected)
    }
}
