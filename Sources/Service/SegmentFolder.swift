import Assay
import AssayCore
import Glibc

/// A folder of files that are written one after the other, each named by the number of the first thing in it.
struct SegmentFolder: Sendable {
    let path: String
    let suffix: String

    /// Larger ones are hard to look at.
    static let mostBytes: UInt64 = 64 << 20
    private static let digits = 20

    func file(_ number: UInt64) -> String {
        let text = "\(number)"
        return "\(path)/\(String(repeating: "0", count: max(0, Self.digits - text.utf8.count)))\(text)\(suffix)"
    }

    /// The numbers of the files that are there, in their order.
    var numbers: [UInt64] {
        guard let folder = opendir(path) else { return [] }
        defer { closedir(folder) }
        var numbers: [UInt64] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name.hasSuffix(suffix), name.utf8.count == Self.digits + suffix.utf8.count,
                let number = UInt64(name.dropLast(suffix.count))
            else { continue }
            numbers.append(number)
        }
        return numbers.sorted()
    }

    func bytes(of number: UInt64) -> UInt64 {
        var status = stat()
        return stat(file(number), &status) == 0 ? UInt64(status.st_size) : 0
    }

    /// Seconds since 1970 when a file was written last; nil where it is not there.
    func written(_ number: UInt64) -> Int64? {
        var status = stat()
        return stat(file(number), &status) == 0 ? Int64(status.st_mtim.tv_sec) : nil
    }

    func make() throws(RunFailure) {
        guard mkdir(path, 0o755) != 0 else { return try OutputTarget.makeNameDurable(path) }
        guard errno == EEXIST else { throw failure("create", path) }
    }

    /// Opens a file at its end, or at a length that it is cut back to. A new file's name is durable.
    func open(_ number: UInt64, cutTo length: UInt64? = nil) throws(RunFailure) -> Int32 {
        let file = file(number)
        let isNew = access(file, F_OK) != 0
        let descriptor = Glibc.open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failure("open", file) }
        do throws(RunFailure) {
            if isNew { try OutputTarget.makeNameDurable(file) }
            if let length, length < bytes(of: number) {
                guard ftruncate(descriptor, off_t(length)) == 0, fsync(descriptor) == 0 else {
                    throw failure("cut back", file)
                }
            }
            guard lseek(descriptor, 0, SEEK_END) >= 0 else { throw failure("open", file) }
        } catch {
            close(descriptor)
            throw error
        }
        return descriptor
    }

    func remove(_ number: UInt64) { unlink(file(number)) }

    func failure(_ what: String, _ file: String) -> RunFailure {
        RunFailure(.inputOutput, "cannot \(what) '\(file)'", errorNumber: errno)
    }

    /// Writes all bytes; returns the error's number, or 0.
    static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return errno == 0 ? EIO : errno }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
        return 0
    }
}
