/// Runs one process function over one stream: interns keys, prefetches states, keeps the timers, and knows which states
/// have to be written.
struct KeyedStage<Function: KeyedProcessFunction & ~Copyable>: ~Copyable {
    var function: Function
    var keys = KeyTable<Function.State>()
    var context: ProcessContext<Function.Output>
    private var interned: [Int] = []
    /// By stream, the key of its last element.
    private var latest: [Int]

    private var log: StateLog
    /// Which of two cuts a change belongs to: the one under way and the next alternate.
    private var presentCut: UInt8 = 1
    var changed: [UInt32] = []
    /// What changed before the cut that is under way, and how many of those are written.
    private var cut: [UInt32] = []
    var written = 0
    private var isCutUnderWay = false
    private var isRetiring = false
    private static var retiredAtOnce: Int { 16 }
    var encoded = OutputBuffer(capacity: 1 << 12)

    /// Reads committed pages, once there is a store.
    private var pages: (any StatePages)?
    /// The memory that states own.
    var stateBytes = 0
    /// Where the search for a state to evict continues.
    private var hand = 0
    /// Whether there are checkpoints.
    let isSaved: Bool
    /// The number of keys at the last cut, without those that it has dropped.
    private var keysAtCut: Int64 = 0
    /// Timers of one time and stream that are still to fire, the next one last.
    var due: [DueTimer] = []
    /// The time of those.
    var dueTime = EventTime(milliseconds: 0)
    var ready: [Int] = []
    /// The key that was processed last, whose results may still be in use.
    var touched: Int?
    /// Where the last advance went.
    var advanced = Int64.min

    /// So many elements ahead a state's own memory is fetched.
    private static var prefetchDistance: Int { 6 }

    init(
        function: consuming Function, output: Function.Output, functionNumber: Int64, streams: Int = 1,
        isSaved: Bool = true
    ) {
        self.function = function
        self.isSaved = isSaved
        context = ProcessContext(output: output, streams: streams)
        latest = Array(repeating: -1, count: streams)
        log = StateLog(function: functionNumber)
    }

    var keyCount: Int { keys.count }
    /// Between two elements the function may learn something new.
    mutating func changeFunction(_ body: (inout Function) -> Void) { body(&function) }

    /// States can be read back from here from now on.
    mutating func attach(_ pages: any StatePages) { self.pages = pages }

    mutating func abandonStates() { keys.abandon() }

    // MARK: Elements

    /// Takes a batch of elements in order. `input` returns each with its time; elements stay where they are meanwhile.
    @inline(__always)
    mutating func process<Element>(
        _ elements: UnsafeBufferPointer<Element>, hash: (borrowing Element) -> UInt64,
        key: (borrowing Element) -> UnsafeBufferPointer<UInt8>,
        input: (UnsafePointer<Element>) -> (Function.Input, EventTime)
    ) throws(StoreError) {
        guard let first = elements.baseAddress else { return }
        let count = elements.count
        for index in 0..<count { keys.prefetchSlot(hash: hash(elements[index])) }
        interned.removeAll(keepingCapacity: true)
        for index in 0..<count { interned.append(keys.candidate(hash: hash(elements[index])) ?? -1) }
        for index in 0..<count {
            let bytes = key(elements[index])
            if interned[index] >= 0, keys.isKey(interned[index], bytes) { continue }
            interned[index] = try intern(bytes, hash: hash(elements[index]))
        }
        for index in 0..<min(Self.prefetchDistance, count) { function.prefetch(keys[interned[index]]) }
        for index in 0..<count {
            // A batch is longer than what stays in the nearest caches since the keys were looked up.
            let far = index + 2 * Self.prefetchDistance
            if far < count { keys.prefetchEntry(interned[far]) }
            let ahead = index + Self.prefetchDistance
            if ahead < count { function.prefetch(keys[interned[ahead]]) }
            let near = index + Self.prefetchDistance / 2
            if near < count { function.prefetchMore(keys[interned[near]]) }
            let (input, time) = input(first + index)
            let key = interned[index]
            let place = keys.place(of: key)
            if place.pointee.saving.changedIn != presentCut { noteChange(key) }
            context.begin(time, key: key)
            let before = function.memoryBytes(place.pointee.state)
            function.process(input, state: &place.pointee.state, context: &context)
            stateBytes += function.memoryBytes(place.pointee.state) - before
        }
    }

    /// Returns the index of a key that may be new, or away.
    private mutating func intern(_ key: UnsafeBufferPointer<UInt8>, hash: UInt64) throws(StoreError) -> Int {
        if let index = keys.find(key, hash: hash) { return index }
        if keys.awayCount > 0, let bits = keys.awayPage(hash: hash) {
            let page = log.page(awayBits: bits)
            if let state = try fetch(key, from: page) {
                stateBytes += function.memoryBytes(state)
                let index = keys.bringBack(key, hash: hash, state: state)
                keys.setSaving(index, SavingMark(page: UInt32(truncatingIfNeeded: page), isInLog: true))
                return index
            }
        }
        return keys.insert(key, hash: hash, state: function.makeState())
    }

    /// Takes one element of a stream, for functions whose event time moves with each. `watermark` defaults to that of
    /// the last advance. `hash`: of the key, where it is known.
    mutating func process(
        _ input: Function.Input, key: UnsafeBufferPointer<UInt8>, hash: UInt64? = nil, at time: EventTime,
        stream: Int = 0, watermark: Int64? = nil
    ) throws(StoreError) {
        forgetTouched()
        let index: Int
        if let known = sameAsBefore(key, stream) {
            index = known
        } else {
            index = try intern(key, hash: hash ?? key.stableHash)
            latest[stream] = index
        }
        noteChange(index)
        context.moment.enter(stream, watermark: watermark ?? advanced)
        context.begin(time, key: index)
        let before = function.memoryBytes(keys[index])
        function.process(input, state: &keys[index], context: &context)
        stateBytes += function.memoryBytes(keys[index]) - before
        touched = index
    }

    /// The key that a stream's last element had, if it is this one.
    @inline(__always)
    private func sameAsBefore(_ key: UnsafeBufferPointer<UInt8>, _ stream: Int) -> Int? {
        let index = latest[stream]
        return index >= 0 && index < keys.indexEnd && keys.isInUse(index) && keys.isKey(index, key) ? index : nil
    }

    /// The bytes of a key by its number.
    func withKey<Result>(_ key: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        keys.withKey(key, body)
    }

    mutating func remove(_ index: Int, hash: UInt64) {
        stateBytes -= function.memoryBytes(keys[index])
        keys.remove(index, hash: hash)
    }

    /// Gives the caller access to the results.
    mutating func withOutput<Result>(_ body: (inout Function.Output) -> Result) -> Result {
        body(&context.output)
    }

    /// Visits the keys with their states, in the table's order.
    func forEachState(_ body: (UnsafeBufferPointer<UInt8>, borrowing Function.State) -> Void) {
        for index in keys.indices {
            keys.withKey(index) { body($0, keys[index]) }
        }
    }

    // MARK: Cuts

    /// Called before a state changes: writes it now if the cut still needs it as it was.
    @inline(__always)
    mutating func noteChange(_ index: Int) {
        guard isSaved else { return }
        if keys.saving(index).changedIn == presentCut { return }
        if keys.saving(index).changedIn != 0 { write(index) }
        var mark = keys.saving(index)
        mark.changedIn = presentCut
        mark.wasUsed = true
        keys.setSaving(index, mark)
        changed.append(UInt32(index))
    }

    /// How many keys have changes that are in no cut.
    var changedCount: Int { changed.count }

    /// Everything so far belongs to this cut, everything from now on to the next one.
    mutating func beginCut() {
        precondition(!isCutUnderWay, "one cut at a time")
        isCutUnderWay = true
        swap(&cut, &changed)
        written = 0
        presentCut = 3 - presentCut
        keysAtCut = Int64(keys.count)
        log.beginCut()
    }

    /// Writes up to `count` more of the cut's states. Returns true when all are written.
    mutating func continueCut(states count: Int) -> Bool {
        let end = min(written + count, cut.count)
        while written < end {
            if written + 2 * Self.prefetchDistance < cut.count {
                keys.prefetchEntry(Int(cut[written + 2 * Self.prefetchDistance]))
                function.prefetch(keys[Int(cut[written + Self.prefetchDistance])])
            }
            let index = Int(cut[written])
            // Those that have changed since were written before the change.
            if keys.saving(index).changedIn == 3 - presentCut { writeUnchanged(index) }
            written += 1
        }
        guard written == cut.count else { return false }
        cut.removeAll(keepingCapacity: true)
        written = 0
        return true
    }

    /// Writes a state that has not changed since the cut.
    private mutating func writeUnchanged(_ index: Int) {
        if function.isEmpty(keys[index]) { return writeForgotten(index) }
        write(index)
        var mark = keys.saving(index)
        mark.changedIn = 0
        keys.setSaving(index, mark)
    }

    /// An entry without a value says that the key is gone.
    private mutating func writeForgotten(_ index: Int) {
        let mark = keys.saving(index)
        let hash = keys.withKey(index) { $0.stableHash }
        if mark.isInLog {
            let previous = log.page(mark.page)
            keys.withKey(index) { key in
                _ = log.append(
                    key: UnsafeRawBufferPointer(key), value: UnsafeRawBufferPointer(start: nil, count: 0),
                    previousPage: previous)
            }
        }
        remove(index, hash: hash)
        keysAtCut -= 1
    }

    private mutating func write(_ index: Int) {
        encoded.removeAll()
        function.encode(keys[index], into: &encoded)
        var mark = keys.saving(index)
        let previous = mark.isInLog ? log.page(mark.page) : 0
        let page = keys.withKey(index) { key in
            log.append(key: UnsafeRawBufferPointer(key), value: encoded.bytes, previousPage: previous)
        }
        mark.page = UInt32(truncatingIfNeeded: page)
        mark.isInLog = true
        keys.setSaving(index, mark)
    }

    /// Continues the cut for a while, then drops old pages. Returns true when it is complete.
    mutating func goOnWithCut(states: Int) throws(StoreError) -> Bool {
        if !isRetiring {
            guard continueCut(states: states) else { return false }
            log.beginRetiring()
            isRetiring = true
        }
        for _ in 0..<Self.retiredAtOnce {
            if try !retirePage() {
                isRetiring = false
                return true
            }
        }
        return false
    }

    /// Drops the oldest page of the log if the log is too long. Returns false when there is nothing to drop.
    mutating func retirePage() throws(StoreError) -> Bool {
        guard let page = log.pageToRetire(keys: keys.count) else { return false }
        var entries: [UInt8] = []
        var figures: (count: Int64, checksum: UInt64) = (0, 0)
        try pages?.read(page, of: log.function) { count, checksum, bytes in
            figures = (count, checksum)
            entries = Array(bytes)
        }
        entries.withUnsafeBytes { retire(page, entryCount: figures.count, checksum: figures.checksum, $0) }
        return true
    }

    /// Appends the live entries of the oldest page again, unchanged: that is their state at the cut.
    private mutating func retire(
        _ page: Int64, entryCount: Int64, checksum: UInt64, _ entries: UnsafeRawBufferPointer
    ) {
        var reader = StateEntryReader(entries)
        while let entry = reader.next() {
            let key = entry.key.bindMemory(to: UInt8.self)
            let hash = key.stableHash
            guard let index = keys.find(key, hash: hash) else {
                // Of the keys with one hash, at most one is away.
                guard let bits = keys.awayPage(hash: hash), log.page(awayBits: bits) == page else { continue }
                let moved = log.append(key: entry.key, value: entry.value, previousPage: 0)
                keys.moveAway(hash: hash, to: StateLog.awayBits(moved))
                continue
            }
            var mark = keys.saving(index)
            guard mark.isInLog, log.page(mark.page) == page else { continue }
            let moved = log.append(key: entry.key, value: entry.value, previousPage: 0)
            mark.page = UInt32(truncatingIfNeeded: moved)
            keys.setSaving(index, mark)
        }
        log.retire(entries: entryCount, bytes: entries.count, checksum: checksum)
    }

    /// Ends the cut, and returns what it has to write and what its record says of the states.
    mutating func takeCut() -> StageCut {
        precondition(isCutUnderWay && cut.isEmpty, "the cut is not complete")
        isCutUnderWay = false
        let changes = log.takeCut()
        return StageCut(
            logs: [extent], changes: [changes], keysWritten: log.keysWritten, bytesWritten: log.cutBytes)
    }

    /// The log at the last cut.
    var extent: LogExtent {
        var extent = log.extent
        extent.keys = keysAtCut
        return extent
    }

    /// What was taken last is now durable.
    mutating func noteCommitted() { log.noteCommitted() }

    // MARK: Memory

    /// Keys whose states are only in the store.
    var awayCount: Int { keys.awayCount }

    /// The memory of keys, states and timers that are not away, and that of the index of all keys.
    var memoryBytes: Int { keys.memoryBytes + stateBytes + context.moment.memoryBytes }
    var indexBytes: Int { keys.indexBytes }

    /// About the bytes of the states that are in no cut.
    var changedBytes: Int {
        let atHome = max(1, keys.count - keys.awayCount)
        return changed.count * (stateBytes / atHome + MemoryLayout<Function.State>.stride + 64)
    }

    /// So many keys are looked at between two batches: where most have to stay, looking at all would take longer.
    private static var mostLooks: Int { 1 << 16 }

    /// Evicts states that were not used for a while, until at most `limit` bytes are taken or enough keys were looked
    /// at. States that are not written yet have to stay, and so have keys with a timer.
    mutating func shrink(to limit: Int) {
        let end = keys.indexEnd
        var looks = min(2 * end, Self.mostLooks)
        while memoryBytes > limit, looks > 0 {
            looks -= 1
            hand = hand + 1 < end ? hand + 1 : 0
            guard keys.isInUse(hand) else { continue }
            var mark = keys.saving(hand)
            if mark.wasUsed {
                mark.wasUsed = false
                keys.setSaving(hand, mark)
                continue
            }
            guard mark.changedIn == 0, mark.isInLog, log.isCommitted(log.page(mark.page)),
                !context.moment.hasTimer(hand)
            else { continue }
            sendAway(hand, hash: keys.withKey(hand) { $0.stableHash }, page: log.page(mark.page))
        }
    }

    private mutating func sendAway(_ index: Int, hash: UInt64, page: Int64) {
        guard keys.canSendAway(hash: hash) else { return }
        stateBytes -= function.memoryBytes(keys[index])
        function.forget(&keys[index])
        keys.sendAway(index, hash: hash, page: StateLog.awayBits(page))
    }

    /// Returns the state of a key from a page of the log; nil when the page has no entry of it.
    private mutating func fetch(
        _ key: UnsafeBufferPointer<UInt8>, from page: Int64
    ) throws(StoreError) -> Function.State? {
        guard let value = try log.value(of: key, on: page, pages) else { return nil }
        let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: value.count, alignment: 1)
        defer { copy.deallocate() }
        copy.copyBytes(from: value)
        return try decode(UnsafeRawBufferPointer(copy), of: key, page: page)
    }

    private mutating func decode(
        _ value: UnsafeRawBufferPointer, of key: UnsafeBufferPointer<UInt8>, page: Int64
    ) throws(StoreError) -> Function.State {
        do throws(StateDecodingError) {
            return try function.decode(value)
        } catch {
            let name = String(decoding: key, as: UTF8.self)
            throw StoreError(.damaged, "reading page \(page)", "the state of '\(name)' is \(error.problem)")
        }
    }

    /// The state of a key as it would be stored; nil for one that was never seen.
    func encodedState(of key: UnsafeBufferPointer<UInt8>) throws(StoreError) -> [UInt8]? {
        let hash = key.stableHash
        if let index = keys.find(key, hash: hash) {
            var bytes = OutputBuffer(capacity: 1 << 10)
            function.encode(keys[index], into: &bytes)
            return Array(bytes.bytes)
        }
        guard keys.awayCount > 0, let bits = keys.awayPage(hash: hash) else { return nil }
        return try log.value(of: key, on: log.page(awayBits: bits), pages)
    }

    // MARK: Loading

    /// Loads the states of a checkpoint, up to a memory limit; the others are away. The newest page comes first, so an
    /// entry of a known key is an old one.
    mutating func load(
        _ extent: LogExtent, from pages: any StatePages, memoryLimit: Int, watermark: Int64 = .min
    ) throws(StoreError) {
        precondition(keys.count == 0)
        advanced = watermark
        var superseded = SupersededEntries()
        log = StateLog(extent, entryCount: 0, byteCount: 0)
        var entryCount: Int64 = 0
        var byteCount: Int64 = 0
        try pages.readAll(of: extent) { (page, count, bytes) throws(StoreError) in
            entryCount += count
            byteCount += Int64(bytes.count)
            var reader = StateEntryReader(bytes)
            var seen: Int64 = 0
            while let entry = reader.next() {
                seen += 1
                try load(entry, page, &superseded, memoryLimit: memoryLimit)
            }
            superseded.forget(page)
            guard reader.isAtEnd, seen == count else {
                throw StoreError(.damaged, "reading page \(page)", "its entries don't fit")
            }
        }
        guard keys.count == extent.keys else {
            throw StoreError(.damaged, "reading pages", "they hold \(keys.count) keys, not \(extent.keys)")
        }
        keysAtCut = extent.keys
        log = StateLog(extent, entryCount: entryCount, byteCount: byteCount)
    }

    private mutating func load(
        _ entry: StateEntry, _ page: Int64, _ superseded: inout SupersededEntries, memoryLimit: Int
    ) throws(StoreError) {
        let key = entry.key.bindMemory(to: UInt8.self)
        let hash = key.stableHash
        if !superseded.isEmpty, superseded.contains(hash, in: page) {
            return superseded.insert(hash, in: entry.previousPage, from: log.firstPage)
        }
        guard keys.find(key, hash: hash) == nil else { return }
        if entry.value.isEmpty { return superseded.insert(hash, in: entry.previousPage, from: log.firstPage) }
        if !Function.setsTimers, memoryBytes > memoryLimit, keys.insertAway(hash: hash, page: StateLog.awayBits(page)) {
            return superseded.insert(hash, in: entry.previousPage, from: log.firstPage)
        }
        let state = try decode(entry.value, of: key, page: page)
        stateBytes += function.memoryBytes(state)
        let index = keys.insert(key, hash: hash, state: state)
        keys.setSaving(index, SavingMark(page: UInt32(truncatingIfNeeded: page), isInLog: true))
        context.moment.enter(function.stream(of: key), watermark: advanced)
        context.begin(EventTime(milliseconds: advanced), key: index)
        function.resume(state: &keys[index], context: &context)
        guard Function.setsTimers, memoryBytes > memoryLimit, !context.moment.hasTimer(index) else { return }
        sendAway(index, hash: hash, page: page)
        superseded.insert(hash, in: entry.previousPage, from: log.firstPage)
    }
}
