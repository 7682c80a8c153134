import CEL

/// The middle stage of a pipeline, which owns all keyed state: events go in, rows come out, all in one order.
///
/// Each event goes through all streams before event time moves on. When it does, each stream in turn fires what has
/// become complete and passes it on; only then do the streams that read it see the time move.
package struct StreamStage: RunStage, ~Copyable {
    private var plan: StreamPlan
    private var stage: KeyedStage<StreamFunction>
    private var streams: [RunningStream] { didSet { addresses = streams.map(Unmanaged.passUnretained) } }
    private var addresses: [Unmanaged<RunningStream>]
    private let readers: StreamReaders
    private var eventRow: EventRow
    private let assessmentRow: AssessmentRow?
    private var watermark: SourceWatermarks
    private var aheadBounds: AheadBounds?
    /// While event time moves: its former value, for the streams that have not seen it move yet.
    private var previousWatermark: Int64?
    /// The end of the input was the end of time, and nothing has come since.
    package private(set) var hasEnded = false
    /// Event time advances to here, without input, once that is in a checkpoint.
    package private(set) var pendingTime: Int64?
    private(set) var greatestTime = EventTime(milliseconds: 0)
    package private(set) var sequence: UInt64 = 0
    /// The number of rows added to windows, which gives their values an order.
    private var arrivals: UInt64 = 0
    private var endedNotices: [StageNotice] = []
    /// The source of the current batch.
    private var source = 0
    private var known: RunCounts
    private var key = OutputBuffer(capacity: 256)
    private var kept = OutputBuffer(capacity: 1 << 12)
    private var isPresentLate = false
    /// Where rows go at the moment.
    private var outputs: [RowBuffer] = []
    /// The current event as a transaction, with its number in the batch, where events are transactions too.
    private var transaction: FraudDetection.Input?
    private let transactionPlace = TransactionPlace()
    private var transactionIndex = 0
    private var ahead = ScoredAhead()

    package static let functionNumber: Int64 = 2
    package static let functionName = "pipeline"

    package init(_ plan: StreamPlan, sources: Int = 1, isSaved: Bool) {
        self.plan = plan
        let streams = plan.streams.indices.map { RunningStream($0, of: plan) }
        self.streams = streams
        addresses = streams.map(Unmanaged.passUnretained)
        stage = KeyedStage(
            function: StreamFunction(plan, streams: streams), output: StreamFunction.Output(),
            functionNumber: Self.functionNumber,
            streams: plan.streams.count, isSaved: isSaved)
        readers = StreamReaders(of: .input, in: plan)
        eventRow = EventRow(plan.schema, derived: plan.derived)
        assessmentRow = plan.scored.map { AssessmentRow($0.settings.settings) }
        watermark = SourceWatermarks(bound: plan.outOfOrder, sources: sources)
        aheadBounds = plan.ahead.map { AheadBounds(milliseconds: $0, sources: sources) }
        known = RunCounts(streams: plan.streams.map(\.name))
    }

    package var keyCount: Int { stage.keyCount }

    package func makeBatch() -> StreamBatch { StreamBatch(outputs: plan.sinks) }

    package func makeDecoder(
        _ format: InputFormat, _ dialect: CSVDialect, csvHeader: [UInt8]
    ) -> EventBatchDecoder {
        EventBatchDecoder(plan, format: format, dialect: dialect, csvHeader: csvHeader)
    }

    package func makeFormatter() -> StreamFormatter { StreamFormatter(plan) }

    package mutating func takeNotices() -> [StageNotice] {
        var notices = endedNotices
        endedNotices = []
        for stream in streams {
            for error in stream.failures.takeUntold() {
                notices.append(.expressionFailed(stream: stream.plan.name, message: error.message))
            }
        }
        for (stream, limits) in takeOverflows() { notices.append(.runsDropped(stream: stream, limits: limits)) }
        return notices
    }

    /// Streams whose pattern had to drop runs, each reported once.
    private func takeOverflows() -> [(stream: String, limits: PatternMatcher.Limits)] {
        streams.compactMap { stream in
            guard let sequences = stream.sequences, !stream.hasSaidDropped,
                let function = stage.function.patterns[stream.index], function.droppedRuns > 0
            else { return nil }
            stream.hasSaidDropped = true
            return (stream.plan.name, sequences.pattern.limits)
        }
    }

    // MARK: Events

    package mutating func take(_ batch: StreamBatch, from source: Int) throws(StoreError) {
        self.source = source
        begin(batch.outputs)
        transactionIndex = 0
        let (row, readers) = (eventRow, readers)
        let transactions = batch.transactions.transactions
        stage.function.scorer?.detection.show(batch.transactions.columns)
        if let scored = plan.scored { ahead.begin(transactions, batch.text.view, stream: scored.index, stage) }
        for index in batch.events.indices {
            let event = batch.events[index]
            transaction = nil
            while transactionIndex < transactions.count, transactions[transactionIndex].lineIndex < event.lineIndex {
                transactionIndex += 1
            }
            if transactionIndex < transactions.count, transactions[transactionIndex].lineIndex == event.lineIndex {
                ahead.goOn(to: transactionIndex, stage)
                transaction = transactionPlace.take(transactions[transactionIndex], text: batch.text.view)
            }
            guard let reached = reached(by: event) else {
                batch.reject(event)
                continue
            }
            row.begin(event, at: index, of: batch)
            try take(event, reached: reached, row, readers)
        }
        batch.sortRejects()
        for reject in batch.rejects { known.rejects[Int(reject.reason.rawValue)] += 1 }
    }

    /// Rows go to these outputs from now on.
    private mutating func begin(_ outputs: [RowBuffer]) {
        self.outputs = outputs
        // The scored batch travels with the batch, and comes back with it.
        let scored = assessmentRow?.begin(outputs.first?.scored, plan.scored?.settings.rules)
        for output in outputs { output.begin(scored) }
        stage.withOutput { $0.scored = scored.map { Unmanaged.passUnretained($0) } }
    }

    /// What an event makes the greatest time at least; nil where it is too far ahead to be believed.
    @inline(__always)
    private mutating func reached(by event: Event) -> EventTime? {
        if aheadBounds == nil { return event.time }
        return judged(event)
    }

    private mutating func judged(_ event: Event) -> EventTime? {
        switch aheadBounds?.judge(event.time, greatest: watermark.greatest(of: source), source: source) {
        case .tooFarAhead?: nil
        case .believed(let least)?: EventTime(milliseconds: least)
        case .taken?, nil: event.time
        }
    }

    private mutating func take(
        _ event: Event, reached: EventTime, _ row: EventRow, _ readers: StreamReaders
    ) throws(StoreError) {
        sequence += 1
        hasEnded = false
        isPresentLate = false
        try pass(row, to: readers)
        if isPresentLate { known.late += 1 } else { known.accepted += 1 }
        greatestTime = max(greatestTime, reached)
        let before = watermark.milliseconds
        if watermark.observe(reached, from: source) { try moveTime(from: before) }
    }

    package var endsTime: Bool { true }

    /// Ends the input: everything that is open fires.
    package mutating func finish(into batch: StreamBatch) throws(StoreError) {
        begin(batch.outputs)
        let before = watermark.milliseconds
        watermark.finish()
        try moveTime(from: before)
        hasEnded = true
    }

    package var idleMilliseconds: Int64? { plan.idle }

    package mutating func postpone(by milliseconds: Int64) {
        guard pendingTime == nil, sequence > 0, hasOpenTimers else { return }
        pendingTime = greatestTime.milliseconds + milliseconds
    }

    package mutating func goOn(into batch: StreamBatch) throws(StoreError) {
        guard let time = pendingTime.take() else { return }
        begin(batch.outputs)
        let before = watermark.milliseconds
        if watermark.advance(to: EventTime(milliseconds: time)) { try moveTime(from: before) }
    }

    package mutating func noteIdle(source: Int, into batch: StreamBatch) throws(StoreError) {
        begin(batch.outputs)
        let before = watermark.milliseconds
        if watermark.noteIdle(source) { try moveTime(from: before) }
    }

    private mutating func moveTime(from before: Int64) throws(StoreError) {
        guard stage.earliestTimer <= watermark.milliseconds else { return }
        previousWatermark = before
        for index in addresses.indices {
            try addresses[index].withReference { stream throws(StoreError) in
                while stage.fireNext(index, upTo: watermark.milliseconds) { try emit(of: stream, event: nil) }
            }
        }
        previousWatermark = nil
        stage.findEarliestTimer()
    }

    // MARK: Rows

    private mutating func pass(_ row: Row, to readers: StreamReaders) throws(StoreError) {
        for output in readers.outputs { outputs[output].append(row, to: output) }
        for reader in readers.streams {
            // The stage keeps all streams: counting references to them would take as long as what many do.
            let (stream, source) = reader
            try addresses[stream].withReference { stream throws(StoreError) in try push(row, of: source, into: stream) }
        }
    }

    @inline(__always)
    private mutating func push(_ row: Row, of source: Int, into stream: RunningStream) throws(StoreError) {
        guard let union = stream.union else { return try push(row, into: stream) }
        union.begin(row, of: source)
        try push(union, into: stream)
        union.end()
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
                for part in selected.indices {
                    values.append(stream.value(selected[part].root, of: stream.plan.program, row))
                }
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

    /// Emits what a pattern found in the last step, and passes on an event that came too late for it.
    private mutating func tell(of stream: RunningStream, event: Row?) throws(StoreError) {
        let isNothing = stage.withOutput { $0.sequences.found.isEmpty && !$0.sequences.isLate }
        if isNothing { return }
        var output = PatternFunction.Output()
        stage.withOutput { swap(&$0.sequences, &output) }
        guard let telling = stream.telling, let sequences = stream.sequences else {
            preconditionFailure("a stream with a pattern emits sequences")
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

    /// The end of the input is not a moment: what it decides gets the time at which it would have been decided.
    private func moment(of sequence: PatternMatcher.Sequence, _ sequences: StreamPlan.Sequences) -> EventTime {
        guard sequence.at == Watermark.end else { return EventTime(milliseconds: sequence.at) }
        return EventTime(milliseconds: sequence.began.addingSaturating(sequences.pattern.automaton.within ?? 0))
    }

    private mutating func passLate(_ event: Row, of stream: RunningStream) throws(StoreError) {
        stream.late += 1
        isPresentLate = isPresentLate || event === eventRow || stream.union?.isOf(eventRow) == true
        try pass(event, to: stream.lateReaders)
    }

    /// Emits what the stream's last step has made.
    private mutating func emit(of stream: RunningStream, event: Row?) throws(StoreError) {
        if stream.kind == .pattern { return try tell(of: stream, event: event) }
        if stage.withOutput({ $0.windows.isNothing }) { return }
        guard let windows = stream.windows else { preconditionFailure("only windows fire") }
        stage.withOutput { swap(&$0.windows, &stream.step) }
        defer { stream.step.removeAll() }
        // A step concerns one key. It is copied before others are processed: without checkpoints an empty key is
        // dropped.
        if stream.step.firingCount > 0 { stage.withKey(stream.step[firing: 0].key) { windows.begin($0) } }
        for index in 0..<stream.step.firingCount {
            guard let made = windows.emit(stream.step[firing: index], event: windows.isRunning ? event : nil)
            else { continue }
            stream.made += 1
            try pass(made, to: stream.readers)
        }
        if !stream.step.late.isEmpty, let event { try passLate(event, of: stream) }
    }

    private mutating func score(_ event: Row, _ stream: RunningStream) throws(StoreError) {
        guard let transaction, let assessmentRow else {
            stream.failures.note(EvaluationError(.host, "the event is not a transaction"))
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

    // MARK: Memory

    package var memoryBytes: Int { stage.memoryBytes }
    package var indexBytes: Int { stage.indexBytes }
    package var changedBytes: Int { stage.changedBytes }

    package mutating func shrink(to limit: Int) { stage.shrink(to: limit) }

    // MARK: Checkpoints

    /// The counts, brought up to date.
    package var counts: RunCounts {
        var counts = known
        if let scorer = stage.function.scorer { counts.backwards = scorer.detection.clock.backwards }
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

    package var record: StageRecord {
        // The end of time is not stored: an input that continues finds event time where its events had brought it.
        let reached = hasEnded ? greatestTime.milliseconds - watermark.bound - 1 : watermark.milliseconds
        var fields = [(Self.arrivalsName, Int64(arrivals)), (Self.endedName, hasEnded ? 1 : 0)]
        if let pendingTime { fields.append((Self.pendingName, pendingTime)) }
        if let scorer = stage.function.scorer {
            fields.append((Self.scoredName, Int64(scorer.detection.sequence)))
            fields += scorer.detection.clock.fields
        }
        if reached > .min { fields.append((Self.watermarkName, reached)) }
        fields += watermark.fields + (aheadBounds?.fields ?? [])
        var record = StageRecord()
        record.sequence = sequence
        record.eventTime = greatestTime.milliseconds
        record.tallies = counts.streamTallies
        record.fields = fields.sorted { $0.0 < $1.0 }.map { StageRecord.Field(name: $0.0, value: $0.1) }
        record.logs = [stage.extent]
        return record
    }

    private static let watermarkName = "watermark_ms"
    private static let endedName = "ended"
    private static let arrivalsName = "arrivals"
    package static let pendingName = "idle_ms"
    private static let scoredName = "scored"

    /// Whether a checkpoint is of an input that ended time.
    package static func hasEnded(_ record: StageRecord) -> Bool { record[field: endedName] == 1 }

    /// Whether something waits for event time to advance.
    package var hasOpenTimers: Bool { stage.earliestTimer < Watermark.end }

    package mutating func load(
        _ record: StageRecord, from pages: any StatePages, memoryLimit: Int
    ) throws(StoreError) {
        watermark.resume(at: record[field: Self.watermarkName], record)
        aheadBounds?.resume(record)
        hasEnded = Self.hasEnded(record)
        pendingTime = record[field: Self.pendingName]
        sequence = record.sequence
        arrivals = UInt64(record[field: Self.arrivalsName] ?? 0)
        greatestTime = EventTime(milliseconds: record.eventTime)
        known.resume(record.tallies)
        for stream in streams { resume(stream) }
        stage.function.scorer?.detection.resume(
            sequence: UInt64(record[field: Self.scoredName] ?? 0), backwards: known.backwards, record)
        try stage.load(
            record.log(of: Self.functionNumber), from: pages, memoryLimit: memoryLimit,
            watermark: watermark.milliseconds)
        for stream in streams {
            let ended = stage.function.ended[stream.index]
            stream.ended += ended.runs
            noteEnded(ended, of: stream)
        }
        stage.refreshStates()
    }

    // MARK: Other patterns

    private mutating func noteEnded(_ ended: EndedSequences, of stream: RunningStream) {
        if ended.isNothing { return }
        endedNotices.append(.streamSequencesEnded(stream: stream.plan.name, ended))
    }

    /// Replaces the patterns by those of this plan.
    package mutating func install(_ next: StreamPlan) {
        known = counts
        plan = next
        let former = streams
        streams = plan.streams.indices.map { RunningStream($0, of: next) }
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
                noteEnded(open[index], of: streams[index])
            }
            stage.forgetStates(of: changed)
        }
        let running = streams
        stage.changeFunction { $0.takePatterns(of: running) }
        eventRow = EventRow(plan.schema, derived: plan.derived)
    }

    /// Continues the counts.
    private func resume(_ stream: RunningStream) {
        let known = known.streams[stream.index]
        (stream.taken, stream.late, stream.made) = (known.taken, known.late, known.made)
        (stream.timedOut, stream.dropped, stream.ended) = (known.timedOut, known.dropped, known.ended)
        stream.failures.resume(known.failed)
    }

    /// Begins another input after one that has ended; its time may be earlier.
    package mutating func beginInput() {
        guard hasEnded else { return }
        watermark = SourceWatermarks(bound: plan.outOfOrder, sources: watermark.sourceCount)
        aheadBounds = plan.ahead.map { AheadBounds(milliseconds: $0, sources: watermark.sourceCount) }
        greatestTime = EventTime(milliseconds: 0)
        hasEnded = false
    }

    package mutating func attach(_ pages: any StatePages) { stage.attach(pages) }

    package mutating func beginCut() -> StageRecord {
        stage.beginCut()
        return record
    }

    package mutating func continueCut(states: Int) throws(StoreError) -> Bool { try stage.goOnWithCut(states: states) }

    package mutating func takeCut() -> StageCut { stage.takeCut() }

    package mutating func noteCommitted() { stage.noteCommitted() }

    package mutating func abandonStates() { stage.abandonStates() }
}
