import Foundation
import Testing

/// The built `assay`, run as a user would run it.
public enum Binary {
    /// Beside the test bundle, or where the environment says.
    public static let path: String = {
        if let given = ProcessInfo.processInfo.environment["ASSAY_BINARY"] { return given }
        let bundle = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appending(path: "assay").path
    }()

    /// What a run left behind.
    public struct Result: Sendable {
        /// The exit code; negative for a signal.
        public let code: Int32
        /// Standard output.
        public let output: Data
        /// Standard error.
        public let errors: String

        /// The lines of standard output.
        public var lines: [String] { String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init) }
    }

    /// Runs to the end. Standard input comes from a file, standard output is collected in one.
    public static func run(_ arguments: [String], input: String = "/dev/null") throws -> Result {
        let folder = try TemporaryFolder()
        let output = folder.path("stdout")
        let errors = folder.path("stderr")
        for path in [output, errors] { _ = FileManager.default.createFile(atPath: path, contents: nil) }
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.standardInput = FileHandle(forReadingAtPath: input)
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
        process.waitUntilExit()
        return Result(
            code: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try Data(contentsOf: URL(filePath: output)),
            errors: try String(contentsOfFile: errors, encoding: .utf8))
    }

    /// Waits for the end, and makes one if it does not come: a run that hangs is a failure, not a hanging test.
    public static func wait(_ process: Process, seconds: Double = 60) -> Int32 {
        let deadline = Date(timeIntervalSinceNow: seconds)
        while process.isRunning, Date() < deadline { usleep(1000) }
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    /// Starts and lets run; the caller waits or kills.
    public static func start(
        _ arguments: [String], in folder: TemporaryFolder, input: FileHandle = .nullDevice,
        environment: [String: String] = [:]
    ) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        process.currentDirectoryURL = folder.url
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = input
        process.standardOutput = FileHandle.nullDevice
        let errors = folder.path("stderr")
        _ = FileManager.default.createFile(atPath: errors, contents: nil)
        process.standardError = FileHandle(forWritingAtPath: errors)
        try process.run()
        return process
    }

    /// Runs a shell script in which `$ASSAY` is the binary and `$ASSAYCTL` the one beside it; `set -e` and `pipefail`
    /// hold.
    public static func shell(_ script: String, in folder: TemporaryFolder) throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/bash")
        // Pipes of tests that run beside this one must not be kept open by what the script leaves running.
        let closing =
            #"for fd in /proc/$$/fd/*; do case ${fd##*/} in [012]|255) ;; *) eval "exec ${fd##*/}>&-";; esac; done"#
        process.arguments = ["-c", "\(closing)\nset -eo pipefail\n" + script]
        process.currentDirectoryURL = folder.url
        process.environment = ProcessInfo.processInfo.environment.merging([
            "ASSAY": path, "ASSAYCTL": path.hasSuffix("/assay") ? path + "ctl" : "assayctl",
        ]) { $1 }
        let output = Pipe()
        let errors = folder.path("shell-stderr")
        _ = FileManager.default.createFile(atPath: errors, contents: nil)
        process.standardOutput = output
        process.standardError = FileHandle(forWritingAtPath: errors)
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Result(
            code: process.terminationStatus, output: bytes, errors: try String(contentsOfFile: errors, encoding: .utf8))
    }
}

/// A folder of one test's own, gone with it.
public final class TemporaryFolder: Sendable {
    /// Where it is.
    public let url: URL

    /// Makes an empty one.
    public init() throws {
        url = FileManager.default.temporaryDirectory.appending(path: "assay-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)  // a folder left behind harms nothing
    }

    /// The path of a file in it.
    public func path(_ name: String) -> String { url.appending(path: name).path }

    /// Makes a file in it; answers its path.
    public func write(_ name: String, _ text: String) throws -> String {
        try text.write(toFile: path(name), atomically: false, encoding: .utf8)
        return path(name)
    }
}

/// Files of the repository that tests need.
public enum Repository {
    /// The repository's top.
    public static let root = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// A file of the golden streams.
    public static func golden(_ name: String) -> String { root.appending(path: "Tests/Golden/\(name)").path }
    /// The independent implementation.
    public static let oracle = root.appending(path: "Tests/Oracle/oracle.py").path
    /// Checks documents against JSON Schemas.
    public static let validator = root.appending(path: "Tests/Oracle/validate.py").path
    /// The system's, for which the packages are installed.
    public static let python = "/usr/bin/python3"
}
