/// The log of keyed state as pages: what a cut appends to it, and which of its oldest pages it drops.
///
/// Every checkpoint appends the states that changed. To bound the log, the live entries of its oldest pages are
/// appended again and the pages dropped: at most as many bytes as the states themselves need.
struct StateLog {
    private(set) var firstPage: Int64
    private(set) var pageSum: UInt64
    private var nextPage: Int64
    private var entryCount: Int64
    private(set) var byteCount: Int64
    let function: Int64

    private var builder = StatePageBuilder()
    private var cutPages: [StatePage] = []
    /// Pages that were taken but may not be committed yet.
    private var uncommitted: [StatePage] = []
    /// Pages below this were committed before the present cut.
    private var cutStart: Int64
    private(set) var keysWritten: Int64 = 0
    private var retiringEnds: Int64 = 0

    /// Logs smaller than this are left alone.
    private static let smallestLog: Int64 = 4 << 20
    private static let leastRetiredBytes: Int64 = 1 << 20

    init(function: Int64) {
        self.function = function
        (firstPage, nextPage, cutStart) = (1, 1, 1)
        (entryCount, byteCount, pageSum) = (0, 0, 0)
    }

    /// Continues the log of a checkpoint.
    init(_ extent: LogExtent, entryCount: Int64, byteCount: Int64) {
        function = extent.function
        firstPage = extent.firstPage
        nextPage = extent.firstPage + extent.pageCount
        cutStart = nextPage
        pageSum = extent.pageSum
        self.entryCount = entryCount
        self.byteCount = byteCount
    }

    /// The full number of a page from its last 32 bits; no log has more pages than that.
    func page(_ bits: UInt32) -> Int64 {
        firstPage + Int64(bits &- UInt32(truncatingIfNeeded: firstPage))
    }

    /// The same from 31 bits.
    func page(awayBits bits: UInt32) -> Int64 {
        firstPage + Int64((bits &- Self.awayBits(firstPage)) & 0x7FFF_FFFF)
    }

    static func awayBits(_ page: Int64) -> UInt32 { UInt32(truncatingIfNeeded: page) & 0x7FFF_FFFF }

    /// What was taken is now durable, so others can read it.
    mutating func noteCommitted() {
        uncommitted = []
    }

    /// Whether a page can be read from the store.
    func isCommitted(_ page: Int64) -> Bool {
        page < (uncommitted.first?.id ?? cutPages.first?.id ?? nextPage)
    }

    /// The bytes of a page that is not committed.
    func withUncommitted<Result>(_ page: Int64, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        if page == nextPage { return builder.withEntries(body) }
        let pages = page >= (cutPages.first?.id ?? nextPage) ? cutPages : uncommitted
        return pages[Int(page - pages[0].id)].entries.withUnsafeBytes(body)
    }

    /// What was written down last of a key on a page, wherever that is; nil when the page has none of it.
    func value(
        of key: UnsafeBufferPointer<UInt8>, on page: Int64, _ pages: (any StatePages)?
    ) throws(StoreError) -> [UInt8]? {
        var value: [UInt8]?
        func search(_ bytes: UnsafeRawBufferPointer) {
            var reader = StateEntryReader(bytes)
            while let entry = reader.next() {
                if entry.key.elementsEqual(UnsafeRawBufferPointer(key)) { value = Array(entry.value) }
            }
        }
        if isCommitted(page) {
            try pages?.read(page, of: function) { _, _, bytes in search(bytes) }
        } else {
            withUncommitted(page, search)
        }
        return value
    }

    /// As recorded in a checkpoint; the stage fills in the keys.
    var extent: LogExtent {
        var extent = LogExtent(function: function)
        (extent.firstPage, extent.pageCount, extent.pageSum) = (firstPage, nextPage - firstPage, pageSum)
        return extent
    }

    mutating func beginCut() {
        precondition(cutPages.isEmpty && builder.isEmpty, "the cut before this one was taken")
        cutStart = nextPage
        (keysWritten, cutBytes) = (0, 0)
    }

    /// Called when all changed states are appended: limits how much is appended to drop old pages.
    mutating func beginRetiring() {
        retiringEnds = 3 * cutBytes + Self.leastRetiredBytes
    }

    /// The bytes of the cut so far.
    private(set) var cutBytes: Int64 = 0

    /// Returns the page that the entry will be in.
    mutating func append(
        key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, previousPage: Int64
    ) -> Int64 {
        if builder.isFull(for: key.count + value.count + 16) { finishPage() }
        let before = builder.byteCount
        builder.append(previousPage: previousPage, key: key, value: value)
        byteCount += Int64(builder.byteCount - before)
        cutBytes += Int64(builder.byteCount - before)
        entryCount += 1
        keysWritten += 1
        return nextPage
    }

    private mutating func finishPage() {
        let page = builder.finish(id: nextPage, function: function)
        pageSum &+= page.checksum
        cutPages.append(page)
        nextPage += 1
    }

    /// The oldest page, if it was committed and the log is too long for this many keys.
    func pageToRetire(keys: Int) -> Int64? {
        guard byteCount > Self.smallestLog, firstPage < cutStart, entryCount > 2 * Int64(keys),
            cutBytes < retiringEnds
        else { return nil }
        return firstPage
    }

    /// Drops the oldest page, whose live entries were appended again.
    mutating func retire(entries: Int64, bytes: Int, checksum: UInt64) {
        firstPage += 1
        entryCount -= entries
        byteCount -= Int64(bytes)
        pageSum &-= checksum
    }

    /// The log as it is, for whoever writes everything again and then drops what was before.
    struct Mark {
        fileprivate let page: Int64
        fileprivate let entryCount: Int64
        fileprivate let byteCount: Int64
        fileprivate let pageSum: UInt64
    }

    /// Between two cuts.
    var mark: Mark { Mark(page: nextPage, entryCount: entryCount, byteCount: byteCount, pageSum: pageSum) }

    /// Drops everything that there is.
    mutating func dropAll() {
        firstPage = nextPage
        (entryCount, byteCount, pageSum) = (0, 0, 0)
    }

    /// Drops everything before a mark.
    mutating func drop(before mark: Mark) {
        firstPage = mark.page
        entryCount -= mark.entryCount
        byteCount -= mark.byteCount
        pageSum &-= mark.pageSum
    }

    /// Returns what the cut has to write. The caller commits it, and retries until it is committed.
    mutating func takeCut() -> LogChanges {
        if !builder.isEmpty { finishPage() }
        uncommitted = cutPages
        defer { cutPages = [] }
        return LogChanges(function: function, pages: cutPages, firstPage: firstPage)
    }
}
