import Assay
import AssayCore
import CivilTime
import StateStore

/// What somebody wants to know of the state as it is now: asked of the thread that owns it, worked out beside it.
struct StateQuestion {
    private let scoring: ScoringService

    private static let patienceSeconds = 5.0

    init(_ scoring: ScoringService) {
        self.scoring = scoring
    }

    func answer(_ request: HTTPRequest) throws(Problem) -> HTTPReply {
        switch request.route?.endpoint {
        case .user: HTTPReply(try user(request.parameter))
        case .answer: HTTPReply(try remembered(request.parameter, user: request.queryValue("user_id")))
        default: HTTPReply(try explanations(request))
        }
    }

    /// As of a moment between two batches.
    private struct Moment: Sendable {
        let record: StageRecord
        let plan: ScoringPlan
        /// That of a user, or why it could not be read.
        let state: Result<[UInt8]?, StoreError>
    }

    private func moment(of user: [UInt8]) throws(Problem) -> Moment {
        let box = Mailbox<Moment>()
        scoring.question { stage in
            let state: Result<[UInt8]?, StoreError>
            do throws(StoreError) {
                state = .success(try stage.state(of: user))
            } catch {
                state = .failure(error)
            }
            box.send(Moment(record: stage.record, plan: stage.plan, state: state))
        }
        guard let moment = box.receive(until: MonotonicClock.seconds + Self.patienceSeconds) else {
            throw .later(503, "the engine is busy")
        }
        return moment
    }

    private func user(_ id: [UInt8]) throws(Problem) -> JSON {
        let moment = try moment(of: id)
        guard case .success(let state) = moment.state else { throw .later(503, "the user's state cannot be read") }
        guard let state else { throw Problem(404, "no such user is known") }
        let record = state.withUnsafeBytes { bytes -> UserRecord? in
            do throws(StateDecodingError) {
                return try UserRecord(id: id, state: bytes)
            } catch {
                // What the engine itself has just encoded.
                return nil
            }
        }
        guard let record else { throw Problem(500, "the user's state cannot be read") }
        return record.json(TimeText(moment.plan.zone))
    }

    private func remembered(_ id: [UInt8], user: [UInt8]?) throws(Problem) -> [UInt8] {
        guard let answer = scoring.answersIfOpen?.find(id: id, user: user) else {
            throw Problem(404, "no answer to such a transaction is remembered")
        }
        return answer
    }

    private static let mostLines = 1000

    private func explanations(_ request: HTTPRequest) throws(Problem) -> JSON {
        var lines = request.isStream ? request.body.split(separator: 10).map { Array($0) } : [request.body]
        guard lines.count <= Self.mostLines else {
            throw Problem(413, "at most \(Self.mostLines) lines are explained at once")
        }
        if !request.isStream { lines[0] = lines[0].map { $0 == 10 || $0 == 13 ? 32 : $0 } }
        var documents: [JSON] = []
        var sequence: UInt64?
        for (index, line) in lines.enumerated() {
            guard line.count <= longestLine else { throw Problem(413, "a line has at most \(longestLine) bytes") }
            let number = UInt64(index + 1)
            let outcome = try explain(line, number, &sequence)
            switch outcome {
            case .blank: continue
            case .rejected(let reject):
                guard request.isStream else {
                    throw Problem(422, reject.message, reason: "\(reject.reason.code)")
                }
                let rejected: JSON = .object([
                    ("reason", .string("\(reject.reason.code)")), ("message", .string(reject.message)),
                ])
                documents.append(.object([("line", .unsigned(number)), ("rejected", rejected)]))
            case .explained(let explanation): documents.append(explanation.json(line: number))
            }
        }
        guard !documents.isEmpty else { throw Problem(400, "the body is empty", reason: "malformed_json") }
        return .object([
            ("as_of_checkpoint", .null), ("as_of_sequence", .unsigned(sequence ?? 0)),
            ("explanations", .array(documents)),
        ])
    }

    private func explain(
        _ line: [UInt8], _ number: UInt64, _ sequence: inout UInt64?
    ) throws(Problem) -> Explainer.Outcome {
        // Whose it is says the line, and how it is read says the plan, which may change in between.
        let plan = try moment(of: []).plan
        guard !plan.settings.learning.isEnabled else {
            throw Problem(
                501, "a service that learns explains nothing: 'assayctl explain' does, as of the last checkpoint",
                reason: "not_implemented")
        }
        do throws(StoreError) {
            var user: [UInt8]?
            var first = Explainer(
                settings: plan.settings, zone: plan.zone, fields: plan.fields, rules: plan.rules, stage: StageRecord())
            let outcome = try first.explain(line, number: number) { id throws(StoreError) in
                user = id
                return nil
            }
            guard let user else { return outcome }
            let present: Moment
            do throws(Problem) {
                present = try moment(of: user)
            } catch {
                throw StoreError(.inputOutput, "asking for a user", "the engine is busy")
            }
            sequence = sequence ?? present.record.sequence
            var explainer = Explainer(
                settings: present.plan.settings, zone: present.plan.zone, fields: present.plan.fields,
                rules: present.plan.rules, stage: present.record)
            return try explainer.explain(line, number: number) { _ throws(StoreError) in try present.state.get() }
        } catch {
            throw .later(503, "the state cannot be read now")
        }
    }
}
