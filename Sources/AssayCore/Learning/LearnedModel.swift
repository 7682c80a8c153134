import CBytes
import Glibc

/// What a stream has learned from its labels: how risky each value of a risk key is, what is usual, and how much each
/// sign of fraud is worth. It sees transactions, labels and the stream's clock, and nothing else.
package final class LearnedModel: TransactionModel {
    // Used for each transaction, by one thread; nothing of it is changed while something else of the same is read.
    @exclusivity(unchecked) private(set) var settings: ScoringSettings.Learning
    package let layout: InputLayout
    @exclusivity(unchecked) var weights: Weights
    @exclusivity(unchecked) var norms = Norms()
    @exclusivity(unchecked) var values: RiskValues
    @exclusivity(unchecked) var entries: PendingEntries
    @exclusivity(unchecked) package internal(set) var counts = LearningCounts()
    /// Of the labels of all that was taken: how much of it was fraud, and all.
    @exclusivity(unchecked) var fraudOfAll = 1.0
    @exclusivity(unchecked) var all = 200.0
    @exclusivity(unchecked) package internal(set) var clock: Int64 = 0
    /// Tells this model's memory of users from that of an earlier one.
    var generation: UInt64
    @exclusivity(unchecked) var userPool = BlockPool()

    // The batch.
    @exclusivity(unchecked) private var labels: [Label] = []
    @exclusivity(unchecked) private var nextLabel = 0
    /// The next line that has a label.
    @exclusivity(unchecked) private var nextLabelLine = UInt64.max
    private let hashes: ValueHashes
    /// The number of the present transaction in the batch.
    @exclusivity(unchecked) private var position = 0
    /// What became of the batch's labels so far.
    @exclusivity(unchecked) package private(set) var outcomes: [LabelOutcome] = []
    private var columns: CSVColumns? { didSet { columnsAddress = columns.map { .passUnretained($0) } } }
    /// Labels that come by their own time.
    package var schedule: ScheduledLabels? { didSet { scheduleAddress = schedule.map { .passUnretained($0) } } }
    // The same two by address: a reference to them is not counted for each transaction.
    @exclusivity(unchecked) private var columnsAddress: Unmanaged<CSVColumns>?
    @exclusivity(unchecked) private var scheduleAddress: Unmanaged<ScheduledLabels>?

    // The present transaction.
    @exclusivity(unchecked) var categoryPath: FieldPath
    let keyPaths: UnsafeMutableBufferPointer<FieldPath>
    @exclusivity(unchecked) var signs: InputSigns
    let bins: UnsafeMutableBufferPointer<UInt8>
    @exclusivity(unchecked) private var example: ExampleSlots
    private let entryValues: UnsafeMutableBufferPointer<UInt32>
    private let entryBins: UnsafeMutableBufferPointer<UInt8>
    @exclusivity(unchecked) private var hasReasons = false
    @exclusivity(unchecked) private var reasonsRoom = OutputBuffer(capacity: 1 << 10)
    /// Whether all that the model sees of a transaction is wanted.
    @exclusivity(unchecked) package var wantsReport = false
    package private(set) var report: Report?

    // What a checkpoint has to write.
    @exclusivity(unchecked) var saving = LearningSaving()

    package init(_ settings: ScoringSettings.Learning, generation: UInt64 = 0) {
        self.settings = settings
        self.generation = generation
        layout = InputLayout(riskKeys: settings.riskKeys)
        weights = Weights(slotCount: layout.slotCount, settings)
        values = RiskValues(keys: settings.riskKeys.count)
        entries = PendingEntries(
            layout: PendingEntries.Layout(keys: settings.riskKeys.count, inputs: layout.inputCount))
        categoryPath = FieldPath(settings.category)
        keyPaths = .allocate(capacity: settings.riskKeys.count)
        _ = keyPaths.initialize(fromContentsOf: settings.riskKeys.map { FieldPath($0) })
        hashes = ValueHashes(keys: settings.riskKeys.count)
        signs = InputSigns(keys: settings.riskKeys.count)
        example = ExampleSlots(layout)
        bins = .allocate(capacity: layout.inputCount)
        bins.initialize(repeating: 0)
        entryBins = .allocate(capacity: layout.inputCount)
        entryBins.initialize(repeating: 0)
        entryValues = .allocate(capacity: settings.riskKeys.count)
        entryValues.initialize(repeating: PendingEntries.noValue)
    }

    deinit {
        keyPaths.deinitialize().deallocate()
        bins.deallocate()
        entryBins.deallocate()
        entryValues.deallocate()
    }

    /// Goes by other settings of the same category and risk keys.
    func follow(_ settings: ScoringSettings.Learning) {
        self.settings = settings
        weights.follow(settings)
    }

    package var role: ScoringSettings.Learning.Role { settings.role }
    package var isReady: Bool { counts.isReady }

    /// The share of fraud among all labels.
    package var shareOfAll: Double { fraudOfAll / all }

    // MARK: Labels

    /// Begins a batch of transactions with the labels that stand among them.
    package func begin(
        _ transactions: [Transaction], _ labels: [Label], _ text: BatchText, _ columns: CSVColumns?
    ) {
        self.labels = labels
        self.columns = columns
        (nextLabel, position) = (0, -1)
        noteNextLabel()
        outcomes.removeAll(keepingCapacity: true)
        for key in keyPaths.indices {
            hashes.removeAll(ofKey: key)
            for (place, transaction) in transactions.enumerated() {
                guard let slice = keyPaths[key].slice(of: transaction) else { break }
                // Another thread has read the text, on another core.
                if place + Self.indexDistance < transactions.count,
                    let next = keyPaths[key].slice(of: transactions[place + Self.indexDistance])
                {
                    assay_prefetch(text.bytes(next).baseAddress)
                }
                hashes.append(RiskValues.hash(text.bytes(slice), key: key), key: key)
            }
            for place in 0..<Self.indexDistance {
                if let hash = hashes.hash(place, key: key) { values.prefetchIndex(hash) }
            }
        }
    }

    /// What comes next is of no batch.
    func leaveBatch() {
        (columns, position) = (nil, 0)
        for key in keyPaths.indices { hashes.removeAll(ofKey: key) }
    }

    /// An index is prefetched so many transactions ahead, what it leads to half as many.
    private static let indexDistance = 12
    private static let valueDistance = 6

    @inline(__always)
    private func prefetch() {
        for key in keyPaths.indices {
            if let hash = hashes.hash(position + Self.indexDistance, key: key) { values.prefetchIndex(hash) }
            let near = position + Self.valueDistance
            if let hash = hashes.hash(near, key: key), let slot = values.prefetchValue(hash) {
                hashes.setCandidate(slot, near, key: key)
            }
        }
    }

    /// Where the present transaction's value is remembered.
    @inline(__always)
    func find(_ text: UnsafeBufferPointer<UInt8>, key: Int) -> Int? {
        if let candidate = hashes.candidate(position, key: key), values.isStill(candidate, text, key: key) {
            return candidate
        }
        return values.find(text, key: key, hash: hashes.hash(position, key: key) ?? RiskValues.hash(text, key: key))
    }

    /// Where a label's transaction is looked up is prefetched so many labels ahead, what is there half as many.
    private static let labelDistance = 8

    private func noteNextLabel() {
        nextLabelLine = nextLabel < labels.count ? UInt64(labels[nextLabel].lineIndex) : .max
    }

    package func takeLabels(before line: UInt32) {
        position += 1
        prefetch()
        while nextLabelLine < UInt64(line) { takeNextLabel() }
    }

    /// Takes those after the last transaction.
    package func takeRemainingLabels() {
        while nextLabel < labels.count { takeNextLabel() }
    }

    private func takeNextLabel() {
        let label = labels[nextLabel]
        nextLabel += 1
        noteNextLabel()
        let (far, near) = (nextLabel + Self.labelDistance, nextLabel + Self.labelDistance / 2)
        if far < labels.count { entries.prefetchBuckets(labels[far].idHash) }
        if near < labels.count { entries.prefetchFirst(labels[near].idHash) }
        outcomes.append(take(label.isFraud, ofTransaction: label.idHash))
    }

    private func take(_ isFraud: Bool, ofTransaction idHash: UInt64) -> LabelOutcome {
        guard let entry = entries.find(idHash) else {
            counts.unknown += 1
            return .unknown
        }
        var status = entries.status(entry)
        guard status.label != isFraud else {
            counts.repeated += 1
            return .repeated
        }
        if status.label == nil {
            counts.labels += 1
            counts.longestWaitMilliseconds = max(counts.longestWaitMilliseconds, clock - entries.clock(entry))
        } else {
            counts.changed += 1
        }
        if isFraud { counts.fraudLabels += 1 }
        counts.recent.add(isFraud: isFraud, at: clock)
        status.label = isFraud
        status.isDoubtful = false
        noteStatus(of: entry)
        let isNews = status.held != isFraud
        if isNews { remember(isFraud, of: entry, &status) }
        entries.set(status, of: entry)
        if status.hasMatured, isNews {
            counts.corrections += 1
            learn(entry, isFraud: isFraud)
        }
        return .taken
    }

    // MARK: The clock

    package func advance(to clock: Int64) {
        self.clock = clock
        scheduleAddress?.withReference { schedule in
            while let row = schedule.next(upTo: clock) {
                if let hash = schedule.idHash(ahead: Self.labelDistance) { entries.prefetchBuckets(hash) }
                if let hash = schedule.idHash(ahead: Self.labelDistance / 2) { entries.prefetchFirst(hash) }
                _ = take(row.isFraud, ofTransaction: row.idHash)
            }
        }
        var run = 0
        while run < entries.runs.count {
            while entries.runs[run].ripe < entries.runs[run].end,
                entries.clock(entries.runs[run].ripe) + settings.maturityMilliseconds <= clock
            {
                mature(run: run)
            }
            run += 1
        }
        run = 0
        while run < entries.runs.count {
            let runs = entries.runs.count
            while entries.runs.count == runs,
                entries.clock(entries.runs[run].first) + settings.retentionMilliseconds <= clock
            {
                leave(run: run)
            }
            if entries.runs.count == runs { run += 1 }
        }
    }

    private func mature(run: Int) {
        let entry = entries.runs[run].ripe
        prefetchValues(near: entry, in: run)
        var status = entries.status(entry)
        noteStatus(of: entry)
        status.hasMatured = true
        if status.label == nil, !status.isDoubtful { remember(false, of: entry, &status) }
        entries.set(status, of: entry)
        entries.ripen(run: run)
        guard !status.isDoubtful else { return }
        learn(entry, isFraud: status.label ?? false)
    }

    /// An entry is prefetched so many ahead, its values half as many.
    private static let entryDistance: UInt64 = 12

    @inline(__always)
    private func prefetchValues(near entry: UInt64, in run: Int) {
        let end = entries.runs[run].end
        if entry + Self.entryDistance < end { entries.prefetch(entry + Self.entryDistance) }
        guard entry + Self.entryDistance / 2 < end else { return }
        for key in keyPaths.indices {
            if let value = entries.value(entry + Self.entryDistance / 2, ofKey: key) { values.prefetch(value) }
        }
    }

    func leave(run: Int) {
        let entry = entries.runs[run].first
        prefetchValues(near: entry, in: run)
        for key in keyPaths.indices {
            if let value = entries.value(entry, ofKey: key), values.leave(value) { remove(value: value) }
        }
        entries.leave(run: run)
    }

    // MARK: Memories

    /// The memories take what became known of an entry.
    private func remember(_ isFraud: Bool, of entry: UInt64, _ status: inout PendingEntries.Status) {
        let fraud: Double = isFraud ? 1 : 0
        let held = status.held.map { $0 ? 1.0 : 0 }
        let time = entries.clock(entry)
        for key in keyPaths.indices {
            guard let value = entries.value(entry, ofKey: key) else { continue }
            noteChange(ofValue: value)
            if var memory = values.memory(value) {
                memory.add(fraud - (held ?? 0), counts: held == nil, at: time)
                memory.turn(to: fraud)
                values.take(memory, at: value)
            } else {
                makeRoom(key)
                var memory = RiskMemory(last: time)
                memory.add(fraud, counts: true, at: time)
                memory.turn(to: fraud)
                values.take(memory, at: value)
            }
        }
        if let held {
            fraudOfAll = max(fraudOfAll + fraud - held, 0)
        } else {
            fraudOfAll = fraudOfAll * Self.forgetting + fraud
            all = all * Self.forgetting + 1
        }
        status.held = isFraud
    }

    private static let forgetting = 0.99999

    /// Forgets the memory of a key that took a label longest ago, if there are too many.
    private func makeRoom(_ key: Int) {
        while UInt64(values.memoryCounts[key]) >= settings.maxKeys {
            let oldest = values.oldestMemory(ofKey: key)
            noteChange(ofValue: oldest)
            values.forgetMemory(oldest)
            if values.isIdle(oldest) { remove(value: oldest) }
        }
    }

    func remove(value: Int) {
        noteChange(ofValue: value)
        values.remove(value)
    }

    // MARK: The model

    private func learn(_ entry: UInt64, isFraud: Bool) {
        entries.bins(entry, into: entryBins)
        weights.learn(example.list(UnsafeBufferPointer(entryBins)), isFraud: isFraud)
        saving.hasLearned = true
        counts.examples += 1
        if isFraud { counts.frauds += 1 }
        if counts.frauds >= settings.warmUpFrauds, counts.examples >= settings.warmUpExamples { counts.isReady = true }
    }

    // MARK: Transactions

    package func assess(_ sample: ModelSample, _ state: borrowing UserState) -> Double? {
        hasReasons = false
        // The entry is made when the transaction has been scored.
        entries.prefetchBucket(sample.idHash)
        look(at: sample, state, columnsAddress)
        guard counts.isReady || wantsReport else { return nil }
        let active = example.list(UnsafeBufferPointer(bins))
        if wantsReport { report = makeReport(active) }
        guard counts.isReady else { return nil }
        let probability = weights.probability(active)
        if settings.role != .shadow, probability >= settings.explainFrom { explain(active) }
        return probability
    }

    package var reasons: UnsafeBufferPointer<UInt8>? {
        hasReasons ? reasonsRoom.bytes.bindMemory(to: UInt8.self) : nil
    }

    package func learn(_ sample: ModelSample, _ state: borrowing UserState) -> UserPlace {
        let place = learnUser(sample, state)
        // The values first: what leaves could be the last that needs one of them.
        for key in keyPaths.indices {
            var value: Int?
            if signs.ofKeys[key].hasValue {
                value = signs.ofKeys[key].value ?? addValue(sample, key)
            }
            if let value { values.wait(value) }
            entryValues[key] = value.map { UInt32($0) } ?? PendingEntries.noValue
        }
        if UInt64(entries.count) >= settings.maxPending { dropOldest() }
        entries.append(
            sample.idHash, clock: clock, values: UnsafeBufferPointer(entryValues), bins: UnsafeBufferPointer(bins))
        scheduleAddress?.withReference { $0.noteAccepted(sample.idHash, at: clock) }
        return place
    }

    private func addValue(_ sample: ModelSample, _ key: Int) -> Int? {
        let value = keyPaths[key].withValue(of: sample, columnsAddress) { values.intern($0, key: key) }
        noteChange(ofValue: value)
        return value
    }

    private func dropOldest() {
        if entries.runs[0].ripe == entries.runs[0].first { counts.dropped += 1 }
        leave(run: 0)
    }

    /// Writes the inputs that weigh most, as JSON.
    private func explain(_ active: UnsafeBufferPointer<Int32>) {
        hasReasons = true
        reasonsRoom.removeAll()
        let top = Int(settings.top)
        guard top > 0 else { return }
        withUnsafeTemporaryAllocation(of: Int32.self, capacity: top) { greatest in
            var count = 0
            for slot in active.dropFirst() where weights.weight(at: Int(slot)) > 0 {
                if count == top {
                    guard weighsMore(slot, than: greatest[top - 1]) else { continue }
                    count -= 1
                }
                var place = count
                while place > 0, weighsMore(slot, than: greatest[place - 1]) {
                    greatest[place] = greatest[place - 1]
                    place -= 1
                }
                greatest[place] = slot
                count += 1
            }
            for place in 0..<count {
                if place > 0 { reasonsRoom.append(byte: UInt8(ascii: ",")) }
                write(Int(greatest[place]), weight: weights.weight(at: Int(greatest[place])), into: &reasonsRoom)
            }
        }
    }

    /// Of two that weigh the same, the lower slot does.
    @inline(__always)
    private func weighsMore(_ one: Int32, than other: Int32) -> Bool {
        let (first, second) = (weights.weight(at: Int(one)), weights.weight(at: Int(other)))
        return first > second || first == second && one < other
    }

    // MARK: What belongs to a user

    package func prefetch(_ place: UserPlace) { UserSigns(place).prefetch() }

    package func release(_ place: UserPlace) { UserSigns(place).giveBack(to: &userPool) }

    package func memoryBytes(of place: UserPlace) -> Int { UserSigns(place).byteCount }

    package func encode(_ place: UserPlace, into bytes: inout OutputBuffer) {
        saving.room.removeAll()
        saving.room.append(varint: generation)
        UserSigns(place).encode(into: &saving.room)
        bytes.append(varint: UInt64(saving.room.count))
        bytes.reserve(saving.room.count)
        bytes.write(saving.room.bytes.bindMemory(to: UInt8.self))
    }

    package func decode(_ content: [UInt8]) throws(StateDecodingError) -> UserPlace? {
        let result: Result<UserSigns.Content?, StateDecodingError> = content.withUnsafeBytes { raw in
            var reader = StateByteReader(raw)
            do throws(StateDecodingError) {
                guard try reader.varint() == generation else { return .success(nil) }
                let content = try UserSigns.Content(&reader)
                try reader.finish()
                return .success(content)
            } catch {
                return .failure(error)
            }
        }
        return try result.get().map { UserSigns($0, in: &userPool).place }
    }
}
