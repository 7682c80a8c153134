import Assay
import AssayCore
import CivilTime
import StateStore

/// What somebody wants to know of the state as it is now: asked of the thread that owns it, worked out beside it.
struct StateQuestion {
    private let scoring: ScoringService
    /// What a transaction is judged by instead of the present state; nil for that.
    private let then: (moment: FormerMoment, user: [UInt8])?

    private static let patienceSeconds = 5.0

    init(_ scoring: ScoringService, then: (moment: FormerMoment, user: [UInt8])? = nil) {
        (self.scoring, self.then) = (scoring, then)
    }

    func answer(_ request: HTTPRequest) throws(Problem) -> HTTPReply {
        switch request.route?.endpoint {
        case .user: HTTPReply(try user(request.parameter))
        case .model: HTTPReply(try model())
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

    private static let mostWeights = 30

    private func model() throws(Problem) -> JSON {
        let box = Mailbox<JSON?>()
        scoring.question { stage in
            let weights = stage.model?.slotWeights.sorted {
                abs($0.weight) != abs($1.weight) ? abs($0.weight) > abs($1.weight) : $0.slot < $1.slot
            }
            box.send(
                stage.model.map {
                    ModelDocument.json($0.summary, weights: Array(weights?.prefix(Self.mostWeights) ?? []))
                })
        }
        guard let document = box.receive(until: MonotonicClock.seconds + Self.patienceSeconds) else {
            throw .later(503, "the engine is busy")
        }
        guard let document else { throw Problem(404, "learning is off", reason: "learning_is_off") }
        return document
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
        let outcomes = Mailbox<(Result<Explainer.Outcome, StoreError>, UInt64, isOther: Bool)>()
        scoring.question { [then] stage in
            let plan = stage.plan
            let record = then?.moment.record ?? stage.record
            let consulted = stage.model.map { ConsultedModel($0) }
            var explainer = Explainer(
                settings: plan.settings, zone: plan.zone, fields: plan.fields, rules: plan.rules, stage: record,
                model: { () throws(StoreError) in consulted })
            var isOther = false
            let outcome: Result<Explainer.Outcome, StoreError>
            do throws(StoreError) {
                var state: Result<[UInt8]?, StoreError> = .success(then?.moment.state)
                outcome = .success(
                    try explainer.explain(line, number: number) { user throws(StoreError) in
                        if let then { isOther = then.user != user } else { state = .success(try stage.state(of: user)) }
                        return try state.get()
                    })
            } catch {
                outcome = .failure(error)
            }
            outcomes.send((outcome, record.sequence, isOther))
        }
        let end = MonotonicClock.seconds + Self.patienceSeconds
        guard let (outcome, asOf, isOther) = outcomes.receive(until: end) else {
            throw .later(503, "the engine is busy")
        }
        if isOther { throw Problem(422, "the transaction is of another user than the entry") }
        sequence = sequence ?? asOf
        do throws(StoreError) {
            return try outcome.get()
        } catch {
            throw .later(503, "the state cannot be read now")
        }
    }
}
