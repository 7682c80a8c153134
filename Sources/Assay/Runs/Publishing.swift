import AssayCore

/// Tells those who look at a run what it does, now and then: at most so often, and not at all while nothing changes.
struct Publishing {
    private let metrics: RunMetrics?
    private var sources: [RunMetrics.Source]
    /// When the next figures are due, on the monotonic clock; never while nothing has changed.
    private(set) var due: Double
    private var last = 0.0

    private static let secondsBetween = 0.1

    init(_ metrics: RunMetrics?, _ inputs: [FoundInput]) {
        self.metrics = metrics
        sources = inputs.map { input in
            let (name, whole) = (input.input.name, input.input.whole)
            return RunMetrics.Source(
                name: whole, part: name == whole ? "" : String(name.dropFirst(whole.utf8.count + 1)),
                lines: input.found.position.line)
        }
        due = metrics == nil ? .infinity : 0
    }

    mutating func note(_ position: SourcePosition, of source: Int) {
        sources[source].lines = position.line
        sources[source].lag = position.lag
        noteChange()
    }

    mutating func noteChange() {
        guard due == .infinity, metrics != nil else { return }
        due = last + Self.secondsBetween
    }

    mutating func publishIfDue(_ stage: borrowing some RunStage & ~Copyable, _ saving: Saving?) {
        guard due < .infinity, let metrics else { return }
        let now = MonotonicClock.seconds
        guard now >= due else { return }
        (last, due) = (now, .infinity)
        metrics.set(
            RunMetrics.Owner(
                record: stage.record, learning: stage.counts.learning, keys: stage.keyCount,
                memoryBytes: stage.memoryBytes + stage.indexBytes, unsavedBytes: stage.changedBytes, sources: sources,
                checkpoints: saving?.committed ?? 0, checkpointFailures: saving?.failures ?? 0,
                isFailing: saving?.isFailing ?? false, last: saving?.last))
    }
}
