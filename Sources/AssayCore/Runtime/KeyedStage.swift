/// Runs one process function over one stream: interns keys, fetches states ahead, keeps the timers, and knows which
/// states have to be written down.
struct KeyedStage<Function: KeyedProcessFunction & ~Copyable>: ~Copyable {
    private(set) var function: Function
    private(set) var keys = KeyTable<Function.State>()
    private var context: ProcessContext<Function.Output>
    private var interned: [Int] = []

    private var log: StateLog
    /// Which of two cuts a change belongs to: the one under way and the next take turns.
    private var presentCut: UInt8 = 1
    private var changed: [UInt32] = []
    /// What changed before the cut that is under way, and how many of them are written down.
    private var cut: [UInt32] = []
    private var written = 0
    private var isCutUnderWay = false
    private var isRetiring = false
    private static var retiredAtOnce: Int { 16 }
    private var encoded = OutputBuffer(capacity: 1 << 12)

    /// Reads committed pages, once there is a store.
    private var pages: (any StatePages)?
    /// Memory that states own.
    private var stateBytes = 0
    /// Where the search for a state to send away goes on.
    private var hand = 0
    /// Checkpoints will want what changes.
    private let isSaved: Bool
    /// Keys that there were at the last cut, but for those that it has let go.
    private var keysAtCut: Int64 = 0
    /// Timers of one time and stream that are still to fire, the next one last.
    private var due: [DueTimer] = []
    private var ready: [Int] = []
    /// The key that was worked on last, whose results may still be looked at.
    private var touched: Int?
    /// Where the last advance went.
    private var advanced = Int64.min

    /// So many elements ahead a state's own memory is fetched.
    private static var prefetchDistance: Int { 6 }

    init(
        function: consuming Function, output: Function.Output, functionNumber: Int64, streams: Int = 1,
        isSaved: Bool = true
    ) {
        self.function = function
        self.isSaved = isSaved
        context = ProcessContext(output: output, streams: streams)
        log = StateLog(function: functionNumber)
    }

    var keyCount: Int { keys.count }
    /// Between two elements the function may learn something new.
    mutating func changeFunction(_ body: (inout Function) -> Void) { body(&function) }

    /// From now on states can be read back from here.
    mutating func attach(_ pages: any StatePages) { self.pages = pages }

    mutating func abandonStates() { keys.abandon() }

    // MARK: Elements

    /// Takes a batch of elements in their order. `input` gives each with its time.
    @inline(__always)
    mutating func process<Element>(
        _ elements: borrowing [Element], hash: (borrowing Element) -> UInt64,
        key: (borrowing Element) -> UnsafeBufferPointer<UInt8>,
        input: (borrowing Element) -> (Function.Input, EventTime)
    ) throws(StoreError) {
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
            let ahead = index + Self.prefetchDistance
            if ahead < count { function.prefetch(keys[interned[ahead]]) }
            let (input, time) = input(elements[index])
            let key = interned[index]
            let place = keys.place(of: key)
            if place.pointee.saving.changedIn != presentCut { noteChange(key) }
            context.begin(time, key: key)
            let before = function.memoryBytes(place.pointee.state)
            function.process(input, state: &place.pointee.state, context: &context)
            stateBytes += function.memoryBytes(place.pointee.state) - before
        }
    }

    /// The index of a key that may be new, or away.
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

    /// Takes one element of a stream, for functions whose event time moves on with each. Without `watermark` it is that
    /// of the last advance. `hash`: of the key, where it is known.
    mutating func process(
        _ input: Function.Input, key: UnsafeBufferPointer<UInt8>, hash: UInt64? = nil, at time: EventTime,
        stream: Int = 0, watermark: Int64? = nil
    ) throws(StoreError) {
        forgetTouched()
        let index = try intern(key, hash: hash ?? key.stableHash)
        noteChange(index)
        context.moment.enter(stream, watermark: watermark ?? advanced)
        context.begin(time, key: index)
        let before = function.memoryBytes(keys[index])
        function.process(input, state: &keys[index], context: &context)
        stateBytes += function.memoryBytes(keys[index]) - before
        touched = index
    }

    /// The bytes of a key by its number.
    func withKey<Result>(_ key: Int, _ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        keys.withKey(key, body)
    }

    /// Event time of a stream has come to `watermark`: fires the next timer that is due, in order of time, rank and
    /// key, so that its results can be taken out before another one fires. False when there is none.
    mutating func fireNext(_ stream: Int, upTo watermark: Int64) -> Bool {
        forgetTouched()
        advanced = watermark
        context.moment.enter(stream, watermark: watermark)
        if due.isEmpty {
            guard let time = context.moment.nextTimer(of: stream), time.milliseconds <= watermark else { return false }
            collectTimers(of: stream, at: time)
        }
        guard let timer = due.popLast() else { preconditionFailure("the next timer is one at least") }
        noteChange(timer.key)
        context.begin(timer.time, key: timer.key)
        touched = timer.key
        let before = function.memoryBytes(keys[timer.key])
        function.timerFired(state: &keys[timer.key], context: &context)
        stateBytes += function.memoryBytes(keys[timer.key]) - before
        return true
    }

    /// Without checkpoints a key that has nothing more to remember goes as soon as its results were looked at.
    private mutating func forgetTouched() {
        guard !isSaved, let key = touched.take(), function.isEmpty(keys[key]) else { return }
        remove(key, hash: keys.withKey(key) { $0.stableHash })
    }

    private mutating func collectTimers(of stream: Int, at time: EventTime) {
        context.moment.popTimers(of: stream, at: time, into: &ready)
        if ready.count == 1 { return due.append(DueTimer(rank: 0, key: ready[0], time: time)) }
        let timers = ready.map { key in
            let rank = function.timerRank(keys[key], at: time, stream: stream)
            return DueTimer(rank: rank, key: key, time: time, firstBytes: withKey(key) { $0.firstBytes })
        }
        due = timers.sorted { $0.isBehind($1) ?? keys.precedes($1.key, $0.key) }
    }

    /// No timer of any stream is earlier.
    var earliestTimer: Int64 { context.moment.earliestTimer }

    mutating func findEarliestTimer() { context.moment.findEarliestTimer() }

    private mutating func remove(_ index: Int, hash: UInt64) {
        stateBytes -= function.memoryBytes(keys[index])
        keys.remove(index, hash: hash)
    }

    /// Takes the states of some streams back to the beginning.
    mutating func forgetStates(of streams: Set<Int>) {
        touched = nil
        for index in Array(keys.indices) where streams.contains(keys.withKey(index) { function.stream(of: $0) }) {
            noteChange(index)
            stateBytes -= function.memoryBytes(keys[index])
            keys[index] = function.makeState()
            if !isSaved { remove(index, hash: keys.withKey(index) { $0.stableHash }) }
        }
        for stream in streams { context.moment.removeTimers(of: stream) }
        context.moment.findEarliestTimer()
    }

    /// What does not hold any more leaves the states, and the store with the next cut.
    mutating func refreshStates() {
        for index in Array(keys.indices) where function.isStale(keys[index]) {
            noteChange(index)
            let before = function.memoryBytes(keys[index])
            function.refresh(&keys[index])
            stateBytes += function.memoryBytes(keys[index]) - before
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
        guard isSaved else { return }
        if keys.saving(index).changedIn == presentCut { return }
        if keys.saving(index).changedIn != 0 { write(index) }
        var mark = keys.saving(index)
        mark.changedIn = presentCut
        mark.wasUsed = true
        keys.setSaving(index, mark)
        changed.append(UInt32(index))
    }

    /// How many keys have changes that no cut has taken.
    var changedCount: Int { changed.count }

    /// Everything so far belongs to the cut, everything from now on to the next one.
    mutating func beginCut() {
        precondition(!isCutUnderWay, "one cut at a time")
        isCutUnderWay = true
        swap(&cut, &changed)
        written = 0
        presentCut = 3 - presentCut
        keysAtCut = Int64(keys.count)
        log.beginCut()
    }

    /// Writes down up to `count` more of the cut's states. True when all of them are.
    mutating func continueCut(states count: Int) -> Bool {
        let end = min(written + count, cut.count)
        while written < end {
            if written + 2 * Self.prefetchDistance < cut.count {
                keys.prefetchEntry(Int(cut[written + 2 * Self.prefetchDistance]))
                function.prefetch(keys[Int(cut[written + Self.prefetchDistance])])
            }
            let index = Int(cut[written])
            // Those that changed again in the meantime are written already.
            if keys.saving(index).changedIn == 3 - presentCut { writeUnchanged(index) }
            written += 1
        }
        guard written == cut.count else { return false }
        cut.removeAll(keepingCapacity: true)
        written = 0
        return true
    }

    /// A state that is still as it was at the cut.
    private mutating func writeUnchanged(_ index: Int) {
        if function.isEmpty(keys[index]) { return writeForgotten(index) }
        write(index)
        var mark = keys.saving(index)
        mark.changedIn = 0
        keys.setSaving(index, mark)
    }

    /// An entry without a value says that the key is no more.
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

    /// Goes on with the cut for a while, and then with dropping old pages. True when it is complete.
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

    /// Drops the oldest page of the log if it has become too long. False when nothing is to be dropped.
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

    /// Appends what still holds of the oldest page again, as it stands there: that is how it was at the cut.
    private mutating func retire(
        _ page: Int64, entryCount: Int64, checksum: UInt64, _ entries: UnsafeRawBufferPointer
    ) {
        var reader = StateEntryReader(entries)
        while let entry = reader.next() {
            let key = entry.key.bindMemory(to: UInt8.self)
            let hash = key.stableHash
            guard let index = keys.find(key, hash: hash) else {
                // Keys of one hash that are not at home are one key.
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

    /// What the cut has to write, and what its record says of the states. The cut is over.
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

    /// What was taken last is durable now.
    mutating func noteCommitted() { log.noteCommitted() }

    // MARK: Memory

    /// Keys whose states are in the store alone.
    var awayCount: Int { keys.awayCount }

    /// What keys and states at home take, and what finding a key takes, also those that are away.
    var memoryBytes: Int { keys.memoryBytes + stateBytes + context.moment.memoryBytes }
    var indexBytes: Int { keys.indexBytes }

    /// What the states that no cut has taken take, about.
    var changedBytes: Int {
        let atHome = max(1, keys.count - keys.awayCount)
        return changed.count * (stateBytes / atHome + MemoryLayout<Function.State>.stride + 64)
    }

    /// So many keys are looked at between two batches: where most have to stay, looking at all would take longer.
    private static var mostLooks: Int { 1 << 16 }

    /// Sends states away that were not used for a while, until no more than `limit` bytes are taken or enough were
    /// looked at: what is not written down has to stay, and so do keys with a timer, which know when they are wanted.
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

    /// The state of a key from a page of the log; nil when the page has none of it.
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

    // MARK: Loading

    /// Takes over the states of a checkpoint, up to a limit of memory; the others are away. The newest page comes
    /// first, so an entry of a known key is an old one.
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
