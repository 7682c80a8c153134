import Glibc

/// Which file an open one is, whatever its name.
struct FileNumber: Equatable, Sendable {
    var device: UInt64 = 0
    var number: UInt64 = 0

    init() {}

    init(_ descriptor: Int32) {
        var status = stat()
        if fstat(descriptor, &status) == 0 { (device, number) = (UInt64(status.st_dev), UInt64(status.st_ino)) }
    }

    init(path: String) {
        var status = stat()
        if stat(path, &status) == 0 { (device, number) = (UInt64(status.st_dev), UInt64(status.st_ino)) }
    }

    var isKnown: Bool { number != 0 }

    /// Opens it where it is beside a path under another name.
    func open(beside path: String) -> Int32? {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
        guard let listing = opendir(folder) else { return nil }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            guard UInt64(entry.pointee.d_ino) == number else { continue }
            var field = entry.pointee.d_name
            let name = withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            let opened = Glibc.open(folder + name, O_RDONLY | O_CLOEXEC)
            if opened >= 0, FileNumber(opened) == self { return opened }
            if opened >= 0 { close(opened) }
        }
        return nil
    }
}
