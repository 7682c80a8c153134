import AssayCore
import StateStore

/// The documented form of decoded state, without loss: one JSON document for the checkpoint, one for each user.
package enum StateTransfer {
    package static let version: Int64 = 1
    /// Far more than any real count, and small enough that sums don't overflow.
    private static let largestCount: UInt64 = 1 << 60

    /// What is wrong with a document.
    package struct Problem: Error {
        package let message: String

        package init(message: String) {
            self.message = message
        }
    }

    // MARK: The checkpoint

    package static func json(_ record: CheckpointRecord) -> JSON {
        .object([
            ("assay_state", .integer(version)), ("checkpoint", .integer(record.id)),
            ("taken_ms", .integer(record.takenAt)), ("reason", .string(record.reason.rawValue)),
            ("sequence", .unsigned(record.stage.sequence)), ("event_ms", .integer(record.stage.eventTime)),
            ("users", .integer(record.stage.keys)), ("configuration", .string(record.configuration)),
            ("inputs", .array(record.inputs.map(json))),
            (
                "outputs",
                .array(
                    record.outputs.map {
                        .object([
                            ("name", .string($0.name)), ("path", .string($0.path)), ("length", .unsigned($0.length)),
                            ("resume", .string(hex($0.resume))),
                        ])
                    })
            ), ("tallies", .object(record.stage.tallies.map { ($0.name, .unsigned($0.count)) })),
            ("fields", .object(record.stage.fields.map { ($0.name, .integer($0.value)) })),
        ])
    }

    private static func json(_ input: CheckpointRecord.Input) -> JSON {
        var members: [(String, JSON)] = [
            ("name", .string(input.name)), ("path", .string(input.path)), ("offset", .unsigned(input.offset)),
            ("line", .unsigned(input.line)),
        ]
        // A followed file has more to it.
        if let file = FilePosition(input.position), !file.file.isKnown {
            members += [
                ("ends_inside_line", .bool(file.endsInsideLine)), ("head", .string(hex(file.mark.head.bytes))),
                ("chain", .string(hex(file.mark.chain.bytes))),
                ("previous", .string(hex(file.mark.previous.bytes))),
                ("partial", .string(hex(file.mark.partial.bytes))), ("csv_header", .string(hex(file.csvHeader))),
            ]
        } else {
            members.append(("position", .string(hex(input.position))))
        }
        return .object(members + [("format", .string(input.format))])
    }

    package static func record(_ json: JSON) throws(Problem) -> CheckpointRecord {
        guard json["assay_state"]?.integer == version else {
            throw Problem(message: "it does not begin with a state of version \(version)")
        }
        var record = CheckpointRecord()
        record.id = try need(json["checkpoint"]?.integer, "checkpoint")
        record.takenAt = try need(json["taken_ms"]?.integer, "taken_ms")
        record.reason = try need(json["reason"]?.string.flatMap { .init(rawValue: $0) }, "reason")
        record.stage.sequence = try need(json["sequence"]?.unsigned, "sequence")
        record.stage.eventTime = try need(json["event_ms"]?.integer, "event_ms")
        var log = LogExtent(function: ScoringStage.functionNumber)
        log.keys = try need(json["users"]?.integer, "users")
        record.stage.logs = [log]
        record.configuration = try need(json["configuration"]?.string, "configuration")
        for input in try need(json["inputs"]?.elements, "inputs") { record.inputs.append(try self.input(input)) }
        for output in try need(json["outputs"]?.elements, "outputs") {
            var known = EarlierPosition.output(
                name: try need(output["name"]?.string, "name"), path: try need(output["path"]?.string, "path"),
                length: try need(output["length"]?.unsigned, "length"))
            // Older exports have none.
            if let resume = output["resume"]?.string.flatMap(bytes) { known.resume = resume }
            record.outputs.append(known)
        }
        for (name, count) in try need(json["tallies"]?.members, "tallies") {
            record.stage.tallies.append(Tally(name: name, count: try need(count.unsigned, name)))
        }
        record.stage.tallies.sort { $0.name < $1.name }
        // Older exports have none.
        for (name, value) in json["fields"]?.members ?? [] {
            record.stage.fields.append(StageRecord.Field(name: name, value: try need(value.integer, name)))
        }
        record.stage.fields.sort { $0.name < $1.name }
        try check(record)
        return record
    }

    /// Refuses what would stop the next run, or make it count wrong.
    private static func check(_ record: CheckpointRecord) throws(Problem) {
        guard record.id > 0, record.id < Int64.max / 2 else { throw Problem(message: "'checkpoint' is out of bounds") }
        var total = record.stage.sequence
        for count in record.stage.tallies.map(\.count) + record.inputs.flatMap({ [$0.offset, $0.line] })
            + record.outputs.map(\.length)
        {
            guard count < largestCount else { throw Problem(message: "a count is out of bounds") }
            total = max(total, count)
        }
        guard total < largestCount, record.stage.keys >= 0 else { throw Problem(message: "a count is out of bounds") }
        guard Set(record.stage.tallies.map(\.name)).count == record.stage.tallies.count,
            Set(record.stage.fields.map(\.name)).count == record.stage.fields.count,
            Set(record.inputs.map(\.name)).count == record.inputs.count,
            Set(record.outputs.map(\.name)).count == record.outputs.count
        else { throw Problem(message: "a name comes twice") }
        do throws(ConfigurationError) {
            _ = try Configuration.recorded(record.configuration).resolveWithoutRules(path: "the configuration")
        } catch {
            throw Problem(message: "'configuration' is no good, \(error.message)")
        }
    }

    private static func input(_ json: JSON) throws(Problem) -> CheckpointRecord.Input {
        var input = CheckpointRecord.Input(name: try need(json["name"]?.string, "name"))
        input.path = try need(json["path"]?.string, "path")
        input.offset = try need(json["offset"]?.unsigned, "offset")
        input.line = try need(json["line"]?.unsigned, "line")
        input.format = try need(json["format"]?.string, "format")
        if let position = json["position"] {
            input.position = try need(position.string.flatMap(bytes), "position")
            return input
        }
        func digest(_ name: String) throws(Problem) -> Digest {
            try need(json[name]?.string.flatMap(bytes).flatMap { Digest($0) }, name)
        }
        var file = FilePosition()
        (file.mark.offset, file.line) = (input.offset, input.line)
        file.endsInsideLine = try need(json["ends_inside_line"]?.bool, "ends_inside_line")
        file.mark.head = try digest("head")
        file.mark.chain = try digest("chain")
        file.mark.previous = try digest("previous")
        file.mark.partial = try digest("partial")
        file.csvHeader = try need(json["csv_header"]?.string.flatMap(bytes), "csv_header")
        input.position = file.bytes
        return input
    }

    // MARK: Users

    package static func json(_ user: UserRecord) -> JSON {
        .object(
            [
                ("user_id", .string(user.name)), ("transactions", .unsigned(user.transactions)),
                ("last_ms", user.lastTime.map { .integer($0) } ?? .null),
                ("hours", .array(user.hours.hours.map { .integer(Int64($0)) })), ("weekend", .bool(user.seenOnWeekend)),
                (
                    "amounts",
                    .array(
                        user.amounts.map {
                            .object([
                                ("currency", .string($0.currency)), ("count", .unsigned($0.count)),
                                ("mean", exact($0.mean)), ("squares", exact($0.squares)),
                            ])
                        })
                ), ("places", .array(user.places.map { .array([.real($0.latitude), .real($0.longitude)]) })),
                (
                    "types",
                    .array(
                        user.types.map {
                            .object([
                                ("transaction_type", .string($0.name)),
                                ("times_ms", .array($0.times.map { .integer($0) })),
                            ])
                        })
                ), ("recent", .array(user.recentHashes.map { .string(hex($0)) })),
            ] + (user.sparedInARow == 0 ? [] : [("spared", .integer(Int64(user.sparedInARow)))])
                + (user.sequenceBytes.isEmpty ? [] : [("sequences", .string(hex(user.sequenceBytes)))])
                + (user.modelBytes.isEmpty ? [] : [("learned", .string(hex(user.modelBytes)))]))
    }

    /// Returns a user whose stored form is valid.
    package static func user(_ json: JSON) throws(Problem) -> UserRecord {
        let id = try need(json["user_id"]?.string, "user_id")
        guard Transaction.idLengths.contains(id.utf8.count) else {
            throw Problem(message: "'user_id' must have 1 to 128 bytes")
        }
        var user = UserRecord(id: Array(id.utf8))
        user.transactions = try need(json["transactions"]?.unsigned, "transactions")
        let last = try need(json["last_ms"], "last_ms")
        if case .null = last {} else { user.lastTime = try need(last.integer, "last_ms") }
        for hour in try need(json["hours"]?.elements, "hours") {
            user.hours.insert(
                UInt8(try need(hour.integer.flatMap { (0..<24).contains($0) ? $0 : nil }, "hours")))
        }
        user.seenOnWeekend = try need(json["weekend"]?.bool, "weekend")
        // What was exported before has none.
        if let spared = json["spared"] {
            user.sparedInARow = try need(spared.integer.flatMap { UInt8(exactly: $0) }, "spared")
        }
        for amount in try list(json, "amounts", atMost: UserState.mostCurrencies) {
            user.amounts.append(
                UserRecord.Amount(
                    currency: try text(amount, "currency", atMost: CurrencyCode.capacity),
                    count: try need(amount["count"]?.unsigned, "count"),
                    mean: try need(amount["mean"].flatMap(real), "mean"),
                    squares: try need(amount["squares"].flatMap(real), "squares")))
        }
        for place in try list(json, "places", atMost: UserState.mostPlaces) {
            let coordinates = try need(place.elements.flatMap { $0.count == 2 ? $0 : nil }, "places")
            user.places.append(
                UserRecord.Place(
                    latitude: try need(coordinates[0].real, "places"),
                    longitude: try need(coordinates[1].real, "places")))
        }
        for type in try list(json, "types", atMost: UserState.mostTypes) {
            var times: [Int64] = []
            for time in try need(type["times_ms"]?.elements, "times_ms") {
                times.append(try need(time.integer.flatMap { $0 >= times.last ?? 0 ? $0 : nil }, "times_ms"))
            }
            user.types.append(
                UserRecord.TransactionType(
                    name: try text(type, "transaction_type", atMost: Transaction.typeLengths.upperBound),
                    times: times))
        }
        for hash in try list(json, "recent", atMost: UserState.recentCapacity) {
            user.recentHashes.append(try need(hash.string.flatMap { UInt64($0, radix: 16) }, "recent"))
        }
        if let sequences = json["sequences"] {
            user.sequenceBytes = try need(sequences.string.flatMap(bytes), "sequences")
        }
        if let learned = json["learned"] { user.modelBytes = try need(learned.string.flatMap(bytes), "learned") }
        guard user.transactions < largestCount,
            user.amounts.allSatisfy({ $0.count < largestCount && !($0.squares < 0) }),
            Set(user.amounts.map { Array($0.currency.utf8) }).count == user.amounts.count,
            Set(user.types.map { Array($0.name.utf8) }).count == user.types.count
        else { throw Problem(message: "user '\(id)' has values that can't be") }
        do throws(StateDecodingError) {
            _ = try user.stateBytes()
        } catch {
            throw Problem(message: "user '\(id)' has values that are \(error.problem)")
        }
        return user
    }

    // MARK: Parts

    /// A number that comes back unchanged. Those that JSON lacks, which amounts above 1e150 lead to, are texts.
    private static func exact(_ value: Double) -> JSON { value.isFinite ? .real(value) : .string("\(value)") }

    private static func real(_ json: JSON) -> Double? {
        json.real ?? json.string.flatMap { ["inf", "nan", "-nan"].contains($0) ? Double($0) : nil }
    }

    private static func need<Value>(_ value: Value?, _ name: String) throws(Problem) -> Value {
        guard let value else { throw Problem(message: "'\(name)' is missing or not what it should be") }
        return value
    }

    private static func list(_ json: JSON, _ name: String, atMost bound: Int) throws(Problem) -> [JSON] {
        try need(json[name]?.elements.flatMap { $0.count <= bound ? $0 : nil }, name)
    }

    private static func text(_ json: JSON, _ name: String, atMost bound: Int) throws(Problem) -> String {
        try need(json[name]?.string.flatMap { $0.utf8.count <= bound ? $0 : nil }, name)
    }

    private static func hex(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    package static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func bytes(_ hex: String) -> [UInt8]? {
        let digits = Array(hex.utf8)
        guard digits.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16) else {
                return nil
            }
            bytes.append(byte)
        }
        return bytes
    }
}
