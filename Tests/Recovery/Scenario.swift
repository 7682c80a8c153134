import Foundation
import TestSupport
import Testing

/// One stream and what it must become, however often the run is interrupted.
struct Scenario {
    let folder: TemporaryFolder
    /// What makes this run special, besides input and outputs.
    let options: [String]

    static let shim: String = URL(filePath: Binary.path).deletingLastPathComponent()
        .appending(path: "libFaultyDisk.so").path

    static var seed: UInt64 {
        ProcessInfo.processInfo.environment["ASSAY_TEST_SEED"].flatMap { UInt64($0) } ?? 20_251_230
    }

    /// More of everything that is tried at random.
    static var rounds: Int {
        ProcessInfo.processInfo.environment["ASSAY_FAULT_ROUNDS"].flatMap { Int($0) } ?? 1
    }

    /// The sanitizers come with libraries that want to be loaded first.
    static let isSanitized = ProcessInfo.processInfo.environment["ASSAY_SANITIZED"] != nil

    /// Generated transactions with rejected lines among them, and their uninterrupted output.
    init(transactions: Int, users: Int, seed: UInt64 = Scenario.seed, options: [String]) throws {
        folder = try TemporaryFolder()
        self.options = options
        _ = try folder.write("settings.yaml", Self.settings)
        let made = try Binary.shell(
            """
            $ASSAY generate -n \(transactions) --users \(users) --seed \(seed % 1_000_000) --fraud 0.1 \\
                | awk 'NR % 37 == 0 { print "{bad " NR; } NR % 53 == 0 { print } { print }' > in
            $ASSAY score in -c settings.yaml -q --no-checkpoints -o expected --rejects expected-rejects
            grep -c '"type":"pattern"' expected
            """, in: folder)
        try #require(made.code == 0, "\(made.errors)")
        try #require(Int(made.lines.last ?? "") ?? 0 > 20, "too few sequences to show anything")
    }

    /// So that states have sequences which have begun.
    private static let settings = """
        patterns:
          - name: rise
            risk: 0.2
            within: 2d
            skip: past_last
            stages: [{name: low, where: amount < 60.0}, {name: high, followedBy: amount > low[0].amount * 3.0}]
          - name: thrice
            risk: 0.1
            stages: [{name: same, where: amount > 50.0, times: 3}]

        """

    var arguments: [String] { ["score", "in", "-c", "settings.yaml", "-o", "out", "--rejects", "rejects"] + options }

    /// Starts over: nothing but the input is left.
    func clean() throws {
        for name in ["out", "rejects", "Checkpoints", "trace", "stderr"] {
            let path = folder.path(name)
            if FileManager.default.fileExists(atPath: path) { try FileManager.default.removeItem(atPath: path) }
        }
    }

    /// Runs to the end without any fault.
    func finish() throws -> Int32 {
        let process = try Binary.start(arguments, in: folder)
        return Binary.wait(process)
    }

    var errors: String {
        // Where there is none, nothing was said.
        (try? String(contentsOfFile: folder.path("stderr"), encoding: .utf8)) ?? ""
    }

    /// What differs from an uninterrupted run, nil when nothing does.
    var difference: String? {
        for (actual, expected) in [("out", "expected"), ("rejects", "expected-rejects")] {
            if !FileManager.default.contentsEqual(atPath: folder.path(actual), andPath: folder.path(expected)) {
                return "\(actual) differs"
            }
        }
        return nil
    }
}

/// A run that is killed when its time is up, if it is not over by then.
enum TimedRun {
    /// `fed`: the file that comes in through a pipe. Answers the exit code of a run that got to its end.
    static func run(
        _ arguments: [String], in folder: TemporaryFolder, fed: String?, killedAfter microseconds: UInt64
    ) throws -> Int32? {
        var input = FileHandle.nullDevice
        var feeder: Process?
        if let fed {
            let pipe = Pipe()
            let cat = Process()
            cat.executableURL = URL(filePath: "/bin/cat")
            cat.arguments = [folder.path(fed)]
            cat.standardOutput = pipe
            try cat.run()
            feeder = cat
            input = pipe.fileHandleForReading
            try pipe.fileHandleForWriting.close()
        }
        let process = try Binary.start(arguments, in: folder, input: input)
        if fed != nil { try input.close() }
        usleep(UInt32(microseconds))
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
        feeder?.terminate()
        feeder?.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : nil
    }
}
