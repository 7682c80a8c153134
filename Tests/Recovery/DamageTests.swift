import Foundation
import TestSupport
import Testing

/// Files that are not what was written: never a wrong score, always a word of what to do.
@Suite(.serialized, .enabled(if: !Scenario.isSanitized)) struct DamageTests {
    /// A run that was killed in the middle: a database, a log beside it, half an output.
    private static func interrupted(_ options: [String]) throws -> Scenario {
        let scenario = try Scenario(transactions: 1500, users: 60, options: options)
        let process = try Binary.start(
            scenario.arguments, in: scenario.folder,
            environment: [
                "LD_PRELOAD": Scenario.shim, "FAULTY_ROOT": scenario.folder.url.resolvingSymlinksInPath().path,
                "FAULTY_AT": "70", "FAULTY_KIND": "kill",
            ])
        try #require(Binary.wait(process) == -9)
        try #require(FileManager.default.fileExists(atPath: scenario.folder.path("Checkpoints/state.db-wal")))
        _ = try Binary.shell("cp -r Checkpoints saved; cp out saved-out; cp rejects saved-rejects", in: scenario.folder)
        return scenario
    }

    /// A run that ended in good order before its input had all come: everything is in the database.
    private static func halfWay(_ options: [String]) throws -> Scenario {
        let scenario = try Scenario(transactions: 1500, users: 60, options: options)
        _ = try Binary.shell("mv in whole; head -n 800 whole > in", in: scenario.folder)
        try #require(try scenario.finish() == 0)
        _ = try Binary.shell(
            "mv whole in; cp -r Checkpoints saved; cp out saved-out; cp rejects saved-rejects", in: scenario.folder)
        return scenario
    }

    private static func restore(_ scenario: Scenario) throws {
        let restored = try Binary.shell(
            "rm -rf Checkpoints; cp -r saved Checkpoints; cp saved-out out; cp saved-rejects rejects",
            in: scenario.folder)
        try #require(restored.code == 0)
    }

    /// Either the run ends as if nothing had been, or it says that it cannot and what to do.
    private static func expectHonesty(_ scenario: Scenario, _ what: String) throws -> Int32 {
        let code = try scenario.finish()
        if code == 0 {
            #expect(scenario.difference == nil, "\(what): \(scenario.difference ?? "")")
        } else {
            // Where the whole log is gone there was no checkpoint, and an output of unknown origin.
            #expect([65, 73, 74].contains(code), "\(what): \(code) \(scenario.errors)")
            #expect(scenario.errors.contains("assay: error: "), "\(what): \(scenario.errors)")
            let advice = ["--fresh", "--overwrite", "cannot be used"].contains { scenario.errors.contains($0) }
            #expect(advice, "\(what): \(scenario.errors)")
        }
        return code
    }

    private static let options = ["--checkpoint-every", "400", "--checkpoint-interval", "1h"]

    @Test(
        "A flipped bit anywhere in the state is harmless or found", arguments: ["state.db", "state.db-wal", "snapshot"])
    func flippedBits(_ name: String) throws {
        let scenario =
            switch name {
            case "state.db-wal": try Self.interrupted(Self.options)
            case "snapshot": try Self.halfWay(Self.options + ["--snapshot-interval", "1ms"])
            default: try Self.halfWay(Self.options)
            }
        var random = Random(state: Scenario.seed)
        var found = 0
        let tries = 150 * Scenario.rounds
        for _ in 0..<tries {
            try Self.restore(scenario)
            if name == "snapshot" {
                _ = try Binary.shell(
                    "rm Checkpoints/state.db*; cp $(ls Checkpoints/snapshots/*.db | tail -n 1) Checkpoints/state.db",
                    in: scenario.folder)
            }
            let file = name == "snapshot" ? "state.db" : name
            let url = scenario.folder.url.appending(path: "Checkpoints/\(file)")
            var bytes = [UInt8](try Data(contentsOf: url))
            let place = Int(random.below(UInt64(bytes.count)))
            bytes[place] ^= 1 << UInt8(random.below(8))
            try Data(bytes).write(to: url)
            let verified = try Binary.shell("$ASSAYCTL verify --deep || exit $?", in: scenario.folder)
            let code = try Self.expectHonesty(scenario, "bit in byte \(place) of \(name)")
            if code != 0 { found += 1 }
            // Verification may find more than the run comes by, but never less.
            if code == 65 { #expect(verified.code != 0, "byte \(place) of \(name): \(scenario.errors)") }
            if verified.code == 65 { #expect(verified.errors.contains("damaged"), "\(verified.errors)") }
        }
        print("flipped bits in \(name): \(tries) tried, \(found) refused, the others harmless, 0 wrong")
        #expect(name == "state.db-wal" || found > 2)
    }

    @Test(
        "Files that were cut, emptied, removed, swapped or replaced are harmless or found",
        arguments: [
            "rm Checkpoints/state.db", "rm Checkpoints/state.db-wal", ": > Checkpoints/state.db",
            ": > Checkpoints/state.db-wal", "truncate -s -4096 Checkpoints/state.db",
            "truncate -s 5000 Checkpoints/state.db", "truncate -s -100 Checkpoints/state.db-wal",
            "cp Checkpoints/state.db Checkpoints/state.db-wal", "cp in Checkpoints/state.db",
            "head -c 100000 /dev/zero > Checkpoints/state.db", "rm Checkpoints/lock", "rm out", ": > out",
            "truncate -s 100 out", "rm rejects", "echo more >> out", "truncate -s 1000 in", "sed -i 5d in",
        ])
    func replacedFiles(_ command: String) throws {
        let scenario = try Self.interrupted(Self.options)
        _ = try Binary.shell(command, in: scenario.folder)
        let before = try Binary.shell("cat out rejects | md5sum", in: scenario.folder).lines
        let code = try scenario.finish()
        switch code {
        case 0:
            // A shorter input has another output, and a state that is gone has a first line again.
            if !command.contains(" in") { #expect(scenario.difference == nil, "\(command)") }
        case 65, 73, 74:
            #expect(scenario.errors.contains("assay: error: "))
            #expect(try Binary.shell("cat out rejects | md5sum", in: scenario.folder).lines == before, "\(command)")
        default: Issue.record("\(command): \(code) \(scenario.errors)")
        }
    }

    @Test("A clock that jumps changes nothing")
    func jumpingClock() throws {
        let scenario = try Scenario(transactions: 3000, users: 100, options: Self.options)
        let process = try Binary.start(
            scenario.arguments, in: scenario.folder,
            environment: ["LD_PRELOAD": Scenario.shim, "FAULTY_CLOCK": "1"])
        #expect(Binary.wait(process) == 0 && scenario.difference == nil, "\(scenario.errors)")
        let times = try Binary.shell(
            "sqlite3 Checkpoints/state.db 'SELECT count(DISTINCT taken_ms / 86400000) FROM checkpoint'",
            in: scenario.folder)
        #expect(times.lines != ["1"], "the clock did not jump")
    }
}
