import CBytes

/// Memory that is handed out in pieces and freed all at once.
///
/// Chunks double up to the size of a huge page, and those ask for one: millions of states lie far apart, and with
/// ordinary pages an address translation costs as much as the memory access.
struct MemoryChunks: ~Copyable {
    private var chunks: [UnsafeMutableRawPointer] = []
    private var cursor: UnsafeMutableRawPointer?
    private var room = 0
    private var nextChunkBytes = 64 << 10
    /// All that was taken from the system.
    private(set) var byteCount = 0

    private static let hugePageBytes = 2 << 20

    deinit {
        for chunk in chunks { chunk.deallocate() }
    }

    /// Returns a piece, aligned as far as the sizes of the pieces before it allow; the first is page-aligned.
    mutating func take(_ pieceBytes: Int) -> UnsafeMutableRawPointer {
        precondition(pieceBytes <= Self.hugePageBytes)
        if room < pieceBytes { addChunk(atLeast: pieceBytes) }
        guard let piece = cursor else { preconditionFailure("a chunk was just added") }
        cursor = piece + pieceBytes
        room -= pieceBytes
        return piece
    }

    private mutating func addChunk(atLeast bytes: Int) {
        while nextChunkBytes < bytes { nextChunkBytes *= 2 }
        let chunk = UnsafeMutableRawPointer.allocate(byteCount: nextChunkBytes, alignment: nextChunkBytes)
        if nextChunkBytes == Self.hugePageBytes { assay_advise_huge_page(chunk, nextChunkBytes) }
        chunks.append(chunk)
        byteCount += nextChunkBytes
        cursor = chunk
        room = nextChunkBytes
        nextChunkBytes = min(nextChunkBytes * 2, Self.hugePageBytes)
    }
}
