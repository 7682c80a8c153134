import Testing

@testable import Assay
@testable import AssayCore

/// The table of what happens to outputs, row by row.
@Suite struct OutputPlanTests {
    private static func situation(
        _ path: String = "/work/out", length: UInt64 = 0, appends: Bool = false, isStream: Bool = false
    ) -> FileSituation {
        FileSituation(
            path: appends || isStream ? nil : path, realPath: isStream ? "" : path, isRegularFile: !isStream,
            length: length, appends: appends)
    }

    private static func outcome(
        _ situation: FileSituation, recorded: (String, UInt64)?, _ input: InputFinding,
        overwrite: Bool = false, fresh: Bool = false
    ) -> String {
        do throws(RunFailure) {
            let plan = try FilePlan.of(
                situation,
                recorded: recorded.map { FileResume(path: $0.0, length: $0.1) },
                checkpoint: 7, input: input, mayOverwrite: overwrite, isForgotten: fresh)
            switch plan {
            case .stream: return "goes on"
            case .file(let length): return "from \(length)"
            }
        } catch {
            return "\(error.kind)"
        }
    }

    @Test("The same input continues the checkpoint's own file, and touches no other")
    func sameInput() {
        let mine = ("/work/out", UInt64(100))
        #expect(Self.outcome(Self.situation(length: 130), recorded: mine, .same) == "from 100")
        #expect(Self.outcome(Self.situation(length: 100), recorded: mine, .same) == "from 100")
        #expect(Self.outcome(Self.situation(length: 100, appends: true), recorded: mine, .same) == "from 100")
        #expect(Self.outcome(Self.situation(length: 99), recorded: mine, .same) == "badData")
        #expect(Self.outcome(Self.situation(length: 0), recorded: mine, .same, overwrite: true) == "badData")
        #expect(Self.outcome(Self.situation("/work/other"), recorded: mine, .same) == "badData")
        #expect(Self.outcome(Self.situation(), recorded: ("", 0), .same) == "badData")
        #expect(Self.outcome(Self.situation(), recorded: nil, .same) == "badData")
        #expect(Self.outcome(Self.situation(isStream: true), recorded: mine, .same) == "goes on")
    }

    @Test("A new input is appended to the checkpoint's own file, another one must be empty or given up")
    func newInput() {
        let mine = ("/work/out", UInt64(100))
        #expect(Self.outcome(Self.situation(length: 130), recorded: mine, .new) == "from 100")
        #expect(Self.outcome(Self.situation(), recorded: mine, .new) == "from 0")
        #expect(Self.outcome(Self.situation("/work/other"), recorded: mine, .new) == "from 0")
        #expect(Self.outcome(Self.situation("/work/other", length: 5), recorded: mine, .new) == "cannotCreate")
        #expect(
            Self.outcome(Self.situation("/work/other", length: 5), recorded: mine, .new, overwrite: true) == "from 0")
        #expect(Self.outcome(Self.situation(isStream: true), recorded: mine, .new) == "goes on")
    }

    @Test("Without a checkpoint a file must be empty, appended to, or given up")
    func noCheckpoint() {
        #expect(Self.outcome(Self.situation(), recorded: nil, .first) == "from 0")
        #expect(Self.outcome(Self.situation(length: 5), recorded: nil, .first) == "cannotCreate")
        #expect(Self.outcome(Self.situation(length: 5), recorded: nil, .first, overwrite: true) == "from 0")
        #expect(Self.outcome(Self.situation(length: 5, appends: true), recorded: nil, .first) == "from 5")
    }

    @Test("Forgetting the state starts its own files over, and no others")
    func fresh() {
        let mine = ("/work/out", UInt64(100))
        #expect(Self.outcome(Self.situation(length: 130), recorded: mine, .first, fresh: true) == "from 0")
        #expect(
            Self.outcome(Self.situation("/work/other", length: 5), recorded: mine, .first, fresh: true)
                == "cannotCreate")
    }
}
