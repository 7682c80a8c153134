import CivilTime

/// Finds the time of each line, and nothing else of it.
package struct EventTimeDecoder: BatchDecoder, ~Copyable {
    private var json: JSONEventDecoder?
    private var csv: CSVEventDecoder?

    /// `name`: of the field or column that has the time.
    package init(_ name: String, format: InputFormat, zone: TimeZoneRules, dialect: CSVDialect = CSVDialect()) {
        let schema = EventSchema(
            columns: [EventSchema.Column(name: name, type: .timestamp)], timeColumn: 0, zone: zone)
        switch format {
        case .jsonl, .json: json = JSONEventDecoder(schema, nestsColumns: true)
        case .csv: csv = CSVEventDecoder(schema, dialect: dialect)
        }
    }

    package mutating func decode(_ batch: EventBatch) {
        if json != nil { json?.decode(batch) } else { csv?.decode(batch) }
    }

    package var headerFault: String? { csv?.fault?.message }

    package var csvHeader: [UInt8] { csv?.headerBytes ?? [] }
}

extension EventBatch {
    package final var eventCount: Int { events.count }

    /// Each event with its time and its line, without the end of it.
    package final func forEachTime(_ body: (EventTime, UnsafeBufferPointer<UInt8>) -> Void) {
        let text = text.view
        for event in events { body(event.time, text.bytes(event.line)) }
    }
}
