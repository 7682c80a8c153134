import CBytes
import CivilTime
import Testing

@testable import Assay
@testable import AssayCore

/// Lines whose layout is known are read as they are when they are parsed.
@Suite struct LayoutTests {
    /// What was made of some lines, in full.
    private static func decoded(
        _ lines: [[UInt8]], _ fields: TransactionFields, takesLabels: Bool, together: Bool
    ) -> [String] {
        var made: [String] = []
        let groups = together ? [Array(lines.joined())] : lines
        var decoder = TransactionDecoder(format: .jsonl, fields: fields, zone: .utc, takesLabels: takesLabels)
        var number: UInt64 = 0
        for group in groups {
            // Alone, nothing of another line is known. The offset keeps the first line of a file from being special.
            if !together {
                decoder = TransactionDecoder(format: .jsonl, fields: fields, zone: .utc, takesLabels: takesLabels)
            }
            var text = InputText(capacity: max(group.count + 64, 1 << 10))
            text.reset(offset: 1000, firstLine: 10 + number)
            group.withUnsafeBufferPointer { text.append($0) }
            text.endLastLine()
            var batch = DecodedBatch()
            decoder.decode(&text, into: &batch)
            for transaction in batch.transactions {
                made.append(described(transaction, text, after: number))
            }
            for reject in batch.rejects { made.append(described(reject, text, after: number)) }
            for label in batch.labels {
                let line = UInt64(label.lineIndex) + number
                made.append("\(line): \(label.idHash) \(label.isFraud) \(label.time as Any)")
            }
            number += batch.lineCount
        }
        return made.sorted()
    }

    static func described(
        _ transaction: Transaction, _ text: borrowing InputText, after number: UInt64
    ) -> String {
        let view = text.view
        let texts = [
            transaction.id, transaction.userID, transaction.type, transaction.accountID, transaction.merchantID,
            transaction.metadata, transaction.line,
        ].map { view.bytes($0).map { "\($0)" }.joined(separator: ",") }
        let values = [
            "\(transaction.userHash)", "\(transaction.amount.bitPattern)", "\(transaction.time.milliseconds)",
            "\(transaction.location.map { "\($0)" } ?? "none")", "\(transaction.currency)", "\(transaction.traits)",
        ]
        return "\(UInt64(transaction.lineIndex) + number): \(texts) \(values)"
    }

    static func described(_ reject: Reject, _ text: borrowing InputText, after number: UInt64) -> String {
        let line = text.view.bytes(reject.line).map { "\($0)" }.joined(separator: ",")
        let place = "\(reject.position.map { "\($0)" } ?? "") \(reject.value ?? "")"
        return "\(UInt64(reject.lineIndex) + number): \(reject.reason) \(reject.message) \(place) \(line)"
    }

    // MARK: Lines

    private static let shapes = [
        #"{"transaction_id":"t#","user_id":"u#","account_id":"a-1","transaction_type":"payment","amount":12.5,"#
            + #""currency":"EUR","timestamp":1735689600,"merchant_id":"m17","#
            + #""location":{"latitude":37.553255,"longitude":-126.960753},"#
            + #""metadata":{"category":"fuel","ip":"10.0.0.1","deep":{"a":[1,2.5,true,null]}}}"#,
        #"{"transaction_id": "t#", "user_id": "u#", "amount": 9, "timestamp": "2025-01-01T10:00:00Z"}"#,
        #"{"amount":"17.25","timestamp":"1735689600.5","user_id":17,"transaction_id":"t#","location":null,"#
            + #""merchant_id":null}"#,
        #"{"transaction_id":"t#","user_id":"ü#","amount":0.1,"timestamp":1735689600123,"#
            + #""transaction_type":"überweisung"}"#,
        #"{"timestamp":1735689600.25,"location":{"longitude":"1.5","latitude":"2.5","name":"x"},"amount":1,"#
            + #""user_id":"u","transaction_id":"t#","extra":[{"x":"y"},{"x":"z"}],"flag":false}"#,
        #"{"id":"t#","user_id":"u#","data":{"object":{"total":5.5,"place":{"name":"x"}},"n":1},"#
            + #""timestamp":1735689600,"metadata":{}}"#,
        #"{"label":{"transaction_id":"t#","fraud":true,"timestamp":1735689700}}"#,
        // Refunds, of which some have a type that others must not have.
        #"{"transaction_id":"t#","user_id":"u","amount":@,"transaction_type":null,"timestamp":1735689600}"#,
        #"{"transaction_id":"t#","user_id":7,"amount":@,"transaction_type":{"x":1},"timestamp":1735689600}"#,
        #"{"transaction_id":"t#","user_id":"u","amount":@,"transaction_type":"payment","timestamp":1735689600}"#,
    ]

    /// A line of a shape, most often with other values, sometimes with bytes that break it.
    private static func line(_ random: inout SeededRandom) -> [UInt8] {
        let shape = shapes.randomElement(using: &random)!
        let text = shape.replacing("#", with: "\(Int.random(in: 0...99_999, using: &random))")
            .replacing("@", with: ["5", "-5", "0.5", "-0.25"].randomElement(using: &random)!)
        var bytes = Array(text.utf8)
        if Int.random(in: 0..<3, using: &random) == 0 {
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: bytes.indices, using: &random)
                let others = Array("\"\\{}[],:.-+eE019 \t\r\u{1}nulltrue".utf8) + [0x80, 0xC3, 0xBC, 0xFF]
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[place] = others.randomElement(using: &random)!
                case 1: bytes.insert(others.randomElement(using: &random)!, at: place)
                default: bytes.remove(at: place)
                }
            }
        }
        if Int.random(in: 0..<20, using: &random) == 0 {
            // A line that is cut in the middle of a text, whose end is in the next one.
            let place = Int.random(in: bytes.indices, using: &random)
            bytes.insert(UInt8(ascii: "\n"), at: place)
        }
        let end = Int.random(in: 0..<4, using: &random) == 0 ? "\r\n" : "\n"
        return bytes + Array(end.utf8)
    }

    /// Many lines, in runs of equal layouts, as streams have them.
    static func lines(_ random: inout SeededRandom) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for _ in 0..<400 {
            let line = line(&random)
            for _ in 0..<Int.random(in: 1...4, using: &random) { lines.append(line) }
        }
        // Whole lines, however they were cut.
        let split = lines.joined().split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).dropLast()
        return split.map { Array($0) + [UInt8(ascii: "\n")] }
    }

    private static let mapping = ["id": "transaction_id", "data.object.total": "amount"]

    @Test("Lines among others are what they are alone", arguments: Seed.several(12), AmountSign.allCases)
    func amongOthers(_ seed: Seed, _ sign: AmountSign) throws {
        var random = seed.random
        let mapping = Bool.random(using: &random) ? Self.mapping : [:]
        let fields = try #require(TransactionFields(mapping: mapping, amountSign: sign))
        let takesLabels = Bool.random(using: &random)
        let whole = Self.lines(&random)
        let alone = Self.decoded(whole, fields, takesLabels: takesLabels, together: false)
        let together = Self.decoded(whole, fields, takesLabels: takesLabels, together: true)
        #expect(Set(alone).symmetricDifference(together).sorted().prefix(2) == [])
        #expect(alone.contains { $0.contains("malformedJSON") } && alone.count > 500)
    }

    @Test(
        "A number is read as the parser reads it, up to the last digit",
        arguments: [
            "0", "-0", "-0.0", "1", "12345678901234", "123456789012345", "1234567.1234567", "12345678.1234567", "0.1",
            "0.25", "41178.42", "-126.960753", "00", "01", "1.", ".5", "-", "1e5", "1E5", "1.5e3", "0.0000000000001",
            "9007199254740993", "99999999999999", "0.10000000000000", "1-", "1..5", "1.5.5", "--1",
        ])
    func numbers(_ number: String) {
        let lines = ["5", "7", number, "9", number].map { number in
            Array(#"{"transaction_id":"t","user_id":"u","amount":\#(number),"timestamp":1735689600}"#.utf8) + [0x0A]
        }
        let alone = Self.decoded(lines, .standard, takesLabels: false, together: false)
        let together = Self.decoded(lines, .standard, takesLabels: false, together: true)
        #expect(alone == together)
    }

    @Test("A text of any length ends at its quote, wherever that is among the marks", arguments: 0...140)
    func lengths(_ length: Int) {
        let lines = (0..<5).map { number in
            let id = String(repeating: number % 2 == 0 ? "x" : "ä", count: number == 4 ? length / 2 : length)
            let line = #"{"transaction_id":"\#(id)","user_id":"u\#(number)","amount":1,"timestamp":1735689600}"#
            return Array(line.utf8) + [0x0A]
        }
        let alone = Self.decoded(lines, .standard, takesLabels: false, together: false)
        #expect(alone == Self.decoded(lines, .standard, takesLabels: false, together: true))
    }

    @Test("Marks are the same whatever the processor", arguments: Seed.several(3))
    func marks(_ seed: Seed) {
        var random = seed.random
        for count in [1, 63, 64, 65, 127, 128, 1000, 4096, 4097] {
            var bytes = (0..<count + 64).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            for index in bytes.indices where index % 3 > 0 { bytes[index] = bytes[index] & 0x5F | 0x20 }
            let blocks = (count + 63) / 64
            var (fast, plain) = ([UInt64](repeating: 0, count: blocks), [UInt64](repeating: 0, count: blocks))
            assay_mark(bytes, count, &fast)
            assay_mark_plainly(bytes, count, &plain)
            #expect(fast == plain)
            #expect(plain.contains { $0 != 0 })
        }
    }
}
