import Assay
import AssayCore
import Glibc
import StateStore

/// What was answered, so that a transaction that comes again gets the same answer and counts once.
///
/// The reading thread asks for each transaction before it is taken, the writing thread says what became of it. Between
/// the two others with the same id wait for the first one's answer.
///
/// @unchecked Sendable: everything that changes is in `state`.
final class Answers: @unchecked Sendable {
    struct Limits: Sendable {
        var keepSeconds: UInt32 = 86_400
        var most = 1_000_000
    }

    fileprivate struct State: Sendable {
        var index: AnswerIndex
        let log: AnswerLog
        /// By number, those who wait for the answer of an equal transaction.
        var followers: [UInt64: [(submission: Submission, line: Int)]] = [:]
        var inFlight: [UInt64: Receipt] = [:]
        var replayed: UInt64 = 0
    }

    private let limits: Limits
    private let journal: SegmentFolder
    private let log: AnswerLog
    private let state: Locked<State>

    /// Of a pending entry's place, the bits for the transaction in its batch.
    private static let indexBits: UInt64 = 20

    init(_ log: AnswerLog, journal: SegmentFolder, _ limits: Limits) throws(RunFailure) {
        (self.limits, self.journal, self.log) = (limits, journal, log)
        var index = AnswerIndex(limit: limits.most)
        try log.forEach { place, record in
            _ = index.append(
                idHash: record.idHash, userHash: record.userHash, seconds: record.seconds, place: place,
                state: .answered)
        }
        state = Locked(State(index: index, log: log))
    }

    private static var seconds: UInt32 { UInt32(truncatingIfNeeded: WallClock.milliseconds / 1000) }

    // MARK: The reading thread

    /// Takes out of a batch what was answered before, is on its way already, or contradicts what came before.
    func sift(_ batch: TransactionBatch, _ receipt: Receipt) {
        let text = batch.text.view
        let seconds = Self.seconds
        var repeated: [UInt32] = []
        state.withLock { state in
            state.index.drop(before: seconds - min(seconds, limits.keepSeconds))
            // One of the batch may be that of an earlier one in it.
            if let number = receipt.number { state.inFlight[number] = receipt }
            for transaction in batch.decoded.transactions {
                let (user, id) = (text.bytes(transaction.userID), text.bytes(transaction.id))
                let key = Key(id.stableHash, UInt32(truncatingIfNeeded: transaction.userHash), user, id)
                let line = text.bytes(transaction.line)
                if receipt.number != nil,
                    isRepeated(key, line, receipt.origin(of: Int(transaction.lineIndex)), &state)
                {
                    repeated.append(transaction.lineIndex)
                    continue
                }
                let place = (receipt.number ?? 0) << Self.indexBits | UInt64(receipt.entries.count)
                receipt.note(user, id, line: transaction.lineIndex)
                receipt.entries.append(
                    state.index.append(
                        idHash: key.idHash, userHash: key.userHash, seconds: seconds, place: place, state: .pending))
            }
        }
        if !repeated.isEmpty {
            let repeated = Set(repeated)
            batch.decoded.transactions.removeAll { repeated.contains($0.lineIndex) }
        }
    }

    private struct Key {
        let idHash: UInt64
        let userHash: UInt32
        let user: UnsafeBufferPointer<UInt8>
        let id: UnsafeBufferPointer<UInt8>

        init(
            _ idHash: UInt64, _ userHash: UInt32, _ user: UnsafeBufferPointer<UInt8>, _ id: UnsafeBufferPointer<UInt8>
        ) {
            (self.idHash, self.userHash, self.user, self.id) = (idHash, userHash, user, id)
        }
    }

    /// Answers a line that came before, or lets it wait. Returns false for one that is new.
    private func isRepeated(
        _ key: Key, _ line: UnsafeBufferPointer<UInt8>,
        _ origin: (submission: Submission, number: Int, place: Range<Int>), _ state: inout State
    ) -> Bool {
        var earlier: AnswerLog.Record?
        var difference: String?
        let found = state.index.find(key.idHash) { _, entry in
            guard entry.userHash == key.userHash else { return false }
            guard entry.state == .pending else {
                guard let record = state.log.read(entry.place), record.user.elementsEqual(key.user),
                    record.id.elementsEqual(key.id)
                else { return false }
                earlier = record
                return true
            }
            guard let receipt = state.inFlight[entry.place >> Self.indexBits],
                case let index = Int(entry.place & (1 << Self.indexBits - 1)),
                receipt.isAbout(key.user, key.id, at: index)
            else { return false }
            let first = receipt.origin(of: Int(receipt.line(at: index)))
            difference = first.submission.withLine(first.place) { LineDifference.between($0, line) }
            return true
        }
        guard let found else { return false }
        if let earlier { difference = self.difference(earlier, line) }
        if let difference {
            origin.submission.reject(
                origin.number, Submission.conflict,
                "the user has another transaction with this id: \(difference) differs")
        } else if let earlier {
            state.replayed += 1
            earlier.answer.withUnsafeBufferPointer {
                origin.submission.answer(origin.number, $0, isReplayed: true)
            }
        } else {
            state.replayed += 1
            state.followers[found, default: []].append((origin.submission, origin.number))
        }
        return true
    }

    /// How a line differs from the one that was answered. One whose journal is gone is taken for the same.
    private func difference(_ record: AnswerLog.Record, _ line: UnsafeBufferPointer<UInt8>) -> String? {
        let descriptor = open(journal.file(record.journal.segment), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4 * line.count + 1024)
        while true {
            let count = pread(descriptor, &bytes, bytes.count, off_t(record.journal.offset))
            guard count > 0 else { return nil }
            if let end = bytes[..<count].firstIndex(of: 10) {
                return bytes[..<end].withUnsafeBufferPointer { LineDifference.between($0, line) }
            }
            guard count == bytes.count, bytes.count <= 2 * longestLine else { return nil }
            bytes = [UInt8](repeating: 0, count: 2 * longestLine + 1)
        }
    }

    // MARK: The writing thread

    /// What became of a transaction of a batch: the part of the records that is its own, or nothing where it was
    /// rejected after all.
    typealias Outcome = (entry: UInt64, record: Int?)

    /// Remembers answers before they are given. Returns who else waited for them, by the index of the outcome.
    func settle(
        _ receipt: Receipt, _ outcomes: [Outcome], records: UnsafeRawBufferPointer
    ) throws(SinkFault) -> [Int: [(submission: Submission, line: Int)]] {
        try state.withLock { state throws(SinkFault) in try state.log.makeRoom() }
        // The place is this thread's alone, and others read only what is remembered.
        let start = try log.write(records)
        return state.withLock { state in
            var followers: [Int: [(submission: Submission, line: Int)]] = [:]
            for (index, outcome) in outcomes.enumerated() {
                if let record = outcome.record {
                    state.index.settle(outcome.entry, place: start + UInt64(record))
                } else {
                    state.index.settle(outcome.entry, place: nil)
                }
                if !state.followers.isEmpty, let waiting = state.followers.removeValue(forKey: outcome.entry) {
                    followers[index] = waiting
                }
            }
            if let number = receipt.number { state.inFlight[number] = nil }
            return followers
        }
    }

    /// What a checkpoint needs, and the file that has to be durable before.
    func settled(path: String) -> SettledSink {
        state.withLock { state in
            SettledSink(
                CheckpointRecord.Output(name: AnswerLog.name, path: path, length: state.log.end, resume: []),
                unsynced: state.log.present)
        }
    }

    /// Removes files with nothing in them that is remembered.
    func release() {
        state.withLock { state in
            var number = state.index.first
            while number < state.index.next, state.index[number].state != .answered { number += 1 }
            if number < state.index.next { state.log.remove(before: state.index[number].place) }
        }
    }

    // MARK: Anyone

    /// The remembered answer of an id, the newest without a user; nil where there is none.
    func find(id: [UInt8], user: [UInt8]?) -> [UInt8]? {
        let idHash = id.withUnsafeBufferPointer(\.stableHash)
        return state.withLock { state in
            var answer: [UInt8]?
            _ = state.index.find(idHash) { _, entry in
                guard entry.state == .answered, let record = state.log.read(entry.place), record.id == id,
                    user == nil || record.user == user
                else { return false }
                answer = record.answer
                return true
            }
            return answer
        }
    }

    /// Those whose lines are on their way: the run has ended, and nobody else will answer them.
    func abandon() {
        let (receipts, followers) = state.withLock { state in
            defer { (state.inFlight, state.followers) = ([:], [:]) }
            return (state.inFlight.values.map { $0 }, state.followers.values.flatMap { $0 })
        }
        for receipt in receipts { receipt.forEachSubmission { $0.abandon() } }
        for follower in followers { follower.submission.abandon() }
    }

    func write(into page: inout MetricsPage) {
        let (count, replayed) = state.withLock { ($0.index.count, $0.replayed) }
        page.write(.remembered, Double(count))
        page.write(.replayed, Double(replayed))
    }
}
