import CivilTime

/// The process function that scores transactions: five checks against the user's state, which is then updated.
package struct FraudDetection: KeyedProcessFunction, ~Copyable {
    /// A transaction and the text that its slices point into. A copy of it for each would cost as much as a check.
    package struct Input {
        private let place: UnsafePointer<Transaction>
        let text: BatchText

        /// The transaction stays at its place until it was processed.
        package init(_ place: UnsafePointer<Transaction>, text: BatchText) {
            self.place = place
            self.text = text
        }

        @inline(__always)
        var transaction: Transaction { _read { yield place.pointee } }
    }

    let settings: ScoringSettings
    private var symbols = SymbolTable()
    private var pool = BlockPool()
    private var localClock: LocalClock
    private(set) var clock: StreamClock
    private let defaultType: UInt32
    private let defaultTypeText: KeptText
    private let velocity: VelocityCheck
    private let location: LocationCheck
    private let amount: AmountCheck
    private let pattern: HabitCheck
    private let time: TimeCheck
    /// Infinite when all transactions teach.
    private let sparedFrom: Double
    private var rules: RuleEvaluator?
    /// Nil where nothing is learned from labels.
    package var model: (any TransactionModel)? {
        get { asked?.model }
        set {
            asked = newValue.map { AskedModel($0) }
            reference = asked?.reference
        }
    }
    private var asked: AskedModel?
    /// To the same model.
    private var reference: AskedModel.Reference?
    private let sequences = SequenceTable()
    /// The fingerprints of the patterns in force; nil until they are known.
    private var fingerprints: Set<UInt64>?
    /// Sequences that ended because their patterns were removed.
    private(set) var endedSequences = 0
    /// The symbols of the types that rules ask about.
    private var ruleSymbols: [UInt32] = []
    /// Transactions accepted so far, over all users.
    private(set) var sequence: UInt64
    private let numbering: Numbering
    private let keepsFormer: Bool
    var former: FormerMoments

    /// What numbers assessments.
    package enum Numbering: Sendable {
        /// All transactions of the stream.
        case stream
        /// Those of the user, where no engine sees all users.
        case user
    }

    package init(
        settings: ScoringSettings, zone: TimeZoneRules, sequence: UInt64 = 0, numbering: Numbering = .stream,
        model: (any TransactionModel)? = nil, keepsFormer: Bool = false
    ) {
        self.settings = settings
        asked = model.map { AskedModel($0) }
        reference = asked?.reference
        self.keepsFormer = keepsFormer
        (self.sequence, self.numbering) = (sequence, numbering)
        localClock = LocalClock(zone)
        clock = StreamClock(maxAheadMilliseconds: settings.maxAheadMilliseconds)
        former = FormerMoments(clock: clock)
        sparedFrom = settings.sparedFrom > 1 ? .infinity : settings.sparedFrom
        let namedTypes = settings.velocity.thresholds.keys.sorted()
        velocity = VelocityCheck(settings.velocity, namedTypes: namedTypes)
        location = LocationCheck(settings.location)
        amount = AmountCheck(settings.amount, minHistory: settings.minHistory)
        pattern = HabitCheck(settings.pattern, minHistory: settings.minHistory)
        time = TimeCheck(settings.time, minHistory: settings.minHistory)
        for (index, name) in namedTypes.enumerated() {
            let symbol = symbols.intern(name)
            precondition(symbol == index, "the settings' types are interned first")
            symbols.retain(symbol)
        }
        defaultTypeText = KeptText(settings.defaultType)
        defaultType = symbols.intern(settings.defaultType)
        symbols.retain(defaultType)
    }

    /// Continues after what earlier runs accepted.
    package mutating func resume(sequence: UInt64, backwards: UInt64 = 0, _ record: StageRecord) {
        self.sequence = sequence
        clock.resume(record, hasTransactions: sequence > 0, backwards: backwards)
    }

    package mutating func resumeClock(_ record: StageRecord) {
        clock.resume(record, hasTransactions: true, backwards: clock.backwards)
    }

    /// The evaluator of the rules, with their counts.
    var ruleEvaluator: RuleEvaluator? { rules }

    /// Takes effect with the next transaction.
    package mutating func install(_ set: RuleSet?) {
        installRules(set)
        fingerprints = rules?.fingerprints ?? []
    }

    private mutating func installRules(_ set: RuleSet?) {
        for symbol in ruleSymbols { symbols.release(symbol) }
        ruleSymbols = []
        guard let set else {
            rules = nil
            return
        }
        let inputs = RuleInputs(settings: settings, amount: amount, location: location)
        for query in set.velocityQueries {
            let symbol = symbols.intern(query.type)
            symbols.retain(symbol)
            ruleSymbols.append(symbol)
            inputs.queries.append((symbol, Int64(query.windowSeconds) * 1000))
        }
        rules = RuleEvaluator(set, inputs: inputs)
    }

    /// The columns of the transactions that follow, if they are of CSV.
    package mutating func show(_ columns: CSVColumns?) { rules?.inputs.columns = columns }

    /// What each check and each rule would see of a transaction, and make of it.
    /// `probability`: what the model says of it.
    package mutating func explain(
        _ input: Input, _ state: borrowing UserState, probability: Double? = nil
    ) -> ScoringReport {
        rules?.inputs.probability = probability
        let time = input.transaction.time
        if clock.isEarly(time) || !isExpired(state, at: time) { return report(input, state) }
        let empty = makeState()
        return report(input, empty)
    }

    private mutating func report(_ input: Input, _ state: borrowing UserState) -> ScoringReport {
        let transaction = input.transaction
        let type = transaction.type.isEmpty ? settings.defaultType : input.text.string(transaction.type)
        let symbol = symbols.intern(type)
        let (hour, weekday) = localClock.hourAndWeekday(transaction.time)
        let typeIndex = state.types.firstIndex { $0.symbol == symbol }
        let ahead = clock.isEarly(transaction.time) ? transaction.time.milliseconds - clock.milliseconds : nil
        let checks = [
            velocity.report(transaction.time, type: type, symbol: symbol, typeIndex: typeIndex, state: state),
            location.report(transaction.location, state: state),
            amount.report(transaction.amount, transaction.currency, state: state),
            pattern.report(
                hour: hour, type: type, isKnownType: typeIndex != nil, state: state, symbols: symbols),
            time.report(hour: hour, weekday: weekday, aheadMilliseconds: ahead, state: state),
        ]
        let begun = state.sequences.map { sequences[$0] } ?? UserSequences()
        let reports = rules?.reports(moment(input, symbol, state), state: state, symbols: symbols, sequences: begun)
        symbols.dropUnused(symbol)
        return ScoringReport(isFirst: state.transactions == 0, checks: checks, rules: reports ?? [])
    }

    /// Whether it has sequences of patterns that were removed.
    func isStale(_ state: borrowing UserState) -> Bool {
        guard let place = state.sequences, let fingerprints else { return false }
        return sequences[place].entries.contains { !fingerprints.contains($0.fingerprint) }
    }

    mutating func refresh(_ state: inout UserState) {
        guard let place = state.sequences, let fingerprints else { return }
        endedSequences += sequences[place].keepOnly(fingerprints)
        guard sequences[place].isEmpty else { return }
        sequences.remove(place)
        state.setSequences(nil, in: &pool)
    }

    /// How many different types are stored.
    var symbolCount: Int { symbols.count }

    package func makeState() -> UserState { UserState() }

    @inline(__always)
    func prefetch(_ state: borrowing UserState) {
        state.prefetchBlock()
    }

    /// Prefetches what the model remembers of the user, once the block is there.
    @inline(__always)
    func prefetchMore(_ state: borrowing UserState) {
        if let reference, let place = state.modelPlace { reference.ask { $0.prefetch(place) } }
    }

    @inline(__always)
    package mutating func process(_ input: Input, state: inout UserState, context: inout ProcessContext<Output>) {
        score(input, &state, &context.output)
    }

    /// The same, with the output given separately.
    @inline(__always)
    mutating func score(_ input: Input, _ state: inout UserState, _ output: inout Output) {
        let time = input.transaction.time
        if let reference { reference.ask { $0.takeLabels(before: input.transaction.lineIndex) } }
        let isEarly = clock.isEarly(time)
        if !isEarly, isExpired(state, at: time) { forget(&state) }
        let idHash = input.text.bytes(input.transaction.id).stableHash
        if settings.deduplicate, state.recent.contains(idHash) {
            output.assessments.append(RiskAssessment())
            return
        }
        let type = input.transaction.type
        let symbol = type.isEmpty ? defaultType : symbols.intern(input.text.bytes(type))
        let firstFactor = output.factors.factors.count
        let ahead = isEarly ? time.milliseconds - clock.milliseconds : nil
        if keepsFormer { former.clock = clock }
        clock.advance(to: time)
        let judgement = judge(input.transaction, symbol, aheadMilliseconds: ahead, state, &output.factors)
        var probability: Double?
        var count: UInt32 = 0
        if let reference { (probability, count) = assess(input, idHash, judgement, state, reference) }
        if keepsFormer { noteFormer(state) }
        if rules != nil { applyRules(input, symbol, probability, &state) }
        if keepsFormer {
            keepFormer(state, hasFactors: output.factors.factors.count > firstFactor, probability, &output)
        }
        teach(input.transaction, symbol, judgement, &state)
        var score = judgement.risk
        if let rules {
            let known = output.factors.factors.count
            rules.takeFactors(into: &output.factors)
            if output.factors.factors.count > known {
                score = settings.combination.score(output.factors, last: output.factors.factors.count - firstFactor)
            }
        }
        if let reference {
            learn(input, idHash, judgement, count, &state, reference)
            if let probability { score = combine(score, probability, reference, firstFactor, &output.factors) }
        }
        if settings.deduplicate { state.addRecent(idHash, in: &pool) }
        state.transactions += 1
        if !isEarly { state.lastTime = time }
        sequence += 1
        let factorCount = output.factors.factors.count - firstFactor
        output.assessments.append(
            RiskAssessment(
                sequence: numbering == .stream ? sequence : state.transactions, score: score, probability: probability,
                level: settings.levels.level(of: score), factorCount: UInt16(factorCount)))
        rules?.decide(&output.assessments)
    }

    /// What the five checks make of a transaction.
    private struct Judgement {
        let risk: Double
        let hour: UInt8
        let weekday: UInt8
        /// That of a known type.
        let typeIndex: Int?
        let finding: LocationCheck.Finding?
    }

    /// Appends the factors of the five checks.
    @inline(__always)
    private mutating func judge(
        _ transaction: Transaction, _ symbol: UInt32, aheadMilliseconds: Int64?, _ state: borrowing UserState,
        _ factors: inout FactorList
    ) -> Judgement {
        let first = factors.factors.count
        let (hour, weekday) = localClock.hourAndWeekday(transaction.time)
        let typeIndex = state.types.firstIndex { $0.symbol == symbol }
        if let typeIndex {
            velocity.assess(transaction.time, typeIndex: typeIndex, state: state, factors: &factors)
        }
        var finding: LocationCheck.Finding?
        if let place = transaction.location {
            let found = location.find(place, among: state.places)
            location.assess(found, factors: &factors)
            finding = found
        }
        amount.assess(transaction.amount, transaction.currency, state: state, factors: &factors)
        pattern.assess(hour: hour, isKnownType: typeIndex != nil, state: state, symbols: symbols, factors: &factors)
        time.assess(
            hour: hour, weekday: weekday, aheadMilliseconds: aheadMilliseconds, state: state, factors: &factors)
        let count = factors.factors.count - first
        return Judgement(
            risk: count == 0 ? 0 : settings.combination.score(factors, last: count), hour: hour, weekday: weekday,
            typeIndex: typeIndex, finding: finding)
    }

    /// Lets the user's memory learn from the transaction.
    @inline(__always)
    private mutating func teach(
        _ transaction: Transaction, _ symbol: UInt32, _ judgement: Judgement, _ state: inout UserState
    ) {
        if isSpared(judgement.risk, &state) { return spare(transaction, symbol, judgement.typeIndex, &state) }
        if let place = transaction.location, let finding = judgement.finding {
            location.update(place, finding, state: &state, pool: &pool)
        }
        if let typeIndex = judgement.typeIndex { state.useType(typeIndex) } else { addType(symbol, &state) }
        velocity.update(transaction.time, state: &state, pool: &pool)
        amount.update(transaction.amount, transaction.currency, state: &state, pool: &pool)
        pattern.update(hour: judgement.hour, state: &state)
        time.update(weekday: judgement.weekday, state: &state)
    }

    /// Whether a transaction of this risk teaches nothing. After many in a row the next ones teach, so that a user who
    /// has really changed is learned anew.
    @inline(__always)
    private func isSpared(_ risk: Double, _ state: inout UserState) -> Bool {
        guard risk + ScoringSettings.Levels.tolerance >= sparedFrom else {
            if state.sparedInARow > 0 { state.sparedInARow = 0 }
            return false
        }
        guard state.sparedInARow < UserState.mostSpared else { return false }
        state.sparedInARow += 1
        return true
    }

    /// Fraud that was stopped does not become the user's habit: only that it came is kept, and when.
    @inline(never)
    private mutating func spare(
        _ transaction: Transaction, _ symbol: UInt32, _ typeIndex: Int?, _ state: inout UserState
    ) {
        if let typeIndex {
            state.useType(typeIndex)
            velocity.update(transaction.time, state: &state, pool: &pool)
        } else {
            symbols.dropUnused(symbol)
        }
    }

    // MARK: The model

    // What only reads is mutating here, too, and no sample is kept: either would be a copy of everything for each
    // transaction, also where nothing is learned.

    /// Returns how likely fraud is, and the velocity check's count, which `learn` needs as it was before.
    @inline(never)
    private mutating func assess(
        _ input: Input, _ idHash: UInt64, _ judgement: Judgement, _ state: borrowing UserState,
        _ model: AskedModel.Reference
    ) -> (probability: Double?, count: UInt32) {
        model.ask { $0.advance(to: clock.milliseconds) }
        var count: UInt32 = 0
        if let typeIndex = judgement.typeIndex {
            count = velocity.countInLongestWindow(input.transaction.time, typeIndex: typeIndex, state: state)
        }
        return (model.ask { $0.assess(sample(input, idHash, judgement, count), state) }, count)
    }

    @inline(never)
    private mutating func learn(
        _ input: Input, _ idHash: UInt64, _ judgement: Judgement, _ count: UInt32, _ state: inout UserState,
        _ model: AskedModel.Reference
    ) {
        let place = model.ask { $0.learn(sample(input, idHash, judgement, count), state) }
        if state.modelPlace != place { state.setModelPlace(place, in: &pool) }
    }

    @inline(__always)
    private mutating func sample(
        _ input: Input, _ idHash: UInt64, _ judgement: Judgement, _ count: UInt32
    ) -> ModelSample {
        let type = input.text.bytes(input.transaction.type)
        return ModelSample(
            transaction: input.transaction, text: input.text, idHash: idHash,
            type: type.isEmpty ? defaultTypeText.bytes : type, hour: judgement.hour, count: count,
            checks: judgement.risk)
    }

    /// Appends the model's factor where it is to be shown, and returns the score of all evidence.
    @inline(never)
    private mutating func combine(
        _ score: Double, _ probability: Double, _ model: AskedModel.Reference, _ first: Int,
        _ factors: inout FactorList
    ) -> Double {
        let role = model.ask { $0.role }
        if role == .shadow { return score }
        if let reasons = model.ask({ $0.reasons }) {
            factors.append(.model(top: factors.addReason(reasons), risk: probability))
        } else if role == .factor {
            return score
        }
        let count = factors.factors.count - first
        return role == .factor
            ? settings.combination.score(factors, last: count)
            : settings.combination.score(factors, last: count, inPlaceOfChecks: probability)
    }

    /// Rules see the same state as the checks.
    @inline(never)
    private mutating func applyRules(
        _ input: Input, _ symbol: UInt32, _ probability: Double?, _ state: inout UserState
    ) {
        guard let rules else { return }
        rules.inputs.probability = probability
        rules.evaluate(moment(input, symbol, state), state: state, symbols: symbols)
        guard rules.hasEventForPatterns || state.hasSequences else { return }
        var begun = UserSequences()
        if let place = state.sequences {
            swap(&begun, &sequences[place])
            // A state that was away has not been searched yet.
            if let fingerprints { endedSequences += begun.keepOnly(fingerprints) }
            rules.match(&begun)
            if begun.isEmpty {
                sequences.remove(place)
                state.setSequences(nil, in: &pool)
            } else {
                sequences[place] = begun
            }
        } else {
            rules.match(&begun)
            if !begun.isEmpty { state.setSequences(sequences.add(begun), in: &pool) }
        }
    }

    private mutating func moment(
        _ input: Input, _ symbol: UInt32, _ state: borrowing UserState
    ) -> RuleInputs.Moment {
        let (hour, weekday) = localClock.hourAndWeekday(input.transaction.time)
        return RuleInputs.Moment(
            transaction: input.transaction, text: input.text, hour: hour, weekday: weekday,
            isKnownType: state.types.contains { $0.symbol == symbol })
    }

    private mutating func addType(_ symbol: UInt32, _ state: inout UserState) {
        symbols.retain(symbol)
        if let replaced = state.addType(symbol, in: &pool) { symbols.release(replaced) }
    }

    private func isExpired(_ state: borrowing UserState, at time: EventTime) -> Bool {
        guard let last = state.lastTime else { return false }
        return time.milliseconds - last.milliseconds > settings.stateTTLMilliseconds
    }

    package mutating func forget(_ state: inout UserState) {
        if let model, let place = state.modelPlace { model.release(place) }
        if let place = state.sequences { sequences.remove(place) }
        for type in state.types { symbols.release(type.symbol) }
        state.giveBack(to: &pool)
    }

    @inline(__always)
    func memoryBytes(_ state: borrowing UserState) -> Int {
        guard state.hasSequences || reference != nil else { return state.blockBytes }
        return state.blockBytes + Self.bytesBeside(state, sequences, reference)
    }

    /// Takes what it needs rather than the function, all of which would be copied for it.
    @inline(never)
    private static func bytesBeside(
        _ state: borrowing UserState, _ sequences: SequenceTable, _ model: AskedModel.Reference?
    ) -> Int {
        var bytes = 0
        if let place = state.sequences { bytes += sequences.memoryBytes(of: place) }
        if let model, let place = state.modelPlace { bytes += model.ask { $0.memoryBytes(of: place) } }
        return bytes
    }

    package func encode(_ state: borrowing UserState, into bytes: inout OutputBuffer) {
        let place = model == nil ? nil : state.modelPlace
        UserStateCoding.encode(
            state, symbols: symbols, sequences: state.sequences.map { sequences[$0] }, hasModel: place != nil,
            into: &bytes
        ) { bytes in
            if let model, let place { model.encode(place, into: &bytes) }
        }
    }

    package mutating func decode(_ bytes: UnsafeRawBufferPointer) throws(StateDecodingError) -> UserState {
        var attachments = UserStateCoding.Attachments()
        var state = try UserStateCoding.decode(bytes, symbols: &symbols, pool: &pool, &attachments)
        if let begun = attachments.sequences, !begun.isEmpty { state.setSequences(sequences.add(begun), in: &pool) }
        if let model, !attachments.model.isEmpty {
            do throws(StateDecodingError) {
                if let place = try model.decode(attachments.model) { state.setModelPlace(place, in: &pool) }
            } catch {
                forget(&state)
                throw error
            }
        }
        return state
    }
}
