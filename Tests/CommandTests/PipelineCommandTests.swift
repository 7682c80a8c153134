import Foundation
import TestSupport
import Testing

/// Pipelines as people use them: checked, drawn, run, and told of what is wrong.
@Suite struct PipelineCommandTests {
    private static let orders = """
        input:
          timezone: Asia/Seoul
          out_of_order: 5s
          fields: {timestamp: timestamp, id: string, ip: string, price: int, quantity: int}
        derive:
          total: price * quantity
        streams:
          large: {where: total >= 500, select: [timestamp, id, total]}
          busy:
            key: ip
            window: {sliding: 1m, every: 10s}
            emit: {orders: count(), spent: sum(total)}
            having: orders >= 2
          late_ones: {from: too_late, select: [id]}
          minutes: {window: {tumbling: 1m}, lateness: 1s, emit: {orders: count()}, late: too_late}

        """

    @Test("check-config says what each stream makes")
    func checking() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("orders.yaml", Self.orders)
        let run = try Binary.shell("$ASSAY check-config orders.yaml", in: folder)
        #expect(
            run.lines == [
                "stream large makes timestamp: google.protobuf.Timestamp, id: string, total: int",
                "stream busy makes window_start: google.protobuf.Timestamp, window_end: google.protobuf.Timestamp, "
                    + "ip: string, orders: int, spent: int",
                "stream minutes makes window_start: google.protobuf.Timestamp, window_end: google.protobuf.Timestamp, "
                    + "orders: int",
                "stream late_ones makes id: string", "orders.yaml: good",
            ], "\(run.errors)")
    }

    @Test(
        "What is wrong is told with its place, and nothing is started",
        arguments: [
            // A change of the file above, the place, and a part of the message.
            ("total >= 500", "totl >= 500", "8:18", "undeclared reference to 'totl'; did you mean 'total'?"),
            ("[timestamp, id, total]", "[timestamp, id, totla]", "8:56", "did you mean 'total'?"),
            ("having: orders >= 2", "having: ordres >= 2", "13:13", "did you mean 'orders'?"),
            ("sum(total)", "sum(id)", "12:36", "sum() takes no string"),
            ("total >= 500", "total >= 'x'", "8:24", "'>=' takes no (int, string)"),
            ("having: orders >= 2", "having: orders", "13:13", "a bool was expected, not int"),
            ("every: 10s", "every: 0s", "11:34", "'every' must be from 1ms"),
            ("{sliding: 1m, every: 10s}", "{sliding: 1m}", "11:13", "'window' has no 'every'"),
            ("{sliding: 1m, every: 10s}", "{sliding: 1d, every: 7ms}", "11:34", "choose durations that have more"),
            ("{tumbling: 1m}", "{tumblin: 1m}", "15:22", "did you mean 'tumbling'?"),
            ("{tumbling: 1m}", "{}", "15:21", "a window is one of"),
            ("{tumbling: 1m}", "{tumbling: 7h, align: midnight}", "15:32", "a day is a multiple of"),
            ("from: too_late", "from: to_late", "14:21", "no such stream; did you mean 'too_late'?"),
            ("from: too_late", "from: late_ones", "14:21", "reads its own rows"),
            ("price: int", "price: in", "4:65", "did you mean 'int'?"),
            ("timezone: Asia/Seoul", "timezone: Asia/Soul", "2:13", "Asia/Soul"),
            ("emit: {orders: count()}, late", "emt: {orders: count()}, late", "15:51", "did you mean 'emit'?"),
            ("late: too_late", "late: busy", "15:82", "'busy' is there twice"),
            ("total: price * quantity", "total: price * quantity * 1.5", "6:27", "write the int as a double"),
            ("lateness: 1s", "lateness: soon", "15:47", "must be a duration"),
        ])
    func faults(_ old: String, _ new: String, _ place: String, _ message: String) throws {
        let folder = try TemporaryFolder()
        #expect(Self.orders.contains(old))
        _ = try folder.write("orders.yaml", Self.orders.replacingOccurrences(of: old, with: new))
        let run = try Binary.shell(
            """
            $ASSAY check-config orders.yaml 2> check && exit 1 || echo $?
            echo '{}' | $ASSAY run orders.yaml 2> run && exit 1 || echo $?
            cmp check run
            cat run
            ls
            """, in: folder)
        #expect(run.lines.prefix(2) == ["78", "78"])
        let told = run.lines.first { $0.hasPrefix("assay: error: ") } ?? ""
        #expect(told.hasPrefix("assay: error: orders.yaml:\(place): "), "\(told)")
        #expect(told.contains(message), "\(told)")
        #expect(run.lines.suffix(4) == ["check", "orders.yaml", "run", "shell-stderr"], "\(run.lines)")
    }

    @Test("Without declared fields a name that is nearly another one is taken for a slip")
    func slips() throws {
        let folder = try TemporaryFolder()
        let text = """
            derive: {total_price: price * quantity}
            streams:
              high: {where: total_pirce >= 500000, select: [order_id, total_price]}
              all: {window: {tumbling: 1m}, emit: {total: sum(total_price)}}

            """
        _ = try folder.write("bad.yaml", text)
        _ = try folder.write("good.yaml", text.replacingOccurrences(of: "total_pirce", with: "total_price"))
        let run = try Binary.shell(
            "$ASSAY check-config good.yaml | tail -1\n$ASSAY check-config bad.yaml 2>&1 || echo $?", in: folder)
        #expect(run.lines.first == "good.yaml: good")
        #expect(run.lines.contains { $0.contains("bad.yaml:3:17:") && $0.contains("did you mean 'total_price'?") })
        #expect(run.lines.last == "78")
    }

    @Test("Lines are accepted, late or rejected: none is lost")
    func accounting() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("orders.yaml", Self.orders)
        let lines = [
            #"{"timestamp":1000,"id":"a","ip":"1","price":500,"quantity":1}"#,
            #"{"timestamp":1100,"id":"b","ip":"1","price":5,"quantity":1}"#, "",
            // Behind the watermark by more than all windows and their lateness.
            #"{"timestamp":1001,"id":"c","ip":"1","price":600,"quantity":1}"#,
            // No window of the sliding ones is over, and the minute's lateness is not.
            #"{"timestamp":1094,"id":"d","ip":"1","price":5,"quantity":1}"#,
            "nothing", #"{"id":"e"}"#, #"{"timestamp":"never","id":"f"}"#, #"{"timestamp":1100,"price":1.5}"#, "[1]",
            #"{"timestamp":1101}"#,
        ]
        _ = try folder.write("in", lines.joined(separator: "\n"))
        let run = try Binary.shell("$ASSAY run orders.yaml in --rejects rejects; cat rejects", in: folder)
        #expect(run.code == 0, "\(run.errors)")
        #expect(
            run.errors.contains(
                "10 lines: accepted 4, late 1, rejected 5 (malformed_json 1, not_an_object 1, missing_field 1, "
                    + "invalid_field 2)"), "\(run.errors)")
        #expect(run.lines.contains(#"{"stream":"late_ones","id":"c"}"#))
        let rejects = run.lines.filter { $0.hasPrefix(#"{"line":"#) }
        #expect(rejects.count == 5)
        #expect(rejects.contains { $0.contains(#""message":"price must be a whole number, not '1.5'""#) })
        #expect(rejects.contains { $0.contains(#""message":"timestamp is missing""#) })
        // An event without an address has no key: that is a failure of the stream, told once.
        #expect(run.errors.contains("an expression of stream 'busy' failed: no such key: the event has no 'ip'"))
    }

    @Test("The graph is drawn as text and as SVG")
    func drawing() throws {
        let folder = try TemporaryFolder()
        _ = try folder.write("orders.yaml", Self.orders)
        let run = try Binary.shell("$ASSAY run orders.yaml --explain --svg graph.svg; cat graph.svg; ls", in: folder)
        #expect(run.lines.contains("├─ busy"))
        #expect(run.lines.contains("│  │   sliding 1m every 10s"))
        #expect(run.lines.contains { $0.contains("events too late for minutes") })
        #expect(run.lines.last == "shell-stderr")
        // A document, with a box for everything.
        let boxes = try Binary.shell(
            """
            python3 -c 'import xml.etree.ElementTree as t; print(len(t.parse("graph.svg").findall(".//{*}rect")))'
            """, in: folder)
        #expect(Int(boxes.lines.first ?? "") ?? 0 >= 6, "\(boxes.errors)")
    }
}
