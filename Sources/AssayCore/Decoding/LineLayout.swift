import CBytes
import CivilTime

/// What many lines have in common: the bytes between their values, and which field each value is.
struct LineLayout {
    private var steps: [assay_step] = []
    private var values = assay_values()
    private var texts = FieldSet()
    private var numbers = FieldSet()
    private var nulls = FieldSet()
    private var objects = FieldSet()
    /// Whether its values are of the kinds that fields usually have.
    private var isUsual = false
    /// That of the line that was read last.
    var transaction = Transaction()

    /// The target of values that nobody wants.
    private static let nobody = UInt16(ASSAY_TARGETS - 1)
    private static let mostSteps = 256

    /// What a value is made of.
    enum Kind {
        case text, number, null, object
    }

    // MARK: Learning

    /// Adds the bytes up to a value, and how that is read. Returns false when there are more than are kept.
    mutating func add(_ bytes: UnsafeBufferPointer<UInt8>, _ kind: Int, _ field: Field? = nil) -> Bool {
        var rest = bytes[...]
        repeat {
            let part = rest.prefix(Int(ASSAY_STEP_BYTES))
            rest = rest.dropFirst(part.count)
            var step = assay_step()
            withUnsafeMutableBytes(of: &step.bytes) { $0.copyBytes(from: part) }
            withUnsafeMutableBytes(of: &step.mask) { mask in for index in 0..<part.count { mask[index] = 0xFF } }
            step.count = UInt32(part.count)
            step.kind = UInt8(rest.isEmpty ? kind : ASSAY_STEP_NONE)
            step.is_text = Int(step.kind) == ASSAY_STEP_TEXT
            step.target = field.map { UInt16($0.rawValue) } ?? Self.nobody
            steps.append(step)
        } while !rest.isEmpty
        return steps.count <= Self.mostSteps
    }

    /// Returns false for a field that has a value already: then the last one counts.
    mutating func note(_ field: Field, _ kind: Kind) -> Bool {
        if [texts, numbers, nulls, objects].contains(where: { $0.contains(field) }) { return false }
        switch kind {
        case .text: texts.insert(field)
        case .number: numbers.insert(field)
        case .null: nulls.insert(field)
        case .object: objects.insert(field)
        }
        return true
    }

    /// To be called once everything was added.
    mutating func finish() {
        let numeric: [Field] = [.amount, .time, .latitude, .longitude]
        let hasTexts = texts.contains(.id) && texts.contains(.userID)
        let hasNumbers = numbers.contains(.amount) && numbers.contains(.latitude) == numbers.contains(.longitude)
        isUsual =
            hasTexts && hasNumbers && !texts.contains(.latitude) && !texts.contains(.longitude)
            && !Field.allCases.contains { numbers.contains($0) && !numeric.contains($0) }
    }

    // MARK: Reading lines

    var isKnown: Bool { !steps.isEmpty }

    /// Reads a line. Returns where the next one begins; nil where it has another layout.
    @inline(__always)
    mutating func match(_ base: UnsafePointer<UInt8>, at start: Int, _ stops: UnsafePointer<UInt64>) -> Int? {
        let next = steps.withUnsafeBufferPointer { steps in
            guard let first = steps.baseAddress else { return 0 }
            return assay_match_layout(first, base, start, stops, &values)
        }
        guard next > 0 else { return nil }
        return values.has_high_bytes || next - start > longestLine ? checked(base, from: start, to: next) : next
    }

    @inline(never)
    private func checked(_ base: UnsafePointer<UInt8>, from start: Int, to next: Int) -> Int? {
        let line = LineBounds(start: base + start, newline: base + next - 1)
        return line.encodingProblem() == nil ? next : nil
    }

    @inline(__always)
    private func slice(_ field: Field) -> ByteSlice {
        let slice = withUnsafePointer(to: values) { assay_value_slice($0, UInt32(field.rawValue)) }
        return ByteSlice(offset: slice.offset, count: slice.count)
    }

    @inline(__always)
    private func number(_ field: Field) -> Double {
        withUnsafePointer(to: values) { assay_value_number($0, UInt32(field.rawValue)) }
    }

    /// Makes the transaction of the line that was read last. Returns whether each value is one that its field takes.
    @inline(__always)
    mutating func read(_ base: UnsafePointer<UInt8>, _ zone: TimeZoneRules) -> Bool {
        guard isUsual else { return readUnusual(base, zone) }
        let text = BatchText(base: base)
        // What no line of the layout has stays as it is in an empty transaction.
        transaction.id = slice(.id)
        transaction.userID = slice(.userID)
        guard Transaction.idLengths.contains(Int(transaction.id.count)),
            Transaction.idLengths.contains(Int(transaction.userID.count))
        else { return false }
        transaction.userHash = text.bytes(transaction.userID).stableHash
        if texts.contains(.type) {
            transaction.type = slice(.type)
            guard Transaction.typeLengths.contains(Int(transaction.type.count)) else { return false }
        }
        if texts.contains(.currency) {
            guard let currency = CurrencyCode(text.bytes(slice(.currency))) else { return false }
            transaction.currency = currency
        }
        transaction.amount = number(.amount)
        guard transaction.amount >= 0, let time = time(text, zone) else { return false }
        transaction.time = time
        if numbers.contains(.latitude) {
            let location = Location(latitude: number(.latitude), longitude: number(.longitude))
            guard Location.latitudes.contains(location.latitude), Location.longitudes.contains(location.longitude)
            else { return false }
            transaction.location = location
        }
        transaction.accountID = slice(.accountID)
        transaction.merchantID = slice(.merchantID)
        transaction.metadata = slice(.metadata)
        return true
    }

    @inline(__always)
    private func time(_ text: BatchText, _ zone: TimeZoneRules) -> EventTime? {
        guard numbers.contains(.time) else { return EventTime(text: text.bytes(slice(.time)), zone: zone) }
        let hasFraction = values.fractions >> UInt32(Field.time.rawValue) & 1 == 1
        return hasFraction ? EventTime(real: number(.time)) : EventTime(integer: Int64(number(.time)))
    }

    /// With numbers as texts, or texts as numbers.
    @inline(never)
    private mutating func readUnusual(_ base: UnsafePointer<UInt8>, _ zone: TimeZoneRules) -> Bool {
        var builder = TransactionBuilder()
        let text = BatchText(base: base)
        for field in Field.allCases {
            let slice = slice(field)
            let bytes = text.bytes(slice)
            if texts.contains(field) {
                builder.set(field, text: slice, bytes: bytes, needsEscaping: false, zone: zone)
            } else if numbers.contains(field) {
                guard let number = ScannedNumber(whole: bytes) else { return false }
                builder.set(field, scanned: number, text, zone: zone)
            } else if nulls.contains(field) {
                builder.setNull(field)
            } else if objects.contains(field) {
                if field == .metadata { builder.setMetadata(slice) } else { builder.accept(field) }
            }
        }
        guard builder.finish() == nil else { return false }
        transaction = builder.transaction
        return true
    }
}
