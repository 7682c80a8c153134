import Foundation
import TestSupport
import Testing

/// What `assayctl query` computes, and how long it may take.
@Suite struct QueryTests {
    private static func query(_ sql: String, _ options: String = "") throws -> Binary.Result {
        let folder = try TemporaryFolder()
        _ = try folder.write("q.sql", sql)
        return try Binary.shell(
            """
            $ASSAY generate -n 100 --users 5 | $ASSAY score --state S -q > /dev/null
            code=0; $ASSAYCTL query --state S --csv \(options) "$(cat q.sql)" || code=$?; echo $code
            """, in: folder)
    }

    @Test(
        "median and percentile are those of the values that are there",
        arguments: [
            ("select median(column1) from (values (1), (2), (10))", "2.0"),
            ("select median(column1) from (values (1), (2), (10), (3))", "2.5"),
            ("select median(column1) from (values (1), (null), (3))", "2.0"),
            ("select median(column1) is null from (values (null))", "1"),
            ("select median(transactions) is null from users where 0", "1"),
            ("select percentile(column1, 0) from (values (7), (2), (10))", "2.0"),
            ("select percentile(column1, 100) from (values (7), (2), (10))", "10.0"),
            ("select percentile(column1, 90) from (values (0), (100))", "90.0"),
            ("select percentile(column1, 25.0) from (values (0), (1), (2), (3), (4))", "1.0"),
            (
                "select sum(m) from (select median(column2) m from (values (1, 4), (1, 6), (2, 1)) group by column1)",
                "6.0"
            ),
        ])
    func statistics(_ sql: String, _ expected: String) throws {
        let run = try Self.query(sql)
        #expect(run.lines.dropFirst() == [expected, "0"], "\(run)")
    }

    @Test(
        "What they cannot take is said",
        arguments: [
            "select percentile(column1, 101) from (values (1))", "select percentile(column1, 'x') from (values (1))",
            "select percentile(column1, column1) from (values (1), (2))", "select median(user_id) from users",
        ])
    func refused(_ sql: String) throws {
        let run = try Self.query(sql)
        #expect(run.lines.last == "64" && run.errors.contains("percentile()"), "\(run)")
    }

    @Test("A query that takes longer than --patience is ended")
    func patience() throws {
        let endless = "with recursive c(x) as (select 1 union all select x + 1 from c) select max(x) from c"
        let run = try Self.query(endless, "--patience 200ms")
        #expect(run.lines == ["74"] && run.errors.contains("longer than --patience"), "\(run)")
    }

    @Test("A query whose reader waits does not keep the log from being emptied")
    func reader() throws {
        let run = try Binary.shell(
            """
            $ASSAY generate -n 60000 --users 20000 | $ASSAY score --state S -q > /dev/null
            code=0
            ($ASSAYCTL query --state S --csv --patience 500ms 'select * from users' || echo $? > code) |
                (sleep 1.2; wc -l > lines)
            cat code; [ $(cat lines) -lt 20001 ] && echo fewer
            """, in: TemporaryFolder())
        #expect(run.lines == ["74", "fewer"], "\(run)")
    }
}
