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

    @Test("Orders are orders of a shop, a tenth of them from one address, which the labels name")
    func orders() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate --kind orders -n 50000 --users 300 --seed 4 --labels labels.csv > a
            $ASSAY generate --kind orders -n 50000 --users 300 --seed 4 -o b
            cmp a b
            python3 - <<'END'
            import collections, json
            orders = [json.loads(line) for line in open("a")]
            labels = [line.strip() for line in open("labels.csv")]
            assert labels[0] == "order_id,label"
            named = {line.split(",")[0] for line in labels[1:]}
            by_address = collections.defaultdict(set)
            for order in orders:
                by_address[order["ip_address"]].add(order["order_id"])
            address, most = max(by_address.items(), key=lambda pair: len(pair[1]))
            assert most == named and 4500 < len(most) < 5500
            assert all(later["timestamp"] >= order["timestamp"] for order, later in zip(orders, orders[1:]))
            assert 86398 < orders[-1]["timestamp"] - orders[0]["timestamp"] < 86400
            totals = [order["price"] * order["quantity"] for order in orders]
            assert 0.02 < sum(total >= 500_000 for total in totals) / len(totals) < 0.2
            assert len({order["product_name"] for order in orders}) == 16
            assert len({order["order_id"] for order in orders}) == 50000
            assert {order["quantity"] for order in orders} == {1, 2, 3, 4, 5}
            print(len({order["user_id"] for order in orders}))
            END
            $ASSAY generate --kind orders --fraud 0.1 2>&1 || echo $?
            """, in: TemporaryFolder())
        #expect(
            run.code == 0
                && run.lines == ["300", "assay: error: --fraud is about transactions, not orders", "64"],
            "\(run.errors)")
    }

    @Test("A rate paces lines in real time, and event time with them", arguments: ["transactions", "orders"])
    func rate(_ kind: String) throws {
        let run = try Binary.shell(
            """
            begin=$(date +%s%N)
            $ASSAY generate --kind \(kind) -n 3000 --rate 2000 > paced
            end=$(date +%s%N)
            # Half of them take half the time, within what a busy machine may add.
            [ $(((end - begin) / 1000000)) -ge 1400 ] && [ $(((end - begin) / 1000000)) -le 6000 ] && echo in time
            first=$(head -n 1 paced | grep -o '"timestamp":[0-9.]*' | cut -d: -f2)
            last=$(tail -n 1 paced | grep -o '"timestamp":[0-9.]*' | cut -d: -f2)
            echo "$first $last" | awk '{ print ($2 - $1 >= 1 && $2 - $1 <= 1.5) ? "together" : $0 }'
            $ASSAY generate --kind \(kind) -n 1 --start now | grep -o '"timestamp":[0-9]*' | cut -d: -f2 \
                | awk -v now="$(date +%s)" '{ print (now - $1 <= 5 && now >= $1) ? "now" : $0 }'
            (set +o pipefail; timeout 5 $ASSAY generate --kind \(kind) --rate 1000 -n 1000000 | head -n 50 | wc -l)
            """, in: TemporaryFolder())
        #expect(run.code == 0 && run.lines == ["in time", "together", "now", "50"], "\(run.lines) \(run.errors)")
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
