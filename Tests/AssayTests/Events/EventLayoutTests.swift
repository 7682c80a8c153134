import CBytes
import CivilTime
import Testing

@testable import Assay
@testable import AssayCore

/// Events whose lines have a known layout are read as they are when they are parsed.
@Suite struct EventLayoutTests {
    /// What was made of some lines, in full.
    private static func decoded(
        _ lines: [[UInt8]], _ schema: EventSchema, isScored: Bool, nests: Bool, together: Bool
    ) -> [String] {
        func makeDecoder() -> JSONEventDecoder {
            let transactions = isScored ? JSONTransactionDecoder(fields: .standard, zone: .utc) : nil
            return JSONEventDecoder(schema, transactions: transactions, nestsColumns: nests)
        }
        var made: [String] = []
        var decoder = makeDecoder()
        var number: UInt64 = 0
        for group in together ? [Array(lines.joined())] : lines {
            if !together { decoder = makeDecoder() }
            let batch = EventBatch()
            // The offset keeps the first line of a file from being special.
            batch.text.reset(offset: 1000, firstLine: 10 + number)
            group.withUnsafeBufferPointer { batch.text.append($0) }
            batch.text.endLastLine()
            decoder.decode(batch)
            for (index, event) in batch.events.enumerated() {
                let cells = (0..<batch.width).map { described(batch.cells.base[index * batch.width + $0], batch) }
                let line = String(decoding: batch.text.view.bytes(event.line), as: UTF8.self)
                made.append("\(UInt64(event.lineIndex) + number): \(event.time.milliseconds) \(cells) \(line)")
            }
            for transaction in batch.transactions.transactions {
                made.append(LayoutTests.described(transaction, batch.text, after: number))
            }
            for reject in batch.rejects { made.append(LayoutTests.described(reject, batch.text, after: number)) }
            number += batch.lineCount
        }
        return made.sorted()
    }

    private static func described(_ cell: EventCell, _ batch: EventBatch) -> String {
        switch cell.kind {
        case .text, .json: "\(cell.kind) \(batch.text.view.bytes(cell.slice).map { "\($0)" }.joined(separator: ","))"
        default: "\(cell.kind) \(cell.bits)"
        }
    }

    private static let names = [
        "transaction_id", "user_id", "transaction_type", "amount", "location", "metadata", "merchant_id", "extra",
        "flag", "data", "data.n", "id", "label", "currency", "account_id", "location.latitude", "absent",
    ]

    @Test("Events among others are what they are alone", arguments: Seed.several(24))
    func amongOthers(_ seed: Seed) {
        var random = seed.random
        let count = Int.random(in: 0...Self.names.count, using: &random)
        var columns = Self.names.shuffled(using: &random).prefix(count).map { name in
            EventSchema.Column(name: name, type: FieldType.allCases.randomElement(using: &random)!)
        }
        let time = EventSchema.Column(name: "timestamp", type: Bool.random(using: &random) ? .timestamp : .dyn)
        columns.insert(time, at: Int.random(in: 0...columns.count, using: &random))
        let schema = EventSchema(
            columns: columns, timeColumn: columns.firstIndex { $0.name == "timestamp" }!,
            unit: EventSchema.TimeUnit.allCases.randomElement(using: &random)!)
        let (isScored, nests) = (Bool.random(using: &random), Bool.random(using: &random))
        let lines = LayoutTests.lines(&random)
        let alone = Self.decoded(lines, schema, isScored: isScored, nests: nests, together: false)
        let together = Self.decoded(lines, schema, isScored: isScored, nests: nests, together: true)
        #expect(Set(alone).symmetricDifference(together).sorted().prefix(2) == [], "\(columns)")
        #expect(alone.contains { $0.contains("malformedJSON") } && alone.count > 500)
    }

    @Test(
        "A value is what its column makes of it, whatever the column had before", arguments: FieldType.allCases)
    func values(_ type: FieldType) {
        let values = [
            "1", "-0", "1.0", "1.5", "12345678901234567890", "1e3", "\"x\"", "\"1\"", "true", "false", "null", "{}",
            "[]",
            "{\"a\":[1]}", "[{}]", "\"ä\"", "\"\\u0041\"", "-1", "99999999999999", "0.1",
        ]
        let schema = EventSchema(
            columns: [EventSchema.Column(name: "v", type: type), EventSchema.Column(name: "t", type: .timestamp)],
            timeColumn: 1)
        for first in values {
            let lines = ([first, first] + values + values.reversed()).enumerated().map { number, value in
                Array(#"{"v":\#(value),"t":\#(1_735_689_600 + number)}"#.utf8) + [0x0A]
            }
            let alone = Self.decoded(lines, schema, isScored: false, nests: false, together: false)
            #expect(alone == Self.decoded(lines, schema, isScored: false, nests: false, together: true))
        }
    }
}
