import Glibc

/// The files of a folder of snapshots.
package enum SnapshotFiles {
    /// The checkpoints that there are snapshots of, ascending.
    package static func ids(in folder: String) -> [Int64] {
        guard let listing = opendir(folder) else { return [] }
        defer { closedir(listing) }
        var ids: [Int64] = []
        while let entry = readdir(listing) {
            var field = entry.pointee.d_name
            let name = withUnsafeBytes(of: &field) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".db"), let id = Int64(name.dropLast(3)) { ids.append(id) }
        }
        return ids.sorted()
    }
}
