import Glibc

/// Why a time zone could not be loaded.
package enum ZoneError: Error, Equatable {
    case unknown(name: String, directory: String)
    case damaged(path: String)

    package var description: String {
        switch self {
        case .unknown(let name, let directory):
            "unknown timezone '\(name)': \(directory) has no such zone (Debian's package tzdata holds them)"
        case .damaged(let path): "the time zone file '\(path)' is damaged"
        }
    }
}

/// Reads the system's time zone files (TZif, RFC 9636). Foundation could do it too, at ten milliseconds of start-up.
package enum ZoneFile {
    /// Where Debian's tzdata puts the zones.
    package static let defaultDirectory = "/usr/share/zoneinfo"
    private static let largestFile = 1 << 20

    package static func load(
        _ name: String, directory: String = defaultDirectory
    ) throws(ZoneError) -> TimeZoneRules {
        if name == "UTC" || name == "Etc/UTC" { return .utc }
        let isPlain = name.utf8.allSatisfy {
            switch $0 {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
            case UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "/_+-".utf8.contains($0)
            }
        }
        guard !name.isEmpty, isPlain, !name.hasPrefix("/"), let bytes = read("\(directory)/\(name)") else {
            throw .unknown(name: name, directory: directory)
        }
        guard let rules = parse(bytes, name: name) else { throw .damaged(path: "\(directory)/\(name)") }
        return rules
    }

    private static func read(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: largestFile)
        var count = 0
        while count < largestFile {
            let got = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress! + count, largestFile - count) }
            if got < 0 { return nil }
            if got == 0 { break }
            count += got
        }
        return Array(bytes[..<count])
    }

    /// Nil when the bytes are not a zone of version 2 or later.
    static func parse(_ bytes: [UInt8], name: String) -> TimeZoneRules? {
        // The first block has 32-bit times, for old readers; its header gives its length.
        guard let first = Header(bytes, at: 0), first.version >= UInt8(ascii: "2"),
            let header = Header(bytes, at: first.end(timeSize: 4))
        else { return nil }
        let times = header.start
        let kinds = times + header.timeCount * 8
        let types = kinds + header.timeCount
        let end = header.end(timeSize: 8)
        guard header.typeCount > 0, end <= bytes.count else { return nil }
        func offset(ofType type: Int) -> Int64 {
            Int64(Int32(truncatingIfNeeded: bytes.bigEndian(types + type * 6, 4)))
        }

        var transitions: [Int64] = []
        var offsets = [offset(ofType: 0)]
        for index in 0..<header.timeCount {
            let type = Int(bytes[kinds + index])
            guard type < header.typeCount else { return nil }
            transitions.append(bytes.bigEndian(times + index * 8, 8))
            offsets.append(offset(ofType: type))
        }
        guard zip(transitions, transitions.dropFirst()).allSatisfy(<) else { return nil }
        let footer = String(decoding: bytes[end...], as: UTF8.self).split(separator: "\n").first
        return extended(name: name, transitions: transitions, offsets: offsets, rule: footer)
    }

    /// Expands 400 years of the closing rule; after that the calendar repeats.
    private static func extended(
        name: String, transitions: [Int64], offsets: [Int64], rule: Substring?
    ) -> TimeZoneRules? {
        guard let rule else {
            return TimeZoneRules(name: name, transitions: transitions, offsets: offsets, cycleStart: .max)
        }
        guard let zone = PosixTimeZone(rule) else { return nil }
        guard zone.daylight != nil else {
            return TimeZoneRules(name: name, transitions: transitions, offsets: offsets, cycleStart: .max)
        }
        var transitions = transitions
        var offsets = offsets
        let last = transitions.last ?? 0
        let firstYear = 1970 + max(0, last) / 31_556_952
        for year in firstYear...(firstYear + 401) {
            for change in zone.changes(year: year) where change.instant > (transitions.last ?? .min) {
                transitions.append(change.instant)
                offsets.append(change.offset)
            }
        }
        // A year in which only the rule applies, so that its 400th repetition is exact.
        let cycleStart = CivilDate(year: firstYear + 1, month: 6, day: 1).daysSince1970 * 86_400
        return TimeZoneRules(name: name, transitions: transitions, offsets: offsets, cycleStart: cycleStart)
    }

    private struct Header {
        static let size = 44
        let version: UInt8
        let start: Int
        let timeCount: Int
        let typeCount: Int
        private let restSize: (leap: Int, standard: Int, universal: Int, names: Int)

        init?(_ bytes: [UInt8], at offset: Int) {
            guard offset + Self.size <= bytes.count, bytes[offset..<offset + 4].elementsEqual("TZif".utf8) else {
                return nil
            }
            version = bytes[offset + 4]
            start = offset + Self.size
            let counts = (0..<6).map { Int(bytes.bigEndian(offset + 20 + $0 * 4, 4)) }
            restSize = (leap: counts[2], standard: counts[1], universal: counts[0], names: counts[5])
            timeCount = counts[3]
            typeCount = counts[4]
            guard counts.allSatisfy({ $0 <= ZoneFile.largestFile }) else { return nil }
        }

        func end(timeSize: Int) -> Int {
            start + timeCount * (timeSize + 1) + typeCount * 6 + restSize.names + restSize.leap * (timeSize + 4)
                + restSize.standard + restSize.universal
        }
    }
}

extension [UInt8] {
    fileprivate func bigEndian(_ offset: Int, _ count: Int) -> Int64 {
        Int64(bitPattern: self[offset..<offset + count].reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
    }
}
