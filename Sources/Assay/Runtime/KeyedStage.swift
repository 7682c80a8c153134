import StateStore

/// Runs one process function over one stream: interns keys, fetches states ahead, keeps the timers, and knows which
/// states have to be written down.
struct KeyedStage<Function: KeyedProcessFunction & ~Copyable>: ~Copyable {
    private(set) var function: Function
    private var keys = KeyTable<Function.State>()
    private var context: ProcessContext<Function.Output>
    private var interned: [Int] = []

    private var log: StateLog
    /// Which of two cuts a change belongs to: the one under way and the next take turns.
    private var presentCut: UInt8 = 1
    private var changed: [UInt32] = []
    /// What changed before the cut that is under way, and how many of them are written down.
    private var due: [UInt32] = []
    private var written = 0
    private var isCutUnderWay = false
    private var encoded: [UInt8] = []

    /// How many elements ahead a state's own memory is fetched.
    private static var prefetchDistance: Int { 6 }

    init(function: consuming Function, output: Function.Output, functionNumber: Int64) {
        self.function = function
        context = ProcessContext(output: output)
        log = StateLog(function: functionNumber)
    }

    var keyCount: Int { keys.count }

    // MARK: Elements

    /// Takes a batch of elements in their order. `input` gives each with its time.
    @inline(__always)
    mutating func process<Element>(
        _ elements: borrowing [Element], hash: (borrowing Element) -> UInt64,
        key: (borrowing Element) -> UnsafeBufferPointer<UInt8>,
        input: (borrowing Element) -> (Function.Input, EventTime)
    ) {
        let count = elements.count
        for index in 0..<count { keys.prefetchSlot(hash: hash(elements[index])) }
        interned.removeAll(keepingCapacity: true)
        for index in 0..<count { interned.append(keys.candidate(hash: hash(elements[index])) ?? -1) }
        for index in 0..<count {
            let bytes = key(elements[index])
            if interned[index] >= 0, keys.isKey(interned[index], bytes) { continue }
            let elementHash = hash(elements[index])
            interned[index] =
                keys.find(bytes, hash: elementHash)
                ?? keys.insert(bytes, hash: elementHash, state: function.makeState())
        }
        for index in 0..<min(Self.prefetchDistance, count) { function.prefetch(keys[interned[index]]) }
        for index in 0..<count {
            let ahead = index + Self.prefetchDistance
            if ahead < count { function.prefetch(keys[interned[ahead]]) }
            let (input, time) = input(elements[index])
            noteChange(interned[index])
            context.begin(time, key: interned[index])
            function.process(input, state: &keys[interned[index]], context: &context)
        }
    }

    /// Event time has come to `watermark`: fires the timers up to it, in order of time, then key bytes.
    mutating func advance(to watermark: EventTime) {
        while let time = context.nextTimer, time <= watermark {
            let due = context.popTimers(at: time).sorted { left, right in
                keys.withKey(left) { left in keys.withKey(right) { left.lexicographicallyPrecedes($0) } }
            }
            for key in due {
                noteChange(key)
                context.begin(time, key: key)
                function.timerFired(state: &keys[key], context: &context)
            }
        }
    }

    /// Lets the caller take the results out.
    mutating func withOutput<Result>(_ body: (inout Function.Output) -> Result) -> Result {
        body(&context.output)
    }

    /// The keys with their states, in an order of the table's own.
    func forEachState(_ body: (UnsafeBufferPointer<UInt8>, borrowing Function.State) -> Void) {
        for index in keys.indices {
            keys.withKey(index) { body($0, keys[index]) }
        }
    }

    // MARK: Cuts

    /// A state is about to change. If it still has to be written as it was at the cut, that is done now.
    @inline(__always)
    private mutating func noteChange(_ index: Int) {
        let changedIn = keys.saving(index).changedIn
        if changedIn == presentCut { return }
        if changedIn != 0 { write(index) }
        var mark = keys.saving(index)
        mark.changedIn = presentCut
        keys.setSaving(index, mark)
        changed.append(UInt32(index))
    }

    /// How many keys have changes that no cut has taken.
    var changedCount: Int { changed.count }

    /// Everything so far belongs to the cut, everything from now on to the next one.
    mutating func beginCut() {
        precondition(!isCutUnderWay, "one cut at a time")
        isCutUnderWay = true
        swap(&due, &changed)
        written = 0
        presentCut = 3 - presentCut
        log.beginCut()
    }

    /// Writes down up to `count` more of the cut's states. True when all of them are.
    mutating func continueCut(states count: Int) -> Bool {
        let end = min(written + count, due.count)
        while written < end {
            let index = Int(due[written])
            // Those that changed again in the meantime are written already.
            if keys.saving(index).changedIn == 3 - presentCut {
                write(index)
                var mark = keys.saving(index)
                mark.changedIn = 0
                keys.setSaving(index, mark)
            }
            written += 1
        }
        guard written == due.count else { return false }
        due.removeAll(keepingCapacity: true)
        written = 0
        return true
    }

    private mutating func write(_ index: Int) {
        encoded.removeAll(keepingCapacity: true)
        function.encode(keys[index], into: &encoded)
        var mark = keys.saving(index)
        let previous = mark.isInLog ? log.page(mark.page) : 0
        let page = keys.withKey(index) { key in
            encoded.withUnsafeBytes { value in
                log.append(key: UnsafeRawBufferPointer(key), value: value, previousPage: previous)
            }
        }
        mark.page = UInt32(truncatingIfNeeded: page)
        mark.isInLog = true
        keys.setSaving(index, mark)
    }

    mutating func beginRetiring() {
        log.beginRetiring()
    }

    /// The oldest page of the log, if it shall be dropped.
    var pageToRetire: Int64? { log.pageToRetire(keys: keys.count) }

    /// Appends what still holds of the oldest page again, as it stands there: that is how it was at the cut.
    mutating func retire(_ page: Int64, entryCount: Int64, checksum: UInt64, _ entries: UnsafeRawBufferPointer) {
        var reader = StateEntryReader(entries)
        while let entry = reader.next() {
            let key = entry.key.bindMemory(to: UInt8.self)
            guard let index = keys.find(key, hash: key.stableHash) else { continue }
            var mark = keys.saving(index)
            guard mark.isInLog, log.page(mark.page) == page else { continue }
            let moved = log.append(key: entry.key, value: entry.value, previousPage: 0)
            mark.page = UInt32(truncatingIfNeeded: moved)
            keys.setSaving(index, mark)
        }
        log.retire(entries: entryCount, bytes: entries.count, checksum: checksum)
    }

    /// What the cut has to write, and what its record says of the states. The cut is over.
    mutating func takeCut(record: inout CheckpointRecord) -> StateStore.Changes {
        precondition(isCutUnderWay && due.isEmpty, "the cut is not complete")
        isCutUnderWay = false
        let changes = log.takeCut()
        record.firstPage = changes.firstPage
        record.pageCount = log.pageCount
        record.pageSum = log.pageSum
        record.keysWritten = log.keysWritten
        record.bytesWritten = log.cutBytes
        return changes
    }

    // MARK: Loading

    /// Takes over the states of a checkpoint. The newest page comes first, so an entry of a known key is an old one.
    mutating func load(
        _ record: CheckpointRecord, functionNumber: Int64, from store: StateStore
    ) throws(StoreError) {
        precondition(keys.count == 0)
        var entryCount: Int64 = 0
        var byteCount: Int64 = 0
        try store.readPages(of: record) { (page, count, bytes) throws(StoreError) in
            entryCount += count
            byteCount += Int64(bytes.count)
            var reader = StateEntryReader(bytes)
            var seen: Int64 = 0
            while let entry = reader.next() {
                seen += 1
                try load(entry, page)
            }
            guard reader.isAtEnd, seen == count else {
                throw StoreError(.damaged, "reading page \(page)", "its entries don't fit")
            }
        }
        guard keys.count == record.keys else {
            throw StoreError(.damaged, "reading pages", "they hold \(keys.count) keys, not \(record.keys)")
        }
        log = StateLog(function: functionNumber, record: record, entryCount: entryCount, byteCount: byteCount)
    }

    private mutating func load(_ entry: StateEntry, _ page: Int64) throws(StoreError) {
        let key = entry.key.bindMemory(to: UInt8.self)
        let hash = key.stableHash
        guard keys.find(key, hash: hash) == nil else { return }
        do throws(StateDecodingError) {
            let index = keys.insert(key, hash: hash, state: try function.decode(entry.value))
            keys.setSaving(
                index, SavingMark(page: UInt32(truncatingIfNeeded: page), isInLog: true, changedIn: 0))
        } catch {
            let name = String(decoding: key, as: UTF8.self)
            throw StoreError(.damaged, "reading page \(page)", "the state of '\(name)' is \(error.problem)")
        }
    }
}
