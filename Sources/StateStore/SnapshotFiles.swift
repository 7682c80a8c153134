import Glibc

/// The files in a folder of snapshots.
package enum SnapshotFiles {
    /// Removes what interrupted attempts have left.
    package static func removeUnfinished(in folder: String) {
        for name in names(in: folder) where name.contains(".unfinished") { unlink("\(folder)/\(name)") }
    }

    private static func names(in folder: String) -> [String] {
        guard let listing = opendir(folder) else { return [] }
        defer { closedir(listing) }
        var names: [String] = []
        while let entry = readdir(listing) {
            var field = entry.pointee.d_name
            names.append(
                withUnsafeBytes(of: &field) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names
    }

    /// The checkpoints with snapshots, in the order in which they were made: after a restore, or with a fresh state,
    /// the numbers begin again.
    package static func ids(in folder: String) -> [Int64] {
        var made: [(id: Int64, seconds: Int, nanoseconds: Int)] = []
        for name in names(in: folder) {
            var status = stat()
            guard name.hasSuffix(".db"), let id = Int64(name.dropLast(3)), stat("\(folder)/\(name)", &status) == 0
            else { continue }
            made.append((id, status.st_mtim.tv_sec, status.st_mtim.tv_nsec))
        }
        return made.sorted { ($0.seconds, $0.nanoseconds, $0.id) < ($1.seconds, $1.nanoseconds, $1.id) }.map(\.id)
    }
}
