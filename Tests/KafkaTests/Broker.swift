import Foundation
import TestSupport

/// A broker of its own process and files, on loopback, gone with its test.
///
/// @unchecked Sendable: one thread at a time starts and stops it.
final class Broker: @unchecked Sendable {
    private static let program = Repository.root.appending(path: ".build/services/noida-db-0.2.3").path

    /// Whoever runs the tests may have signals blocked, which would be inherited.
    private static let unblocked =
        "import os,signal,sys; signal.pthread_sigmask(signal.SIG_SETMASK,[]); os.execv(sys.argv[1],sys.argv[1:])"

    let folder: TemporaryFolder
    let port: Int
    private var process: Process?

    init(topics: [String: Int], isStarted: Bool = true) throws {
        folder = try TemporaryFolder()
        port = try FreePort.number()
        _ = try Binary.shell(
            "chmod 755 .; mkdir data; if [ \"$(id -u)\" = 0 ]; then chown nobody data; fi", in: folder)
        guard isStarted else { return }
        try start()
        for (topic, partitions) in topics { try Topic(brokers: address, name: topic).create(partitions: partitions) }
    }

    deinit { crash() }

    var address: String { "127.0.0.1:\(port)" }

    func start() throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-c",
            """
            as=; [ "$(id -u)" != 0 ] || as="setpriv --reuid=nobody --regid=nogroup --clear-groups"
            exec $as \(Repository.python) -c '\(Self.unblocked)' \(Self.program) start --data-dir data --only kafka \
                --kafka-port \(port) > broker.log 2>&1
            """,
        ]
        process.currentDirectoryURL = folder.url
        try process.run()
        self.process = process
        for _ in 0..<300 {
            let asked = try Binary.shell("timeout 2 kcat -L -b \(address) > /dev/null 2>&1", in: folder)
            if asked.code == 0 { return }
            guard process.isRunning else { break }
            usleep(50_000)
        }
        throw Failed("the broker does not answer")
    }

    /// Ends it as a power cut would.
    func crash() {
        guard let process else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        self.process = nil
    }

    /// Ends it in order.
    func stop() {
        guard let process else { return }
        kill(process.processIdentifier, SIGINT)
        _ = Binary.wait(process, seconds: 20)
        self.process = nil
    }
}
