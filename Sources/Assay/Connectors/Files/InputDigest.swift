import AssayCore
import CBytes

/// A running digest of an input, by blocks: any place in a file can be verified by its last block or two, and a pipe by
/// everything before it.
struct InputDigest: ~Copyable {
    static let blockBytes = 64 << 10

    /// What the input looked like up to an offset.
    struct Mark: Equatable, Sendable {
        var offset: UInt64 = 0
        /// The digest of the first block, or of what was seen of it.
        var head = Digest()
        /// The digest of all whole blocks.
        var chain = Digest()
        /// The digest of the last whole block.
        var previous = Digest()
        /// The digest of what was seen of the next block.
        var partial = Digest()

        /// How many bytes `head` covers.
        var headBytes: Int { Int(min(offset, UInt64(InputDigest.blockBytes))) }

        /// The offset of the block of `partial`.
        var blockStart: UInt64 { offset / UInt64(InputDigest.blockBytes) * UInt64(InputDigest.blockBytes) }
    }

    private let state: OpaquePointer
    private var mark = Mark()

    init() {
        guard let state = assay_digest_create() else { preconditionFailure("out of memory") }
        self.state = state
    }

    /// Continues from a mark; `blockBytes` are those of the block that it ends in.
    init(from mark: Mark, blockBytes: [UInt8]) {
        self.init()
        if mark.blockStart > 0 {
            self.mark = mark
            self.mark.offset = mark.blockStart
        }
        blockBytes.withUnsafeBytes { update($0) }
        precondition(present.offset == mark.offset, "the bytes are not those of the mark's block")
    }

    deinit {
        assay_digest_free(state)
    }

    private var filled: Int { Int(mark.offset % UInt64(Self.blockBytes)) }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            let part = min(rest.count, Self.blockBytes - filled)
            assay_digest_update(state, rest.baseAddress, part)
            mark.offset += UInt64(part)
            rest = UnsafeRawBufferPointer(rebasing: rest[part...])
            if filled == 0 { closeBlock() }
        }
    }

    private mutating func closeBlock() {
        let block = current
        if mark.offset == UInt64(Self.blockBytes) { mark.head = block }
        mark.previous = block
        var words = (
            mark.chain.low.littleEndian, mark.chain.high.littleEndian, block.low.littleEndian,
            block.high.littleEndian
        )
        assay_digest_reset(state)
        withUnsafeBytes(of: &words) { assay_digest_update(state, $0.baseAddress, $0.count) }
        mark.chain = current
        assay_digest_reset(state)
    }

    private var current: Digest {
        let value = assay_digest_value(state)
        return Digest(low: value.low64, high: value.high64)
    }

    /// The mark at the current offset.
    var present: Mark {
        var present = mark
        present.partial = current
        if mark.offset < UInt64(Self.blockBytes) { present.head = present.partial }
        return present
    }
}
