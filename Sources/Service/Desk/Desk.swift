import Assay
import AssayCore
import Glibc
import StateStore

/// What belongs to the page beside the run itself: the queue, what was judged, and what happened lately.
///
/// @unchecked Sendable: one thread looks things up, and uses it alone; snapshots are made beside it, one at a time.
final class Desk: @unchecked Sendable {
    private let pages: RunPages
    private let teacher: Teacher?
    private var history = RunHistory()
    private var rules = RuleHistory()
    private var opened: ReviewStore?
    private let isCopying = Locked(false)

    init(_ pages: RunPages, _ teacher: Teacher?) {
        (self.pages, self.teacher) = (pages, teacher)
    }

    // MARK: Each second

    /// Takes note of what the run has done, and brings judgements to the model. Returns what who looks on is told.
    func turn(now: Int64) -> JSON {
        var members: [(String, JSON)] = []
        if case .object(let counts) = pages.metrics.counts(at: now) { members = counts }
        if let step = history.note(pages.metrics.sample(at: now)) { members.append(("step", step.json)) }
        rules.note(pages.metrics.ruleTallies, at: now)
        var troubles = pages.metrics.troubles
        do throws(StoreError) {
            if let store = try store() {
                if let teacher { try teacher.turn(store, now: now) }
                members.append(("open", .integer(try store.openCount)))
            }
        } catch {
            troubles.append("the review queue cannot be read: \(error.description)")
        }
        members.append(("alerts_waiting", .integer(pages.metrics.alertsWaiting)))
        members.append(("troubles", .array(troubles.map { .string($0) })))
        return .object(members)
    }

    /// Nil where there is no queue, or nothing in it yet.
    private func store() throws(StoreError) -> ReviewStore? {
        if let opened { return opened }
        guard pages.content.hasReview, let folder = pages.folder else { return nil }
        let path = "\(folder)/\(ReviewStore.fileName)"
        guard access(path, F_OK) == 0 else { return nil }
        opened = try ReviewStore(path: path, .change)
        return opened
    }

    private func queue() throws(Problem) -> ReviewStore {
        guard pages.content.hasReview else {
            throw Problem(
                404, "there is no queue: the configuration has no 'review', which may be as short as 'review: {}'",
                reason: "review_is_off")
        }
        do throws(StoreError) {
            if let store = try store() { return store }
        } catch {
            throw .later(503, "the queue cannot be read now")
        }
        throw .later(503, "the queue is not there yet")
    }

    private func reading<Result>(
        _ body: (ReviewStore) throws(StoreError) -> Result
    ) throws(Problem) -> Result {
        let store = try queue()
        do throws(StoreError) {
            return try body(store)
        } catch {
            throw .later(503, "the queue cannot be used now")
        }
    }

    // MARK: Requests

    /// Nil for what is none of its routes.
    func answer(_ request: HTTPRequest) throws(Problem) -> HTTPReply? {
        switch request.route?.endpoint {
        case .history: HTTPReply(try history(request))
        case .rules: HTTPReply(try ruleList())
        case .review: HTTPReply(try list(request))
        case .reviewEntry: HTTPReply(try show(request))
        case .judge: HTTPReply(try judge(request))
        case .assign: HTTPReply(try assign(request))
        case .judged: HTTPReply(try judged())
        default: nil
        }
    }

    private func history(_ request: HTTPRequest) throws(Problem) -> JSON {
        let text = try request.formValue("span") ?? "5m"
        guard let span = RunHistory.Span(rawValue: text) else {
            throw Problem(400, "'span' is one of \(RunHistory.Span.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return .object([
            ("span", .string(text)), ("step_ms", .integer(span.stepMilliseconds)),
            ("steps", .array(history.steps(span).map(\.json))),
        ])
    }

    private func ruleList() throws(Problem) -> JSON {
        var judged: [(rule: String, fraud: Int64, legitimate: Int64)] = []
        if pages.content.hasReview { judged = try reading { store throws(StoreError) in try store.verdictsByRule() } }
        let rules = pages.content.rules.map { rule -> JSON in
            let figures = self.rules.figures(of: rule.name)
            let verdict = judged.first { $0.rule == rule.name }
            return .object([
                ("name", .string(rule.name)), ("kind", .string(rule.kind)), ("shadow", .bool(rule.isShadow)),
                ("condition", .string(rule.condition)), ("does", .string(rule.effect)),
                ("fired", .unsigned(figures.fired)), ("failed", .unsigned(figures.failed)),
                ("fired_lately", .unsigned(figures.firedLately)),
                ("failed_lately", .unsigned(figures.failedLately)),
                ("fraud", .integer(verdict?.fraud ?? 0)), ("legitimate", .integer(verdict?.legitimate ?? 0)),
            ])
        }
        return .object([
            ("since_ms", self.rules.since.map { .integer($0) } ?? .null), ("rules", .array(rules)),
        ])
    }

    // MARK: The queue

    private static let mostEntries: Int64 = 200
    private static let mostOthers: Int64 = 50

    private func list(_ request: HTTPRequest) throws(Problem) -> JSON {
        let (filter, limit, offset) = try ReviewQuery(request).parts(now: WallClock.milliseconds)
        return try reading { store throws(StoreError) in
            let entries = try store.entries(filter, limit: min(limit, Self.mostEntries), offset: offset)
            return .object([
                ("total", .integer(try store.count(filter))), ("entries", .array(entries.map(ReviewDocument.json))),
            ])
        }
    }

    private func show(_ request: HTTPRequest) throws(Problem) -> JSON {
        guard let number = Int64(String(decoding: request.parameter, as: UTF8.self)) else {
            throw Problem(404, "there is no such entry")
        }
        let document = try reading { store throws(StoreError) -> JSON? in
            guard let entry = try store.entry(number) else { return nil }
            var (byUser, byMerchant) = (ReviewFilter(), ReviewFilter())
            for verdict in ReviewVerdict.allCases {
                byUser.verdicts.insert(verdict)
                byMerchant.verdicts.insert(verdict)
            }
            (byUser.user, byUser.order) = (entry.userID, .newest)
            (byMerchant.merchant, byMerchant.order) = (entry.merchantID, .newest)
            return ReviewDocument.json(
                entry, history: try store.history(of: number),
                hasFormer: try store.former(number).map { !$0.isEmpty } ?? false,
                user: try store.entries(byUser, limit: Self.mostOthers),
                merchant: entry.merchantID.isEmpty ? [] : try store.entries(byMerchant, limit: Self.mostOthers))
        }
        guard let document else { throw Problem(404, "there is no such entry, or not any more") }
        return document
    }

    /// What an entry was judged by, for an explanation as of then, and whose it is.
    func former(_ request: HTTPRequest) throws(Problem) -> (moment: FormerMoment, user: [UInt8])? {
        guard let text = try request.formValue("entry") else { return nil }
        guard let number = Int64(text) else { throw Problem(404, "there is no such entry") }
        let (bytes, user) = try reading { store throws(StoreError) in
            (try store.former(number), try store.entry(number)?.userID)
        }
        guard let bytes, let user else { throw Problem(404, "there is no such entry, or not any more") }
        guard !bytes.isEmpty else {
            throw Problem(404, "what this entry was judged by was not kept: nothing in it was unusual")
        }
        do throws(StateDecodingError) {
            return (try FormerMoment(bytes), Array(user.utf8))
        } catch {
            throw Problem(404, "what this entry was judged by was written by another version")
        }
    }

    // MARK: Judging

    private static let longestNote = 2000
    private static let longestKey = 64

    private func judge(_ request: HTTPRequest) throws(Problem) -> JSON {
        let body = try RequestBody(request)
        let label = try body.text("verdict", longest: 32)
        guard let verdict = ReviewVerdict(label: label) else {
            throw Problem(422, "'verdict' is fraud, legitimate, unsure, or open to undo one")
        }
        let key = try body.text("key", longest: Self.longestKey)
        guard key.utf8.count >= 8 else {
            throw Problem(422, "'key' has 8 bytes at least, chosen anew for each judgement")
        }
        let judgement = Judgement(
            entry: try body.integer("entry"), verdict: verdict, who: request.visitor?.name ?? "",
            note: try body.textIfAny("note", longest: Self.longestNote) ?? "", time: WallClock.milliseconds,
            key: key)
        let version = try body.integer("version")
        let outcome = try reading { store throws(StoreError) in try store.judge(judgement, version: version) }
        return try settled(
            outcome, judgement.entry, "somebody else has judged it meanwhile, or has taken it", verdict)
    }

    private func assign(_ request: HTTPRequest) throws(Problem) -> JSON {
        let body = try RequestBody(request)
        let number = try body.integer("entry")
        let isTaken: Bool
        switch try body.text("to", longest: 16) {
        case "me": isTaken = true
        case "nobody": isTaken = false
        default: throw Problem(422, "'to' is me or nobody")
        }
        let from = try body.textIfAny("from", longest: 256) ?? ""
        let who = request.visitor?.name ?? ""
        let outcome = try reading { store throws(StoreError) in
            try store.assign(number, to: isTaken ? who : "", from: from)
        }
        return try settled(outcome, number, "somebody else has taken it meanwhile", nil)
    }

    /// `verdict`: what was said, for an entry that has left meanwhile.
    private func settled(
        _ outcome: ReviewStore.Judging, _ number: Int64, _ conflict: String, _ verdict: ReviewVerdict?
    ) throws(Problem) -> JSON {
        switch outcome {
        case .gone: throw Problem(404, "there is no such entry, or not any more")
        case .conflict: throw Problem(409, conflict, reason: "conflict")
        case .otherKey: throw Problem(422, "'key' is that of another judgement; choose one anew for each")
        case .judged:
            let entry = try reading { store throws(StoreError) in try store.entry(number) }
            if let entry { return ReviewDocument.json(entry) }
            return .object([("entry", .integer(number)), ("verdict", .string(verdict?.label ?? "open"))])
        }
    }

    private func judged() throws(Problem) -> JSON {
        try reading { store throws(StoreError) in
            let results = JudgedResults(try store.verdicts())
            let counts = try store.counts().map { verdict, level, count in
                JSON.object([
                    ("verdict", .string(verdict.label)), ("level", .string(level.label)), ("count", .integer(count)),
                ])
            }
            return .object([("results", results.json), ("entries", .array(counts))])
        }
    }

    // MARK: Snapshots

    /// Makes a snapshot of the last checkpoint beside everything else, and answers then.
    func copy(_ request: HTTPRequest) {
        guard let folder = pages.folder else {
            return request.reply(Problem(404, "this run keeps no state", reason: "no_state").reply)
        }
        let isFirst = isCopying.withLock { isCopying -> Bool in
            defer { isCopying = true }
            return !isCopying
        }
        guard isFirst else { return request.reply(Problem.later(503, "a snapshot is being made already").reply) }
        _ = WorkerThread { [self] in
            let target = "\(folder)/snapshots"
            // Whether it is there shows when something is written into it.
            mkdir(target, 0o755)
            do throws(StoreError) {
                let id = try StateStore.writeSnapshot(of: "\(folder)/state.db", in: target)
                request.reply(HTTPReply(.object([("snapshot", .integer(id))])))
            } catch {
                request.reply(Problem.later(503, "the snapshot could not be made: \(error.description)").reply)
            }
            isCopying.withLock { $0 = false }
        }
    }
}
