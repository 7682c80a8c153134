import Glibc

/// A buffer for output. Callers reserve room first, then write without checks.
package struct OutputBuffer: ~Copyable {
    private var base: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    package private(set) var count = 0
    private let alignment: Int

    package init(capacity: Int = 1 << 16, alignment: Int = 16) {
        self.capacity = capacity
        self.alignment = alignment
        base = Self.allocate(capacity, alignment)
    }

    private static func allocate(_ capacity: Int, _ alignment: Int) -> UnsafeMutablePointer<UInt8> {
        UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: alignment)
            .bindMemory(to: UInt8.self, capacity: capacity)
    }

    deinit {
        base.deallocate()
    }

    package var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    package mutating func removeAll() { count = 0 }

    mutating func removeLast(_ removed: Int = 1) { count -= removed }

    /// Moves what comes after the first bytes to the front.
    package mutating func removeFirst(_ removed: Int) {
        count -= removed
        base.update(from: base + removed, count: count)
    }

    /// Ensures that `room` more bytes can be written.
    @inline(__always)
    package mutating func reserve(_ room: Int) {
        if capacity - count < room { grow(room) }
    }

    private mutating func grow(_ room: Int) {
        capacity = max(capacity * 2, count + room)
        let larger = Self.allocate(capacity, alignment)
        larger.update(from: base, count: count)
        base.deallocate()
        base = larger
    }

    @inline(__always)
    package mutating func write(_ text: StaticString) {
        (base + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    @inline(__always)
    package mutating func write(_ byte: UInt8) {
        base[count] = byte
        count += 1
    }

    /// Replaces a byte that was written.
    mutating func replace(at place: Int, by byte: UInt8) { base[place] = byte }

    // MARK: Bytes past the end

    @inline(__always)
    package mutating func write(pair: UInt16, behind offset: Int) {
        UnsafeMutableRawPointer(base + count + offset).storeBytes(of: pair.littleEndian, as: UInt16.self)
    }

    @inline(__always)
    package mutating func write(byte: UInt8, behind offset: Int) { base[count + offset] = byte }

    @inline(__always)
    mutating func write(bytes: UInt64, behind offset: Int) {
        UnsafeMutableRawPointer(base + count + offset).storeBytes(of: bytes.littleEndian, as: UInt64.self)
    }

    /// Eight bytes of which the first is so far before the end, some of them perhaps past it.
    func bytes(before distance: Int) -> UInt64 {
        UInt64(littleEndian: UnsafeRawPointer(base + count - distance).loadUnaligned(as: UInt64.self))
    }

    @inline(__always)
    func byte(behind offset: Int) -> UInt8 { base[count + offset] }

    /// Appends this many bytes that were written past the end.
    @inline(__always)
    package mutating func advance(_ written: Int) { count += written }

    @inline(__always)
    package mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        if bytes.count > 16 || bytes.count < 8 {
            (base + count).update(from: start, count: bytes.count)
        } else {
            // Mostly identifiers: two overlapping words, without a call.
            let source = UnsafeRawPointer(start)
            let target = UnsafeMutableRawPointer(base + count)
            let last = bytes.count - 8
            target.storeBytes(of: source.loadUnaligned(as: UInt64.self), as: UInt64.self)
            target.storeBytes(
                of: source.loadUnaligned(fromByteOffset: last, as: UInt64.self), toByteOffset: last, as: UInt64.self)
        }
        count += bytes.count
    }

    @inline(__always)
    package mutating func write(_ bytes: some Collection<UInt8>) {
        for byte in bytes { write(byte) }
    }
}
