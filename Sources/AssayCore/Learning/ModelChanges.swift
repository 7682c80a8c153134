/// What people do to a model, between two runs.
extension LearnedModel {
    /// Forgets the weights; users, memories and what is usual stay. `withEntries`: forgets what waits for labels too.
    package func reset(withEntries: Bool) {
        weights = Weights(slotCount: layout.slotCount, settings)
        counts.forgetModel()
        guard withEntries else { return }
        dropEntries()
        clock = 0
    }

    private func dropEntries() {
        while !entries.runs.isEmpty { leave(run: 0) }
    }

    /// Takes the weights and the memories of an earlier state of the same inputs. What waits forgets the labels that
    /// came since: they would teach the same again. Nor is what had one taken for legitimate after a while: some of
    /// those labels were right.
    package func restore(from earlier: LearnedModel) {
        precondition(layout == earlier.layout, "both have the same inputs")
        weights.take(earlier.weights)
        (counts.isReady, counts.examples) = (earlier.counts.isReady, earlier.counts.examples)
        counts.frauds = earlier.counts.frauds
        (fraudOfAll, all) = (earlier.fraudOfAll, earlier.all)
        for value in 0..<values.end where values.isInUse(value) && values.hasMemory(value) {
            noteChange(ofValue: value)
            values.forgetMemory(value)
            if values.isIdle(value) { remove(value: value) }
        }
        for value in 0..<earlier.values.end where earlier.values.isInUse(value) {
            guard let memory = earlier.values.memory(value) else { continue }
            let key = earlier.values.key(of: value)
            let own = earlier.values.withText(value) { values.intern($0, key: key) }
            noteChange(ofValue: own)
            values.set(memory, at: own, order: earlier.values.order(value))
        }
        forgetLabels(since: earlier)
    }

    private func forgetLabels(since earlier: LearnedModel) {
        for run in entries.runs {
            for entry in run.first..<run.end {
                var before = PendingEntries.Status()
                if earlier.entries.runs.contains(where: { $0.first <= entry && entry < $0.end }),
                    earlier.entries.idHash(entry) == entries.idHash(entry)
                {
                    before = earlier.entries.status(entry)
                }
                var status = entries.status(entry)
                if before.label == nil, status.label != nil, !status.hasMatured { status.isDoubtful = true }
                (status.label, status.held) = (before.label, before.held)
                entries.set(status, of: entry)
            }
        }
    }

    /// Leaves no trace of a value of a risk key. Returns whether there was one.
    package func forget(_ text: [UInt8], ofKey name: String) -> Bool {
        guard let key = layout.riskKeys.firstIndex(of: name),
            let value = text.withUnsafeBufferPointer({ values.find($0, key: key) })
        else { return false }
        for run in entries.runs {
            for entry in run.first..<run.end where entries.value(entry, ofKey: key) == value {
                entries.forgetValue(entry, ofKey: key)
                _ = values.leave(value)
            }
        }
        noteChange(ofValue: value)
        values.forgetMemory(value)
        remove(value: value)
        return true
    }
}
