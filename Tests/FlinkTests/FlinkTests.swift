import Foundation
import TestSupport
import Testing

/// The core inside Apache Flink: a cluster of real processes on loopback. Not under the address sanitizer, whose
/// runtime Java does not bring along.
@Suite(.serialized, .enabled(if: ProcessInfo.processInfo.environment["ASSAY_SANITIZED"] == nil))
struct FlinkTests {
    private static let products = URL(filePath: Binary.path).deletingLastPathComponent()
    private static let tools = Repository.root.appending(path: "tools/flink").path

    private static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell(
            """
            ARCHIVE=\(products.appending(path: "libAssayC.a").path)
            TOOLS=\(tools)
            FLINK=\(Repository.root.path)/$(cd \(Repository.root.path) && $TOOLS/install.sh .build/flink)
            $TOOLS/build.sh $ARCHIVE $FLINK assay-flink.jar >&2
            """ + "\n" + script, in: TemporaryFolder())
    }

    @Test("Kills, rescaling and other rules in mid run change nothing of what comes out")
    func cluster() throws {
        let run = try Self.run("$TOOLS/demo.py $ASSAY $FLINK assay-flink.jar 60000 2>&1")
        #expect(run.code == 0, "\(run.lines) \(run.errors)")
        #expect(run.lines.last == "every line is what 'assay score' gives", "\(run.lines)")
        #expect(run.lines.contains("assessments: 60000 lines, 0 missing, 0 extra"), "\(run.lines)")
    }

    @Test("The native key groups are those of Flink, whatever users are called")
    func keyGroups() throws {
        let run = try Self.run(
            """
            mkdir classes
            javac -d classes -cp "assay-flink.jar:$FLINK/lib/*" \(Repository.root.path)/Tests/FlinkTests/*.java
            java -cp "classes:assay-flink.jar:$FLINK/lib/*" assay.flink.KeyGroupCheck
            """)
        #expect(run.code == 0 && run.lines.last == "0 differ", "\(run.lines) \(run.errors)")
    }

    @Test("Mistakes on the command line and in configurations are told before anything runs")
    func mistakes() throws {
        let run = try Self.run(
            """
            job() { java -cp "assay-flink.jar:$FLINK/lib/*" assay.flink.Job "$@" 2>&1 | grep -o "Exception: .*"; }
            job --input in || true
            job --inputs in || true
            job --input in --output out --key-groups 0 || true
            printf 'rules:\\n  - {name: a, when: amont > 1}\\n' > wrong.yaml
            job --print-configuration wrong.yaml || true
            """)
        #expect(run.code == 0 && run.lines.count == 4, "\(run.lines) \(run.errors)")
        #expect(run.lines[0].hasSuffix("either --output or --output-table has to be there"), "\(run.lines)")
        #expect(run.lines[1].hasSuffix("there is no option '--inputs'; see --help"), "\(run.lines)")
        #expect(run.lines[2].hasSuffix("--key-groups takes a number from 1 to 32768"), "\(run.lines)")
        #expect(run.lines[3].contains("wrong.yaml:2:"), "\(run.lines)")
    }
}
