import Glibc

/// Why a whole file could not be read.
package struct FileError: Error {
    package let description: String
}

/// The bytes of a file that must not exceed a limit.
package func readFile(_ path: String, atMost bound: Int) throws(FileError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(description: String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = read(descriptor, &room, room.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw FileError(description: String(cString: strerror(errno)))
        }
        if count == 0 { return bytes }
        bytes += room[..<count]
        if bytes.count > bound { throw FileError(description: "larger than \(bound) bytes") }
    }
}
