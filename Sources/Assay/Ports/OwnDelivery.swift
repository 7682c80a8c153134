import AssayCore
import Glibc
import StateStore

/// The delivery to a database of the state's own, which is there or is made: where it begins.
struct OwnDelivery {
    let path: String
    let resume: DeliveryResume
    /// The number of rows that are there already.
    var delivered: Int64
    /// Nothing was ever delivered.
    let isNew: Bool
    /// What was lost.
    var notice: String?

    /// `what` is named in messages. `known`: what the file says of a delivery.
    static func plan(
        _ situation: OutputSituation, file: String, what: String,
        known: (_ path: String, _ id: String) throws(StoreError) -> Int64?
    ) throws(RunFailure) -> OwnDelivery {
        guard let folder = situation.stateFolder else {
            throw RunFailure(.usage, "\(what) needs a state to be kept in: leave out --no-checkpoints")
        }
        let path = "\(folder)/\(file)"
        let resume = situation.isFresh ? nil : situation.recorded.flatMap { DeliveryResume($0.resume) }
        var plan = OwnDelivery(
            path: path, resume: resume ?? .new(), delivered: resume?.rows ?? 0, isNew: resume == nil)
        guard let resume else { return plan }
        do throws(StoreError) {
            guard access(path, F_OK) == 0, let count = try known(path, resume.delivery) else {
                if resume.rows > 0 { plan.notice = "'\(path)' does not know \(what): what was there is lost" }
                return plan
            }
            plan.delivered = max(count, resume.rows)
        } catch {
            throw RunFailure(.inputOutput, "'\(path)' cannot be used, \(error.description)")
        }
        return plan
    }
}
