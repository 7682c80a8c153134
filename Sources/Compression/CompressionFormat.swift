/// How bytes are compressed.
package enum CompressionFormat: Sendable, CaseIterable {
    case gzip, zstd

    /// What compressed bytes begin with.
    private var magic: [UInt8] {
        switch self {
        case .gzip: [0x1F, 0x8B]
        case .zstd: [0x28, 0xB5, 0x2F, 0xFD]
        }
    }

    /// So many bytes always suffice to tell.
    package static let magicBytes = 4

    /// The format that bytes begin in; nil when they are not compressed.
    package init?(beginningOf bytes: some Collection<UInt8>) {
        guard let format = Self.allCases.first(where: { bytes.starts(with: $0.magic) }) else { return nil }
        self = format
    }

    /// Whether more bytes could still make these the beginning of compressed ones.
    package static func mayBegin(with bytes: [UInt8]) -> Bool {
        allCases.contains { $0.magic.starts(with: bytes.prefix($0.magic.count)) }
    }

    /// The format that the name of a file asks for.
    package init?(path: String) {
        if path.hasSuffix(".gz") {
            self = .gzip
        } else if path.hasSuffix(".zst") {
            self = .zstd
        } else {
            return nil
        }
    }

    package var name: String {
        switch self {
        case .gzip: "gzip"
        case .zstd: "zstd"
        }
    }
}

/// Why bytes cannot be decompressed.
package enum CompressionFault: Error, Equatable, Sendable {
    case damaged
    /// They end in the middle.
    case truncated

    package var message: String {
        switch self {
        case .damaged: "its compressed data is damaged"
        case .truncated: "its compressed data ends in the middle"
        }
    }
}
