import Foundation
import TestSupport
import Testing

/// The pipelines that come with the product, run as their first lines say.
@Suite struct PipelineExampleTests {
    private static let examples = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Examples/pipelines").path

    private static func run(_ script: String) throws -> Binary.Result {
        try Binary.shell("E='\(examples)'\n" + script, in: try TemporaryFolder())
    }

    @Test("Large amounts go to the console and into part files at once")
    func largeAmounts() throws {
        let run = try Self.run(
            """
            $ASSAY run $E/large-amounts.yaml $E/transactions.csv
            echo --
            cat large-amounts/part-0-0.csv
            ls -A large-amounts
            """)
        let parts = run.lines.split(separator: "--")
        let expected = try String(contentsOfFile: Self.examples + "/transactions.csv", encoding: .utf8)
            .split(separator: "\n").dropFirst().map { $0.split(separator: ",") }.filter { Double($0[2])! > 8000 }
        #expect(expected.count == 5)
        #expect(parts[0].count == expected.count)
        #expect(parts[0].allSatisfy { $0.hasPrefix(#"{"stream":"large_amounts","timestamp":"2025-01-01T"#) })
        let cells = parts[1].dropFirst().dropLast().map { $0.split(separator: ",") }
        #expect(parts[1].first == "timestamp,transaction_id,user_id,transaction_type,amount,currency")
        #expect(cells.map { $0[1] } == expected.map { $0[0] })
        #expect(parts[1].last == "part-0-0.csv")
    }

    @Test("Running totals are exact, and told with every transaction")
    func runningTotals() throws {
        let run = try Self.run(
            "$ASSAY run $E/running-totals.yaml $E/transactions.csv > /dev/null; cat running-totals.csv")
        var totals: [String: Decimal] = [:]
        let lines = try String(contentsOfFile: Self.examples + "/transactions.csv", encoding: .utf8).split(
            separator: "\n")
        var expected = ["transaction_type,transaction_id,amount,transactions,total"]
        var counts: [String: Int] = [:]
        for line in lines.dropFirst() {
            let cells = line.split(separator: ",").map(String.init)
            totals[cells[5], default: 0] += Decimal(string: cells[2])!
            counts[cells[5], default: 0] += 1
            let amount = Decimal(string: cells[2])!
            expected.append("\(cells[5]),\(cells[0]),\(amount),\(counts[cells[5]]!),\(totals[cells[5]]!)")
        }
        #expect(run.lines == expected)
    }

    @Test("Minute metrics of users and of all agree with each other and with the transactions")
    func minuteMetrics() throws {
        let run = try Self.run(
            """
            $ASSAY generate --transactions 30000 --users 300 --days 0.05 --disorder 20 > in
            $ASSAY run $E/minute-metrics.yaml in > /dev/null
            python3 - <<'END'
            import json, collections
            lines = [json.loads(l) for l in open('in')]
            minute = lambda t: t // 60 * 60
            per = collections.defaultdict(list)
            for l in lines: per[int(minute(float(l['timestamp'])))].append(l)
            import datetime
            name = lambda s: datetime.datetime.fromtimestamp(s, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
            found = {g['window_start']: g for g in map(json.loads, open('global-metrics.jsonl'))}
            assert len(found) == len(per) > 60, (len(found), len(per))
            for start, ls in per.items():
                g = found[name(start)]
                assert g['events'] == len(ls)
                assert abs(g['amount'] - sum(l['amount'] for l in ls)) < 1e-6 * max(1, g['amount'])
                assert g['users'] == len({l['user_id'] for l in ls})
                assert g['actions'] == dict(collections.Counter(l['transaction_type'] for l in ls)), (g, start)
                payments = sum(l['transaction_type'] == 'payment' for l in ls)
                assert abs(g['conversion_rate'] - payments / len(ls)) < 1e-9
                assert 0 <= g['risk_rate'] <= 1
            users = [json.loads(l) for l in open('user-metrics.jsonl')]
            assert sum(u['events'] for u in users) == len(lines)
            assert len({(u['window_start'], u['user_id']) for u in users}) == len(users)
            print('agree', any(g['risk_rate'] > 0 for g in found.values()))
            END
            """)
        #expect(run.lines == ["agree True"], "\(run.errors)")
    }

    @Test("The shop's four tables hold what its orders say")
    func shop() throws {
        let run = try Self.run(
            """
            $ASSAY generate --kind orders --transactions 60000 --days 0.003 > in
            $ASSAY run $E/ecommerce.yaml - < in
            python3 - <<'END'
            import json, collections, sqlite3, datetime
            seoul = datetime.timezone(datetime.timedelta(hours=9))
            def text(s): return datetime.datetime.fromtimestamp(s, seoul).strftime('%Y-%m-%dT%H:%M:%S+09:00')
            orders = [json.loads(l) for l in open('in')]
            for o in orders: o['t'] = float(o['timestamp']); o['total'] = o['price'] * o['quantity']
            db = sqlite3.connect('analytics.db')
            rows = lambda q: db.execute(q).fetchall()
            # Popular products.
            expected = collections.defaultdict(lambda: [0, 0, 0])
            for o in orders:
                e = expected[(text(o['t'] // 30 * 30), o['product_name'])]
                e[0] += 1; e[1] += o['quantity']; e[2] += o['total']
            found = {(a, b): [c, d, e] for a, b, c, d, e in rows(
                'SELECT window_start, product_name, orders, quantity, sales FROM popular_products')}
            assert found == expected, 'products'
            # Suspicious addresses: every minute-long window at each tenth second.
            counts = collections.Counter()
            spent = collections.Counter()
            for o in orders:
                start = o['t'] // 10 * 10
                for k in range(6):
                    counts[(start - 10 * k, o['ip_address'])] += 1
                    spent[(start - 10 * k, o['ip_address'])] += o['total']
            expected = {(text(s), text(s + 60), ip): (n, spent[(s, ip)]) for (s, ip), n in counts.items() if n >= 10}
            found = {(a, b, c): (d, e) for a, b, c, d, e in rows(
                'SELECT window_start, window_end, ip_address, order_count, total_spent FROM suspicious_ips')}
            assert found == expected and len(found) > 100, 'addresses'
            large = sorted(o['order_id'] for o in orders if o['total'] >= 500000)
            assert sorted(r[0] for r in rows('SELECT order_id FROM high_value_orders')) == large
            # Statistics, with the addresses that were suspicious in a window that ends within the half minute.
            suspects = collections.defaultdict(set)
            for (s, ip), n in counts.items():
                if n >= 10: suspects[(s + 60 - 0.001) // 30 * 30].add(ip)
            totals = collections.defaultdict(list)
            for o in orders: totals[o['t'] // 30 * 30].append(o['total'])
            expected = {text(s): (len(t), sum(t), len(suspects[s])) for s, t in totals.items()}
            found = {a: (b, c, e) for a, b, c, d, e in rows(
                'SELECT window_start, orders, sales, average, suspicious_addresses FROM statistics')}
            assert found == expected, 'statistics'
            for a, b, c in rows('SELECT orders, sales, average FROM statistics'): assert abs(b / a - c) < 1e-6 * c
            assert all(r[0] for r in rows('SELECT created_at FROM statistics'))
            indexes = {r[0] for r in rows("SELECT name FROM sqlite_master WHERE type = 'index'")}
            assert {'statistics.window_start', 'suspicious_ips.ip_address'} <= indexes, indexes
            print('agree', max(e[2] for e in expected.values()) > 1)
            END
            """)
        #expect(run.lines == ["agree True"], "\(run.errors)")
    }
}
