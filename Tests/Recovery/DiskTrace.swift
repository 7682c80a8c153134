import Foundation
import TestSupport

/// What a run did to its files, call by call, and what a disk may hold if the power goes in between.
struct DiskTrace {
    enum Call {
        case open(String, truncates: Bool)
        case write(String, offset: Int, [UInt8])
        case truncate(String, length: Int)
        case sync(String)
        case rename(String, String)
        case unlink(String)
    }

    /// Which of the bytes that were not synced are gone.
    enum Loss: CaseIterable {
        case nothing, everything, anySubset
        /// The earlier calls are lost, the last ones kept: disks write in any order.
        case allButTheLast
    }

    let calls: [Call]

    private struct Damaged: Error {}

    init(path: String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        var calls: [Call] = []
        var offset = 0
        func number() -> Int {
            defer { offset += 8 }
            return bytes[offset..<offset + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        func take(_ count: Int) -> [UInt8] {
            defer { offset += count }
            return Array(bytes[offset..<offset + count])
        }
        while offset < bytes.count {
            let (kind, pathCount, place, count) = (number(), number(), number(), number())
            let path = String(decoding: take(pathCount), as: UTF8.self)
            switch kind {
            case 1: calls.append(.open(path, truncates: place != 0))
            case 2: calls.append(.write(path, offset: place, take(count)))
            case 3: calls.append(.truncate(path, length: place))
            case 4: calls.append(.sync(path))
            case 5: calls.append(.rename(path, String(decoding: take(count), as: UTF8.self)))
            case 6: calls.append(.unlink(path))
            default: throw Damaged()
            }
        }
        self.calls = calls
    }

    private struct File {
        var synced: [UInt8] = []
        var unsynced: [Call] = []

        mutating func sync() {
            for call in unsynced { Self.apply(call, to: &synced) }
            unsynced = []
        }

        static func apply(_ call: Call, to bytes: inout [UInt8]) {
            switch call {
            case .write(_, let offset, let written):
                if bytes.count < offset + written.count {
                    bytes += [UInt8](repeating: 0, count: offset + written.count - bytes.count)
                }
                bytes.replaceSubrange(offset..<offset + written.count, with: written)
            case .truncate(_, let length):
                if bytes.count > length {
                    bytes.removeLast(bytes.count - length)
                } else {
                    bytes += [UInt8](repeating: 0, count: length - bytes.count)
                }
            case .open(_, truncates: true): bytes = []
            default: break
            }
        }

        /// A write that is cut may have reached the disk in part, by whole sectors.
        func survived(_ loss: Loss, _ random: inout Random) -> [UInt8] {
            var bytes = synced
            for (index, call) in unsynced.enumerated() {
                switch loss {
                case .nothing: Self.apply(call, to: &bytes)
                case .everything: break
                case .allButTheLast: if index == unsynced.count - 1 { Self.apply(call, to: &bytes) }
                case .anySubset:
                    guard random.below(2) == 0 else { continue }
                    if case .write(let path, let offset, let written) = call, random.below(3) == 0 {
                        let kept = Int(random.below(UInt64(written.count / 512 + 1))) * 512
                        Self.apply(.write(path, offset: offset, Array(written[..<kept])), to: &bytes)
                    } else {
                        Self.apply(call, to: &bytes)
                    }
                }
            }
            return bytes
        }
    }

    /// Makes the files as they may be after a power cut before a call. Names are taken to be durable at once, as ext4
    /// and xfs order them; what is in the files is not.
    func materialize(upTo end: Int, losing loss: Loss, _ random: inout Random, in folder: URL) throws {
        var files: [String: File] = [:]
        for call in calls[..<end] {
            switch call {
            case .open(let path, let truncates):
                files[path, default: File()].unsynced.append(.open(path, truncates: truncates))
            case .write(let path, _, _), .truncate(let path, _): files[path, default: File()].unsynced.append(call)
            // Folders are synced too; their names are durable anyway.
            case .sync(let path): files[path]?.sync()
            case .rename(let from, let to): files[to] = files.removeValue(forKey: from)
            case .unlink(let path): files[path] = nil
            }
        }
        for path in files.keys.sorted() {
            let url = URL(filePath: path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(files[path]!.survived(loss, &random)).write(to: url)
        }
    }
}
