import CEL

/// Rows on their way to the writing thread, in order. What is in the batch stays there: events are carried by number.
struct CarriedRows {
    enum Content {
        /// The event's number in the batch.
        case event(Int)
        case values(ArraySlice<Value>, RowShape)
        /// The assessment's number among those of the batch that are carried.
        case assessment(Int)
    }

    private struct Entry {
        /// For a row of values, the number of its shape.
        let kind: Int16
        let output: UInt16
        let number: UInt32

        static let event: Int16 = -1
        static let assessment: Int16 = -2
    }

    private var entries: [Entry] = []
    /// The values of all such rows, one after the other.
    private var values: [Value] = []
    private var shapes: [RowShape] = []

    var count: Int { entries.count }

    mutating func append(event index: Int, to output: Int) {
        entries.append(Entry(kind: Entry.event, output: UInt16(output), number: UInt32(index)))
    }

    mutating func append(assessment index: Int, to output: Int) {
        entries.append(Entry(kind: Entry.assessment, output: UInt16(output), number: UInt32(index)))
    }

    mutating func append(_ row: [Value], _ shape: RowShape, to output: Int) {
        // There are only as many as streams that make rows.
        let known = shapes.firstIndex { $0 === shape } ?? shapes.count
        if known == shapes.count { shapes.append(shape) }
        entries.append(Entry(kind: Int16(known), output: UInt16(output), number: 0))
        values.append(contentsOf: row)
    }

    mutating func removeAll() {
        entries.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
    }

    /// Visits all rows with their outputs.
    func forEach(_ body: (_ output: Int, Content) -> Void) {
        var next = 0
        for entry in entries {
            let output = Int(entry.output)
            switch entry.kind {
            case Entry.event: body(output, .event(Int(entry.number)))
            case Entry.assessment: body(output, .assessment(Int(entry.number)))
            default:
                let shape = shapes[Int(entry.kind)]
                let end = next + shape.names.count
                body(output, .values(values[next..<end], shape))
                next = end
            }
        }
    }
}

/// The columns of the rows that one stream makes.
final class RowShape: Sendable {
    let names: [String]
    /// The keys as JSON, with the colon.
    let keys: [[UInt8]]

    init(names: [String]) {
        self.names = names
        keys = names.map { name in
            var buffer = OutputBuffer(capacity: 64)
            ValueEncoder(.utc).write(text: name, into: &buffer)
            buffer.append(byte: UInt8(ascii: ":"))
            return Array(buffer.bytes)
        }
    }
}
