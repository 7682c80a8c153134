import Foundation
import TestSupport
import Testing

@Suite struct GenerateTests {
    @Test("The same seed gives the same bytes, another seed others")
    func determinism() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            """
            $ASSAY generate -n 20000 --users 500 --seed 7 --disorder 60 --labels a.csv > a
            $ASSAY generate -n 20000 --users 500 --seed 7 --disorder 60 --labels b.csv -o b
            $ASSAY generate -n 20000 --users 500 --seed 8 --disorder 60 > c
            cmp a b && cmp a.csv b.csv && ! cmp -s a c
            wc -l < a
            """, in: folder)
        #expect(run.code == 0 && run.lines == ["20000"], "\(run.errors)")
    }

    @Test("As much fraud as asked for is labelled, of all four kinds, and scores higher than the rest")
    func fraud() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            "$ASSAY generate -n 100000 --users 1000 --fraud 0.05 --labels labels.csv | $ASSAY score -q > out",
            in: folder)
        #expect(run.code == 0)
        var labels: [Substring: Substring] = [:]
        for line in try String(contentsOfFile: folder.path("labels.csv"), encoding: .utf8).split(separator: "\n")
            .dropFirst()
        {
            let cells = line.split(separator: ",")
            labels[cells[0]] = cells[1]
        }
        #expect((4000...6000).contains(labels.count) && Set(labels.values) == ["burst", "travel", "spike", "takeover"])
        var sums = [false: (0.0, 0.0), true: (0.0, 0.0)]
        let scored = try String(contentsOfFile: folder.path("out"), encoding: .utf8)
        for line in scored.split(separator: "\n") {
            let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            let isFraud = labels[Substring(try #require(object["transaction_id"] as? String))] != nil
            sums[isFraud]!.0 += try #require(object["risk_score"] as? Double)
            sums[isFraud]!.1 += 1
        }
        #expect(sums[true]!.0 / sums[true]!.1 > 2 * sums[false]!.0 / sums[false]!.1)
    }

    @Test("Disorder delays arrivals by no more than it says")
    func disorder() throws {
        let folder = try TemporaryFolder()
        let run = try Binary.shell(
            "$ASSAY generate -n 50000 --users 500 --days 1 --disorder 100 | "
                + "grep -o '\"timestamp\":[0-9]*' | cut -d: -f2",
            in: folder)
        let times = run.lines.compactMap { Int($0) }
        var latest = 0
        var greatest = 0
        for time in times {
            greatest = max(greatest, latest - time)
            latest = max(latest, time)
        }
        #expect(times.count == 50_000 && (50...101).contains(greatest))
    }
}
