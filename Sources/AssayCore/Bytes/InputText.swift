import CBytes
import Glibc

/// The bytes of one batch: whole lines, the last one always ended by a newline, so that a scanner which stops at
/// newlines needs no other bound. After them there is room for unescaped texts, for one reader or two.
package struct InputText: ~Copyable {
    /// The size of a batch, unless a line is longer.
    package static let batchBytes = 256 << 10
    /// Scanners read up to this many bytes past the last newline.
    package static let padding = 64

    package private(set) var base: UnsafeMutablePointer<UInt8>
    package private(set) var capacity: Int
    /// Bytes of whole lines.
    package var count = 0
    /// Bytes read so far, including the beginning of the next line.
    package var filled = 0
    /// Nothing comes after this text.
    package var isLast = false
    /// The offset of the first byte in the input.
    package var offset: UInt64 = 0
    /// The number of the first line, from 1.
    package var firstLine: UInt64 = 1
    /// Where the last line begins, if it is only the beginning of an overlong one.
    package var cutLine: Int?
    /// Bytes of the input that belong to this batch but were discarded, less one if the closing newline was added.
    package var uncounted: Int64 = 0
    /// Where its lines come from, if they are records.
    package var origin: (any RecordOrigin)?
    /// What the source wants to see again with its lines.
    package var receipt: (any AnyObject & Sendable)?
    /// The input ended without a newline.
    package var endsInsideLine = false
    private var unescapedCount = 0
    /// Where texts may end, a bit for each byte; nil until somebody asks.
    private var stops: UnsafeMutablePointer<UInt64>?
    private var markedCapacity = 0

    package init(capacity: Int) {
        self.capacity = capacity
        base = Self.allocate(capacity)
    }

    deinit {
        base.deallocate()
        stops?.deallocate()
    }

    /// The room for unescaping every byte is only reserved: pages never written cost nothing.
    private static func allocate(_ capacity: Int) -> UnsafeMutablePointer<UInt8> {
        let base = UnsafeMutablePointer<UInt8>.allocate(capacity: 3 * (capacity + padding))
        (base + capacity).initialize(repeating: 0, count: padding)
        return base
    }

    package mutating func grow(to newCapacity: Int, keeping kept: Int) {
        let larger = Self.allocate(newCapacity)
        larger.update(from: base, count: kept)
        base.deallocate()
        base = larger
        capacity = newCapacity
    }

    package mutating func reset(offset: UInt64, firstLine: UInt64) {
        count = 0
        filled = 0
        isLast = false
        unescapedCount = 0
        cutLine = nil
        uncounted = 0
        endsInsideLine = false
        origin = nil
        receipt = nil
        self.offset = offset
        self.firstLine = firstLine
    }

    /// Copies the same bytes at the same position, before anything is decoded.
    package mutating func copy(_ other: borrowing InputText) {
        reset(offset: other.offset, firstLine: other.firstLine)
        if other.filled > capacity { grow(to: other.capacity, keeping: 0) }
        base.update(from: other.base, count: other.filled)
        (count, filled, isLast) = (other.count, other.filled, other.isLast)
        (cutLine, uncounted, endsInsideLine) = (other.cutLine, other.uncounted, other.endsInsideLine)
        origin = other.origin
    }

    /// The position in the input after everything in this batch.
    package var endOffset: UInt64 { UInt64(Int64(offset) + Int64(count) + uncounted) }

    package var view: BatchText { BatchText(base: base) }

    /// Marks where texts may end. Valid until the next call.
    mutating func mark() -> UnsafePointer<UInt64> {
        let blocks = count / Int(ASSAY_MARK_BLOCK) + 1
        if stops == nil || blocks > markedCapacity {
            stops?.deallocate()
            markedCapacity = capacity / Int(ASSAY_MARK_BLOCK) + 1
            stops = .allocate(capacity: markedCapacity)
        }
        assay_mark(base, count, stops)
        return UnsafePointer(stops!)
    }

    /// Writes the characters of an escaped string after the lines. A zero follows them, which ends any number.
    mutating func unescape(_ token: JSONScanner.StringToken) -> ByteSlice {
        appendUnescaped { JSONEscapes.unescape(token, into: $0) }
    }

    /// `write` gets room for as many bytes as the line has and returns how many it used.
    mutating func appendUnescaped(_ write: (UnsafeMutablePointer<UInt8>) -> Int) -> ByteSlice {
        let start = capacity + Self.padding + unescapedCount
        let written = write(base + start)
        base[start + written] = 0
        unescapedCount += written + 1
        return ByteSlice(offset: UInt32(start), count: UInt32(written))
    }

    /// The length of a byte order mark, which is only valid at the very start of a file.
    var byteOrderMarkCount: Int {
        guard origin == nil else { return 0 }
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        return offset == 0 && count >= 3 && (0..<3).allSatisfy { base[$0] == mark[$0] } ? 3 : 0
    }
}

extension InputText {
    package mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        (base + filled).update(from: start, count: bytes.count)
        filled += bytes.count
    }

    /// The index after the last newline, nil when there is none from `start` on.
    package func endOfLines(searchingFrom start: Int) -> Int? {
        guard let newline = assay_last_newline(base + start, filled - start) else { return nil }
        return newline - UnsafePointer(base) + 1
    }

    /// Ends a last line that has no newline of its own. The padding has room for it.
    package mutating func endLastLine() {
        if base[filled - 1] != UInt8(ascii: "\n") || cutLine != nil {
            base[filled] = UInt8(ascii: "\n")
            filled += 1
            uncounted = -1
            endsInsideLine = cutLine == nil
        }
        count = filled
    }
}

/// For lines that are made of records.
extension InputText {
    /// Replaces line ends by spaces: everything from `start` on is one line.
    package mutating func flatten(from start: Int) {
        for end in [UInt8(ascii: "\n"), UInt8(ascii: "\r")] {
            var place = start
            while place < filled, let found = memchr(base + place, Int32(end), filled - place) {
                found.storeBytes(of: UInt8(ascii: " "), as: UInt8.self)
                place = found - UnsafeMutableRawPointer(base) + 1
            }
        }
    }

    /// Ends a line. There is room for its newline.
    package mutating func endLine() {
        base[filled] = UInt8(ascii: "\n")
        filled += 1
        count = filled
    }

    /// The place of the brace that ends an object, if the text from `start` on has one at its end.
    package func closingBrace(from start: Int) -> Int? {
        var place = filled - 1
        while place > start, base[place] <= UInt8(ascii: " ") { place -= 1 }
        return place > start && base[place] == UInt8(ascii: "}") ? place : nil
    }

    /// Whether nothing stands before the brace that ends an object.
    package func isEmptyObject(from start: Int, upTo brace: Int) -> Bool {
        let inside = (start..<brace).filter { base[$0] > UInt8(ascii: " ") }
        return inside.count == 1 && base[inside[0]] == UInt8(ascii: "{")
    }

    /// Inserts bytes before a place. There is room for them.
    package mutating func insert(_ bytes: UnsafeBufferPointer<UInt8>, at place: Int) {
        guard let start = bytes.baseAddress else { return }
        (base + place + bytes.count).update(from: base + place, count: filled - place)
        (base + place).update(from: start, count: bytes.count)
        filled += bytes.count
    }
}
