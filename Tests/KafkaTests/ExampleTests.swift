import Foundation
import TestSupport
import Testing

/// The examples, as `make demo-kafka` runs them.
@Suite struct ExampleTests {
    @Test("A shop fills four tables, scoring survives a kill, and two engines share a topic")
    func demo() throws {
        let script = Repository.root.appending(path: "tools/demo-kafka.sh").path
        let run = try Binary.shell("timeout 100 \(script) \(Binary.path) \(Topic.tool)", in: TemporaryFolder())
        #expect(run.code == 0, "\(run.errors)")
        let text = run.lines.joined(separator: "\n")
        #expect(run.errors.contains("60,000 lines: accepted 60,000, late 0, rejected 0"), "\(run.errors)")
        #expect(text.contains("assessments: 29997 different records of 29997"), "\(text)")
        #expect(text.components(separatedBy: "assay-reason=missing_field").count - 1 == 3, "\(text)")
        let shares = run.lines.suffix(4).compactMap { Int($0.split(separator: " ")[0]) }
        #expect(shares.reduce(0, +) == 30_000 && shares.allSatisfy { $0 > 1000 }, "\(text)")
        #expect(!text.contains("error"), "\(text)")
    }
}
