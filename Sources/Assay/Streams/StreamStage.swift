import CEL
import StateStore

/// The middle stage of a pipeline, which owns all keyed state: events go in, rows come out, all in one order.
///
/// Each event goes through all streams before event time moves on. When it does, each stream in turn fires what has
/// become complete and passes it on, and only then the streams that read it see the time move.
struct StreamStage: CheckpointedStage, ~Copyable {
    private var plan: StreamPlan
    private var stage: KeyedStage<StreamFunction>
    private var streams: [RunningStream]
    private let readers: StreamReaders
    private var eventRow: EventRow
    private let assessmentRow: AssessmentRow?
    private var writings: [RowWriting]
    private var watermark: Watermark
    /// While event time moves: where it was for those streams that have not seen it move yet.
    private var previousWatermark: Int64?
    /// The end of the input was the end of time, and nothing came since.
    private(set) var hasEnded = false
    /// Event time goes on to here, without input, once that is in a checkpoint.
    var pendingTime: Int64?
    private(set) var greatestTime = EventTime(milliseconds: 0)
    private(set) var sequence: UInt64 = 0
    /// Rows that were added to windows: the order in which their values are told.
    private var arrivals: UInt64 = 0
    private(set) var counts: StreamCounts
    private var key = OutputBuffer(capacity: 256)
    private var kept = OutputBuffer(capacity: 1 << 12)
    private var isPresentLate = false
    /// Where rows go at present.
    private var outputs: [RowBuffer] = []
    /// Of the batch at hand, where events are transactions too, with its number.
    private var transaction: FraudDetection.Input?
    private var transactionIndex = 0
    private var ahead = ScoredAhead()

    static let functionNumber: Int64 = 2
    static let functionName = "pipeline"

    init(_ plan: StreamPlan, isSaved: Bool) {
        self.plan = plan
        let streams = plan.streams.indices.map { RunningStream($0, of: plan) }
        self.streams = streams
        stage = KeyedStage(
            function: StreamFunction(plan, streams: streams), output: StreamFunction.Output(),
            functionNumber: Self.functionNumber,
            streams: plan.streams.count, isSaved: isSaved)
        readers = StreamReaders(of: .input, in: plan)
        eventRow = EventRow(plan.schema, derived: plan.derived)
        assessmentRow = plan.scored.map { AssessmentRow($0.settings.settings) }
        let (values, schema) = (ValueEncoder(plan.zone), plan.schema)
        writings = plan.outputs.map { RowWriting($0, values, schema) }
        watermark = Watermark(bound: plan.outOfOrder)
        counts = StreamCounts(streams: plan.streams.map(\.name))
    }

    var keyCount: Int { stage.keyCount }

    /// First failures of expressions that people should hear of, with their streams.
    func takeFailures() -> [(stream: String, error: EvaluationError)] {
        streams.flatMap { stream in stream.failures.takeUntold().map { (stream.plan.name, $0) } }
    }

    /// Streams whose pattern had to give up runs, each once.
    func takeOverflows() -> [(stream: String, limits: PatternMatcher.Limits)] {
        streams.compactMap { stream in
            guard let sequences = stream.sequences, !stream.hasSaidDropped,
                let function = stage.function.patterns[stream.index], function.droppedRuns > 0
            else { return nil }
            stream.hasSaidDropped = true
            return (stream.plan.name, sequences.pattern.limits)
        }
    }

    // MARK: Events

    mutating func process(_ batch: EventBatch) throws(StoreError) {
        begin(batch.outputs)
        transactionIndex = 0
        let (row, readers) = (eventRow, readers)
        let transactions = batch.transactions.transactions
        if let scored = plan.scored { ahead.begin(transactions, batch.text.view, stream: scored.index, stage) }
        for index in batch.events.indices {
            let event = batch.events[index]
            transaction = nil
            while transactionIndex < transactions.count, transactions[transactionIndex].lineIndex < event.lineIndex {
                transactionIndex += 1
            }
            if transactionIndex < transactions.count, transactions[transactionIndex].lineIndex == event.lineIndex {
                ahead.goOn(to: transactionIndex, stage)
                transaction = FraudDetection.Input(transaction: transactions[transactionIndex], text: batch.text.view)
            }
            row.begin(event, at: index, of: batch)
            try take(event, row, readers)
        }
        for reject in batch.rejects { counts.rejects[Int(reject.reason.rawValue)] += 1 }
    }

    /// Rows go there from now on.
    private mutating func begin(_ outputs: [RowBuffer]) {
        self.outputs = outputs
        // What is scored goes with the batch, and comes back with it.
        let scored = assessmentRow?.begin(outputs.first?.scored, plan.scored?.settings.rules)
        for output in outputs { output.begin(writings, scored) }
        stage.withOutput { $0.scored = scored.map { Unmanaged.passUnretained($0) } }
    }

    private mutating func take(
        _ event: Event, _ row: EventRow, _ readers: StreamReaders
    ) throws(StoreError) {
        sequence += 1
        hasEnded = false
        isPresentLate = false
        try pass(row, to: readers)
        if isPresentLate { counts.late += 1 } else { counts.accepted += 1 }
        greatestTime = max(greatestTime, event.time)
        let before = watermark.milliseconds
        if watermark.observe(event.time) { try moveTime(from: before) }
    }

    /// Nothing comes any more: everything that is open is told.
    mutating func finish(into outputs: [RowBuffer]) throws(StoreError) {
        begin(outputs)
        let before = watermark.milliseconds
        watermark.finish()
        try moveTime(from: before)
        hasEnded = true
    }

    /// Event time goes on without input.
    mutating func advance(to time: EventTime, into outputs: [RowBuffer]) throws(StoreError) {
        begin(outputs)
        let before = watermark.milliseconds
        if watermark.observe(time) { try moveTime(from: before) }
    }

    private mutating func moveTime(from before: Int64) throws(StoreError) {
        guard stage.earliestTimer <= watermark.milliseconds else { return }
        previousWatermark = before
        for index in streams.indices {
            while stage.fireNext(index, upTo: watermark.milliseconds) { try emit(of: streams[index], event: nil) }
        }
        previousWatermark = nil
        stage.findEarliestTimer()
    }

    // MARK: Rows

    private mutating func pass(_ row: Row, to readers: StreamReaders) throws(StoreError) {
        for output in readers.outputs { outputs[output].append(row, to: output) }
        for reader in readers.streams {
            let stream = streams[reader.stream]
            if let union = stream.union {
                union.begin(row, of: reader.source)
                try push(union, into: stream)
                union.end()
            } else {
                try push(row, into: stream)
            }
        }
    }

    private mutating func push(_ row: Row, into stream: RunningStream) throws(StoreError) {
        guard stream.takes(row) else { return }
        stream.taken += 1
        switch stream.kind {
        case .keyed: try add(row, to: stream)
        case .pattern: if let sequences = stream.sequences { try show(row, to: stream, sequences) }
        case .score: try score(row, stream)
        case .whole:
            stream.made += 1
            try pass(row, to: stream.readers)
        case .selected:
            guard case .rows(let selected?) = stream.plan.operation, let made = stream.row else {
                preconditionFailure("a selection has columns")
            }
            made.begin(at: row.time) { values in
                for part in selected { values.append(stream.value(part.root, of: stream.plan.program, row)) }
            }
            stream.made += 1
            try pass(made, to: stream.readers)
        }
    }

    private mutating func add(_ row: Row, to stream: RunningStream) throws(StoreError) {
        guard stream.appendKey(of: row, to: &key) else { return }
        arrivals += 1
        let input = WindowFunction<WindowAggregates>.Input(
            element: stream.element(row, number: arrivals), time: row.time)
        try stage.process(
            .element(input), key: key.bytes.bindMemory(to: UInt8.self), at: row.time,
            stream: stream.index, watermark: previousWatermark ?? watermark.milliseconds)
        if stage.withOutput({ $0.windows.isNothing }) { return }
        try emit(of: stream, event: row)
    }

    private mutating func show(
        _ row: Row, to stream: RunningStream, _ sequences: StreamPlan.Sequences
    ) throws(StoreError) {
        guard stream.appendKey(of: row, to: &key) else { return }
        let present = previousWatermark ?? watermark.milliseconds
        guard let event = stream.event(row, sequences.pattern, &kept) else {
            if row.time.milliseconds <= present { try passLate(row, of: stream) }
            return
        }
        try stage.process(
            .event(event), key: key.bytes.bindMemory(to: UInt8.self), at: row.time, stream: stream.index,
            watermark: present)
        try emit(of: stream, event: row)
    }

    /// What a pattern has found in the last step, and whether the event came too late for it.
    private mutating func tell(of stream: RunningStream, event: Row?) throws(StoreError) {
        let isNothing = stage.withOutput { $0.sequences.found.isEmpty && !$0.sequences.isLate }
        if isNothing { return }
        var output = PatternFunction.Output()
        stage.withOutput { swap(&$0.sequences, &output) }
        guard let telling = stream.telling, let sequences = stream.sequences else {
            preconditionFailure("a stream with a pattern tells of it")
        }
        let keys = output.found.first.map { found in
            stage.withKey(found.key) { StreamKey.values($0, count: sequences.keys.count) }
        }
        for found in output.found {
            let made = telling.tell(found.sequence, keys: keys ?? [], at: moment(of: found.sequence, sequences))
            guard let made else { continue }
            if found.sequence.isComplete { stream.made += 1 }
            try pass(made, to: found.sequence.isComplete ? stream.readers : stream.timeoutReaders)
        }
        if output.isLate, let event { try passLate(event, of: stream) }
    }

    /// The end of the input is no moment: what it decides has the time at which it would have been decided.
    private func moment(of sequence: PatternMatcher.Sequence, _ sequences: StreamPlan.Sequences) -> EventTime {
        guard sequence.at == Watermark.end else { return EventTime(milliseconds: sequence.at) }
        return EventTime(milliseconds: sequence.began.addingSaturating(sequences.pattern.automaton.within ?? 0))
    }

    private mutating func passLate(_ event: Row, of stream: RunningStream) throws(StoreError) {
        stream.late += 1
        isPresentLate = isPresentLate || event === eventRow || stream.union?.isOf(eventRow) == true
        try pass(event, to: stream.lateReaders)
    }

    /// What the stream's last step has made.
    private mutating func emit(of stream: RunningStream, event: Row?) throws(StoreError) {
        if stream.kind == .pattern { return try tell(of: stream, event: event) }
        if stage.withOutput({ $0.windows.isNothing }) { return }
        guard let keyed = stream.keyed else { preconditionFailure("only windows fire") }
        stage.withOutput { swap(&$0.windows, &stream.step) }
        defer { stream.step.removeAll() }
        // A step is about one key. Before others are worked on: without checkpoints a key goes when nothing is left of
        // it.
        if let first = stream.step.firings.first {
            stage.withKey(first.key) { StreamKey.read($0, count: keyed.keys.count, into: &stream.keyValues) }
        }
        for index in stream.step.firings.indices {
            let made = stream.emit(stream.step.firings[index], keyed, event: keyed.isRunning ? event : nil)
            guard let made else { continue }
            stream.made += 1
            try pass(made, to: stream.readers)
        }
        if !stream.step.late.isEmpty, let event { try passLate(event, of: stream) }
    }

    private mutating func score(_ event: Row, _ stream: RunningStream) throws(StoreError) {
        guard let transaction, let assessmentRow else {
            stream.failures.note(EvaluationError(.host, "the event is no transaction"))
            return
        }
        StreamKey.begin(stream.index, in: &key)
        let user = transaction.text.bytes(transaction.transaction.userID)
        StreamKey.append(text: user, isLast: true, to: &key)
        try stage.process(
            .transaction(transaction), key: key.bytes.bindMemory(to: UInt8.self), hash: ahead.hash(transactionIndex),
            at: transaction.transaction.time, stream: stream.index)
        let isAccepted = assessmentRow.begin(
            transaction.transaction, at: transactionIndex, transaction.text, event)
        defer { assessmentRow.end() }
        guard isAccepted else { return stream.failures.note(EvaluationError(.host, "the transaction is a duplicate")) }
        stream.made += 1
        try pass(assessmentRow, to: stream.readers)
    }

    // MARK: Checkpoints

    /// What is counted, brought up to date.
    var presentCounts: StreamCounts {
        var counts = counts
        for stream in streams {
            counts.streams[stream.index].taken = stream.taken
            counts.streams[stream.index].late = stream.late
            counts.streams[stream.index].made = stream.made
            counts.streams[stream.index].failed = stream.failures.count
            counts.streams[stream.index].ended = stream.ended
            guard let pattern = stage.function.patterns[stream.index] else { continue }
            counts.streams[stream.index].timedOut = stream.timedOut + pattern.timedOut
            counts.streams[stream.index].dropped = stream.dropped + pattern.droppedRuns
        }
        return counts
    }

    var tallies: [CheckpointRecord.Tally] {
        // The end of time is not kept: an input that goes on finds the time where its events had brought it.
        let reached = hasEnded ? greatestTime.milliseconds - watermark.bound - 1 : watermark.milliseconds
        var all = presentCounts.tallies
        all.append(CheckpointRecord.Tally(name: Self.watermarkName, count: UInt64(max(0, reached))))
        all.append(CheckpointRecord.Tally(name: Self.endedName, count: hasEnded ? 1 : 0))
        all.append(CheckpointRecord.Tally(name: Self.arrivalsName, count: arrivals))
        if let pendingTime { all.append(CheckpointRecord.Tally(name: Self.pendingName, count: UInt64(pendingTime))) }
        if let scorer = stage.function.scorer {
            all.append(CheckpointRecord.Tally(name: Self.scoredName, count: scorer.detection.sequence))
        }
        return all.sorted { $0.name < $1.name }
    }

    private static let watermarkName = "watermark_ms"
    private static let endedName = "ended"
    private static let arrivalsName = "arrivals"
    private static let pendingName = "idle_ms"
    private static let scoredName = "scored"

    /// Whether a checkpoint says that event time goes on without input.
    static func knowsPendingTime(_ record: CheckpointRecord) -> Bool {
        record.tallies.contains { $0.name == pendingName }
    }

    /// Whether a checkpoint is of an input whose end was the end of time.
    static func hasEnded(_ record: CheckpointRecord) -> Bool {
        record.tallies.contains { $0.name == endedName && $0.count == 1 }
    }

    /// Something waits for event time to go on.
    var hasOpenTimers: Bool { stage.earliestTimer < Watermark.end }

    mutating func load(
        _ record: CheckpointRecord, from store: StateStore, memoryLimit: Int
    ) throws(StoreError) {
        let tallies = Dictionary(record.tallies.map { ($0.name, $0.count) }, uniquingKeysWith: { first, _ in first })
        let reached = Int64(tallies[Self.watermarkName] ?? 0)
        if reached > 0 { watermark.resume(at: reached) }
        hasEnded = tallies[Self.endedName] == 1
        pendingTime = tallies[Self.pendingName].map { Int64($0) }
        sequence = record.sequence
        arrivals = tallies[Self.arrivalsName] ?? 0
        greatestTime = EventTime(milliseconds: record.eventTime)
        counts.resume(record.tallies)
        for stream in streams { resume(stream) }
        stage.function.scorer?.detection.resume(sequence: tallies[Self.scoredName] ?? 0)
        try stage.load(
            record, functionNumber: Self.functionNumber, from: store, memoryLimit: memoryLimit,
            watermark: watermark.milliseconds)
        for stream in streams { stream.ended += stage.function.ended[stream.index].runs }
        stage.refreshStates()
    }

    // MARK: Other patterns

    /// What a checkpoint had begun of patterns that are other ones now, by stream.
    var endedAtLoading: [(stream: String, ended: EndedSequences)] {
        streams.map { ($0.plan.name, stage.function.ended[$0.index]) }.filter { !$0.1.isNothing }
    }

    /// From now on the patterns of this plan hold. Answers which those are that changed, and what of them has ended.
    mutating func install(
        _ next: StreamPlan
    ) -> (changed: [String], ended: [(stream: String, ended: EndedSequences)]) {
        counts = presentCounts
        let names = PipelineIdentity.difference(from: plan.identity, to: next.identity).patterns
        plan = next
        let former = streams
        streams = plan.streams.indices.map { RunningStream($0, of: next) }
        var ended: [(stream: String, ended: EndedSequences)] = []
        var changed: Set<Int> = []
        for (stream, before) in zip(streams, former) {
            resume(stream)
            guard stream.sequences?.pattern.fingerprint != before.sequences?.pattern.fingerprint else { continue }
            changed.insert(stream.index)
        }
        if !changed.isEmpty {
            var open = [EndedSequences](repeating: EndedSequences(), count: streams.count)
            stage.forEachState { key, state in
                guard changed.contains(Int(key[0])), let sequences = state.sequences else { return }
                open[Int(key[0])] += EndedSequences(sequences.state)
            }
            for index in changed.sorted() where !open[index].isNothing {
                streams[index].ended += open[index].runs
                ended.append((streams[index].plan.name, open[index]))
            }
            stage.forgetStates(of: changed)
        }
        let running = streams
        stage.changeFunction { $0.takePatterns(of: running) }
        eventRow = EventRow(plan.schema, derived: plan.derived)
        let (values, schema) = (ValueEncoder(plan.zone), plan.schema)
        writings = plan.outputs.map { RowWriting($0, values, schema) }
        return (names, ended)
    }

    /// Goes on with what was counted.
    private func resume(_ stream: RunningStream) {
        let known = counts.streams[stream.index]
        (stream.taken, stream.late, stream.made) = (known.taken, known.late, known.made)
        (stream.timedOut, stream.dropped, stream.ended) = (known.timedOut, known.dropped, known.ended)
        stream.failures.resume(known.failed)
    }

    /// Another input begins where the one before has ended: its time may be an earlier one.
    mutating func beginInput() {
        guard hasEnded else { return }
        watermark = Watermark(bound: plan.outOfOrder)
        greatestTime = EventTime(milliseconds: 0)
        hasEnded = false
    }

    mutating func attach(_ pages: consuming StatePageReader) { stage.attach(pages) }

    mutating func beginCut(_ record: inout CheckpointRecord) {
        stage.beginCut()
        record.sequence = sequence
        record.eventTime = greatestTime.milliseconds
        record.keys = Int64(stage.keyCount)
        record.tallies = tallies
    }

    mutating func continueCut(states: Int) throws(StoreError) -> Bool { try stage.goOnWithCut(states: states) }

    mutating func takeCut(record: inout CheckpointRecord) -> StateStore.Changes { stage.takeCut(record: &record) }

    mutating func noteCommitted() { stage.noteCommitted() }
}
