import CEL

/// What is stored of an event that a pattern may take: some of its values, and the event itself.
///
/// The event is stored as it came: a line of JSON unchanged, otherwise a map. Fields whose value differs from that,
/// such as times and derived ones, come before it.
enum KeptContent {
    private enum Form: UInt8 {
        case line, value
    }

    // MARK: Writing

    /// `slots`: the values that conditions over sequences read.
    static func bytes(_ row: Row, _ slots: [Int], into buffer: inout OutputBuffer) -> [UInt8] {
        buffer.removeAll()
        for slot in slots {
            do throws(EvaluationError) {
                let value = try row.value(slot)
                buffer.append(byte: 1)
                ValueCoding.encode(value, into: &buffer)
            } catch {
                // Reading it reports the failure then.
                buffer.append(byte: 0)
            }
        }
        append(row.keptFields, into: &buffer)
        row.keepWhole(into: &buffer)
        return Array(buffer.bytes)
    }

    private static func append(_ fields: [(name: String, value: Value)], into buffer: inout OutputBuffer) {
        buffer.append(varint: UInt64(fields.count))
        for field in fields {
            append(Array(field.name.utf8), into: &buffer)
            ValueCoding.encode(field.value, into: &buffer)
        }
    }

    static func append(line: UnsafeBufferPointer<UInt8>, into buffer: inout OutputBuffer) {
        buffer.append(byte: Form.line.rawValue)
        buffer.reserve(line.count)
        buffer.write(line)
    }

    static func append(event: Value, into buffer: inout OutputBuffer) {
        buffer.append(byte: Form.value.rawValue)
        ValueCoding.encode(event, into: &buffer)
    }

    private static func append(_ bytes: [UInt8], into buffer: inout OutputBuffer) {
        buffer.append(varint: UInt64(bytes.count))
        buffer.reserve(bytes.count)
        bytes.withUnsafeBufferPointer { buffer.write($0) }
    }

    /// `line`: nil for an event that only has fields.
    static func bytes(
        values: [Value?], fields: [(name: String, value: Value)], line: UnsafeBufferPointer<UInt8>?,
        into buffer: inout OutputBuffer
    ) -> [UInt8] {
        buffer.removeAll()
        for value in values {
            buffer.append(byte: value == nil ? 0 : 1)
            if let value { ValueCoding.encode(value, into: &buffer) }
        }
        append(fields, into: &buffer)
        if let line { append(line: line, into: &buffer) } else { append(event: .emptyMap, into: &buffer) }
        return Array(buffer.bytes)
    }

    // MARK: Reading

    /// The value of one of the slots; nil if the event had none.
    static func value(_ content: [UInt8], at place: Int) -> Value? {
        read(content) { reader throws(StateDecodingError) in
            for _ in 0..<place { try skip(&reader) }
            return try reader.byte() == 1 ? try ValueCoding.decode(&reader) : nil
        }
    }

    /// The event as expressions see it, with its time; or as it came.
    static func event(_ event: KeptEvent, slots: Int, asItCame: Bool) -> Value {
        let found = read(event.content) { reader throws(StateDecodingError) in
            for _ in 0..<slots { try skip(&reader) }
            var fields: [String: Value] = [:]
            for _ in 0..<(try reader.count()) {
                let name = String(decoding: try reader.content(), as: UTF8.self)
                fields[name] = try ValueCoding.decode(&reader)
            }
            let whole: Value
            switch Form(rawValue: try reader.byte()) {
            case .line: whole = Self.whole(line: try reader.bytes(reader.remaining))
            case .value: whole = try ValueCoding.decode(&reader)
            case nil: throw StateDecodingError(.outOfBounds)
            }
            guard !asItCame, case .map(let map) = whole else { return whole }
            if let timestamp = Timestamp(milliseconds: event.time) {
                fields["event_time"] = .timestamp(timestamp)
            }
            return overlaid(map, fields)
        }
        return found ?? .null
    }

    private static let timeName = Text("event_time")

    /// One member of the event as expressions see it, without the others; nil when it has none of this name.
    static func member(_ key: Text, of event: KeptEvent, slots: Int) -> Value? {
        read(event.content) { reader throws(StateDecodingError) in
            for _ in 0..<slots { try skip(&reader) }
            if key == timeName { return Timestamp(milliseconds: event.time).map(Value.timestamp) }
            for _ in 0..<(try reader.count()) {
                if key.hasBytes(try reader.content()) { return try ValueCoding.decode(&reader) }
                try ValueCoding.skip(&reader)
            }
            switch Form(rawValue: try reader.byte()) {
            case .line: return member(key, line: try reader.bytes(reader.remaining))
            case .value:
                guard case .map(let map) = try ValueCoding.decode(&reader) else { return nil }
                return map.find(.string(key))
            case nil: throw StateDecodingError(.outOfBounds)
            }
        }
    }

    /// One of the fields before the event.
    static func field(_ name: String, of event: KeptEvent, slots: Int) -> Value? {
        read(event.content) { reader throws(StateDecodingError) in
            for _ in 0..<slots { try skip(&reader) }
            for _ in 0..<(try reader.count()) {
                let isWanted = try reader.content().elementsEqual(name.utf8)
                if isWanted { return try ValueCoding.decode(&reader) }
                try ValueCoding.skip(&reader)
            }
            return nil
        }
    }

    /// In the order of the event, with fields that it lacks at the end.
    private static func overlaid(_ map: MapValue, _ fields: [String: Value]) -> Value {
        var rest = fields
        var entries: [(key: Value, value: Value)] = []
        for (key, value) in zip(map.keys, map.values) {
            if case .string(let name) = key, let other = rest.removeValue(forKey: name.string) {
                entries.append((key, other))
            } else {
                entries.append((key, value))
            }
        }
        for name in rest.keys.sorted() { entries.append((.string(name), rest[name] ?? .null)) }
        return MapValue(entries).map(Value.map) ?? .map(map)
    }

    /// A line that was a valid event.
    private static func whole(line: UnsafeBufferPointer<UInt8>) -> Value { members(of: line) { $0.all } }

    private static func member(_ key: Text, line: UnsafeBufferPointer<UInt8>) -> Value? {
        members(of: line) { $0.find(key) }
    }

    private static func members<Result>(of line: UnsafeBufferPointer<UInt8>, _ body: (JSONMembers) -> Result) -> Result
    {
        // The JSON scanner reads ahead.
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: line.count + InputText.padding)
        defer { copy.deallocate() }
        copy.initialize(repeating: 0)
        _ = copy.update(fromContentsOf: line)
        copy[line.count] = UInt8(ascii: "\n")
        let slice = ByteSlice(offset: 0, count: UInt32(line.count))
        return body(JSONMembers(slice, BatchText(base: UnsafePointer(copy.baseAddress!))))
    }

    private static func skip(_ reader: inout StateByteReader) throws(StateDecodingError) {
        if try reader.byte() == 1 { try ValueCoding.skip(&reader) }
    }

    private static func read(
        _ content: [UInt8], _ body: (inout StateByteReader) throws(StateDecodingError) -> Value?
    ) -> Value? {
        content.withUnsafeBytes { bytes -> Value? in
            var reader = StateByteReader(bytes)
            do throws(StateDecodingError) {
                return try body(&reader)
            } catch {
                preconditionFailure("the stored event is \(error.problem)")
            }
        }
    }
}

extension Value {
    fileprivate static let emptyMap: Value = {
        guard let map = MapValue([]) else { preconditionFailure("an empty map has no duplicates") }
        return .map(map)
    }()
}
