import Assay
import AssayCore
import StateStore

/// Brings what people have judged to the model, as labels with the time of the judgement.
///
/// Each judgement is delivered again after a crash until it is known to be in the journal: a label that is there
/// already changes nothing.
final class Teacher {
    private let intake: Intake
    /// The last judgement of what was sent and is not confirmed yet; nil where nothing is under way.
    private var sent: Int64?
    private let confirmation = Confirmation()

    /// Whether what was sent is in the journal; nil until that is known.
    private final class Confirmation: Sendable {
        let isTaken = Locked<Bool?>(nil)
    }

    private static let mostAtOnce: Int64 = 1000

    init(_ intake: Intake) { self.intake = intake }

    /// Does what is to be done now; comes each second.
    func turn(_ store: ReviewStore, now: Int64) throws(StoreError) {
        if let sent {
            guard let isTaken = confirmation.isTaken.withLock({ $0 }) else { return }
            if isTaken { try store.setTaught(sent) }
            self.sent = nil
        }
        guard intake.isLive else { return }
        let taught = try store.taught
        let settled = try store.lastSettled(now: now, grace: ReviewSettings.graceMilliseconds)
        let judgements = try store.standing(after: taught, upTo: settled, limit: Self.mostAtOnce)
        let last = judgements.count == Int(Self.mostAtOnce) ? judgements.last?.number ?? 0 : settled
        guard last > taught else { return }
        let lines = judgements.compactMap(\.labelLine)
        guard !lines.isEmpty else { return try store.setTaught(last) }
        confirmation.isTaken.withLock { $0 = nil }
        sent = last
        let submission = Submission(Array(lines.joined().utf8), isStream: true, isOfLabels: true) {
            [confirmation] reply, _ in
            confirmation.isTaken.withLock { $0 = reply.status == 202 }
        }
        if !intake.submit(submission) { confirmation.isTaken.withLock { $0 = false } }
    }
}
