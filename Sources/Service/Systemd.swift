import Glibc

/// What systemd is told, and gives: nothing happens where it did not start the process.
enum Systemd {
    /// Sends a state such as `READY=1`.
    static func notify(_ state: String) {
        guard let path = getenv("NOTIFY_SOCKET").map({ String(cString: $0) }), !path.isEmpty else { return }
        let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return }
        withUnsafeMutableBytes(of: &address.sun_path) { place in
            place.copyBytes(from: bytes)
            // A name that begins with @ is in no folder.
            if bytes.first == UInt8(ascii: "@") { place[0] = 0 }
        }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count)
        let message = Array(state.utf8)
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                // Who does not listen has nothing to be told.
                _ = sendto(descriptor, message, message.count, Int32(MSG_NOSIGNAL), $0, size)
            }
        }
    }

    /// Whether it wants to hear regularly that all is well.
    static var hasWatchdog: Bool { getenv("WATCHDOG_USEC") != nil }

    /// The socket that it opened for the process, if it did.
    static var socketGiven: Int32? {
        guard let process = getenv("LISTEN_PID").flatMap({ Int32(String(cString: $0)) }), process == getpid(),
            let count = getenv("LISTEN_FDS").flatMap({ Int32(String(cString: $0)) }), count > 0
        else { return nil }
        return firstGiven
    }

    private static let firstGiven: Int32 = 3
}
