import Assay
import AssayCore

/// Scoring for an engine that owns input, output and checkpoints: blocks of lines in, lines and states out.
///
/// A core is used by one thread at a time.
final class ScoringCore {
    private var stage: ScoringStage
    private var decoder: TransactionBatchDecoder
    private let batch = TransactionBatch()
    private let encoder: AssessmentEncoder
    private let rejectEncoder = RejectEncoder(showsPlace: false)
    private(set) var rejects = OutputBuffer(capacity: 1 << 12)
    private(set) var assessments = OutputBuffer(capacity: 1 << 18)
    private(set) var exported = OutputBuffer(capacity: 1 << 12)
    /// Small texts that somebody asked for.
    private(set) var answer = OutputBuffer(capacity: 1 << 8)
    private var shares: [Share] = []
    private let groups: Int
    private var configuration: String
    /// A state could not be read: whatever follows would be wrong.
    private(set) var isDamaged = false

    static let mostGroups = 1 << 15

    init(_ configuration: String, groups: Int) throws(ConfigurationError) {
        let plan = try Configuration.carriedPlan(configuration)
        guard !plan.settings.learning.isEnabled else {
            throw ConfigurationError(
                path: "configuration", position: nil,
                message: "'learning' needs all transactions and labels of the stream in one place, and an engine that "
                    + "spreads users over several has no such place; score with 'assay' itself, or leave it out")
        }
        (self.configuration, self.groups) = (configuration, groups)
        stage = ScoringStage(settings: plan.settings, zone: plan.zone, fields: plan.fields, numbering: .user)
        stage.install(plan.rules)
        decoder = stage.makeDecoder(.jsonl, CSVDialect(), csvHeader: [])
        encoder = AssessmentEncoder(plan.settings, numbering: .user)
    }

    /// Takes other rules over, from the next line on.
    func reload(_ other: String) throws(ConfigurationError) {
        stage.install(try Configuration.carriedPlan(other, instead: configuration).rules)
        configuration = other
    }

    // MARK: Lines

    /// Room for lines and a newline behind them.
    func room(_ count: Int) -> UnsafeMutablePointer<UInt8> {
        begin()
        if count + 1 > batch.text.capacity { batch.text.grow(to: 2 * (count + 1), keeping: 0) }
        return batch.text.base
    }

    /// Decodes the lines in the room, and does something with each batch of them.
    private func forEachBatch(_ count: Int, _ body: () -> Void) {
        rejects.removeAll()
        guard count > 0 else { return }
        guard count > longestLine else {
            var count = count
            if batch.text.base[count - 1] != UInt8(ascii: "\n") {
                batch.text.base[count] = UInt8(ascii: "\n")
                count += 1
            }
            (batch.text.count, batch.text.filled) = (count, count)
            return decode(body)
        }
        // Only here a line can be too long.
        let lines = Array(UnsafeBufferPointer(start: batch.text.base, count: count))
        begin()
        for line in lines.split(separator: UInt8(ascii: "\n")) {
            if batch.text.filled + line.count > longestLine { decodeFilled(body) }
            line.withUnsafeBufferPointer { append($0) }
            if batch.text.cutLine != nil { decodeFilled(body) }
        }
        decodeFilled(body)
    }

    private func append(_ line: UnsafeBufferPointer<UInt8>) {
        guard line.count > longestLine else {
            batch.text.append(line)
            return batch.text.endLine()
        }
        batch.text.cutLine = batch.text.filled
        batch.text.append(UnsafeBufferPointer(rebasing: line[..<(Reject.quotedBytes + 3)]))
        batch.text.endLastLine()
    }

    private func begin() {
        batch.reset()
        batch.text.reset(offset: 1, firstLine: 1)
    }

    private func decodeFilled(_ body: () -> Void) {
        if batch.text.count > 0 { decode(body) }
        begin()
    }

    private func decode(_ body: () -> Void) {
        decoder.decode(batch)
        body()
        for reject in batch.decoded.rejects {
            rejectEncoder.encode(reject, text: batch.text, of: nil, into: &rejects)
        }
    }

    /// Scores the lines in the room.
    func score(_ count: Int) throws(StoreError) {
        assessments.removeAll()
        var fault: StoreError?
        forEachBatch(count) {
            guard fault == nil else { return }
            do throws(StoreError) {
                try stage.score(batch)
            } catch {
                fault = error
                return
            }
            encoder.encode(
                batch.decoded.transactions, text: batch.text.view, scored: batch.scored, into: &assessments)
        }
        guard let fault else { return }
        isDamaged = true
        throw fault
    }

    // MARK: Routing

    /// Sorts the lines in the room by the subtask that has their user. Returns false for numbers that can't be.
    func route(_ count: Int, targets: Int) -> Bool {
        guard targets > 0, targets <= groups else { return false }
        while shares.count < targets { shares.append(Share()) }
        for share in shares { share.lines.removeAll() }
        forEachBatch(count) {
            let text = batch.text.view
            for transaction in batch.decoded.transactions {
                let group = KeyGroups.group(of: text.bytes(transaction.userID), among: groups)
                give(text.bytes(transaction.line), to: group * targets / groups)
            }
        }
        return true
    }

    private func give(_ line: UnsafeBufferPointer<UInt8>, to target: Int) {
        let share = shares[target]
        share.lines.reserve(line.count + 5)
        if share.lines.count == 0 {
            withUnsafeBytes(of: UInt32(target).bigEndian) { share.lines.write($0.bindMemory(to: UInt8.self)) }
        }
        share.lines.write(line)
        share.lines.write(UInt8(ascii: "\n"))
    }

    func share(_ target: Int) -> UnsafeRawBufferPointer {
        shares.indices.contains(target) ? shares[target].lines.bytes : UnsafeRawBufferPointer(start: nil, count: 0)
    }

    /// The lines of one subtask. A class, since a buffer exists once.
    private final class Share {
        var lines = OutputBuffer(capacity: 1 << 12)
    }

    // MARK: States

    func export(_ most: Int) {
        exported.removeAll()
        _ = stage.giveOut(atMost: most, into: &exported)
    }

    func take(_ entries: UnsafeRawBufferPointer, isKnown: Bool) throws(StateDecodingError) {
        do throws(StateDecodingError) {
            try stage.takeOver(entries, isKnown: isKnown)
        } catch {
            isDamaged = true
            throw error
        }
    }

    /// Makes an entry of a line of an export; none of its first line, whose event time is taken over.
    func makeEntry(of line: [UInt8]) throws(StateTransfer.Problem) {
        answer.removeAll()
        let document = try Self.parse(line)
        if document["assay_state"] != nil {
            let record = try StateTransfer.record(document).stage
            if record.sequence > 0 { resumeUnlessBehind(record.fields) }
            return
        }
        let user = try StateTransfer.user(document)
        let state: [UInt8]
        do throws(StateDecodingError) {
            state = try user.stateBytes()
        } catch {
            throw StateTransfer.Problem(message: "the state of the user is \(error.problem)")
        }
        user.id.withUnsafeBufferPointer { id in
            state.withUnsafeBytes { SharedEntry.append(key: id, state: $0, to: &answer) }
        }
    }

    private static func parse(_ line: [UInt8]) throws(StateTransfer.Problem) -> JSON {
        do throws(JSONError) {
            return try JSON(parsing: line)
        } catch {
            throw StateTransfer.Problem(message: "\(error.message) at byte \(error.offset + 1)")
        }
    }

    /// How far event time has come, as words: a name and a number each.
    func tellClock() {
        answer.removeAll()
        for field in stage.clockFields { write("\(field.name) \(field.value)\n") }
    }

    /// Takes a clock over unless the present one is further. Returns false for bytes that are none.
    func set(clock bytes: UnsafeRawBufferPointer) -> Bool {
        guard let fields = Self.fields(bytes) else { return false }
        resumeUnlessBehind(fields)
        return true
    }

    private func resumeUnlessBehind(_ fields: [StageRecord.Field]) {
        guard let time = Self.time(fields) else { return }
        if let present = Self.time(stage.clockFields), present >= time { return }
        stage.resumeClock(fields)
    }

    private static func time(_ fields: [StageRecord.Field]) -> EventTime? {
        var record = StageRecord()
        record.fields = fields
        return StreamClock.time(in: record)
    }

    private static func fields(_ bytes: UnsafeRawBufferPointer) -> [StageRecord.Field]? {
        var fields: [StageRecord.Field] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard words.count == 2, let value = Int64(String(decoding: words[1], as: UTF8.self)) else { return nil }
            fields.append(StageRecord.Field(name: String(decoding: words[0], as: UTF8.self), value: value))
        }
        return fields
    }

    // MARK: Figures

    var users: Int { stage.keyCount }
    var memory: Int { stage.memoryBytes + stage.indexBytes }
    var counts: RunCounts { stage.counts }

    /// How often rules fired and failed, a line each.
    func tellRules() {
        answer.removeAll()
        for rule in stage.ruleCounts { write("\(rule.name) \(rule.count)\n") }
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        answer.reserve(bytes.count)
        bytes.withUnsafeBufferPointer { answer.write($0) }
    }
}
