import Glibc

/// Bytes on their way out. Whoever writes first reserves room, then writes without checks.
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

    /// What is behind the first bytes moves to the front.
    package mutating func removeFirst(_ removed: Int) {
        count -= removed
        base.update(from: base + removed, count: count)
    }

    /// Makes sure that `room` more bytes can be written.
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

    /// Another byte stands at a place where one was written.
    mutating func replace(at place: Int, by byte: UInt8) { base[place] = byte }

    // MARK: What is not yet part of it

    @inline(__always)
    package mutating func write(pair: UInt16, behind offset: Int) {
        UnsafeMutableRawPointer(base + count + offset).storeBytes(of: pair.littleEndian, as: UInt16.self)
    }

    @inline(__always)
    package mutating func write(byte: UInt8, behind offset: Int) { base[count + offset] = byte }

    @inline(__always)
    func byte(behind offset: Int) -> UInt8 { base[count + offset] }

    /// Makes so many bytes that were written behind the end part of it.
    @inline(__always)
    package mutating func advance(_ written: Int) { count += written }

    @inline(__always)
    package mutating func write(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard let start = bytes.baseAddress else { return }
        if bytes.count > 16 || bytes.count < 8 {
            (base + count).update(from: start, count: bytes.count)
        } else {
            // Identifiers mostly: two words that overlap, without a call.
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
